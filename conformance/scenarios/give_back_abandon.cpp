#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture,
                 "an orchestration given back is ready at once, and no delivery counts",
                 "[GIVE-1]") {
    const orchestration_work work = leased();
    raise(work.instance, "meanwhile");

    REQUIRE(give_back(held(work)) == lease_outcome::done);

    CHECK(get(work.instance).leased_by.empty());
    const orchestration_work again = lease(work.instance);
    CHECK(again.deliveries == 1);
    CHECK_FALSE(again.suspect);
    CHECK(again.history.size() == 1);
    CHECK(events_of(again.inbox) == std::vector<std::string>{an_event("meanwhile")});
}

TEST_CASE_METHOD(fixture,
                 "an activity given back is ready at once, and no delivery counts",
                 "[GIVE-1]") {
    const activity_work work = leased_activity();

    REQUIRE(give_back(held(work)) == lease_outcome::done);

    const work_batch again = lock({0, 10});
    REQUIRE(again.activities.size() == 1);
    CHECK(again.activities.front().deliveries == 1);
    CHECK_FALSE(again.activities.front().suspect);
    CHECK(again.activities.front().input == work.input);
    CHECK(again.activities.front().details == work.details);
}

TEST_CASE_METHOD(fixture,
                 "giving back never brings the deliveries below one, nor up",
                 "[GIVE-1][ABANDON-1]") {
    const instance_id id = pending_instance();
    for (int i = 0; i < 3; ++i) {
        REQUIRE(give_back(held(lease(id))) == lease_outcome::done);
    }
    CHECK(lease(id).deliveries == 1);
    advance(11 * moment);
    const work_batch suspect = lock_suspects();
    REQUIRE(suspect.orchestrations.size() == 1);
    REQUIRE(abandon(held(suspect.orchestrations.front())) == lease_outcome::done);
    for (int i = 0; i < 3; ++i) {
        const work_batch again = lock_suspects();
        REQUIRE(again.orchestrations.size() == 1);
        CHECK(again.orchestrations.front().deliveries == 2);
        REQUIRE(give_back(held(again.orchestrations.front())) == lease_outcome::done);
    }
}

TEST_CASE_METHOD(fixture, "what was given back cannot be committed", "[GIVE-1][LOCK-2]") {
    const orchestration_work work = leased();
    const activity_work task = leased_activity();
    REQUIRE(give_back(held(work)) == lease_outcome::done);
    REQUIRE(give_back(held(task)) == lease_outcome::done);

    CHECK(commit_one(last_turn_of(work)) == commit_outcome::lease_lost);
    CHECK(complete(completion_of(task)) == commit_outcome::lease_lost);

    CHECK(get(work.instance).history_length == 1);
    CHECK(get(task.instance).inbox_length == 0);
}

TEST_CASE_METHOD(fixture,
                 "an abandoned orchestration is ready after the delay, as a next delivery",
                 "[ABANDON-1][TIME-2]") {
    const orchestration_work work = leased();

    REQUIRE(abandon(held(work), 2 * moment) == lease_outcome::done);

    CHECK(get(work.instance).leased_by.empty());
    CHECK_FALSE(is_ready(work.instance));
    raise(work.instance, "no reason to hurry");
    CHECK_FALSE(is_ready(work.instance));
    advance(3 * moment);
    const orchestration_work again = lease(work.instance);
    CHECK(again.deliveries == 2);
    CHECK_FALSE(again.suspect);
}

TEST_CASE_METHOD(fixture,
                 "an abandoned activity is ready after the delay, as a next delivery",
                 "[ABANDON-1][TIME-2]") {
    const activity_work work = leased_activity();

    REQUIRE(abandon(held(work), 2 * moment) == lease_outcome::done);

    CHECK(lock({0, 10}).activities.empty());
    advance(3 * moment);
    const work_batch again = lock({0, 10});
    REQUIRE(again.activities.size() == 1);
    CHECK(again.activities.front().deliveries == 2);
}

TEST_CASE_METHOD(fixture, "without a delay an abandoned item is ready at once", "[ABANDON-1]") {
    const instance_id id = pending_instance();
    for (std::uint32_t count = 1; count <= 3; ++count) {
        const orchestration_work work = lease(id);
        CHECK(work.deliveries == count);
        REQUIRE(abandon(held(work)) == lease_outcome::done);
    }
}

TEST_CASE_METHOD(fixture, "deliveries are counted for each item apart", "[ABANDON-1]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const work_batch first = lock({0, 1});
    REQUIRE(first.activities.size() == 1);
    REQUIRE(abandon(held(first.activities.front())) == lease_outcome::done);

    const work_batch both = lock({0, 10});

    REQUIRE(both.activities.size() == 2);
    for (const activity_work& task : both.activities) {
        CHECK(task.deliveries == (task.task == first.activities.front().task ? 2 : 1));
    }
}

TEST_CASE_METHOD(fixture,
                 "items of both kinds are returned in one call, each with its outcome",
                 "[GIVE-1][BATCH-1][BATCH-2]") {
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    held_item wrong = held(work);
    wrong.held.token = {12345};
    const std::vector<held_item> items{held(task), wrong, held(work)};

    const auto outcomes = return_to(store, a_request(), items, return_kind::give_back);

    CHECK(outcomes ==
          std::vector{lease_outcome::done, lease_outcome::lease_lost, lease_outcome::done});
    const work_batch again = lock({10, 10});
    CHECK(again.orchestrations.size() == 1);
    CHECK(again.activities.size() == 1);
}
