#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "scenarios/handed_out.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

using texts = std::vector<std::string>;

TEST_CASE_METHOD(fixture,
                 "a speculative turn ends its activity, whose event nobody sees",
                 "[SPECULATIVE-1][COMMIT-9]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const activity_work ended = leased_activity();
    const finished_turn turn = speculative_turn(ended);

    CHECK(commit_one(turn) == commit_outcome::committed);

    const instance_record found = get(ended.instance);
    CHECK(found.status == orchestration_status::running);
    CHECK(found.history_length == 5);
    CHECK(found.inbox_length == 0);
    CHECK(history(ended.instance).back() == history_chunk{3, 2, turn.events.front().text});
    CHECK(history_version(ended.instance) == turn.history_version + 1);
    CHECK_FALSE(is_ready(ended.instance));
    CHECK(complete(completion_of(ended)) == commit_outcome::lease_lost);
    CHECK(renew(held(ended), moment) == lease_outcome::lease_lost);
    raise(ended.instance, "the only one");
    CHECK(inbox(ended.instance) == texts{an_event("the only one")});
}

TEST_CASE_METHOD(fixture,
                 "speculative turns follow each other, each handed the activity of the one before",
                 "[SPECULATIVE-1][HANDOFF-1][COMMIT-9]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    activity_work ended = leased_activity();
    const history_page first = history_head(ended.instance);
    lease_token before = first.last_committed;
    for (std::uint64_t n = 0; n < 5; ++n) {
        finished_turn turn = speculative_turn_of(ended, first.history_version + n, before);
        turn.activities = {an_activity(n + 2)};

        const commit_answer result = hand_off({turn}, {}, {1, 1});

        REQUIRE(result.turns == std::vector{commit_outcome::committed});
        CHECK(result.work.orchestrations.empty());
        REQUIRE(tasks_of(result.work) == std::vector{n + 2});
        before = ended.held.token;
        ended = result.work.activities.front();
    }
    CHECK(get(ended.instance).history_length == 13);
}

TEST_CASE_METHOD(fixture,
                 "the same speculative turn again is committed, and happens once",
                 "[SPECULATIVE-1][COMMIT-2]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const activity_work ended = leased_activity();
    finished_turn turn = speculative_turn(ended);
    turn.activities = {an_activity(2)};
    SECTION("of an instance that goes on") {}
    SECTION("of an instance that ends") {
        turn.status = orchestration_status::completed;
    }
    SECTION("of an execution that continues as new") {
        turn.next = next_execution{an_execution(), order_version, an_event("anew"), {}, {}};
    }
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const instance_record before = get(ended.instance);

    CHECK(commit_one(turn) == commit_outcome::committed);

    CHECK(get(ended.instance).execution == before.execution);
    CHECK(get(ended.instance).history_length == before.history_length);
    CHECK(get(ended.instance).inbox_length == 0);
    CHECK(lock({0, 10}).activities.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "after a speculative turn history is left out for the activity's holder",
                 "[SPECULATIVE-1][LOCK-7]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const instance_id id = instance_with_queued_activity();
    worker = {"w2"};
    const work_batch batch = lock({0, 1});
    REQUIRE(batch.activities.size() == 1);
    SECTION("who commits it") {}
    SECTION("though another worker made the call") {
        worker = {"w1"};
    }
    REQUIRE(commit_one(speculative_turn(batch.activities.front())) == commit_outcome::committed);
    raise(id);

    worker = {"w1"};
    const orchestration_work others = lease(id);
    CHECK(others.history.size() == 3);
    REQUIRE(give_back(held(others)) == lease_outcome::done);
    worker = {"w2"};
    CHECK(lease(id).history.empty());
}

TEST_CASE_METHOD(fixture, "all parts of a speculative turn happen", "[SPECULATIVE-1][COMMIT-1]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const instance_id other = idle_instance();
    const std::vector<activity_work> tasks = two_leased_activities();
    const instance_id id = tasks[0].instance;
    const parent_link link{id, tasks[0].execution, {4}};
    finished_turn turn = speculative_turn(tasks[0]);
    turn.events.push_back({1, "[" + an_event("more") + "]"});
    turn.custom_status = payload("json", R"("half way")");
    turn.cancelled_activities = {tasks[1].task};
    turn.timers = {a_timer(3, now() + 2 * moment)};
    turn.messages = {a_message(other, "from a speculative turn"), a_message(an_id())};
    turn.children = {{a_new_instance("child"), an_event("refused")},
                     {a_new_instance("child"), an_event("refused")}};
    turn.children[0].instance.parent = link;
    turn.children[1].instance.parent = link;
    turn.children[1].instance.instance = other;

    const commit_answer result = commit({turn});

    CHECK(result.turns == std::vector{commit_outcome::committed});
    CHECK(result.dropped_messages == 1);
    CHECK(get(id).custom_status == *turn.custom_status);
    CHECK(get(id).history_length == 6);
    CHECK(complete(completion_of(tasks[1])) == commit_outcome::lease_lost);
    CHECK(inbox(other) == texts{an_event("from a speculative turn")});
    CHECK(get(turn.children[0].instance.instance).parent == link);
    CHECK(inbox(id) == texts{an_event("refused")});
    advance(3 * moment);
    CHECK(inbox(id) == texts{an_event("refused"), an_event("timer fired 3")});
}

TEST_CASE_METHOD(fixture, "a speculative turn can end its instance", "[SPECULATIVE-1][COMMIT-5]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    finished_turn turn = speculative_turn(leased_activity());
    turn.activities = {an_activity(2)};
    std::size_t still_queued = 1;
    SECTION("completed") {
        turn.status = orchestration_status::completed;
        turn.output = {"json", R"("done")"};
    }
    SECTION("failed") {
        turn.status = orchestration_status::failed;
        turn.failure = R"({"message":"no"})";
    }
    SECTION("terminated") {
        turn.status = orchestration_status::terminated;
        turn.output = {"json", R"("enough")"};
        still_queued = 0;
    }

    CHECK(commit_one(turn) == commit_outcome::committed);

    const instance_record found = get(turn.instance);
    CHECK(found.status == turn.status);
    CHECK(found.output == turn.output);
    CHECK(found.failure == turn.failure);
    CHECK(found.completed_at);
    CHECK(found.history_length == 5);
    CHECK(lock({0, 10}).activities.size() == still_queued);
    CHECK(send(turn.instance) == send_outcome::instance_is_terminal);
}

TEST_CASE_METHOD(fixture,
                 "a speculative turn that continues as new is handed out, history included",
                 "[SPECULATIVE-1][COMMIT-6][HANDOFF-1]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    finished_turn turn = speculative_turn(leased_activity());
    turn.next = next_execution{an_execution(), order_version, an_event("anew"), {}, {}};

    const commit_answer result = hand_off({turn}, {}, {1, 1});

    CHECK(result.turns == std::vector{commit_outcome::committed});
    REQUIRE(ids_of(result.work) == std::vector{turn.instance});
    CHECK(result.work.orchestrations.front().execution == turn.next->execution);
    CHECK(text_of(result.work.orchestrations.front().history) == "[" + an_event("anew") + "]");
    CHECK(result.work.orchestrations.front().inbox.empty());
}

TEST_CASE_METHOD(fixture,
                 "a speculative turn commits when the activity's lease is over, and nobody took it",
                 "[SPECULATIVE-1][LOCK-3]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const finished_turn turn = speculative_turn(leased_activity());
    advance(11 * moment);
    REQUIRE(lock({10, 10}).activities.empty());

    CHECK(commit_one(turn) == commit_outcome::committed);

    CHECK(get(turn.instance).history_length == 5);
    CHECK(get(turn.instance).inbox_length == 0);
    CHECK(lock_suspects().activities.empty());
}
