#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "the items of a dead worker become suspects at once", "[TAKEOVER-1]") {
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    const worker_id dead = worker;
    worker = {"survivor"};

    store.take_over(a_request(), {&dead, 1});

    const work_batch regular = lock({10, 10});
    CHECK(regular.orchestrations.empty());
    CHECK(regular.activities.empty());
    CHECK(regular.suspects_waiting);
    const work_batch one = lock_suspects();
    const work_batch other = lock_suspects();
    CHECK(one.orchestrations.size() + other.orchestrations.size() == 1);
    CHECK(one.activities.size() + other.activities.size() == 1);
    CHECK(commit_one(turn_of(work)) == commit_outcome::lease_lost);
    CHECK(complete(completion_of(task)) == commit_outcome::lease_lost);
}

TEST_CASE_METHOD(fixture, "the leases of other workers are left alone", "[TAKEOVER-1]") {
    const orchestration_work mine = leased();
    worker = {"w2"};
    const orchestration_work others = leased();
    const std::vector<worker_id> dead{{"w1"}, {"never heard of"}};

    store.take_over(a_request(), dead);

    CHECK(get(others.instance).leased_by == "w2");
    CHECK(get(mine.instance).leased_by.empty());
    const work_batch suspects = lock_suspects();
    REQUIRE(suspects.orchestrations.size() == 1);
    CHECK(suspects.orchestrations.front().instance == mine.instance);
    CHECK(lock_suspects().orchestrations.empty());
    CHECK(commit_one(turn_of(others)) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture,
                 "a take-over counts no delivery of a regular lease",
                 "[TAKEOVER-1][SUSPECT-2]") {
    leased();
    const worker_id dead = worker;
    store.take_over(a_request(), {&dead, 1});

    const work_batch first = lock_suspects();
    REQUIRE(first.orchestrations.size() == 1);
    CHECK(first.orchestrations.front().deliveries == 1);
    store.take_over(a_request(), {&dead, 1});
    const work_batch second = lock_suspects();
    REQUIRE(second.orchestrations.size() == 1);
    CHECK(second.orchestrations.front().deliveries == 2);
}

TEST_CASE_METHOD(fixture,
                 "a lease that nobody took after a take-over still commits",
                 "[TAKEOVER-1][LOCK-3]") {
    const orchestration_work work = leased();
    const worker_id dead = worker;

    store.take_over(a_request(), {&dead, 1});

    CHECK(commit_one(last_turn_of(work)) == commit_outcome::committed);
    CHECK(lock_suspects().orchestrations.empty());
}

TEST_CASE_METHOD(fixture, "a taken over worker is not listed as live", "[TAKEOVER-2]") {
    REQUIRE(store.renew({worker, &filter, 10 * moment, {}}).empty());
    const worker_id dead = worker;

    store.take_over(a_request(), {&dead, 1});

    CHECK(store.status().live_workers.empty());
}

TEST_CASE_METHOD(fixture,
                 "a worker that renews after a take-over is listed again",
                 "[TAKEOVER-2][RENEW-2]") {
    REQUIRE(store.renew({worker, &filter, 10 * moment, {}}).empty());
    store.take_over(a_request(), {&worker, 1});

    REQUIRE(store.renew({worker, &filter, 10 * moment, {}}).empty());

    CHECK(store.status().live_workers == std::vector<worker_id>{worker});
}
