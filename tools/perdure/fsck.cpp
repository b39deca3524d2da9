#include "commands.hpp"
#include "filters.hpp"

#include <perdure/hub_check.hpp>
#include <perdure/printable.hpp>

#include <algorithm>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

// `perdure hub fsck`. Each violation is printed as soon as it is found, on a line of its own, so that
// a hub of any size is checked with little memory, and what was printed before ctrl-C is whole.

namespace perdure::tool {
namespace {

void print(const violation& found, output_form form) {
    const std::string instance = found.instance ? found.instance->text() : std::string();
    if (form == output_form::json) {
        json_object line;
        line.text("violation", to_string(found.broken));
        if (found.instance) {
            line.text("instance", instance);
        } else {
            line.null("instance");
        }
        line.text("found", found.found);
        if (found.repair.empty()) {
            line.null("repair");
        } else {
            line.text("repair", found.repair);
        }
        std::cout << line.finish() << '\n';
        return;
    }
    std::cout << to_string(found.broken) << ": "
              << (found.instance ? "instance \"" + printable(instance) + "\": " : std::string())
              << printable(found.found) << "\n    repair: "
              << (found.repair.empty() ? "none is known" : printable(found.repair)) << '\n';
}

struct outcome {
    check_counts counts;
    std::uint64_t violations = 0;
    std::uint64_t repairable = 0;
    std::uint64_t repaired = 0;
    bool was_whole = true;
};

outcome check_once(backend& store, const fsck_command& given, bool repairs) {
    outcome result;
    hub_check checking(store);
    result.was_whole = checking.asks_store();
    while (auto part = checking.next()) {
        for (const violation& found : *part) {
            ++result.violations;
            result.repairable += found.repair.empty() ? 0 : 1;
            if (result.violations <= given.limit) {
                print(found, given.form);
            }
        }
        if (repairs && !part->empty()) {
            result.repaired += repair(store, *part);
        }
    }
    result.counts = checking.counts();
    return result;
}

void print(const outcome& result, const fsck_command& given, std::string_view hub) {
    const auto& [instances, events, messages, activities, passed_over] = result.counts;
    if (given.form == output_form::json) {
        std::cout << json_object()
                         .text("hub", hub)
                         .number("instances", instances)
                         .number("events", events)
                         .number("messages", messages)
                         .number("activities", activities)
                         .number("passed_over", passed_over)
                         .number("violations", result.violations)
                         .number("repairable", result.repairable)
                         .number("repaired", result.repaired)
                         .flag("inside_checked", result.was_whole)
                         .finish()
                  << '\n';
        return;
    }
    std::cout << "checked " << instances << " instances, " << events << " events, " << messages
              << " messages, " << activities << " activities: "
              << (result.violations == 0 ? std::string("no violation")
                                         : std::to_string(result.violations) + " violations, " +
                                               std::to_string(result.repairable) +
                                               " with a known repair")
              << '\n';
    if (passed_over != 0) {
        std::cout << passed_over
                  << " instances were not checked whole: newer code wrote them, or they moved on too "
                     "fast\n";
    }
    if (!result.was_whole) {
        std::cout << "this backend does not check its own tables (perdure/store_check.hpp)\n";
    }
    if (result.repaired != 0) {
        std::cout << "repaired " << result.repaired << '\n';
    }
    if (result.violations > given.limit) {
        std::cout << "(only the first " << given.limit << " were printed; --limit prints more)\n";
    }
}

}  // namespace

int check_hub(const fsck_command& given) {
    const auto opened = open_existing(given.hub);
    backend& store = opened.store();
    outcome result = check_once(store, given, given.repair);
    print(result, given, opened.description());
    // One repair can bring to light what another violation hid, and of many of a kind a part is found
    // at once.
    constexpr int rounds_max = 1000;
    for (int round = 1; result.repaired != 0 && round < rounds_max; ++round) {
        result = check_once(store, given, true);
        print(result, given, opened.description());
    }
    return result.violations == 0 ? exit_code::done : exit_code::violated;
}

}  // namespace perdure::tool
