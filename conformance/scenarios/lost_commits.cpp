#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "scenarios/handed_out.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

// By what a worker notices that the store has lost commits which it had acknowledged.

TEST_CASE_METHOD(fixture,
                 "a history is named by the turn that was committed last",
                 "[VERSION-1][LOCK-7]") {
    const instance_id id = pending_instance();
    const orchestration_work first = lease(id);
    REQUIRE_FALSE(first.last_committed);
    REQUIRE_FALSE(history_head(id).last_committed);
    lease_token expected = first.held.token;
    SECTION("a turn with a lease") {
        REQUIRE(commit_one(turn_of(first)) == commit_outcome::committed);
    }
    SECTION("a turn that is committed again") {
        REQUIRE(commit_one(turn_of(first)) == commit_outcome::committed);
        REQUIRE(commit_one(turn_of(first)) == commit_outcome::committed);
    }
    SECTION("the turn that was handed out by the one before") {
        raise(id);
        const commit_answer result = hand_off({turn_of(first)}, {}, {1, 0});
        REQUIRE(ids_of(result.work) == std::vector{id});
        const orchestration_work& second = result.work.orchestrations.front();
        CHECK(second.last_committed == first.held.token);
        REQUIRE(commit_one(turn_of(second)) == commit_outcome::committed);
        expected = second.held.token;
    }
    SECTION("a turn that continues as new") {
        REQUIRE(commit_one(next_execution_of(first)) == commit_outcome::committed);
    }
    SECTION("a speculative turn, by the activity's lease") {
        if (lacks(ability::speculative_turns)) {
            return;
        }
        finished_turn turn = turn_of(first);
        turn.activities = {an_activity(1)};
        const work_batch given = hand_off({turn}, {}, {0, 1}).work;
        REQUIRE(tasks_of(given) == std::vector<std::uint64_t>{1});
        REQUIRE(commit_one(speculative_turn(given.activities.front())) ==
                commit_outcome::committed);
        expected = given.activities.front().held.token;
    }
    SECTION("no turn that was not committed") {
        REQUIRE(commit_one(turn_of(first)) == commit_outcome::committed);
        raise(id);
        REQUIRE(abandon(held(lease(id))) == lease_outcome::done);
        REQUIRE(give_back(held(lease(id))) == lease_outcome::done);
        advance(11 * moment);
        REQUIRE(ids_of(lock({1, 0})) == std::vector{id});
        advance(11 * moment);
        const work_batch suspects = lock_suspects();
        REQUIRE(ids_of(suspects) == std::vector{id});
        CHECK(suspects.orchestrations.front().last_committed == expected);
        REQUIRE(give_back(held(suspects.orchestrations.front())) == lease_outcome::done);
        CHECK(history_head(id).last_committed == expected);
        return;
    }
    CHECK(history_head(id).last_committed == expected);
    raise(id);
    CHECK(lease(id).last_committed == expected);
}

TEST_CASE("the turn that was committed last is known when the hub is opened again", "[VERSION-1]") {
    if (lacks(ability::durable)) {
        return;
    }
    const backend_config config = a_hub_config();
    const new_instance fresh = a_new_instance();
    lease_token committed;
    const auto a_lock = [] {
        lock_request asked;
        asked.request = a_request();
        asked.worker = {"w1"};
        asked.orchestrations = 1;
        return asked;
    };
    {
        const hub before = open_hub(config);
        REQUIRE(before.store().create({a_request()}, {&fresh, 1}).outcomes.front().code ==
                create_code::created);
        const work_batch given = before.store().lock(a_lock());
        REQUIRE(ids_of(given) == std::vector{fresh.instance});
        const finished_turn turn = next_execution_of(given.orchestrations.front());
        committed = turn.held.token;
        lock_request next = a_lock();
        next.orchestrations = 0;
        REQUIRE(commit_to(before.store(), {turn}, {}, next).turns ==
                std::vector{commit_outcome::committed});
    }

    const hub after = open_hub(config);

    CHECK(after.store().read_history(fresh.instance, 0, 1)->last_committed == committed);
    const work_batch given = after.store().lock(a_lock());
    REQUIRE(ids_of(given) == std::vector{fresh.instance});
    CHECK(given.orchestrations.front().last_committed == committed);
}

// What the first worker believes to have committed never came to the store, which is all that is
// left of a lost commit; then the second worker does the same step, with another result.
TEST_CASE_METHOD(fixture,
                 "a speculative turn that follows a lost commit is declined",
                 "[VERSION-1][SPECULATIVE-1][SPECULATIVE-2]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    const std::vector<activity_work> tasks = two_leased_activities();
    const instance_id id = tasks[0].instance;
    const finished_turn lost = speculative_turn(tasks[0]);
    REQUIRE(give_back(held(tasks[0])) == lease_outcome::done);
    worker = {"w2"};
    const work_batch given = lock({0, 1});
    REQUIRE(tasks_of(given) == std::vector{tasks[0].task.value});
    const finished_turn instead = speculative_turn(given.activities.front());
    REQUIRE(commit_one(instead) == commit_outcome::committed);
    const history_page head = history_head(id);
    REQUIRE(head.history_version == lost.history_version + 1);

    worker = {"w1"};
    finished_turn turn = speculative_turn_of(tasks[1], head.history_version, lost.held.token);
    SECTION("alone") {
        CHECK(commit_one(turn) == commit_outcome::turn_declined);
    }
    SECTION("beside others") {
        CHECK(commit({turn_of(leased()), turn, speculative_turn(leased_activity())}).turns ==
              std::vector{commit_outcome::committed,
                          commit_outcome::turn_declined,
                          commit_outcome::committed});
    }

    CHECK(history_version(id) == head.history_version);
    CHECK(inbox(id) == std::vector{turn.activity->event});
}
