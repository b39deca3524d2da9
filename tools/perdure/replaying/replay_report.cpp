#include "replay_report.hpp"

#include <perdure/printable.hpp>

#include <algorithm>
#include <iostream>
#include <span>
#include <vector>

namespace perdure::tool {
namespace {

// Definitions beyond so many are counted together.
constexpr std::size_t definitions_max = 1000;
constexpr std::size_t cell_columns = 110;
constexpr std::size_t line_columns = 2000;

// As `--json` has them, and for people.
struct finding_words {
    std::string_view json;
    std::string_view text;
};
constexpr std::array<finding_words, finding_count> all_words = {{
    {"agree", "agree"},
    {"agree_so_far", "agree so far"},
    {"diverge", "diverge"},
    {"unreadable", "cannot be read by the code"},
    {"unknown_definition", "of an unknown definition"},
    {"newer", "with events of a newer version"},
    {"broken", "broken"},
    {"unclear", "differ, but without the real contents"},
    {"other_inputs", "decisions with other inputs"},
    {"parked", "parked"},
}};
// Of one history.
constexpr std::array<std::string_view, finding_count> line_words = {"agrees",
                                                                    "agrees_so_far",
                                                                    "diverges",
                                                                    "unreadable",
                                                                    "unknown_definition",
                                                                    "newer",
                                                                    "broken",
                                                                    "unclear",
                                                                    "other_input",
                                                                    "parked"};

constexpr std::size_t index(finding what) {
    return static_cast<std::size_t>(what);
}

finding finding_of(replay_verdict verdict, bool is_redacted) {
    switch (verdict) {
        case replay_verdict::agrees:
            return finding::agrees;
        case replay_verdict::agrees_so_far:
            return finding::agrees_so_far;
        case replay_verdict::diverges:
            return is_redacted ? finding::unclear : finding::diverges;
        case replay_verdict::unreadable:
            return is_redacted ? finding::unclear : finding::unreadable;
        case replay_verdict::unknown_definition:
            return finding::unknown_definition;
        case replay_verdict::newer:
            return finding::newer;
        case replay_verdict::broken:
            break;
    }
    return finding::broken;
}

json_object about(finding what, const replayed_instance& instance) {
    json_object item;
    item.text("line", line_words[index(what)])
        .text("instance", instance.id)
        .text("name", instance.name)
        .text("version", instance.version)
        .flag("parked", instance.is_parked);
    return item;
}

std::string json_texts(const std::vector<std::string>& texts) {
    std::vector<std::string> items;
    std::ranges::transform(texts, std::back_inserter(items), json_text);
    return json_array(items);
}

std::string head_of(finding what, const replayed_instance& instance) {
    return std::string(line_words[index(what)]) + ": \"" + instance.id + "\" (" +
           instance.definition() + (instance.is_parked ? ", parked" : "") + ")";
}

void print_line(const std::string& text) {
    std::cout << one_line(text, line_columns) << '\n';
}

std::string cell(const std::string& words) {
    return one_line(words, cell_columns);
}

std::string at(const std::vector<std::string>& list, std::size_t place) {
    return place < list.size() ? cell(list[place]) : std::string();
}

void print_side_by_side(const replay_difference& found) {
    table rows({"EVENT", "HISTORY", "CODE"});
    const std::uint64_t first = found.number - found.before.size();
    for (std::size_t i = 0; i < found.before.size(); ++i) {
        rows.add({std::to_string(first + i), cell(found.before[i]), "the same"});
    }
    rows.add({std::to_string(found.number) + " !", cell(found.recorded), cell(found.decided)});
    const std::size_t after = std::max(found.recorded_after.size(), found.decided_after.size());
    for (std::size_t i = 0; i < after; ++i) {
        rows.add({std::to_string(found.number + 1 + i),
                  at(found.recorded_after, i),
                  at(found.decided_after, i)});
    }
    rows.print(std::cout);
}

}  // namespace

void replay_report::add(const replayed_instance& instance, replay_answer answer) {
    if (wanted_.is_redacted) {
        // They differ because the contents were replaced.
        answer.differing_inputs = 0;
        answer.inputs.clear();
    }
    ++instances_;
    events_ += answer.events;
    const finding what = finding_of(answer.verdict, wanted_.is_redacted);
    for (counts* each : {&all_, &of_definition(instance)}) {
        ++(*each)[index(what)];
        (*each)[index(finding::other_inputs)] += answer.differing_inputs;
        (*each)[index(finding::parked)] += instance.is_parked ? 1 : 0;
    }
    const bool is_good = what == finding::agrees || what == finding::agrees_so_far;
    if (!is_good && is_shown(what)) {
        if (answer.divergence) {
            print_divergence(what, instance, *answer.divergence);
        } else {
            print_problem(what, instance, answer.problem);
        }
    }
    for (const replay_difference& found : answer.inputs) {
        if (is_shown(finding::other_inputs)) {
            print_input(instance, found);
        }
    }
}

void replay_report::add_damage(const std::string& text) {
    if (++damages_ <= wanted_.limit) {
        std::cerr << "perdure: " << printable(text) << '\n';
    }
}

bool replay_report::is_shown(finding what) {
    return ++shown_[index(what)] <= wanted_.limit;
}

void replay_report::print_problem(finding what,
                                  const replayed_instance& instance,
                                  const std::string& problem) {
    if (wanted_.form == output_form::json) {
        std::cout << about(what, instance).text("problem", problem).finish() << '\n';
    } else {
        print_line(head_of(what, instance) + ": " + problem);
    }
    // The code of the next one may never come back.
    std::cout.flush();
}

void replay_report::print_divergence(finding what,
                                     const replayed_instance& instance,
                                     const replay_difference& found) {
    if (wanted_.form == output_form::json) {
        std::cout << about(what, instance)
                         .number("number", found.number)
                         .raw("before", json_texts(found.before))
                         .text("recorded", found.recorded)
                         .text("decided", found.decided)
                         .raw("recorded_after", json_texts(found.recorded_after))
                         .raw("decided_after", json_texts(found.decided_after))
                         .finish()
                  << '\n';
    } else {
        print_line(head_of(what, instance) + " at event " + std::to_string(found.number));
        print_side_by_side(found);
        std::cout << '\n';
    }
    std::cout.flush();
}

void replay_report::print_input(const replayed_instance& instance,
                                const replay_difference& found) const {
    if (wanted_.form == output_form::json) {
        std::cout << about(finding::other_inputs, instance)
                         .number("number", found.number)
                         .text("recorded", found.recorded)
                         .text("decided", found.decided)
                         .finish()
                  << '\n';
    } else {
        print_line(head_of(finding::other_inputs, instance) + " at event " +
                   std::to_string(found.number));
        print_line("  history: " + found.recorded);
        print_line("  code:    " + found.decided);
    }
    std::cout.flush();
}

replay_report::counts& replay_report::of_definition(const replayed_instance& instance) {
    auto key = std::pair(instance.name, instance.version);
    if (by_definition_.size() >= definitions_max && !by_definition_.contains(key)) {
        key = {"(others)", ""};
    }
    return by_definition_[key];
}

exit_code replay_report::meaning() const {
    const auto has = [this](finding what) { return all_[index(what)] > 0; };
    if (damages_ > 0 || has(finding::broken)) {
        return exit_code::damaged;
    }
    if (has(finding::diverges) || has(finding::unreadable)) {
        return exit_code::differs;
    }
    const bool is_open =
        has(finding::unknown_definition) || has(finding::newer) || has(finding::unclear);
    return is_open ? exit_code::undecided : exit_code::done;
}

std::string replay_report::words_of(const counts& found) {
    std::string words;
    for (std::size_t i = 0; i < finding_count; ++i) {
        if (found[i] > 0) {
            words += (words.empty() ? "" : ", ") + to_text(static_cast<double>(found[i])) + " " +
                     std::string(all_words[i].text);
        }
    }
    return words.empty() ? "nothing" : words;
}

json_object replay_report::json_of(std::string_view line, const counts& found) {
    json_object item;
    item.text("line", line);
    for (std::size_t i = 0; i < finding_count; ++i) {
        item.number(all_words[i].json, found[i]);
    }
    return item;
}

exit_code replay_report::finish(double seconds) const {
    if (wanted_.form == output_form::json || !wanted_.is_quiet) {
        print_counts(seconds);
    }
    return meaning();
}

void replay_report::print_counts(double seconds) const {
    if (wanted_.form == output_form::json) {
        for (const auto& [key, found] : by_definition_) {
            std::cout << json_of("definition", found)
                             .text("name", key.first)
                             .text("version", key.second)
                             .finish()
                      << '\n';
        }
        std::cout << json_of("summary", all_)
                         .number("instances", instances_)
                         .number("events", events_)
                         .number("damages", damages_)
                         .flag("redacted", wanted_.is_redacted)
                         .number("seconds", seconds)
                         .finish()
                  << '\n';
        return;
    }
    for (const auto& [key, found] : by_definition_) {
        print_line(key.first + (key.second.empty() ? "" : " " + key.second) + ": " +
                   words_of(found));
    }
    const double rate = seconds > 0 ? static_cast<double>(instances_) / seconds : 0;
    std::cout << "replayed " << to_text(static_cast<double>(instances_))
              << (instances_ == 1 ? " history with " : " histories with ")
              << to_text(static_cast<double>(events_)) << " events in " << to_text(seconds)
              << " s (" << to_text(rate) << " histories/s): " << words_of(all_)
              << (damages_ > 0
                      ? "; " + to_text(static_cast<double>(damages_)) + " damages of the file"
                      : "")
              << '\n';
}

}  // namespace perdure::tool
