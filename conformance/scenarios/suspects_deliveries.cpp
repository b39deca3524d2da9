#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture,
                 "an orchestration whose lease expired is handed out only as a suspect",
                 "[SUSPECT-1]") {
    const orchestration_work work = leased();
    advance(11 * moment);

    const work_batch regular = lock({10, 10});
    CHECK(regular.orchestrations.empty());
    CHECK(regular.suspects_waiting);
    const work_batch suspects = lock_suspects();
    REQUIRE(suspects.orchestrations.size() == 1);
    CHECK(suspects.orchestrations.front().instance == work.instance);
    CHECK(suspects.orchestrations.front().suspect);
    CHECK_FALSE(lock({10, 10}).suspects_waiting);
}

TEST_CASE_METHOD(fixture,
                 "an activity whose lease expired is handed out only as a suspect",
                 "[SUSPECT-1]") {
    const activity_work work = leased_activity();
    advance(11 * moment);

    const work_batch regular = lock({10, 10});
    CHECK(regular.activities.empty());
    CHECK(regular.suspects_waiting);
    const work_batch suspects = lock_suspects();
    REQUIRE(suspects.activities.size() == 1);
    CHECK(suspects.activities.front().task == work.task);
    CHECK(suspects.activities.front().suspect);
    CHECK(suspects.activities.front().input == work.input);
}

TEST_CASE_METHOD(fixture, "suspects are handed out one a call", "[SUSPECT-1]") {
    for (int i = 0; i < 3; ++i) {
        instance_with_queued_activity();
    }
    for (int i = 0; i < 3; ++i) {
        pending_instance();
    }
    const work_batch all = lock({10, 10});
    REQUIRE(all.orchestrations.size() + all.activities.size() == 6);
    advance(11 * moment);

    for (int i = 0; i < 6; ++i) {
        const work_batch batch = lock_suspects();
        CHECK(batch.orchestrations.size() + batch.activities.size() == 1);
        CHECK(batch.suspects_waiting == (i < 5));
    }
    const work_batch batch = lock_suspects();
    CHECK(batch.orchestrations.size() + batch.activities.size() == 0);
}

TEST_CASE_METHOD(fixture, "regular work is not handed out as a suspect", "[SUSPECT-1]") {
    pending_instance();

    CHECK(lock_suspects().orchestrations.empty());
    CHECK(lock({10, 0}).orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "a suspect that this worker has no code for is not handed out",
                 "[SUSPECT-1][LOCK-4]") {
    const orchestration_work work = leased();
    advance(11 * moment);
    filter.orchestrations = {{"Other", "1"}};

    const work_batch others = lock_suspects();

    CHECK(others.orchestrations.empty());
    CHECK_FALSE(others.suspects_waiting);
    filter.orchestrations = {{order_name, order_version}};
    CHECK(lock_suspects().orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture, "a suspect that was given back or abandoned stays one", "[SUSPECT-1]") {
    leased();
    advance(11 * moment);
    const work_batch first = lock_suspects();
    REQUIRE(first.orchestrations.size() == 1);
    REQUIRE(give_back(held(first.orchestrations.front())) == lease_outcome::done);

    CHECK(lock({10, 10}).orchestrations.empty());
    const work_batch second = lock_suspects();
    REQUIRE(second.orchestrations.size() == 1);
    REQUIRE(abandon(held(second.orchestrations.front())) == lease_outcome::done);
    CHECK(lock({10, 10}).orchestrations.empty());
    CHECK(lock_suspects().orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture, "a suspect that commits is regular again", "[SUSPECT-1]") {
    const orchestration_work work = leased();
    advance(11 * moment);
    const work_batch suspects = lock_suspects();
    REQUIRE(suspects.orchestrations.size() == 1);
    REQUIRE(commit_one(turn_of(suspects.orchestrations.front())) == commit_outcome::committed);
    raise(work.instance);

    const orchestration_work again = lease(work.instance);

    CHECK_FALSE(again.suspect);
    CHECK(again.deliveries == 1);
}

TEST_CASE_METHOD(fixture,
                 "an expiry of a regular lease does not count, of a suspect's does",
                 "[SUSPECT-2]") {
    leased();
    advance(11 * moment);
    const work_batch first = lock_suspects();
    REQUIRE(first.orchestrations.size() == 1);
    CHECK(first.orchestrations.front().deliveries == 1);

    advance(11 * moment);
    const work_batch second = lock_suspects();
    REQUIRE(second.orchestrations.size() == 1);
    CHECK(second.orchestrations.front().deliveries == 2);

    advance(11 * moment);
    const work_batch third = lock_suspects();
    REQUIRE(third.orchestrations.size() == 1);
    CHECK(third.orchestrations.front().deliveries == 3);
}

TEST_CASE_METHOD(fixture,
                 "an activity's expiries count only while it is a suspect",
                 "[SUSPECT-2]") {
    leased_activity();
    advance(11 * moment);
    const work_batch first = lock_suspects();
    REQUIRE(first.activities.size() == 1);
    CHECK(first.activities.front().deliveries == 1);

    advance(11 * moment);
    const work_batch second = lock_suspects();
    REQUIRE(second.activities.size() == 1);
    CHECK(second.activities.front().deliveries == 2);
}

TEST_CASE_METHOD(fixture,
                 "the deliveries of an orchestration are counted from its last commit",
                 "[SUSPECT-2][ABANDON-1]") {
    const instance_id id = pending_instance();
    REQUIRE(lease(id).deliveries == 1);
    advance(11 * moment);
    const work_batch suspects = lock_suspects();
    REQUIRE(suspects.orchestrations.size() == 1);
    REQUIRE(abandon(held(suspects.orchestrations.front())) == lease_outcome::done);
    const work_batch again = lock_suspects();
    REQUIRE(again.orchestrations.size() == 1);
    REQUIRE(again.orchestrations.front().deliveries == 2);
    REQUIRE(commit_one(turn_of(again.orchestrations.front())) == commit_outcome::committed);
    raise(id);

    CHECK(lease(id).deliveries == 1);
}
