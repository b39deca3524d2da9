#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture,
                 "a checkpoint hands out the activities that it scheduled",
                 "[HANDOFF-1]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2)};

    const work_batch batch = hand_off({turn}, {}, {10, 10}).work;

    REQUIRE(batch.activities.size() == 2);
    CHECK(batch.orchestrations.empty());
    CHECK(batch.activities[0].input == turn.activities[0].input);
    CHECK(lock({0, 10}).activities.empty());
    CHECK(complete(completion_of(batch.activities[0])) == commit_outcome::committed);
    CHECK(complete(completion_of(batch.activities[1])) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture, "a completion hands out its instance", "[HANDOFF-1]") {
    const activity_work task = leased_activity();
    const finished_activity done = completion_of(task);

    const work_batch batch = hand_off({}, {done}, {1, 1}).work;

    REQUIRE(batch.orchestrations.size() == 1);
    CHECK(batch.orchestrations.front().instance == task.instance);
    CHECK(events_of(batch.orchestrations.front().inbox) == std::vector<std::string>{done.event});
    CHECK(batch.orchestrations.front().history.empty());
    CHECK(commit_one(last_turn_of(batch.orchestrations.front())) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture,
                 "first comes a checkpointed instance that is ready again",
                 "[HANDOFF-1]") {
    pending_instance();
    advance(moment);
    const activity_work task = leased_activity();
    const instance_id id = an_id();
    new_instance fresh = a_new_instance();
    fresh.instance = id;
    create(fresh);
    const orchestration_work work = lease(id);
    raise(id, "meanwhile");

    const work_batch batch = hand_off({turn_of(work)}, {completion_of(task)}, {1, 0}).work;

    REQUIRE(batch.orchestrations.size() == 1);
    CHECK(batch.orchestrations.front().instance == id);
    CHECK(batch.orchestrations.front().history.empty());
    CHECK(events_of(batch.orchestrations.front().inbox) ==
          std::vector<std::string>{an_event("meanwhile")});
    CHECK(batch.orchestrations.front().held.token != work.held.token);
}

TEST_CASE_METHOD(fixture,
                 "then what this call made ready goes before what waited longer",
                 "[HANDOFF-1]") {
    const activity_work task = leased_activity();
    const instance_id waiting = pending_instance();
    const instance_id scheduling = instance_with_queued_activity();
    advance(moment);
    raise(scheduling);
    const orchestration_work work = lease(scheduling);
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(7)};

    const work_batch batch = hand_off({turn}, {completion_of(task)}, {1, 1}).work;

    REQUIRE(batch.orchestrations.size() == 1);
    CHECK(batch.orchestrations.front().instance == task.instance);
    REQUIRE(batch.activities.size() == 1);
    CHECK(batch.activities.front().task == task_id{7});
    CHECK(is_ready(waiting));
    CHECK(lock({0, 10}).activities.size() == 1);
}

TEST_CASE_METHOD(fixture, "then comes what lock would hand out", "[HANDOFF-1]") {
    const instance_id waiting = pending_instance();
    instance_with_queued_activity();
    const orchestration_work work = lease(pending_instance());

    const work_batch batch = hand_off({last_turn_of(work)}, {}, {5, 5}).work;

    REQUIRE(batch.orchestrations.size() == 1);
    CHECK(batch.orchestrations.front().instance == waiting);
    CHECK(batch.activities.size() == 1);
}

TEST_CASE_METHOD(fixture, "a hand-off keeps to the room", "[HANDOFF-1][LOCK-8]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    for (std::uint64_t task = 1; task <= 5; ++task) {
        turn.activities.push_back(an_activity(task));
    }
    raise(work.instance);

    SECTION("of nothing") {
        const work_batch none = hand_off({turn}, {}, {0, 0}).work;
        CHECK(none.orchestrations.empty());
        CHECK(none.activities.empty());
        CHECK(lock({10, 10}).activities.size() == 5);
    }
    SECTION("of two activities") {
        const work_batch some = hand_off({turn}, {}, {0, 2}).work;
        CHECK(some.orchestrations.empty());
        CHECK(some.activities.size() == 2);
        const work_batch rest = lock({10, 10});
        CHECK(rest.orchestrations.size() == 1);
        CHECK(rest.activities.size() == 3);
    }
}

TEST_CASE_METHOD(fixture, "a hand-off keeps to the filter", "[HANDOFF-1][LOCK-4]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2), an_activity(3)};
    turn.activities[1].name = "Other";
    turn.activities[2].queue = "slow";
    turn.children = {a_child(work, 4)};
    turn.children.front().instance.name = "Unknown";

    const work_batch batch = hand_off({turn}, {}, {10, 10}).work;

    CHECK(batch.orchestrations.empty());
    REQUIRE(batch.activities.size() == 1);
    CHECK(batch.activities.front().task == task_id{1});
}

TEST_CASE_METHOD(fixture, "suspects are never handed off, but told of", "[HANDOFF-1][SUSPECT-1]") {
    leased();
    advance(11 * moment);
    const orchestration_work work = lease(pending_instance());
    REQUIRE_FALSE(work.suspect);

    lock_request next = request({10, 10});
    next.suspects = true;
    const finished_turn turn = turn_of(work);
    const work_batch batch = commit_to(store, {turn}, {}, next).work;

    CHECK(batch.orchestrations.empty());
    CHECK(batch.suspects_waiting);
    CHECK(lock_suspects().orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "an instance that continues as new is handed off, history included",
                 "[HANDOFF-1][COMMIT-6]") {
    const finished_turn turn = next_execution_of(leased());

    const work_batch batch = hand_off({turn}, {}, {1, 1}).work;

    REQUIRE(batch.orchestrations.size() == 1);
    CHECK(batch.orchestrations.front().execution == turn.next->execution);
    CHECK(batch.orchestrations.front().history_length == 1);
}

TEST_CASE_METHOD(fixture, "a child is handed off with its history", "[HANDOFF-1][LOCK-7]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.children = {a_child(work, 1)};

    const work_batch batch = hand_off({turn}, {}, {1, 1}).work;

    REQUIRE(batch.orchestrations.size() == 1);
    CHECK(batch.orchestrations.front().instance == turn.children.front().instance.instance);
    CHECK(batch.orchestrations.front().history.size() == 1);
}

TEST_CASE_METHOD(fixture, "a commit of nothing hands out what lock would", "[HANDOFF-1]") {
    pending_instance();

    const commit_answer result = hand_off({}, {}, {1, 1});

    CHECK(result.turns.empty());
    CHECK(result.activities.empty());
    CHECK(result.work.orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture, "a lost lease makes no work, and prevents none", "[HANDOFF-1]") {
    pending_instance();
    const orchestration_work lost = leased();
    for (const orchestration_work& other : lock({10, 0}).orchestrations) {
        REQUIRE(give_back(held(other)) == lease_outcome::done);
    }
    REQUIRE(park(held(lost)) == lease_outcome::done);
    finished_turn turn = turn_of(lost);
    turn.activities = {an_activity(1)};

    const commit_answer result = hand_off({turn}, {}, {10, 10});

    CHECK(result.turns == std::vector{commit_outcome::lease_lost});
    CHECK(result.work.activities.empty());
    CHECK(result.work.orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "what a call made ready and did not hand out is announced",
                 "[HANDOFF-2]") {
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2)};
    const wake_token token = lock({10, 10}).token;
    const work_batch some = hand_off({turn}, {completion_of(task)}, {0, 1}).work;
    REQUIRE(some.activities.size() == 1);

    const auto begun = std::chrono::steady_clock::now();
    const wake_token after = wait_for_change(store, token, in(patience));

    CHECK(after.value != token.value);
    CHECK(std::chrono::steady_clock::now() - begun < patience);
    const work_batch rest = lock({10, 10});
    CHECK(rest.orchestrations.size() == 1);
    CHECK(rest.activities.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "every item of a hand-off has a token of its own",
                 "[HANDOFF-1][LOCK-2][REPEAT-2]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    for (std::uint64_t task = 1; task <= 5; ++task) {
        turn.activities.push_back(an_activity(task));
    }
    raise(work.instance);
    const lock_request next = request({5, 5});
    std::set<lease_token> expected;
    for (std::uint32_t n = 0; n < 10; ++n) {
        expected.insert(derive_token(next.request, n));
    }

    const work_batch batch = commit_to(store, {turn}, {}, next).work;

    REQUIRE(batch.orchestrations.size() == 1);
    REQUIRE(batch.activities.size() == 5);
    std::set<lease_token> tokens{batch.orchestrations.front().held.token};
    for (const activity_work& task : batch.activities) {
        tokens.insert(task.held.token);
        CHECK(expected.contains(task.held.token));
    }
    CHECK(tokens.size() == 6);
    CHECK(expected.contains(batch.orchestrations.front().held.token));
}
