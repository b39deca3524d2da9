#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "all parts of a checkpoint happen", "[COMMIT-1]") {
    const instance_id other = idle_instance();
    const instance_id id = pending_instance();
    raise(id, "consumed");
    const orchestration_work work = lease(id);
    finished_turn turn = turn_of(work);
    turn.events.push_back({1, "[" + an_event("more") + "]"});
    turn.custom_status = payload("json", R"("half way")");
    turn.activities = {an_activity(1), an_activity(2)};
    turn.timers = {a_timer(3, now() + 2 * moment)};
    turn.messages = {a_message(other, "from a turn")};
    turn.children = {a_child(work, 4)};
    turn.children.front().instance.tags = {{"kind", "child"}};

    const commit_answer result = commit({turn});

    CHECK(result.turns == std::vector{commit_outcome::committed});
    CHECK(result.dropped_messages == 0);
    const instance_record found = get(id);
    CHECK(found.status == orchestration_status::running);
    CHECK(found.custom_status == *turn.custom_status);
    CHECK(found.history_length == 4);
    CHECK(found.leased_by.empty());
    CHECK(history(id)[1] == history_chunk{1, 2, turn.events[0].text});
    CHECK(history(id)[2] == history_chunk{3, 1, turn.events[1].text});
    CHECK(inbox(other) == std::vector<std::string>{an_event("from a turn")});
    const instance_record child = get(turn.children.front().instance.instance);
    CHECK(child.parent == parent_link{id, work.execution, {4}});
    CHECK(child.status == orchestration_status::pending);
    CHECK(child.tags == turn.children.front().instance.tags);
    CHECK(child.execution == turn.children.front().instance.execution);
    CHECK(lock({0, 10}).activities.size() == 2);
    CHECK_FALSE(is_ready(id));
    advance(3 * moment);
    const orchestration_work next = lease(id);
    REQUIRE(next.inbox.size() == 1);
    CHECK(next.inbox.front().event == turn.timers.front().event);
    CHECK(next.inbox.front().task == task_id{3});
    CHECK(next.inbox.front().visible_at == turn.timers.front().fire_at);
}

TEST_CASE_METHOD(fixture, "with a lost lease nothing of a checkpoint happens", "[COMMIT-1]") {
    const instance_id other = idle_instance();
    const instance_id id = pending_instance();
    raise(id, "kept");
    const orchestration_work work = lease(id);
    REQUIRE(give_back(held(work)) == lease_outcome::done);
    finished_turn turn = last_turn_of(work);
    turn.custom_status = payload("json", "1");
    turn.activities = {an_activity(1)};
    turn.timers = {a_timer(3, now() - moment)};
    turn.messages = {a_message(other), a_message(an_id())};
    turn.children = {a_child(work, 4)};

    const commit_answer result = commit({turn});

    CHECK(result.turns == std::vector{commit_outcome::lease_lost});
    CHECK(result.dropped_messages == 0);
    const instance_record found = get(id);
    CHECK(found.status == orchestration_status::pending);
    CHECK(found.history_length == 1);
    CHECK(found.custom_status.is_none());
    CHECK(found.output.is_none());
    CHECK_FALSE(found.completed_at);
    CHECK(inbox(id) == std::vector<std::string>{an_event("kept")});
    CHECK(get(other).inbox_length == 0);
    CHECK_FALSE(find(turn.children.front().instance.instance));
    CHECK(lock({0, 10}).activities.empty());
}

TEST_CASE_METHOD(fixture, "a checkpoint of another execution is refused", "[COMMIT-1]") {
    const orchestration_work work = leased();
    finished_turn turn = last_turn_of(work);
    turn.execution = an_execution();

    CHECK(commit_one(turn) == commit_outcome::lease_lost);

    CHECK(get(work.instance).status == orchestration_status::pending);
    CHECK(get(work.instance).history_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "a custom status is kept until a turn changes or clears it",
                 "[COMMIT-1]") {
    const instance_id id = pending_instance();
    finished_turn turn = turn_of(lease(id));
    turn.custom_status = payload("json", "1");
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    raise(id);
    REQUIRE(commit_one(turn_of(lease(id))) == commit_outcome::committed);
    CHECK(get(id).custom_status == payload("json", "1"));

    raise(id);
    turn = turn_of(lease(id));
    turn.custom_status = payload();
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(id).custom_status.is_none());
}

TEST_CASE_METHOD(fixture,
                 "messages of a checkpoint to nobody are dropped and counted",
                 "[COMMIT-1][SEND-1]") {
    const instance_id ended = completed_instance();
    const instance_id other = idle_instance();
    finished_turn turn = turn_of(leased());
    turn.messages = {a_message(an_id()), a_message(ended), a_message(other)};

    const commit_answer result = commit({turn});

    CHECK(result.turns == std::vector{commit_outcome::committed});
    CHECK(result.dropped_messages == 2);
    CHECK(get(other).inbox_length == 1);
    CHECK(get(ended).inbox_length == 0);
}

TEST_CASE_METHOD(fixture,
                 "a checkpoint's message to its own instance is in the next turn's inbox",
                 "[COMMIT-1]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.messages = {a_message(work.instance, "to itself")};

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(inbox(work.instance) == std::vector<std::string>{an_event("to itself")});
}

TEST_CASE_METHOD(fixture,
                 "a timer that is due in the past fires in the next turn",
                 "[COMMIT-1][TIME-2]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.timers = {a_timer(1, now() - 100 * moment)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(inbox(work.instance) == std::vector<std::string>{an_event("timer fired 1")});
}

TEST_CASE_METHOD(fixture, "a cancelled timer does not fire", "[COMMIT-1]") {
    const instance_id id = pending_instance();
    finished_turn turn = turn_of(lease(id));
    turn.timers = {a_timer(1, now() + 2 * moment),
                   a_timer(2, now() + 2 * moment),
                   a_timer(3, now() + 2 * moment)};
    turn.cancelled_timers = {{3}};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    raise(id);
    turn = turn_of(lease(id));
    turn.cancelled_timers = {{1}, {77}};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    advance(3 * moment);

    CHECK(inbox(id) == std::vector<std::string>{an_event("timer fired 2")});
}

TEST_CASE_METHOD(fixture,
                 "the same checkpoint again is committed, and happens once",
                 "[COMMIT-2][REPEAT-1]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1)};
    turn.messages = {a_message(work.instance, "to itself")};
    turn.children = {a_child(work, 4)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(commit_one(turn) == commit_outcome::committed);

    CHECK(get(work.instance).history_length == 3);
    CHECK(get(work.instance).inbox_length == 1);
    CHECK(lock({0, 10}).activities.size() == 1);
    CHECK(store.query({}, 10, {}).instances.size() == 2);
}

TEST_CASE_METHOD(fixture,
                 "the last checkpoint again is committed, after the instance has ended",
                 "[COMMIT-2]") {
    const finished_turn turn = last_turn_of(leased());
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const instance_record before = get(turn.instance);

    CHECK(commit_one(turn) == commit_outcome::committed);

    CHECK(get(turn.instance).history_length == before.history_length);
    CHECK(get(turn.instance).completed_at == before.completed_at);
}

TEST_CASE_METHOD(fixture, "a checkpoint that continued as new again is committed", "[COMMIT-2]") {
    const finished_turn turn = next_execution_of(leased());
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(commit_one(turn) == commit_outcome::committed);

    CHECK(get(turn.instance).execution == turn.next->execution);
    CHECK(get(turn.instance).history_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "the same completion again is committed, while its message waits",
                 "[COMMIT-2][REPEAT-1]") {
    const activity_work task = leased_activity();
    REQUIRE(complete(completion_of(task)) == commit_outcome::committed);

    CHECK(complete(completion_of(task)) == commit_outcome::committed);

    CHECK(get(task.instance).inbox_length == 1);
}

TEST_CASE_METHOD(fixture, "two commits of one lease at once happen once", "[COMMIT-2]") {
    const orchestration_work work = leased();
    const finished_turn turn = turn_of(work);
    {
        std::vector<std::jthread> threads;
        for (int n = 0; n < 3; ++n) {
            threads.emplace_back(
                [&] { static_cast<void>(commit_to(store, {turn}, {}, request({}))); });
        }
    }

    CHECK(get(work.instance).history_length == 3);
}

TEST_CASE_METHOD(fixture, "exactly the consumed messages are removed", "[COMMIT-3]") {
    const instance_id id = pending_instance();
    raise(id, "one");
    raise(id, "two");
    raise(id, "three");
    const orchestration_work work = lease(id);
    raise(id, "four");
    finished_turn turn = turn_of(work);
    turn.consumed = {work.inbox[0].sequence, work.inbox[2].sequence};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(inbox(id) == std::vector<std::string>{an_event("two"), an_event("four")});
}

TEST_CASE_METHOD(fixture,
                 "messages of other instances are not removed, whatever is consumed",
                 "[COMMIT-3]") {
    const instance_id neighbour = pending_instance();
    raise(neighbour, "mine");
    const orchestration_work others = lease(neighbour);
    finished_turn turn = turn_of(leased());
    turn.consumed = {others.inbox.front().sequence, 987654321};

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(neighbour).inbox_length == 1);
}

TEST_CASE_METHOD(fixture, "a checkpoint raises the history version by exactly one", "[COMMIT-9]") {
    const instance_id id = pending_instance();
    std::uint64_t version = 0;
    SECTION("with several chunks of events") {
        const orchestration_work work = lease(id);
        version = work.history_version;
        finished_turn turn = turn_of(work);
        turn.events.push_back({3, "[1,2,3]"});
        REQUIRE(commit_one(turn) == commit_outcome::committed);
    }
    SECTION("without any event") {
        const orchestration_work work = lease(id);
        version = work.history_version;
        finished_turn turn = turn_of(work);
        turn.events.clear();
        REQUIRE(commit_one(turn) == commit_outcome::committed);
    }
    SECTION("when it is repeated") {
        const orchestration_work work = lease(id);
        version = work.history_version;
        REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
        REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
    }
    SECTION("whatever else happens to the instance") {
        raise(id);
        REQUIRE(abandon(held(lease(id))) == lease_outcome::done);
        const orchestration_work work = lease(id);
        version = work.history_version;
        raise(id);
        REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
    }
    raise(id);

    CHECK(lease(id).history_version == version + 1);
    CHECK(store.read_history(id, 0, 1)->history_version == version + 1);
}

TEST_CASE_METHOD(fixture,
                 "the history version begins at 1, and only checkpoints raise it",
                 "[COMMIT-9]") {
    const instance_id id = pending_instance();
    CHECK(history_version(id) == 1);
    raise(id);
    REQUIRE(abandon(held(lease(id))) == lease_outcome::done);
    REQUIRE(park(held(lease(id))) == lease_outcome::done);
    REQUIRE(unpark(id) == unpark_outcome::unparked);
    CHECK(history_version(id) == 1);

    REQUIRE(commit_one(next_execution_of(lease(id))) == commit_outcome::committed);
    CHECK(history_version(id) == 2);
    REQUIRE(commit_one(last_turn_of(lease(id))) == commit_outcome::committed);
    CHECK(history_version(id) == 3);
}
