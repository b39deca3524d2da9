#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "a pending instance is terminated at once", "[TERM-1]") {
    const instance_id id = pending_instance();
    raise(id);
    const termination wish = a_termination(id);

    CHECK(terminate(id) == terminate_outcome::terminated);

    const instance_record found = get(id);
    CHECK(found.status == orchestration_status::terminated);
    CHECK(found.output == wish.output);
    CHECK(found.completed_at);
    CHECK(found.inbox_length == 0);
    CHECK(found.history_length == 2);
    const auto chunks = history(id);
    REQUIRE(chunks.size() == 2);
    CHECK(chunks.back() == history_chunk{1, 1, "[" + wish.final_event + "]"});
    CHECK_FALSE(is_ready(id));
}

TEST_CASE_METHOD(fixture,
                 "an instance that is scheduled for later is terminated at once",
                 "[TERM-1]") {
    new_instance later = a_new_instance();
    later.start_at = now() + 2 * moment;
    create(later);

    CHECK(terminate(later.instance) == terminate_outcome::terminated);

    advance(3 * moment);
    CHECK_FALSE(is_ready(later.instance));
    CHECK(get(later.instance).status == orchestration_status::terminated);
}

TEST_CASE_METHOD(fixture, "a parked instance is terminated at once", "[TERM-1][PARK-2]") {
    const instance_id id = parked_instance();
    raise(id);

    CHECK(terminate(id) == terminate_outcome::terminated);

    const instance_record found = get(id);
    CHECK(found.status == orchestration_status::terminated);
    CHECK(found.inbox_length == 0);
    CHECK(unpark(id) == unpark_outcome::not_parked);
    CHECK_FALSE(is_ready(id));
}

TEST_CASE_METHOD(fixture,
                 "the unleased activities of an instance terminated at once are removed",
                 "[TERM-1]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const work_batch one = lock({0, 1});
    REQUIRE(one.activities.size() == 1);
    raise(work.instance);
    REQUIRE(park(held(lease(work.instance))) == lease_outcome::done);

    REQUIRE(terminate(work.instance) == terminate_outcome::terminated);

    CHECK(lock({0, 10}).activities.empty());
    CHECK(complete(completion_of(one.activities.front())) == commit_outcome::instance_is_terminal);
    CHECK(get(work.instance).inbox_length == 0);
}

TEST_CASE_METHOD(fixture, "the parent of a child terminated at once is told", "[TERM-1]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 3);

    REQUIRE(terminate(child) == terminate_outcome::terminated);

    const orchestration_work work = lease(parent);
    REQUIRE(work.inbox.size() == 1);
    CHECK(work.inbox.front().event == a_termination(child).parent_event);
    CHECK(work.inbox.front().task == task_id{3});
}

TEST_CASE_METHOD(fixture,
                 "a parent in a later execution is not told of a child terminated at once",
                 "[TERM-1][SEND-4]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 3);
    raise(parent);
    REQUIRE(commit_one(next_execution_of(lease(parent))) == commit_outcome::committed);

    REQUIRE(terminate(child) == terminate_outcome::terminated);

    CHECK(get(parent).inbox_length == 0);
}

TEST_CASE_METHOD(fixture, "a running instance gets the event, visible at once", "[TERM-2]") {
    const instance_id id = idle_instance();

    CHECK(terminate(id) == terminate_outcome::requested);

    CHECK(get(id).status == orchestration_status::running);
    CHECK(get(id).history_length == 3);
    CHECK(inbox(id) == std::vector<std::string>{a_termination(id).event});
}

TEST_CASE_METHOD(fixture, "a suspended instance gets the event", "[TERM-2]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.status = orchestration_status::suspended;
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(terminate(work.instance) == terminate_outcome::requested);

    CHECK(is_ready(work.instance));
}

TEST_CASE_METHOD(fixture, "a pending instance that is leased gets the event", "[TERM-2]") {
    const orchestration_work work = leased();

    CHECK(terminate(work.instance) == terminate_outcome::requested);

    CHECK(get(work.instance).status == orchestration_status::pending);
    REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
    CHECK(inbox(work.instance) == std::vector<std::string>{a_termination(work.instance).event});
}

TEST_CASE_METHOD(fixture, "a termination overrides the delay of an abandon", "[TERM-2][TIME-2]") {
    const instance_id id = idle_instance();
    raise(id);
    REQUIRE(abandon(held(lease(id)), 100 * moment) == lease_outcome::done);
    REQUIRE_FALSE(is_ready(id));

    REQUIRE(terminate(id) == terminate_outcome::requested);

    CHECK(inbox(id) == std::vector<std::string>{an_event("raised"), an_event("terminate")});
}

TEST_CASE_METHOD(fixture,
                 "terminating a missing or terminal instance changes nothing",
                 "[TERM-1]") {
    const instance_id completed = completed_instance();
    const instance_record before = get(completed);

    CHECK(terminate(an_id()) == terminate_outcome::no_such_instance);
    CHECK(terminate(completed) == terminate_outcome::instance_is_terminal);

    const instance_record after = get(completed);
    CHECK(after.status == orchestration_status::completed);
    CHECK(after.output == before.output);
    CHECK(after.history_length == before.history_length);
    CHECK(after.updated_at == before.updated_at);
}

TEST_CASE_METHOD(fixture,
                 "the turn of a pending child that is terminated tells the parent once",
                 "[TERM-2]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 3);
    const orchestration_work work = lease(child);

    REQUIRE(terminate(child) == terminate_outcome::requested);

    CHECK(get(parent).inbox_length == 0);
    CHECK(get(work.instance).inbox_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "an activity whose lease has expired goes with its terminated instance",
                 "[TERM-1][LOCK-3]") {
    const activity_work task = leased_activity();
    raise(task.instance);
    REQUIRE(park(held(lease(task.instance))) == lease_outcome::done);
    advance(11 * moment);

    REQUIRE(terminate(task.instance) == terminate_outcome::terminated);

    CHECK(complete(completion_of(task)) == commit_outcome::lease_lost);
    CHECK(lock_suspects().activities.empty());
}

TEST_CASE_METHOD(fixture,
                 "an end by the store raises the history version by one",
                 "[TERM-1][COMMIT-9]") {
    const instance_id pending = pending_instance();
    const instance_id parked = parked_instance();
    const std::uint64_t before = history_version(parked);
    REQUIRE(history_version(pending) == 1);

    REQUIRE(terminate(pending) == terminate_outcome::terminated);
    REQUIRE(terminate(parked) == terminate_outcome::terminated);

    CHECK(history_version(pending) == 2);
    CHECK(history_version(parked) == before + 1);
}
