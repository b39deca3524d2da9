#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

namespace {

/// An instance with two timers, a queued and a leased activity, on the point of its last turn.
class busy_fixture : public fixture {
  public:
    instance_id id = pending_instance();
    activity_work running = prepared();
    orchestration_work work = last_lease();

  private:
    activity_work prepared() {
        finished_turn turn = turn_of(lease(id));
        turn.activities = {an_activity(1), an_activity(2)};
        turn.timers = {a_timer(3, now() + 2 * moment), a_timer(4, now() - moment)};
        REQUIRE(commit_one(turn) == commit_outcome::committed);
        const work_batch one = lock({0, 1});
        REQUIRE(one.activities.size() == 1);
        return one.activities.front();
    }
    orchestration_work last_lease() { return lease(id); }
};

}  // namespace

TEST_CASE_METHOD(busy_fixture,
                 "an instance that ends keeps no timers and no messages",
                 "[COMMIT-5]") {
    const auto status = GENERATE(orchestration_status::completed,
                                 orchestration_status::failed,
                                 orchestration_status::terminated);
    raise(id, "late");
    finished_turn turn = turn_of(work);
    turn.consumed.clear();
    turn.status = status;
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(id).status == status);
    CHECK(get(id).inbox_length == 0);
    CHECK(get(id).completed_at == get(id).updated_at);
    advance(3 * moment);
    CHECK(get(id).inbox_length == 0);
    CHECK_FALSE(is_ready(id));
}

TEST_CASE_METHOD(busy_fixture,
                 "activities of a completed or failed instance are still executed",
                 "[COMMIT-5]") {
    const auto status = GENERATE(orchestration_status::completed, orchestration_status::failed);
    finished_turn turn = turn_of(work);
    turn.status = status;
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const work_batch queued = lock({0, 10});

    REQUIRE(queued.activities.size() == 1);
    CHECK(queued.activities.front().task != running.task);
    CHECK(renew(held(running), 10 * moment) == lease_outcome::done);
    CHECK(complete(completion_of(running)) == commit_outcome::instance_is_terminal);
    CHECK(complete(completion_of(queued.activities.front())) ==
          commit_outcome::instance_is_terminal);
    CHECK(get(id).inbox_length == 0);
    CHECK(get(id).history_length == 5);
    CHECK(lock({0, 10}).activities.empty());
    advance(11 * moment);
    CHECK(lock_suspects().activities.empty());
}

TEST_CASE_METHOD(busy_fixture,
                 "activities scheduled by the last checkpoint are executed",
                 "[COMMIT-5]") {
    finished_turn turn = last_turn_of(work);
    turn.activities = {an_activity(9)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(lock({0, 10}).activities.size() == 2);
}

TEST_CASE_METHOD(busy_fixture,
                 "a terminated instance's unleased activities are removed",
                 "[COMMIT-5]") {
    finished_turn turn = turn_of(work);
    turn.status = orchestration_status::terminated;
    turn.output = {"json", R"("reason")"};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(id).output == turn.output);
    CHECK(lock({0, 10}).activities.empty());
    CHECK(complete(completion_of(running)) == commit_outcome::instance_is_terminal);
    CHECK(get(id).inbox_length == 0);
}

TEST_CASE_METHOD(busy_fixture,
                 "an execution that continues as new leaves no timers behind",
                 "[COMMIT-5][COMMIT-6]") {
    finished_turn turn = next_execution_of(work);
    turn.consumed.clear();
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(id).inbox_length == 0);
    REQUIRE(commit_one(turn_of(lease(id))) == commit_outcome::committed);
    advance(3 * moment);
    CHECK_FALSE(is_ready(id));
}

TEST_CASE_METHOD(busy_fixture,
                 "activities of an earlier execution are executed, and not heard of",
                 "[COMMIT-5][COMMIT-7]") {
    REQUIRE(commit_one(next_execution_of(work)) == commit_outcome::committed);

    const work_batch queued = lock({0, 10});

    REQUIRE(queued.activities.size() == 1);
    CHECK(queued.activities.front().execution == work.execution);
    CHECK(complete(completion_of(running)) == commit_outcome::instance_is_terminal);
    CHECK(complete(completion_of(queued.activities.front())) ==
          commit_outcome::instance_is_terminal);
    CHECK(get(id).inbox_length == 0);
}

TEST_CASE_METHOD(fixture,
                 "continue-as-new begins the next execution, ready at once",
                 "[COMMIT-6]") {
    new_instance fresh = a_new_instance();
    fresh.tags = {{"first", "1"}};
    create(fresh);
    const orchestration_work work = lease(fresh.instance);
    advance(moment);
    finished_turn turn = next_execution_of(work);
    turn.custom_status = payload("json", "7");
    turn.next->version = "2";
    turn.next->tags = {{"second", "2"}};
    turn.next->kept = {1, "[" + an_event("kept") + "]"};
    const instance_record before = get(fresh.instance);
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const instance_record after = get(fresh.instance);
    CHECK(after.execution == turn.next->execution);
    CHECK(after.version == "2");
    CHECK(after.name == before.name);
    CHECK(after.tags == turn.next->tags);
    CHECK(after.created_at == before.created_at);
    CHECK(after.updated_at > before.updated_at);
    CHECK_FALSE(after.completed_at);
    CHECK_FALSE(is_terminal(after.status));
    CHECK(after.custom_status == *turn.custom_status);
    CHECK(after.history_length == 2);
    filter.orchestrations = {{order_name, "2"}};
    const orchestration_work next = lease(fresh.instance);
    CHECK(next.execution == turn.next->execution);
    CHECK(next.version == "2");
    CHECK(next.history_length == 2);
    CHECK(next.inbox.empty());
    CHECK(text_of(next.history) == "[" + turn.next->start_event + "][" + an_event("kept") + "]");
}

TEST_CASE_METHOD(fixture, "a child keeps its parent across continue-as-new", "[COMMIT-6]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 2);
    REQUIRE(commit_one(next_execution_of(lease(child))) == commit_outcome::committed);

    REQUIRE(get(child).parent);
    CHECK(get(child).parent->instance == parent);
    CHECK(get(child).parent->task == task_id{2});
}

TEST_CASE_METHOD(fixture,
                 "messages for any execution stay, those for the old one are removed",
                 "[COMMIT-6]") {
    const orchestration_work work = leased();
    new_message old = a_message(work.instance, "for the old execution");
    old.execution = work.execution;
    new_message later = a_message(work.instance, "later");
    later.visible_at = now() + 2 * moment;
    REQUIRE(send(old) == send_outcome::accepted);
    raise(work.instance, "for any execution");
    REQUIRE(send(later) == send_outcome::accepted);

    REQUIRE(commit_one(next_execution_of(work)) == commit_outcome::committed);

    CHECK(get(work.instance).inbox_length == 2);
    CHECK(inbox(work.instance) == std::vector<std::string>{an_event("for any execution")});
    advance(3 * moment);
    CHECK(inbox(work.instance).back() == an_event("later"));
}

TEST_CASE_METHOD(fixture, "a hundred executions leave one execution's history", "[COMMIT-6]") {
    const instance_id id = pending_instance();
    for (int i = 0; i < 100; ++i) {
        REQUIRE(commit_one(next_execution_of(lease(id))) == commit_outcome::committed);
    }

    CHECK(get(id).history_length == 1);
    CHECK(history(id).size() == 1);
    CHECK(store.query({}, 10, {}).instances.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "a completion puts its event into the inbox and removes the task",
                 "[COMMIT-7]") {
    const activity_work task = leased_activity();
    const finished_activity done = completion_of(task);

    CHECK(complete(done) == commit_outcome::committed);

    CHECK(lock({0, 10}).activities.empty());
    CHECK(renew(held(task), moment) == lease_outcome::lease_lost);
    const orchestration_work work = lease(task.instance);
    REQUIRE(work.inbox.size() == 1);
    CHECK(work.inbox.front().event == done.event);
    CHECK(work.inbox.front().task == task.task);
}

TEST_CASE_METHOD(fixture,
                 "a completion for another execution, task or instance is refused",
                 "[COMMIT-7][LOCK-2]") {
    const activity_work task = leased_activity();
    const instance_id other = idle_instance();
    finished_activity wrong_execution = completion_of(task);
    wrong_execution.execution = an_execution();
    finished_activity wrong_task = completion_of(task);
    wrong_task.task = {99};
    finished_activity wrong_instance = completion_of(task);
    wrong_instance.instance = other;

    CHECK(complete(wrong_execution) == commit_outcome::lease_lost);
    CHECK(complete(wrong_task) == commit_outcome::lease_lost);
    CHECK(complete(wrong_instance) == commit_outcome::lease_lost);

    CHECK(get(task.instance).inbox_length == 0);
    CHECK(get(other).inbox_length == 0);
    CHECK(complete(completion_of(task)) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture,
                 "a completion reaches a suspended instance and one that is leased",
                 "[COMMIT-7][SEND-3]") {
    const instance_id id = pending_instance();
    finished_turn turn = turn_of(lease(id));
    turn.activities = {an_activity(1), an_activity(2)};
    turn.status = orchestration_status::suspended;
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const work_batch tasks = lock({0, 2});
    REQUIRE(tasks.activities.size() == 2);
    REQUIRE(complete(completion_of(tasks.activities[0])) == commit_outcome::committed);
    const orchestration_work work = lease(id);
    CHECK(work.inbox.size() == 1);

    CHECK(complete(completion_of(tasks.activities[1])) == commit_outcome::committed);

    REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
    CHECK(get(id).inbox_length == 1);
    CHECK(is_ready(id));
}

TEST_CASE_METHOD(fixture,
                 "an activity scheduled and cancelled by one checkpoint is never queued",
                 "[COMMIT-8]") {
    finished_turn turn = turn_of(leased());
    turn.activities = {an_activity(1), an_activity(2)};
    turn.cancelled_activities = {{1}, {55}};

    const commit_answer result = hand_off({turn}, {}, {10, 10});

    CHECK(result.turns == std::vector{commit_outcome::committed});
    REQUIRE(result.work.activities.size() == 1);
    CHECK(result.work.activities.front().task == task_id{2});
    CHECK(lock({0, 10}).activities.empty());
}

TEST_CASE_METHOD(fixture, "a queued activity that is cancelled is not handed out", "[COMMIT-8]") {
    const instance_id id = instance_with_queued_activity();
    raise(id);
    finished_turn turn = turn_of(lease(id));
    turn.cancelled_activities = {{1}};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(lock({0, 10}).activities.empty());
}

TEST_CASE_METHOD(fixture,
                 "the holder of a cancelled activity hears that its lease is lost",
                 "[COMMIT-8]") {
    const activity_work task = leased_activity();
    raise(task.instance);
    finished_turn turn = turn_of(lease(task.instance));
    turn.cancelled_activities = {task.task};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(renew(held(task), moment) == lease_outcome::lease_lost);
    CHECK(complete(completion_of(task)) == commit_outcome::lease_lost);
    CHECK(get(task.instance).inbox_length == 0);
}

TEST_CASE_METHOD(busy_fixture,
                 "an activity of an ended instance whose lease expired is a suspect",
                 "[COMMIT-5][SUSPECT-1]") {
    REQUIRE(commit_one(last_turn_of(work)) == commit_outcome::committed);
    advance(11 * moment);

    const work_batch suspects = lock_suspects();

    REQUIRE(suspects.activities.size() == 1);
    CHECK(suspects.activities.front().task == running.task);
    CHECK(complete(completion_of(suspects.activities.front())) ==
          commit_outcome::instance_is_terminal);
}
