#include "low_water.hpp"

#include <catch2/catch.hpp>

namespace perdure::postgres {

namespace {

using namespace std::chrono_literals;

constexpr timestamp at(std::int64_t second) {
    return timestamp(std::chrono::seconds(second));
}

TEST_CASE("the first look of a worker begins at the beginning of time") {
    low_water looked;
    CHECK(looked.begin(1).is_from_the_beginning());
}

TEST_CASE("after a look that took long the next ones begin where it found the oldest work") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 1h);
    CHECK(looked.begin(1).orchestrations == at(10));
    CHECK(looked.begin(1).activities == at(20));
    CHECK(looked.begin(2).is_from_the_beginning());
}

TEST_CASE("a look that took no time is followed by another from the beginning") {
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

TEST_CASE("what a look from the beginning finds behind the mark is where the next ones begin") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 0s);
    const low_water::mark whole = looked.begin(1);
    REQUIRE(whole.is_from_the_beginning());

    looked.end(1, whole, {at(5), timestamp::min()}, 1h);

    CHECK(looked.begin(1).orchestrations == at(5));
    CHECK(looked.begin(1).activities == at(20));
}

TEST_CASE("a look from the mark says nothing of what another has found behind it meanwhile") {
    low_water looked;
    looked.end(1, looked.begin(1), {at(10), at(20)}, 1h);
    const low_water::mark before = looked.begin(1);
    looked.end(1, {}, {at(5), at(6)}, 1h);

    looked.end(1, before, {at(30), at(40)}, 1s);

    CHECK(looked.begin(1).orchestrations == at(5));
    CHECK(looked.begin(1).activities == at(6));
}

TEST_CASE("only a look from the beginning moves the time of the next one") {
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

}  // namespace

}  // namespace perdure::postgres
