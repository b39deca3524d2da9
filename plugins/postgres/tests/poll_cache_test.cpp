#include "poll_cache.hpp"

#include <catch2/catch.hpp>

namespace perdure::postgres {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t asked_for = 1;
constexpr wake_token today{7};
constexpr poll_cache::steady::time_point at_first{1h};

/// It has just heard that there is nothing.
poll_cache an_empty_answer() {
    poll_cache cache(2s);
    CHECK(cache.end(cache.begin(asked_for, today, at_first), true));
    return cache;
}

}  // namespace

TEST_CASE("poll cache: an empty answer is good for its asked_for, token and time") {
    const poll_cache cache = an_empty_answer();

    CHECK(cache.is_empty(asked_for, today, at_first));
    CHECK(cache.is_empty(asked_for, today, at_first + 2s - 1ns));
    CHECK_FALSE(cache.is_empty(asked_for, today, at_first + 2s));
    CHECK_FALSE(cache.is_empty(asked_for, {today.value + 1}, at_first));
    CHECK_FALSE(cache.is_empty(asked_for + 1, today, at_first));
}

TEST_CASE("poll cache: an answer is as old as its poll") {
    poll_cache cache(2s);
    const store_poll first = cache.begin(asked_for, today, at_first);

    CHECK(first.token.value == today.value);
    CHECK(cache.end(first, true));
    CHECK_FALSE(cache.is_empty(asked_for, {today.value + 1}, at_first + 1s));
}

TEST_CASE("poll cache: a poll that has begun may have been given something [REPEAT-1]") {
    poll_cache cache = an_empty_answer();

    const store_poll second = cache.begin(asked_for, today, at_first);
    CHECK_FALSE(cache.is_empty(asked_for, today, at_first));
    SECTION("until it ends with nothing") {
        cache.end(second, true);
        CHECK(cache.is_empty(asked_for, today, at_first));
    }
    SECTION("so that an earlier one that ends later says nothing") {
        const store_poll third = cache.begin(asked_for, today, at_first);
        cache.end(third, true);
        cache.end(second, true);
        CHECK_FALSE(cache.is_empty(asked_for, today, at_first));
    }
    SECTION("and when it has") {
        cache.end(second, false);
        CHECK_FALSE(cache.is_empty(asked_for, today, at_first));
    }
}

TEST_CASE("poll cache: polls without a asked_for are numbered, and nothing else") {
    poll_cache cache = an_empty_answer();
    const std::uint64_t before = cache.last();

    const store_poll other = cache.begin(0, today, at_first);

    CHECK(other.number == before + 1);
    CHECK(cache.last() == other.number);
    CHECK_FALSE(cache.end(other, true));
    CHECK_FALSE(cache.is_empty(0, today, at_first));
    CHECK(cache.is_empty(asked_for, today, at_first));
}

TEST_CASE("poll cache: very many questions are forgotten") {
    poll_cache cache = an_empty_answer();
    const store_poll open = cache.begin(asked_for + 1, today, at_first);
    for (std::uint64_t more = 100; more < 200; ++more) {
        static_cast<void>(cache.begin(more, today, at_first));
    }

    CHECK_FALSE(cache.is_empty(asked_for, today, at_first));
    CHECK_FALSE(cache.end(open, true));
}

}  // namespace perdure::postgres
