#define CATCH_CONFIG_FAST_COMPILE
#include "differential/lockstep.hpp"
#include "second_process/second_process.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <iostream>

using namespace perdure;
using namespace perdure::conformance;

namespace {

// A run that has not seen everything after so many operations never will.
constexpr counts operations_max{150'000, 1'500'000, 15'000'000};
constexpr counts least_count{100, 1'000, 10'000};
constexpr counts moved_operations{4'000, 40'000, 1'000'000};
constexpr std::size_t operations_between_moves = 40;
// Looking at everything costs as much as many operations.
constexpr std::size_t operations_between_looks = 50;

hub a_hub_of_the_reference() {
    const plugin_descriptor& plugin = *reference_plugin();
    return {plugin.create(parse_uri(std::string(plugin.backend_name) + ":?test_clock=on")),
            "reference"};
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        text += "\n  " + name;
    }
    return text;
}

}  // namespace

TEST_CASE("random operations have the same effect as on the reference", "[differential][long]") {
    if (lacks(ability::test_clock)) {
        return;
    }
    if (reference_plugin() == nullptr) {
        WARN("skipped: there is no reference to compare with");
        return;
    }
    const hub reference = a_hub_of_the_reference();
    const backend_config config = a_hub_config();
    const hub tested = open_hub(config);
    std::vector<backend*> openings{&tested.store()};
    std::optional<hub> elsewhere;
    if (abilities_under_test().multi_process) {
        elsewhere = open_in_another_process(config);
        openings.push_back(&elsewhere->store());
    }
    lockstep pair(reference.store(), openings, seed());
    const std::size_t most = budgeted(operations_max);
    const std::size_t least = budgeted(least_count);
    INFO("seed " << seed());

    std::size_t operations = 0;
    std::vector<std::string> missing = pair.counts.missing(least);
    while (!missing.empty() && operations < most) {
        for (std::size_t n = 0; n < operations_between_looks; ++n) {
            pair.step();
        }
        operations += operations_between_looks;
        pair.compare_everything();
        missing = pair.counts.missing(least);
    }

    std::cout << fmt::format("{} operations\n", operations);
    pair.counts.print(std::cout);
    INFO("seen less than " << least << " times:" << joined(missing));
    CHECK(missing.empty());
}

TEST_CASE("random operations have the same effect when the hub moves between them",
          "[differential][long][IMAGE-1][IMAGE-3]") {
    if (lacks(ability::test_clock) || lacks(ability::images)) {
        return;
    }
    if (reference_plugin() == nullptr) {
        WARN("skipped: there is no reference to compare with");
        return;
    }
    const hub reference = a_hub_of_the_reference();
    hub tested = a_hub();
    lockstep pair(reference.store(), {&tested.store()}, seed());
    INFO("seed " << seed());
    const std::size_t moves = budgeted(moved_operations) / operations_between_moves;
    for (std::size_t n = 0; n < moves; ++n) {
        for (std::size_t operation = 0; operation < operations_between_moves; ++operation) {
            pair.step();
        }
        // To the other backend, and back.
        hub next = n % 2 == 0 ? a_hub_of_the_reference() : a_hub();
        pair.move_tested_side({&next.store()});
        std::swap(tested, next);
        pair.compare_everything();
    }
    std::cout << fmt::format("{} moves\n", moves);
}
