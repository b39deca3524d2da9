#include "held_leases.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace perdure::postgres {

namespace {

request_id a_call() {
    return {random_uuid()};
}

lease held(std::uint64_t token) {
    return {{token}, 0};
}

std::vector<uuid> calls_told(held_leases& leases) {
    return leases.take_ended().calls;
}

work_batch orchestrations(std::initializer_list<std::uint64_t> tokens) {
    work_batch given;
    for (const std::uint64_t token : tokens) {
        orchestration_work work{.instance = instance_id("order"),
                                .name = {},
                                .version = {},
                                .history = {},
                                .inbox = {}};
        work.held = held(token);
        given.orchestrations.push_back(std::move(work));
    }
    return given;
}

work_batch one_of_each(std::uint64_t orchestration, std::uint64_t activity) {
    work_batch given = orchestrations({orchestration});
    activity_work work{.instance = instance_id("order"),
                       .name = {},
                       .version = {},
                       .queue = {},
                       .input = {},
                       .details = {}};
    work.held = held(activity);
    given.activities.push_back(std::move(work));
    return given;
}

TEST_CASE("a call has ended when the last of its leases has, of either kind") {
    held_leases leases;
    const request_id call = a_call();
    leases.note_given(call, one_of_each(1, 2));
    leases.note_ended(held(2), a_call());
    CHECK(calls_told(leases).empty());

    leases.note_ended(held(1), a_call());

    CHECK(calls_told(leases) == std::vector{call.value});
    CHECK(calls_told(leases).empty());
}

TEST_CASE("calls end each by itself, and are told in the order in which they ended") {
    held_leases leases;
    const request_id first = a_call();
    const request_id second = a_call();
    leases.note_given(first, orchestrations({1, 2}));
    leases.note_given(second, orchestrations({3}));
    for (const std::uint64_t token : {1U, 3U, 2U}) {
        leases.note_ended(held(token), a_call());
    }
    CHECK(calls_told(leases) == std::vector{second.value, first.value});
}

TEST_CASE("the answer to a repeated call counts no lease twice") {
    held_leases leases;
    const request_id call = a_call();
    leases.note_given(call, orchestrations({1, 2}));
    leases.note_given(call, orchestrations({1, 2}));
    leases.note_ended(held(1), a_call());
    leases.note_ended(held(1), a_call());
    CHECK(calls_told(leases).empty());
    leases.note_ended(held(2), a_call());
    CHECK(calls_told(leases) == std::vector{call.value});
}

TEST_CASE("calls without leases and leases of nobody are none of its business") {
    held_leases leases;
    leases.note_given(a_call(), {});
    leases.note_ended(held(7), a_call());
    CHECK(calls_told(leases).empty());
}

TEST_CASE("with the calls that have ended all those are told that ended them, each once") {
    held_leases leases;
    const request_id first = a_call();
    const request_id second = a_call();
    const request_id third = a_call();
    const request_id last = a_call();
    leases.note_given(first, orchestrations({1, 2, 3}));
    leases.note_ended(held(1), second);
    leases.note_given(second, orchestrations({4}));
    leases.note_ended(held(2), third);
    leases.note_given(third, orchestrations({5}));
    leases.note_ended(held(3), last);
    leases.note_ended(held(4), last);

    held_leases::ended told = leases.take_ended();

    CHECK(told.calls == std::vector{first.value, second.value});
    std::vector<uuid> by{third.value, last.value};
    std::ranges::sort(by);
    CHECK(told.by == by);
    leases.note_ended(held(5), last);
    told = leases.take_ended();
    CHECK(told.calls == std::vector{third.value});
    CHECK(told.by == std::vector{last.value});
}

TEST_CASE("of a call that the store may have forgotten nothing is told") {
    held_leases::steady::time_point now{};
    held_leases leases([&] { return now; });
    const request_id later = a_call();
    leases.note_given(a_call(), orchestrations({1}));
    now += held_leases::age_max;
    leases.note_given(later, orchestrations({2}));
    now += std::chrono::seconds(1);
    leases.note_ended(held(1), a_call());
    leases.note_ended(held(2), a_call());

    CHECK(calls_told(leases) == std::vector{later.value});
}

TEST_CASE("many calls that have ended are told in steps, and none is left out") {
    held_leases leases;
    constexpr std::uint64_t count = 500;
    for (std::uint64_t token = 1; token <= count; ++token) {
        CHECK(leases.has_many_ended() == (token > 100));
        leases.note_given(a_call(), orchestrations({token}));
        leases.note_ended(held(token), a_call());
    }
    std::size_t told = 0;
    for (std::size_t step = 0; step < 3; ++step) {
        const std::size_t size = leases.take_ended().calls.size();
        CHECK(size <= 200);
        told += size;
    }
    CHECK(told == count);
    CHECK_FALSE(leases.has_many_ended());
}

TEST_CASE("leases that never end do not fill the memory, and those after them are told") {
    held_leases leases;
    for (std::uint64_t token = 1; token <= 100'001; ++token) {
        leases.note_given(a_call(), orchestrations({token}));
    }
    const request_id call = a_call();
    leases.note_given(call, orchestrations({200'000}));
    // Forgotten, so the store looks.
    leases.note_ended(held(1), a_call());
    leases.note_ended(held(200'000), a_call());
    CHECK(calls_told(leases) == std::vector{call.value});
}

}  // namespace

}  // namespace perdure::postgres
