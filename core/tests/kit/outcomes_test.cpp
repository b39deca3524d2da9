#include <perdure/backend.hpp>
#include <perdure/kit/outcomes.hpp>

#include <catch2/catch.hpp>

#include <span>
#include <string>
#include <vector>

using namespace perdure;

TEST_CASE("each item has an outcome, in the order of the items") {
    const std::vector<std::string> items{"a", "bbb", ""};

    const auto lengths =
        each(std::span(items), [](const std::string& item) { return item.size(); });

    CHECK(lengths == std::vector<std::size_t>{1, 3, 0});
    CHECK(each(std::vector<int>(), [](int item) { return item; }).empty());
}

TEST_CASE("outcomes are the same after they were a text") {
    const std::vector outcomes{
        commit_outcome::turn_declined, commit_outcome::committed, commit_outcome::lease_lost};

    CHECK(outcomes_text(outcomes) == "301");
    CHECK(read_outcomes<commit_outcome>(outcomes_text(outcomes)) == outcomes);
    CHECK(read_outcomes<commit_outcome>("").empty());
}
