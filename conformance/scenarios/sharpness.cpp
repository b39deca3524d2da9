#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

// What the differential run and the mutants have found to be missing among the other scenarios.

TEST_CASE_METHOD(fixture,
                 "a commit that is repeated tells again what it dropped and refused",
                 "[REPEAT-1]") {
    const activity_work task = leased_activity();
    REQUIRE(terminate(task.instance) == terminate_outcome::requested);
    REQUIRE(commit_one(last_turn_of(lease(task.instance))) == commit_outcome::committed);
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.messages = {a_message(an_id(), "to nobody"), a_message(task.instance, "too late")};
    const std::vector<finished_turn> turns{turn};
    const std::vector<finished_activity> completions{completion_of(task)};
    const lock_request next = request({});
    const commit_answer first = commit_to(store, turns, completions, next);
    REQUIRE(first.activities == std::vector{commit_outcome::instance_is_terminal});
    REQUIRE(first.dropped_messages == 2);

    const commit_answer second = commit_to(store, turns, completions, next);

    CHECK(second.turns == first.turns);
    CHECK(second.activities == first.activities);
    CHECK(second.dropped_messages == 2);
}

TEST_CASE_METHOD(fixture, "a purge that is repeated has the same outcomes", "[REPEAT-1]") {
    purge_request wish;
    wish.request = a_request();
    wish.instances = {completed_instance(), idle_instance(), an_id()};
    const purge_result first = store.purge(wish);
    REQUIRE(first.outcomes == std::vector{purge_outcome::purged,
                                          purge_outcome::not_terminal,
                                          purge_outcome::no_such_instance});

    const purge_result second = store.purge(wish);

    CHECK(second.outcomes == first.outcomes);
    CHECK(second.purged == 1);
}

TEST_CASE_METHOD(fixture, "a purge by filter that is repeated purges nothing more", "[REPEAT-1]") {
    completed_instance();
    completed_instance();
    purge_request wish;
    wish.request = a_request();
    wish.limit = 1;
    REQUIRE(store.purge(wish).purged == 1);

    const purge_result second = store.purge(wish);

    CHECK(second.purged == 1);
    CHECK(second.more);
    CHECK(store.query({}, 10, {}).instances.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "a refusal to an execution that continues as new is gone with it, and not counted",
                 "[COMMIT-4][COMMIT-6]") {
    const instance_id taken = idle_instance();
    const instance_id id = pending_instance();
    raise(id, "stays");
    const orchestration_work work = lease(id);
    finished_turn turn = next_execution_of(work);
    turn.consumed.clear();
    new_child child = a_child(work, 1);
    child.instance.instance = taken;
    turn.children = {child};

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(id).inbox_length == 1);
    CHECK(inbox(id) == std::vector{an_event("stays")});
}

TEST_CASE_METHOD(fixture,
                 "an instance that continues as new has no start time any more",
                 "[COMMIT-6][TIME-2]") {
    new_instance fresh = a_new_instance();
    fresh.start_at = now() + moment;
    const instance_id id = create(fresh);
    REQUIRE(get(id).start_at == fresh.start_at);
    advance(2 * moment);

    REQUIRE(commit_one(next_execution_of(lease(id))) == commit_outcome::committed);

    CHECK_FALSE(get(id).start_at);
    CHECK(is_ready(id));
}

TEST_CASE_METHOD(fixture, "a repeated lock takes nothing that came since", "[REPEAT-1]") {
    pending_instance();
    const lock_request wanted = request({5, 5});
    const work_batch first = store.lock(wanted);
    REQUIRE(first.orchestrations.size() == 1);
    pending_instance();

    const work_batch second = store.lock(wanted);

    REQUIRE(second.orchestrations.size() == 1);
    CHECK(second.orchestrations.front().held == first.orchestrations.front().held);
    CHECK(lock({5, 0}).orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture, "messages of one call stay in their order", "[LOCK-5][BATCH-4]") {
    const instance_id id = pending_instance();
    const std::vector<new_message> messages{
        a_message(id, "one"), a_message(id, "two"), a_message(id, "three")};
    REQUIRE(store.send({a_request()}, messages).outcomes ==
            std::vector<send_outcome>(3, send_outcome::accepted));

    CHECK(inbox(id) == std::vector{an_event("one"), an_event("two"), an_event("three")});
}
