#include "due_clock.hpp"

#include <catch2/catch.hpp>

namespace perdure::postgres {

using namespace std::chrono_literals;

namespace {

// The clocks have nothing in common: the store lives in 2040.
const timestamp at_the_store = std::chrono::sys_days{std::chrono::year{2040} / 1 / 1};
constexpr due_clock::steady::time_point here{1h};

/// The store read `at_the_store` somewhere in the first 10 ms.
due_clock a_clock() {
    due_clock clock;
    static_cast<void>(clock.hear({at_the_store, here, here + 10ms}));
    return clock;
}

}  // namespace

TEST_CASE("due clock: the store's time is never ahead of the store") {
    due_clock clock = a_clock();

    // It may have read its clock at the very end.
    CHECK(clock.store_time(here + 10ms) == at_the_store);
    CHECK(clock.store_time(here + 1s) == at_the_store + 990ms);
}

TEST_CASE("due clock: each answer makes the store's time more exact") {
    due_clock clock = a_clock();

    CHECK_FALSE(clock.hear({at_the_store + 1s, here + 1s, here + 1002ms}));
    CHECK(clock.store_time(here + 2s) == at_the_store + 1998ms);
    // This one alone would leave more room.
    CHECK_FALSE(clock.hear({at_the_store + 2s, here + 2s, here + 3s}));
    CHECK(clock.store_time(here + 3s) == at_the_store + 2998ms);
}

TEST_CASE("due clock: it tells of the first answer, and when somebody has moved a clock") {
    due_clock clock;
    CHECK(clock.store_time(here) == timestamp::min());

    CHECK(clock.hear({at_the_store, here, here + 10ms}));
    CHECK_FALSE(clock.hear({at_the_store + 1s, here + 1s, here + 1s}));
    CHECK(clock.hear({at_the_store + 1h, here + 1s, here + 1s}));
    CHECK(clock.store_time(here + 1s) == at_the_store + 1h);
    CHECK(clock.hear({at_the_store, here + 2s, here + 2s}));
    CHECK(clock.store_time(here + 2s) == at_the_store);
}

TEST_CASE("due clock: what was added falls due by the store's clock, once", "[WAKE-2]") {
    due_clock clock = a_clock();
    CHECK(clock.next(here) == due_clock::steady::time_point::max());

    CHECK(clock.add(at_the_store + 1s));
    CHECK_FALSE(clock.add(at_the_store + 2s));
    CHECK_FALSE(clock.add(never));

    CHECK(clock.next(here + 10ms) == here + 1010ms);
    CHECK_FALSE(clock.take_due(here + 1009ms));
    CHECK(clock.next(here + 2s) == here + 2s);
    CHECK(clock.take_due(here + 1010ms));
    // Only the first was kept.
    CHECK_FALSE(clock.take_due(here + 1h));
    CHECK(clock.add(at_the_store + 3h));
}

TEST_CASE("due clock: nothing is due before the store's time is known") {
    due_clock clock;
    clock.add(timestamp{});

    CHECK(clock.next(here) == due_clock::steady::time_point::max());
    CHECK_FALSE(clock.take_due(here));
    clock.hear({at_the_store, here, here});
    CHECK(clock.take_due(here));
}

TEST_CASE("due clock: each question has a due time, which its next answer replaces", "[WAKE-2]") {
    due_clock clock = a_clock();
    clock.set(1, at_the_store + 1s);
    clock.set(2, at_the_store + 2s);
    CHECK(clock.next(here + 10ms) == here + 1010ms);

    SECTION("by a later one") {
        clock.set(1, at_the_store + 3s);
        CHECK(clock.next(here + 10ms) == here + 2010ms);
    }
    SECTION("by none") {
        clock.set(1, never);
        CHECK(clock.next(here + 10ms) == here + 2010ms);
    }
    SECTION("and it is forgotten alone when it falls due") {
        CHECK(clock.take_due(here + 1500ms));
        CHECK_FALSE(clock.take_due(here + 1500ms));
        CHECK(clock.next(here + 1500ms) == here + 2010ms);
    }
}

TEST_CASE("due clock: of very many questions the first due time is kept") {
    due_clock clock = a_clock();
    for (std::uint64_t question = 1; question <= 1000; ++question) {
        clock.set(question, at_the_store + 1s + question * 1min);
    }

    CHECK(clock.next(here + 10ms) == here + 1010ms + 1min);
}

TEST_CASE("due clock: what is far away, or nearly never, stays within the range of time") {
    due_clock clock = a_clock();
    clock.add(never - 1us);

    CHECK(clock.next(here) == here + 24h);
}

}  // namespace perdure::postgres
