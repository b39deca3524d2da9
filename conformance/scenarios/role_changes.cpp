#define CATCH_CONFIG_FAST_COMPILE
#include "hub_in_a_move.hpp"
#include "second_process/second_process.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <vector>

using namespace perdure;
using namespace perdure::conformance;

// The feed: which instances have changed while a hub is tracked.

TEST_CASE_METHOD(hub_in_a_move, "nothing is noted of a hub that is not tracked", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    const instance_id id = there().idle_instance();
    CHECK(noted().empty());
    track();
    there().raise(id);
    CHECK(noted_ids() == ids{id});
    change(here(), a_role(move_role::plain));
    forget_all();
    there().raise(id);
    CHECK(noted().empty());
    CHECK(roles().count_changes(9) == 0);
}

TEST_CASE_METHOD(hub_in_a_move, "whatever changes an image is noted", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    const instance_id parent = there().idle_instance();
    track();
    must_be_noted("create", [&](fixture& by) { by.pending_instance(); });
    must_be_noted("create with tags", [&](fixture& by) {
        new_instance fresh = a_new_instance();
        fresh.tags = {{"colour", "red"}};
        by.create(fresh);
    });
    const instance_id taken = there().completed_instance();
    must_be_noted("replace", [&](fixture& by) {
        new_instance fresh = a_new_instance();
        fresh.instance = taken;
        fresh.replaceable = {orchestration_status::completed};
        REQUIRE(by.try_create(fresh).code == create_code::created);
    });
    const instance_id idle = there().idle_instance();
    must_be_noted("send", [&](fixture& by) { by.raise(idle); });
    must_be_noted("lock", [&](fixture& by) { static_cast<void>(by.lock({9, 9})); });
    must_be_noted("commit", [&](fixture& by) { by.idle_instance(); });
    must_be_noted("a child", [&](fixture& by) { by.pending_child(parent, 1); });
    orchestration_work work = there().leased();
    must_be_noted("a turn with all kinds of effects", [&](fixture& by) {
        finished_turn turn = turn_of(work);
        turn.activities = {an_activity(1), an_activity(2)};
        turn.timers = {a_timer(3, by.now() + 5 * by.moment)};
        turn.custom_status = payload{"json", "1"};
        REQUIRE(by.commit_one(turn) == commit_outcome::committed);
    });
    const work_batch leased = there().lock({0, 9});
    REQUIRE(leased.activities.size() == 2);
    must_be_noted("an activity that is given back", [&](fixture& by) {
        CHECK(by.give_back(held(leased.activities[1])) == lease_outcome::done);
    });
    must_be_noted("an activity that is abandoned", [&](fixture& by) {
        CHECK(by.abandon(held(by.lock({0, 1}).activities.at(0)), by.moment) == lease_outcome::done);
    });
    must_be_noted("the end of an activity", [&](fixture& by) {
        CHECK(by.complete(completion_of(leased.activities[0])) == commit_outcome::committed);
    });
    work = there().lease(work.instance);
    must_be_noted("abandon",
                  [&](fixture& by) { CHECK(by.abandon(held(work), 0s) == lease_outcome::done); });
    work = there().lease(work.instance);
    must_be_noted("park", [&](fixture& by) { CHECK(by.park(held(work)) == lease_outcome::done); });
    must_be_noted("unpark", [&](fixture& by) {
        CHECK(by.unpark(work.instance) == unpark_outcome::unparked);
    });
    work = there().lease(work.instance);
    must_be_noted("continue as new", [&](fixture& by) {
        CHECK(by.commit_one(next_execution_of(work)) == commit_outcome::committed);
    });
    work = there().lease(work.instance);
    must_be_noted("take over",
                  [&](fixture& by) { by.store.take_over(a_request(), std::span(&by.worker, 1)); });
    const instance_id ended = there().completed_instance();
    must_be_noted("purge", [&](fixture& by) { CHECK(by.purge(ended) == purge_outcome::purged); });
    const instance_id running = there().idle_instance();
    must_be_noted("purge by force",
                  [&](fixture& by) { CHECK(by.purge_by_force(running) == purge_outcome::purged); });
    const instance_id pending = there().pending_instance();
    must_be_noted("terminate", [&](fixture& by) {
        CHECK(by.terminate(pending) == terminate_outcome::terminated);
    });
    must_be_noted("remove an image",
                  [&](fixture& by) { images(by).remove_images(std::span(&pending, 1)); });
}

TEST_CASE_METHOD(hub_in_a_move, "a lease that has ended is noted when it is found", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    track();
    const orchestration_work work = there().leased();
    const activity_work task = there().leased_activity();
    there().advance(11 * there().moment);
    must_be_noted("an expiry", [&](fixture& by) { REQUIRE(by.lock({9, 9}).suspects_waiting); });
    must_be_noted("a suspect", [&](fixture& by) {
        const work_batch one = by.lock_suspects();
        REQUIRE(one.orchestrations.size() + one.activities.size() == 1);
    });
    must_be_noted("another one", [&](fixture& by) {
        const work_batch one = by.lock_suspects();
        REQUIRE(one.orchestrations.size() + one.activities.size() == 1);
    });
}

TEST_CASE_METHOD(hub_in_a_move, "another process notes its changes from the first on", "[ROLE-4]") {
    if (!is_possible() || lacks(ability::multi_process)) {
        return;
    }
    fixture other(open_in_another_process(config()));
    const instance_id id = other.idle_instance();
    const instance_id untouched = other.idle_instance();
    other.raise(id);
    track();
    other.raise(id);
    CHECK(noted_ids() == ids{id});
    const instance_id later = other.idle_instance();
    CHECK(noted_ids() == ids{id, later});
    CHECK(other.purge_by_force(untouched) == purge_outcome::purged);
    CHECK(noted_ids() == ids{id, later, untouched});
    change(here(), a_role(move_role::plain));
    forget_all();
    other.raise(id);
    CHECK(noted().empty());
}

TEST_CASE_METHOD(hub_in_a_move, "what is forgotten is what was read, and no more", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    const instance_id one = there().idle_instance();
    const instance_id other = there().idle_instance();
    track();
    there().raise(one);
    there().raise(other);
    const auto first = noted();
    CHECK(first.front().number >= 1);
    CHECK(std::is_sorted(first.begin(), first.end(), [](const auto& a, const auto& b) {
        return a.number < b.number;
    }));
    CHECK(roles().changes(1).size() == 1);
    CHECK(roles().changes(1).front() == first.front());
    CHECK(roles().count_changes(1) == 1);
    CHECK(roles().count_changes(1'000) == first.size());

    there().raise(one);
    roles(there()).forget_changes(first);
    CHECK(noted_ids() == ids{one});
    roles().forget_changes(first);
    CHECK(noted_ids() == ids{one});
    const auto second = noted();
    roles().forget_changes(second);
    CHECK(noted().empty());
    // A number is of one change for ever.
    there().raise(one);
    roles().forget_changes(first);
    roles().forget_changes(second);
    CHECK(noted_ids() == ids{one});
}

TEST_CASE_METHOD(hub_in_a_move, "no change is missed while tracking begins", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    std::vector<instance_id> targets;
    for (int n = 0; n < 4; ++n) {
        targets.push_back(here().idle_instance());
    }
    for (int n = 0; n < 5; ++n) {
        std::atomic<bool> stops = false;
        std::atomic<int> sent = 0;
        const auto send_on = [&](std::size_t from) {
            for (std::size_t k = from; !stops; ++k) {
                const new_message message = a_message(targets[k % targets.size()]);
                static_cast<void>(there().store.send({a_request()}, {&message, 1}));
                ++sent;
            }
        };
        std::map<instance_id, instance_image> copied;
        {
            const std::jthread one(send_on, 0);
            const std::jthread other(send_on, 2);
            while (sent < 4) {
                std::this_thread::yield();
            }
            track();
            copied = everything();
            const int at_copy = sent;
            while (sent < at_copy + 4) {
                std::this_thread::yield();
            }
            stops = true;
        }
        const ids seen = noted_ids();
        const auto now = everything();
        for (const instance_id& id : targets) {
            CHECK((seen.contains(id) || now.at(id) == copied.at(id)));
        }
        change(here(), a_role(move_role::plain));
    }
}
