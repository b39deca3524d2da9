#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture,
                 "a child whose id is taken puts its refusal into the parent's inbox",
                 "[COMMIT-4]") {
    const instance_id taken = pending_instance();
    const instance_id ended = completed_instance();
    const instance_id id = pending_instance();
    const orchestration_work work = lease(id);
    finished_turn turn = turn_of(work);
    turn.children = {a_child(work, 1), a_child(work, 2), a_child(work, 3)};
    turn.children[0].instance.instance = taken;
    turn.children[0].refused_event = an_event("refused by a pending one");
    turn.children[2].instance.instance = ended;
    turn.children[2].refused_event = an_event("refused by an ended one");

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const orchestration_work next = lease(id);
    REQUIRE(next.inbox.size() == 2);
    CHECK(next.inbox[0].event == turn.children[0].refused_event);
    CHECK(next.inbox[0].task == task_id{1});
    CHECK(next.inbox[1].event == turn.children[2].refused_event);
    CHECK(next.inbox[1].task == task_id{3});
    CHECK_FALSE(get(taken).parent);
    CHECK(get(taken).history_length == 1);
    CHECK(get(ended).status == orchestration_status::completed);
    CHECK(get(turn.children[1].instance.instance).status == orchestration_status::pending);
}

TEST_CASE_METHOD(fixture, "a child whose id another parent's child has is refused", "[COMMIT-4]") {
    const instance_id other_parent = idle_instance();
    const instance_id taken = pending_child(other_parent, 1);
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.children = {a_child(work, 1)};
    turn.children.front().instance.instance = taken;

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(inbox(work.instance) == std::vector<std::string>{an_event("child refused")});
    CHECK(get(taken).parent->instance == other_parent);
    CHECK(get(other_parent).inbox_length == 0);
}

TEST_CASE_METHOD(fixture,
                 "a child that this very parent link has started is not refused",
                 "[COMMIT-4]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 1);
    raise(parent);
    const orchestration_work work = lease(parent);
    finished_turn turn = turn_of(work);
    turn.children = {a_child(work, 1)};
    turn.children.front().instance.instance = child;

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(parent).inbox_length == 0);
    CHECK(get(child).history_length == 1);
}

TEST_CASE_METHOD(fixture, "the second of two children with one id is refused", "[COMMIT-4]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.children = {a_child(work, 1), a_child(work, 2)};
    turn.children[1].instance.instance = turn.children[0].instance.instance;

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const orchestration_work next = lease(work.instance);
    REQUIRE(next.inbox.size() == 1);
    CHECK(next.inbox.front().task == task_id{2});
    CHECK(get(turn.children[0].instance.instance).parent->task == task_id{1});
}

TEST_CASE_METHOD(fixture, "a child may start later", "[COMMIT-4][TIME-2]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.children = {a_child(work, 1)};
    turn.children.front().instance.start_at = now() + 2 * moment;
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const instance_id child = turn.children.front().instance.instance;

    CHECK_FALSE(is_ready(child));
    advance(3 * moment);
    CHECK(is_ready(child));
}

TEST_CASE_METHOD(fixture,
                 "a message to a child that the same checkpoint starts arrives",
                 "[COMMIT-4][BATCH-4]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.children = {a_child(work, 1)};
    const instance_id child = turn.children.front().instance.instance;
    turn.messages = {a_message(child, "welcome")};

    const commit_answer result = commit({turn});

    CHECK(result.dropped_messages == 0);
    CHECK(inbox(child) == std::vector<std::string>{an_event("welcome")});
}

TEST_CASE_METHOD(fixture,
                 "a child without a parent link is detached, and nobody is told",
                 "[COMMIT-4]") {
    const instance_id taken = pending_instance();
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.children = {{a_new_instance("detached"), {}}, {a_new_instance("detached"), {}}};
    turn.children[1].instance.instance = taken;
    const instance_id child = turn.children[0].instance.instance;

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK_FALSE(get(child).parent);
    CHECK(get(child).status == orchestration_status::pending);
    CHECK(get(taken).history_length == 1);
    CHECK(get(work.instance).inbox_length == 0);
    REQUIRE(terminate(child) == terminate_outcome::terminated);
    CHECK(get(work.instance).inbox_length == 0);
}
