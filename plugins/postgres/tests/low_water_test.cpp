#include "low_water.hpp"

#include <catch2/catch.hpp>

namespace perdure::postgres {

namespace {

using namespace std::chrono_literals;

constexpr timestamp at(std::int64_t second) {
    return timestamp(std::chrono::seconds(second));
}

/// One whose time a test moves, with a mark at 1000 and 2000 s; its next poll from the beginning is
/// a minute away.
struct with_a_mark {
    low_water::steady::time_point now = low_water::steady::now();
    low_water looked{[this] { return now; }};

    with_a_mark() { looked.end(1, looked.begin(1), {at(1000), at(2000)}, 1h); }
};

TEST_CASE("the first poll of a worker begins at the beginning of time") {
    low_water looked;
    CHECK(looked.begin(1).is_from_the_beginning());
}

TEST_CASE("after a poll that took long the next ones begin where it found the oldest work") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 1h);
    CHECK(looked.begin(1).orchestrations == at(10));
    CHECK(looked.begin(1).activities == at(20));
    CHECK(looked.begin(2).is_from_the_beginning());
}

TEST_CASE("a poll that took no time is followed by another from the beginning") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 0s);
    CHECK(looked.begin(1).is_from_the_beginning());
}

TEST_CASE("looks from the mark raise it, and a kind that was not looked for keeps its own") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 1h);
    looked.end(1, looked.begin(1), {at(30), timestamp::min()}, 1s);
    looked.end(1, looked.begin(1), {at(5), at(21)}, 1s);
    CHECK(looked.begin(1).orchestrations == at(30));
    CHECK(looked.begin(1).activities == at(21));
}

TEST_CASE("what a poll from the beginning finds behind the mark is where the next ones begin") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 0s);
    const low_water::mark whole = looked.begin(1);
    REQUIRE(whole.is_from_the_beginning());

    looked.end(1, whole, {at(5), at(15)}, 1h);

    CHECK(looked.begin(1).orchestrations == at(5));
    CHECK(looked.begin(1).activities == at(15));
}

TEST_CASE("a poll from the mark says nothing of what another has found behind it meanwhile") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 1h);
    const low_water::mark before = looked.begin(1);
    looked.end(1, {}, {at(5), at(6)}, 1h);

    looked.end(1, before, {at(30), at(40)}, 1s);

    CHECK(looked.begin(1).orchestrations == at(5));
    CHECK(looked.begin(1).activities == at(6));
}

TEST_CASE("only a poll from the beginning moves the time of the next one") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 1h);
    looked.end(1, looked.begin(1), {at(11), at(21)}, 0s);
    CHECK(looked.begin(1).orchestrations == at(11));
}

TEST_CASE("marks of many workers are forgotten, never the beginning of time") {
    low_water looked;
    for (std::uint64_t worker = 0; worker < 200; ++worker) {
        looked.end(worker, {}, {at(10), at(20)}, 1h);
    }
    CHECK(looked.begin(0).is_from_the_beginning());
    CHECK(looked.begin(199).orchestrations == at(10));
}

TEST_CASE("every five seconds one poll begins half a minute before the mark") {
    with_a_mark known;
    known.now += 4s;
    CHECK(known.looked.begin(1).orchestrations == at(1000));
    known.now += 1s;

    const low_water::mark deep = known.looked.begin(1);

    CHECK(deep.orchestrations == at(970));
    CHECK(deep.activities == at(1970));
    known.looked.end(1, deep, {at(1000), timestamp::min()}, 1s);
    CHECK(known.looked.begin(1).orchestrations == at(1000));
    // Activities were not looked for.
    CHECK(known.looked.begin(1).activities == at(1970));
    known.now += 5s;
    CHECK(known.looked.begin(1).orchestrations == at(970));
}

TEST_CASE("what a rescan finds behind the mark is where the next ones begin") {
    with_a_mark known;
    const low_water::mark beside = known.looked.begin(1);
    known.now += 5s;
    const low_water::mark deep = known.looked.begin(1);

    known.looked.end(1, deep, {at(980), timestamp::min()}, 1s);
    known.looked.end(1, beside, {at(1001), at(2001)}, 1s);

    CHECK(known.looked.begin(1).orchestrations == at(980));
    CHECK(known.looked.lowest() == at(950));
}

TEST_CASE("when older work has come, polls begin at the beginning, whatever is under way") {
    with_a_mark known;
    const low_water::mark beside = known.looked.begin(1);
    known.looked.forget();
    known.looked.end(1, beside, {at(1001), at(2001)}, 1s);
    CHECK(known.looked.begin(1).is_from_the_beginning());
}

TEST_CASE("a poll begins at the beginning of time at least once a minute") {
    with_a_mark known;
    known.now += 59s;
    CHECK_FALSE(known.looked.begin(1).is_from_the_beginning());
    known.now += 1s;
    CHECK(known.looked.begin(1).is_from_the_beginning());
}

TEST_CASE("a call that did not look after all leaves the next poll where it was") {
    with_a_mark known;
    known.now += 60s;
    REQUIRE(known.looked.begin(1).is_from_the_beginning());
    CHECK(known.looked.begin(1).is_from_the_beginning());

    // It looked for orchestrations only.
    known.looked.end(1, {}, {at(1000), timestamp::min()}, 1h);

    CHECK(known.looked.begin(1).orchestrations == at(1000));
    CHECK(known.looked.begin(1).activities == timestamp::min());
}

TEST_CASE("the lowest mark is that of all who ask, for both kinds, half a minute earlier") {
    low_water looked;
    CHECK(looked.lowest() == timestamp::min());
    looked.end(1, {}, {at(1000), at(2000)}, 1h);
    looked.end(2, {}, {at(1500), at(900)}, 1h);
    CHECK(looked.lowest() == at(870));
    looked.end(3, {}, {at(800), timestamp::min()}, 1h);
    CHECK(looked.lowest() == at(770));
}

}  // namespace

}  // namespace perdure::postgres
