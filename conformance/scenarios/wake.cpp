#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture,
                 "a change between lock and wait is not missed, whoever makes it",
                 "[WAKE-1]") {
    const instance_id idle = idle_instance();
    const instance_id parked = parked_instance();
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    const wake_token token = lock({10, 10}).token;

    SECTION("a create") {
        pending_instance();
    }
    SECTION("a send") {
        raise(idle);
    }
    SECTION("a termination") {
        REQUIRE(terminate(idle) == terminate_outcome::requested);
    }
    SECTION("a release") {
        REQUIRE(unpark(parked) == unpark_outcome::unparked);
    }
    SECTION("a completion") {
        REQUIRE(complete(completion_of(task)) == commit_outcome::committed);
    }
    SECTION("a checkpoint that schedules an activity") {
        finished_turn turn = turn_of(work);
        turn.activities = {an_activity(1)};
        REQUIRE(commit_one(turn) == commit_outcome::committed);
    }
    SECTION("a checkpoint that starts a child") {
        finished_turn turn = turn_of(work);
        turn.children = {a_child(work, 1)};
        REQUIRE(commit_one(turn) == commit_outcome::committed);
    }
    SECTION("a checkpoint that sends a message") {
        finished_turn turn = turn_of(work);
        turn.messages = {a_message(idle)};
        REQUIRE(commit_one(turn) == commit_outcome::committed);
    }
    SECTION("a checkpoint that continues as new") {
        REQUIRE(commit_one(next_execution_of(work)) == commit_outcome::committed);
    }
    SECTION("an item given back") {
        REQUIRE(give_back(held(work)) == lease_outcome::done);
    }
    SECTION("an activity abandoned") {
        REQUIRE(abandon(held(task)) == lease_outcome::done);
    }
    SECTION("a forced purge of a child") {
        finished_turn turn = turn_of(work);
        turn.children = {a_child(work, 1)};
        const work_batch child = hand_off({turn}, {}, {10, 0}).work;
        REQUIRE(child.orchestrations.size() == 1);
        const wake_token later = lock({10, 10}).token;
        REQUIRE(purge_by_force(child.orchestrations.front().instance) == purge_outcome::purged);
        CHECK(wakes(store, later));
    }
    SECTION("a take-over") {
        store.take_over(a_request(), {&worker, 1});
    }

    CHECK(wakes(store, token));
}

TEST_CASE_METHOD(fixture, "what a checkpoint leaves in its own inbox is announced", "[WAKE-1]") {
    const orchestration_work work = leased();
    raise(work.instance, "during the turn");
    const wake_token token = lock({10, 10}).token;

    REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);

    CHECK(wakes(store, token));
    CHECK(is_ready(work.instance));
}

TEST_CASE_METHOD(fixture, "a sleeper is woken by a change made meanwhile", "[WAKE-1]") {
    const instance_id idle = idle_instance();
    const wake_token token = lock({10, 10}).token;
    bool woken = false;
    {
        const std::jthread sleeper([&] { woken = wakes(store, token); });
        raise(idle);
    }

    CHECK(woken);
}

TEST_CASE_METHOD(fixture, "without any change a wait lasts until its deadline", "[WAKE-1]") {
    const wake_token token = lock({10, 10}).token;
    const auto begun = std::chrono::steady_clock::now();

    static_cast<void>(wait_for_change(store, token, in(50ms)));

    CHECK(std::chrono::steady_clock::now() - begun >= 50ms);
}

TEST_CASE_METHOD(fixture, "a wait whose deadline has passed returns at once", "[WAKE-1]") {
    const wake_token token = lock({10, 10}).token;
    const auto begun = std::chrono::steady_clock::now();

    static_cast<void>(wait_for_change(store, token, in(-1s)));

    CHECK(std::chrono::steady_clock::now() - begun < patience / 2);
}

TEST_CASE_METHOD(fixture, "the token of a wait serves for the next one", "[WAKE-1]") {
    const instance_id idle = idle_instance();
    wake_token token = lock({10, 10}).token;
    for (int i = 0; i < 3; ++i) {
        raise(idle);
        REQUIRE(wakes(store, token));
        token = wait_for_change(store, token, in(0s));
        const work_batch batch = lock({10, 10});
        REQUIRE(batch.orchestrations.size() == 1);
        token = batch.token;
        REQUIRE(commit_one(turn_of(batch.orchestrations.front())) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(fixture, "what falls due by the passing of time wakes a sleeper", "[WAKE-2]") {
    const orchestration_work work = leased();
    const duration soon = 2 * moment;
    SECTION("a timer") {
        finished_turn turn = turn_of(work);
        turn.timers = {a_timer(1, now() + soon)};
        REQUIRE(commit_one(turn) == commit_outcome::committed);
    }
    SECTION("a message for later") {
        REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
        new_message late = a_message(work.instance);
        late.visible_at = now() + soon;
        REQUIRE(send(late) == send_outcome::accepted);
    }
    SECTION("the start of an instance") {
        new_instance later = a_new_instance();
        later.start_at = now() + soon;
        create(later);
    }
    SECTION("the delay of an abandon") {
        REQUIRE(abandon(held(work), soon) == lease_outcome::done);
    }
    const wake_token token = lock({10, 10}).token;
    bool woken = false;
    {
        const std::jthread sleeper([&] { woken = wakes(store, token); });
        advance(3 * moment);
    }

    CHECK(woken);
    CHECK(lock({10, 10}).orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture, "a timer wakes a sleeper by the real clock", "[WAKE-2]") {
    const hub real = open_hub(a_hub_config_with_real_clock());
    backend& ticking = real.store();
    // A first call may have to connect and to prepare, which is not part of what is measured here.
    REQUIRE(ticking.lock(request({1, 0})).orchestrations.empty());
    lock_request wanted = request({1, 0});
    work_batch batch;
    timestamp start;
    // On a slow machine it may be due before anybody sleeps; then with more time.
    duration ahead = 300ms;
    do {
        new_instance soon = a_new_instance();
        start = ticking.status().store_time + ahead;
        soon.start_at = start;
        REQUIRE(ticking.create({a_request()}, {&soon, 1}).outcomes.front().code ==
                create_code::created);
        wanted.request = a_request();
        batch = ticking.lock(wanted);
        ahead *= 2;
    } while (!batch.orchestrations.empty() && ahead < patience);
    REQUIRE(batch.orchestrations.empty());
    const auto deadline = in(patience);

    while (batch.orchestrations.empty() && std::chrono::steady_clock::now() < deadline) {
        static_cast<void>(wait_for_change(ticking, batch.token, deadline));
        wanted.request = a_request();
        batch = ticking.lock(wanted);
    }

    REQUIRE(batch.orchestrations.size() == 1);
    CHECK(batch.store_time >= start);
}

TEST_CASE("a change made through another opening of the hub is noticed", "[WAKE-3]") {
    if (lacks(ability::multi_process)) {
        return;
    }
    const backend_config config = a_hub_config();
    const hub one = open_hub(config);
    const hub other = open_hub(config);
    fixture words;
    lock_request wanted = words.request({1, 0});
    const wake_token token = one.store().lock(wanted).token;
    const new_instance fresh = a_new_instance();
    bool woken = false;
    {
        const std::jthread sleeper([&] { woken = wakes(one.store(), token); });
        REQUIRE(other.store().create({a_request()}, {&fresh, 1}).outcomes.front().code ==
                create_code::created);
    }

    CHECK(woken);
    wanted.request = a_request();
    CHECK(one.store().lock(wanted).orchestrations.size() == 1);
}
