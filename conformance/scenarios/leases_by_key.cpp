#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "whoever does not know a lease's row needs none", "[LOCK-9]") {
    const auto without_row = [](auto item) {
        item.held.row = 0;
        return item;
    };
    SECTION("to commit a turn, whose activity comes with its answer") {
        finished_turn turn = without_row(turn_of(leased()));
        turn.activities = {an_activity(1)};
        const commit_answer answer = hand_off({turn}, {}, {0, 1});
        REQUIRE(answer.turns == std::vector{commit_outcome::committed});
        REQUIRE(answer.work.activities.size() == 1);
        CHECK(complete(completion_of(answer.work.activities.front())) == commit_outcome::committed);
    }
    SECTION("to end an activity, beside a turn that has one") {
        const finished_activity done = without_row(completion_of(leased_activity()));
        const finished_turn turn = turn_of(leased());
        const commit_answer answer = commit({turn}, {done});
        CHECK(answer.turns == std::vector{commit_outcome::committed});
        CHECK(answer.activities == std::vector{commit_outcome::committed});
        CHECK(inbox(done.instance) == std::vector{done.event});
    }
    SECTION("to commit a speculative turn") {
        if (lacks(ability::speculative_turns)) {
            return;
        }
        CHECK(commit_one(without_row(speculative_turn(leased_activity()))) ==
              commit_outcome::committed);
    }
    SECTION("to renew and return") {
        const held_item turn = without_row(held(leased()));
        const held_item activity = without_row(held(leased_activity()));
        CHECK(renew(turn, moment) == lease_outcome::done);
        CHECK(renew(activity, moment) == lease_outcome::done);
        CHECK(abandon(activity) == lease_outcome::done);
        CHECK(park(turn) == lease_outcome::done);
    }
    SECTION("to hear that it has lost a lease, or that there is none") {
        const orchestration_work work = leased();
        REQUIRE(give_back(held(work)) == lease_outcome::done);
        CHECK(commit_one(without_row(turn_of(work))) == commit_outcome::lease_lost);
        CHECK(renew({an_id(), {}, {{7}, 0}}, moment) == lease_outcome::lease_lost);
    }
}

TEST_CASE_METHOD(
    fixture,
    "ended activities and turns are answered in their order, and take effect turns first",
    "[BATCH-2][BATCH-4]") {
    const std::vector<activity_work> tasks = two_leased_activities();
    raise(tasks.front().instance);
    finished_turn turn = turn_of(lease(tasks.front().instance));
    const finished_activity cancelled = completion_of(tasks[0]);
    finished_activity lost = completion_of(tasks[1]);
    lost.held.token = derive_token(a_request(), 0);
    turn.cancelled_activities = {cancelled.task};

    const std::vector<finished_work> finished{lost, cancelled, turn};
    const commit_result result = store.commit({finished, request({})});

    CHECK(result.outcomes == std::vector{commit_outcome::lease_lost,
                                         commit_outcome::lease_lost,
                                         commit_outcome::committed});
    CHECK(complete(completion_of(tasks[1])) == commit_outcome::committed);
}
