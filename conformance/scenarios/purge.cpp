#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "an instance that has not ended is not purged", "[PURGE-1]") {
    const instance_id pending = pending_instance();
    const instance_id running = idle_instance();
    const instance_id parked = parked_instance();

    CHECK(purge(pending) == purge_outcome::not_terminal);
    CHECK(purge(running) == purge_outcome::not_terminal);
    CHECK(purge(parked) == purge_outcome::not_terminal);
    CHECK(purge(an_id()) == purge_outcome::no_such_instance);

    CHECK(get(pending).history_length == 1);
    CHECK(get(running).history_length == 3);
    CHECK_FALSE(get(parked).parked_reason.empty());
}

TEST_CASE_METHOD(fixture,
                 "a purge of several ids answers for each, and counts",
                 "[PURGE-1][BATCH-2]") {
    const instance_id ended = completed_instance();
    const instance_id running = idle_instance();
    const instance_id ended_too = completed_instance();
    purge_request wish;
    wish.request = a_request();
    wish.instances = {ended, running, an_id(), ended_too};

    const purge_result result = store.purge(wish);

    CHECK(result.purged == 2);
    CHECK(result.outcomes == std::vector{purge_outcome::purged,
                                         purge_outcome::not_terminal,
                                         purge_outcome::no_such_instance,
                                         purge_outcome::purged});
    CHECK_FALSE(find(ended));
    CHECK_FALSE(find(ended_too));
    CHECK(find(running));
}

TEST_CASE_METHOD(fixture,
                 "a forced purge takes lease, inbox and tasks of a running instance",
                 "[PURGE-1][PURGE-2]") {
    const activity_work task = leased_activity();
    raise(task.instance);
    const orchestration_work work = lease(task.instance);

    CHECK(purge_by_force(task.instance) == purge_outcome::purged);

    CHECK(commit_one(turn_of(work)) == commit_outcome::lease_lost);
    CHECK(complete(completion_of(task)) == commit_outcome::lease_lost);
    CHECK_FALSE(find(task.instance));
    CHECK_FALSE(store.read_history(task.instance, 0, 1));
}

TEST_CASE_METHOD(fixture, "the parent of a running child purged by force is told", "[PURGE-1]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 6);

    REQUIRE(purge_by_force(child) == purge_outcome::purged);

    const orchestration_work work = lease(parent);
    REQUIRE(work.inbox.size() == 1);
    CHECK(work.inbox.front().event == an_event("child purged"));
    CHECK(work.inbox.front().task == task_id{6});
}

TEST_CASE_METHOD(fixture, "the parent of a child purged after its end is not told", "[PURGE-1]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 6);
    REQUIRE(commit_one(last_turn_of(lease(child))) == commit_outcome::committed);

    REQUIRE(purge_by_force(child) == purge_outcome::purged);

    CHECK(get(parent).inbox_length == 0);
}

TEST_CASE_METHOD(fixture,
                 "nothing of a purged instance is left when its id is created anew",
                 "[PURGE-2]") {
    const new_instance fresh = a_new_instance();
    create(fresh);
    const orchestration_work work = lease(fresh.instance);
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2)};
    turn.timers = {a_timer(3, now() + 2 * moment)};
    turn.custom_status = payload("json", "1");
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    new_message message = a_message(fresh.instance);
    message.id = "m-1";
    REQUIRE(send(message) == send_outcome::accepted);
    const work_batch one = lock({0, 1});
    REQUIRE(one.activities.size() == 1);
    REQUIRE(purge_by_force(fresh.instance) == purge_outcome::purged);
    new_instance again = a_new_instance();
    again.instance = fresh.instance;
    create(again);

    const instance_record found = get(fresh.instance);
    CHECK(found.execution == again.execution);
    CHECK(found.inbox_length == 0);
    CHECK(found.history_length == 1);
    CHECK(found.custom_status.is_none());
    CHECK(lock({0, 10}).activities.empty());
    CHECK(complete(completion_of(one.activities.front())) == commit_outcome::lease_lost);
    CHECK(get(fresh.instance).inbox_length == 0);
    CHECK(send(message) == send_outcome::accepted);
    const orchestration_work first_turn = lease(fresh.instance);
    CHECK(first_turn.history.size() == 1);
    CHECK(first_turn.deliveries == 1);
    REQUIRE(commit_one(turn_of(first_turn)) == commit_outcome::committed);
    advance(3 * moment);
    CHECK_FALSE(is_ready(fresh.instance));
}

TEST_CASE_METHOD(fixture, "a purge by filter takes only what has ended and matches", "[PURGE-1]") {
    const instance_id old = completed_instance();
    const timestamp cutoff = *get(old).completed_at;
    advance(moment);
    const instance_id recent = completed_instance();
    const instance_id running = idle_instance();
    purge_request wish;
    wish.request = a_request();
    wish.filter.completed_to = cutoff;

    const purge_result result = store.purge(wish);

    CHECK(result.purged == 1);
    CHECK_FALSE(result.more);
    CHECK(result.outcomes.empty());
    CHECK_FALSE(find(old));
    CHECK(find(recent));
    wish.request = a_request();
    wish.filter = {};
    CHECK(store.purge(wish).purged == 1);
    CHECK_FALSE(find(recent));
    CHECK(find(running));
    wish.request = a_request();
    wish.force = true;
    CHECK(store.purge(wish).purged == 1);
    CHECK_FALSE(find(running));
}

TEST_CASE_METHOD(fixture,
                 "a purge by filter stops at its limit and says that there is more",
                 "[PURGE-1]") {
    for (int i = 0; i < 7; ++i) {
        completed_instance();
        idle_instance();
    }
    purge_request wish;
    wish.limit = 3;
    std::vector<std::size_t> purged;
    bool more = true;
    while (more) {
        wish.request = a_request();
        const purge_result result = store.purge(wish);
        purged.push_back(result.purged);
        more = result.more;
        REQUIRE(purged.size() < 10);
    }

    CHECK(purged == std::vector<std::size_t>{3, 3, 1});
    CHECK(store.query({}, 100, {}).instances.size() == 7);
}
