#include <perdure/kit/recent_answers.hpp>

#include <catch2/catch.hpp>

#include <stdexcept>
#include <string>

using namespace perdure;

static request_id request_of(std::uint64_t number) {
    return {{7, number}};
}

TEST_CASE("a call is answered once, and its repeat the same") {
    recent_answers answers;
    int calls = 0;
    const auto act = [&] { return "answer " + std::to_string(++calls); };

    CHECK(answers.once(request_of(1), act) == "answer 1");
    CHECK(answers.once(request_of(1), act) == "answer 1");
    CHECK(answers.once(request_of(2), act) == "answer 2");
    CHECK(answers.once(request_of(1), act) == "answer 1");
}

TEST_CASE("a call of another kind with the same id is a call of its own", "[HANDOFF-3]") {
    recent_answers answers;

    CHECK(answers.once(request_of(1), [] { return 5; }) == 5);
    CHECK(answers.once(request_of(1), [] { return std::string("leased"); }) == "leased");
    CHECK(answers.once(request_of(1), [] { return 6; }) == 5);
}

TEST_CASE("a call that threw has not been answered") {
    recent_answers answers;
    const auto fail = []() -> int { throw std::runtime_error("no"); };

    CHECK_THROWS_AS(answers.once(request_of(1), fail), std::runtime_error);
    CHECK(answers.once(request_of(1), [] { return 5; }) == 5);
    CHECK(answers.once(request_of(1), [] { return 6; }) == 5);
}

TEST_CASE("the oldest answer goes when there are too many") {
    recent_answers answers;
    const auto is_kept = [&](std::uint64_t number) {
        return answers.once(request_of(number), [] { return 2; }) == 1;
    };
    for (std::uint64_t n = 0; n <= recent_answers::kept_max; ++n) {
        answers.once(request_of(n), [] { return 1; });
    }

    CHECK(is_kept(1));
    CHECK(is_kept(recent_answers::kept_max));
    CHECK_FALSE(is_kept(0));
}
