#include <perdure/retry.hpp>
#include <perdure/time.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace perdure;
using namespace std::chrono_literals;

namespace {

/// Whether a failure of type `type` is tried again although `name` is not retriable.
bool is_retried(const std::string& type, const std::string& name) {
    return retry_policy(2, 1s).non_retriable({name}).next_delay(1, {type, "no"}, 0s, 0).has_value();
}

std::optional<duration> delay_of(const retry_policy& policy,
                                 unsigned attempt,
                                 duration elapsed = {}) {
    return policy.next_delay(attempt, {"busy", "not now"}, elapsed, 0.5);
}

}  // namespace

TEST_CASE("a type is non-retriable by its name with or without its namespaces", "[retry]") {
    CHECK(!is_retried("shop::card_declined", "shop::card_declined"));
    CHECK(!is_retried("shop::card_declined", "card_declined"));
    CHECK(!is_retried("acme::shop::card_declined", "shop::card_declined"));
    CHECK(!is_retried("perdure.terminated", "perdure.terminated"));
    CHECK(!is_retried("shop::coded<std::vector<int>>", "coded"));
    CHECK(!is_retried("shop::coded<std::vector<int>>", "shop::coded<std::vector<int>>"));
    CHECK(!is_retried("shop::coded<int>::error", "error"));

    CHECK(is_retried("shop::card_declined", "declined"));
    CHECK(is_retried("shop::card_declined", "shop"));
    CHECK(is_retried("shop::card_declined", "op::card_declined"));
    CHECK(is_retried("shop::coded<shop::card_declined>", "card_declined"));
    CHECK(is_retried("outer<int>::inner<int>", "outer"));
    CHECK(is_retried("perdure.terminated", "terminated"));
}

TEST_CASE("a name that no type has is refused", "[retry]") {
    for (const std::string name : {"", "::card_declined", "shop::"}) {
        CAPTURE(name);
        CHECK_THROWS_AS(retry_policy(2, 1s).non_retriable({name}), invalid_input);
    }
}

TEST_CASE("delays grow to for ever, and never beyond", "[retry]") {
    const auto policy = retry_policy(2'000'000'000, 1s).coefficient(10);
    CHECK(delay_of(policy, 1) == 1s);
    CHECK(delay_of(policy, 4) == 1000s);
    CHECK(delay_of(policy, 100) == duration::max());
    CHECK(delay_of(policy, 1'000'000'000) == duration::max());
    CHECK(delay_of(retry_policy(2, duration::max()), 1) == duration::max());
    CHECK(delay_of(retry_policy(2, std::chrono::hours::max()), 1) == duration::max());
    CHECK(delay_of(retry_policy(9, 1s).coefficient(1e300).max_interval(5s), 8) == 5s);
    CHECK(retry_policy(9, 1s).coefficient(1e300).jitter(1).next_delay(8, {}, 0s, 0) == 0s);
}

TEST_CASE("a total timeout ends the attempts, and one for ever does not", "[retry]") {
    CHECK(delay_of(retry_policy(9, 10s).total_timeout(30s), 1, 20s) == 10s);
    CHECK(!delay_of(retry_policy(9, 10s).total_timeout(30s), 1, 21s));
    CHECK(!delay_of(retry_policy(9, duration::max()).total_timeout(30s), 1, 1s));
    CHECK(delay_of(retry_policy(9, duration::max()).total_timeout(duration::max()), 1, 1s));
}

TEST_CASE("times that are too long end at the edge of their type", "[time]") {
    using steady = std::chrono::steady_clock;
    using nanoseconds = std::chrono::nanoseconds;
    const auto given = [](any_duration length) { return length.value(); };

    CHECK(given(std::chrono::hours::max()) == duration::max());
    CHECK(given(std::chrono::hours::min()) == duration::min());
    CHECK(given(std::chrono::years(400'000)) == duration::max());
    CHECK(given(std::chrono::duration<int>(7)) == 7s);
    CHECK(saturating_cast<nanoseconds>(duration::max()) == nanoseconds::max());
    CHECK(saturating_cast<nanoseconds>(duration::min()) == nanoseconds::min());
    CHECK(saturating_cast<duration>(nanoseconds(-1999)) == -1us);
    CHECK(saturating_add(timestamp(1s), duration::max()) == timestamp::max());
    CHECK(saturating_add(timestamp(-1s), duration::min()) == timestamp::min());
    CHECK(saturating_add(timestamp(1s), 2s) == timestamp(3s));
    CHECK(saturating_add(steady::time_point(1s), duration::max()) == steady::time_point::max());
    CHECK(saturating_add(steady::time_point(1s), -2s) == steady::time_point(-1s));
}
