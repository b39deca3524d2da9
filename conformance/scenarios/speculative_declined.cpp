#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "scenarios/handed_out.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace perdure;
using namespace perdure::conformance;

using texts = std::vector<std::string>;

namespace {

/// Tests of speculative turns that do not happen.
class declined_fixture : public fixture {
  public:
    /// A speculative turn that ends its instance, and leaves a trace wherever a turn can.
    finished_turn loud_turn(const activity_work& ended) {
        finished_turn turn = speculative_turn(ended);
        turn.status = orchestration_status::completed;
        turn.output = {"json", R"("done")"};
        turn.custom_status = payload("json", "1");
        turn.activities = {an_activity(9)};
        turn.messages = {a_message(an_id())};
        turn.children = {{a_new_instance("child"), {}}};
        return turn;
    }

    /// The instance's next execution, which waits for nothing.
    execution_id idle_after_continuing(const instance_id& id) {
        raise(id);
        REQUIRE(commit_one(next_execution_of(lease(id))) == commit_outcome::committed);
        const orchestration_work work = lease(id);
        REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
        return work.execution;
    }

    /// Commits it alone, and looks for those traces.
    void check_not_done(const finished_turn& turn, commit_outcome expected) {
        const instance_record before = get(turn.instance);
        const std::uint64_t version = history_version(turn.instance);
        const bool is_declined = expected == commit_outcome::turn_declined;

        const commit_answer result = commit({turn});

        CHECK(result.turns == std::vector{expected});
        CHECK(result.dropped_messages == 0);
        const instance_record after = get(turn.instance);
        CHECK(after.status == before.status);
        CHECK(after.execution == before.execution);
        CHECK(after.history_length == before.history_length);
        CHECK(after.custom_status == before.custom_status);
        CHECK(after.inbox_length == before.inbox_length + (is_declined ? 1 : 0));
        CHECK(history_version(turn.instance) == version);
        CHECK_FALSE(find(turn.children.front().instance.instance));
        CHECK(std::ranges::count(tasks_of(lock({0, 10})), 9U) == 0);
    }
};

}  // namespace

TEST_CASE_METHOD(declined_fixture,
                 "a speculative turn is declined when something could have come first",
                 "[SPECULATIVE-1][SPECULATIVE-2][VERSION-1]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const activity_work ended = leased_activity();
    const instance_id id = ended.instance;
    finished_turn turn = loud_turn(ended);
    texts expected{an_event("raised"), turn.activity->event};
    SECTION("a message") {
        raise(id);
        check_not_done(turn, commit_outcome::turn_declined);
    }
    SECTION("a timer that is not yet due") {
        raise(id);
        finished_turn earlier = turn_of(lease(id));
        earlier.timers = {a_timer(3, now() + 5 * moment)};
        REQUIRE(commit_one(earlier) == commit_outcome::committed);
        follow(turn, history_head(id));
        expected = {turn.activity->event};
        check_not_done(turn, commit_outcome::turn_declined);
    }
    SECTION("the turn of somebody who has leased the instance") {
        raise(id);
        const orchestration_work other = lease(id);
        check_not_done(turn, commit_outcome::turn_declined);
        CHECK(get(id).leased_by == worker.text);
        CHECK(give_back(held(other)) == lease_outcome::done);
    }
    SECTION("a turn that was given back") {
        raise(id);
        REQUIRE(give_back(held(lease(id))) == lease_outcome::done);
        check_not_done(turn, commit_outcome::turn_declined);
    }
    SECTION("what parked the instance") {
        raise(id);
        REQUIRE(park(held(lease(id))) == lease_outcome::done);
        check_not_done(turn, commit_outcome::turn_declined);
        CHECK_FALSE(is_ready(id));
        CHECK(unpark(id) == unpark_outcome::unparked);
    }
    SECTION("a turn that it does not know of") {
        raise(id);
        REQUIRE(commit_one(turn_of(lease(id))) == commit_outcome::committed);
        expected = {turn.activity->event};
        check_not_done(turn, commit_outcome::turn_declined);
    }
    SECTION("a turn whose commit the store has lost, and another in its place") {
        turn.last_committed = derive_token(a_request(), 0);
        expected = {turn.activity->event};
        check_not_done(turn, commit_outcome::turn_declined);
    }
    SECTION("a turn that nobody committed") {
        turn.last_committed = {};
        expected = {turn.activity->event};
        check_not_done(turn, commit_outcome::turn_declined);
    }
    SECTION("a turn that the store does not know of") {
        ++turn.history_version;
        expected = {turn.activity->event};
        check_not_done(turn, commit_outcome::turn_declined);
    }
    CHECK(inbox(id) == expected);
}

TEST_CASE_METHOD(declined_fixture,
                 "a speculative turn of an instance that is a suspect is declined",
                 "[SPECULATIVE-1][SPECULATIVE-2][SUSPECT-1]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const finished_turn turn = loud_turn(leased_activity());
    raise(turn.instance);
    static_cast<void>(lease(turn.instance));
    advance(11 * moment);

    check_not_done(turn, commit_outcome::turn_declined);

    const work_batch batch = lock_suspects();
    REQUIRE(ids_of(batch) == std::vector{turn.instance});
    CHECK(events_of(batch.orchestrations.front().inbox) ==
          texts{an_event("raised"), turn.activity->event});
}

TEST_CASE_METHOD(declined_fixture,
                 "the instance of a declined turn is handed out by the same call",
                 "[SPECULATIVE-2][HANDOFF-1]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    finished_turn turn = loud_turn(leased_activity());
    --turn.history_version;

    const commit_answer result = hand_off({turn}, {}, {1, 1});

    CHECK(result.turns == std::vector{commit_outcome::turn_declined});
    REQUIRE(ids_of(result.work) == std::vector{turn.instance});
    CHECK(result.work.activities.empty());
    const orchestration_work& work = result.work.orchestrations.front();
    CHECK(work.history_version == turn.history_version + 1);
    REQUIRE(events_of(work.inbox) == texts{turn.activity->event});
    CHECK(work.inbox.front().task == turn.activity->task);
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
}

TEST_CASE_METHOD(declined_fixture,
                 "a speculative turn beside another item of its instance is declined",
                 "[SPECULATIVE-1][SPECULATIVE-2][BATCH-4]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const std::vector<activity_work> tasks = two_leased_activities();
    const instance_id id = tasks[0].instance;
    finished_turn turn = loud_turn(tasks[0]);
    turn.activity->event = an_event("declined");
    texts expected{turn.activity->event, completion_of(tasks[1]).event};

    SECTION("a completion") {
        const commit_answer result = commit({turn}, {completion_of(tasks[1])});
        CHECK(result.turns == std::vector{commit_outcome::turn_declined});
        CHECK(result.activities == std::vector{commit_outcome::committed});
    }
    SECTION("another speculative turn") {
        const commit_answer result = commit({turn, speculative_turn(tasks[1])});
        CHECK(result.turns ==
              std::vector{commit_outcome::turn_declined, commit_outcome::turn_declined});
    }
    SECTION("another speculative turn, before it") {
        const commit_answer result = commit({speculative_turn(tasks[1]), turn});
        CHECK(result.turns ==
              std::vector{commit_outcome::turn_declined, commit_outcome::turn_declined});
        std::ranges::reverse(expected);
    }
    SECTION("a checkpoint that has lost its lease") {
        raise(id);
        finished_turn lost = turn_of(lease(id));
        REQUIRE(commit_one(lost) == commit_outcome::committed);
        lost.held.token = tasks[1].held.token;
        follow(turn, history_head(id));
        const bool is_first = GENERATE(true, false);
        const commit_answer result = is_first ? commit({lost, turn}) : commit({turn, lost});
        CHECK(result.turns[is_first ? 0 : 1] == commit_outcome::lease_lost);
        CHECK(result.turns[is_first ? 1 : 0] == commit_outcome::turn_declined);
        expected.pop_back();
    }
    SECTION("a checkpoint that goes before it, wherever it stands") {
        raise(id);
        finished_turn other = turn_of(lease(id));
        other.events.clear();
        const bool is_first = GENERATE(true, false);
        const commit_answer result = is_first ? commit({other, turn}) : commit({turn, other});
        CHECK(result.turns[is_first ? 0 : 1] == commit_outcome::committed);
        CHECK(result.turns[is_first ? 1 : 0] == commit_outcome::turn_declined);
        expected.pop_back();
    }
    CHECK(inbox(id) == expected);
    CHECK(get(id).custom_status.is_none());
    CHECK_FALSE(find(turn.children.front().instance.instance));
}

TEST_CASE_METHOD(declined_fixture,
                 "a speculative turn without its activity's lease is refused, and changes nothing",
                 "[SPECULATIVE-2][LOCK-2]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const activity_work task = leased_activity();
    finished_turn turn = loud_turn(task);
    SECTION("with another token") {
        turn.held.token = leased_activity().held.token;
    }
    SECTION("without a token") {
        turn.held.token = {};
    }
    SECTION("of a task that it did not lease") {
        turn.activity->task = {77};
    }
    SECTION("of no task, with the lease of the instance") {
        const orchestration_work own = leased();
        turn.instance = own.instance;
        turn.execution = own.execution;
        turn.held = own.held;
        turn.history_version = own.history_version;
        turn.last_committed = own.last_committed;
        turn.activity = ended_activity{{}, an_event("nobody's end")};
    }
    SECTION("of another execution") {
        turn.execution = an_execution();
    }
    SECTION("of an execution that did not schedule the activity") {
        turn.execution = idle_after_continuing(task.instance);
        follow(turn, history_head(task.instance));
    }
    SECTION("of an activity that was given back") {
        REQUIRE(give_back(held(task)) == lease_outcome::done);
    }
    SECTION("of an activity that somebody took") {
        advance(11 * moment);
        REQUIRE(lock_suspects().activities.size() == 1);
    }
    SECTION("of an activity that was cancelled") {
        raise(task.instance);
        finished_turn cancelling = turn_of(lease(task.instance));
        cancelling.cancelled_activities = {task.task};
        REQUIRE(commit_one(cancelling) == commit_outcome::committed);
        follow(turn, history_head(task.instance));
    }
    SECTION("of an activity that has ended") {
        REQUIRE(complete(completion_of(task)) == commit_outcome::committed);
        REQUIRE(commit_one(turn_of(lease(task.instance))) == commit_outcome::committed);
        follow(turn, history_head(task.instance));
    }
    check_not_done(turn, commit_outcome::lease_lost);
}

TEST_CASE_METHOD(declined_fixture,
                 "a speculative turn that comes too late removes its activity",
                 "[SPECULATIVE-2][COMMIT-5]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const activity_work task = leased_activity();
    SECTION("after the instance has ended") {
        raise(task.instance);
        REQUIRE(commit_one(last_turn_of(lease(task.instance))) == commit_outcome::committed);
    }
    SECTION("after the instance has continued as new") {
        raise(task.instance);
        REQUIRE(commit_one(next_execution_of(lease(task.instance))) == commit_outcome::committed);
    }
    SECTION("after the next execution has begun to wait") {
        idle_after_continuing(task.instance);
    }

    check_not_done(loud_turn(task), commit_outcome::instance_is_terminal);

    CHECK(renew(held(task), moment) == lease_outcome::lease_lost);
    CHECK(complete(completion_of(task)) == commit_outcome::lease_lost);
}

TEST_CASE_METHOD(declined_fixture,
                 "a declined turn again is declined, while its event waits",
                 "[SPECULATIVE-2][COMMIT-2]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    finished_turn turn = loud_turn(leased_activity());
    ++turn.history_version;
    REQUIRE(commit_one(turn) == commit_outcome::turn_declined);

    CHECK(commit_one(turn) == commit_outcome::turn_declined);

    CHECK(inbox(turn.instance) == texts{turn.activity->event});
    REQUIRE(commit_one(turn_of(lease(turn.instance))) == commit_outcome::committed);
    CHECK(commit_one(turn) == commit_outcome::lease_lost);
}

TEST_CASE_METHOD(declined_fixture,
                 "speculative turns of one call are independent, and may be repeated",
                 "[SPECULATIVE-1][SPECULATIVE-2][BATCH-1][BATCH-2][REPEAT-1]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const finished_turn declined = loud_turn(leased_activity());
    finished_turn done = speculative_turn(leased_activity());
    done.activities = {an_activity(2)};
    finished_turn lost = loud_turn(leased_activity());
    lost.held.token = done.held.token;
    raise(declined.instance);
    const orchestration_work ordinary = leased();
    REQUIRE(give_back(held(lease(declined.instance))) == lease_outcome::done);
    const std::vector<finished_turn> turns{declined, turn_of(ordinary), lost, done};
    const lock_request next = request({5, 5});

    const commit_answer first = commit_to(store, turns, {}, next);
    const commit_answer again = commit_to(store, turns, {}, next);

    CHECK(first.turns == std::vector{commit_outcome::turn_declined,
                                     commit_outcome::committed,
                                     commit_outcome::lease_lost,
                                     commit_outcome::committed});
    CHECK(ids_of(first.work) == std::vector{declined.instance});
    CHECK(tasks_of(first.work) == std::vector<std::uint64_t>{2});
    CHECK(again.turns == first.turns);
    CHECK(again.dropped_messages == 0);
    REQUIRE(ids_of(again.work) == ids_of(first.work));
    REQUIRE(tasks_of(again.work) == tasks_of(first.work));
    CHECK(again.work.orchestrations.front().held == first.work.orchestrations.front().held);
    CHECK(again.work.activities.front().held == first.work.activities.front().held);
    CHECK(events_of(again.work.orchestrations.front().inbox) ==
          texts{an_event("raised"), declined.activity->event});
    CHECK(get(ordinary.instance).history_length == 3);
    CHECK(get(done.instance).history_length == 5);
    CHECK(get(lost.instance).inbox_length == 0);
}
