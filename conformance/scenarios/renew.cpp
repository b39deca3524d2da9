#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "a renewal hides the items past their first expiry", "[RENEW-1]") {
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    const std::vector<held_item> items{held(task), held(work)};
    advance(8 * moment);

    CHECK(store.renew({worker, &filter, 10 * moment, items}) ==
          std::vector{lease_outcome::done, lease_outcome::done});

    advance(8 * moment);
    const work_batch nothing = lock_suspects();
    CHECK(nothing.orchestrations.empty());
    CHECK(nothing.activities.empty());
    CHECK(get(work.instance).leased_by == worker.text);
    advance(3 * moment);
    const work_batch one = lock_suspects();
    const work_batch other = lock_suspects();
    CHECK(one.orchestrations.size() + other.orchestrations.size() == 1);
    CHECK(one.activities.size() + other.activities.size() == 1);
}

TEST_CASE_METHOD(fixture, "a lease that somebody else has is never won back", "[RENEW-1]") {
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    advance(11 * moment);
    worker = {"w2"};
    const work_batch one = lock_suspects();
    const work_batch other = lock_suspects();
    REQUIRE(one.orchestrations.size() + other.orchestrations.size() == 1);
    REQUIRE(one.activities.size() + other.activities.size() == 1);

    CHECK(renew(held(task), 10 * moment) == lease_outcome::lease_lost);
    CHECK(renew(held(work), 10 * moment) == lease_outcome::lease_lost);

    CHECK(get(work.instance).leased_by == "w2");
    advance(11 * moment);
    CHECK(renew(held(task), 10 * moment) == lease_outcome::lease_lost);
    CHECK(renew(held(work), 10 * moment) == lease_outcome::lease_lost);
}

TEST_CASE_METHOD(fixture, "a lease ends with its commit, and cannot be renewed", "[RENEW-1]") {
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
    REQUIRE(complete(completion_of(task)) == commit_outcome::committed);

    CHECK(renew(held(work), 10 * moment) == lease_outcome::lease_lost);
    CHECK(renew(held(task), 10 * moment) == lease_outcome::lease_lost);

    CHECK(is_ready(task.instance));
}

TEST_CASE_METHOD(fixture,
                 "one lost lease leaves the renewals beside it alone",
                 "[RENEW-1][BATCH-1]") {
    const orchestration_work lost = leased();
    const orchestration_work good = leased();
    REQUIRE(give_back(held(lost)) == lease_outcome::done);
    const std::vector<held_item> items{held(lost), held(good)};
    advance(8 * moment);

    CHECK(store.renew({worker, &filter, 10 * moment, items}) ==
          std::vector{lease_outcome::lease_lost, lease_outcome::done});

    advance(8 * moment);
    CHECK(get(good.instance).leased_by == worker.text);
}

TEST_CASE_METHOD(fixture, "a renewal of nothing keeps the worker listed as live", "[RENEW-1]") {
    REQUIRE(store.renew({worker, &filter, 3 * moment, {}}).empty());
    advance(2 * moment);
    REQUIRE(store.renew({worker, &filter, 3 * moment, {}}).empty());
    advance(2 * moment);

    CHECK(store.status().live_workers == std::vector<worker_id>{worker});
}

// What was known of it has been removed meanwhile: by itself, or by the other.
TEST_CASE_METHOD(fixture,
                 "a worker that stood still for hours is listed again when it renews",
                 "[RENEW-2]") {
    if (lacks(ability::test_clock)) {
        return;
    }
    const orchestration_work work = leased();
    REQUIRE(store.renew({worker, &filter, moment, {}}).empty());
    advance(3h);
    const worker_id other{"w2"};
    REQUIRE(store.renew({other, &filter, 10 * moment, {}}).empty());
    REQUIRE(store.renew({other, &filter, 10 * moment, {}}).empty());

    CHECK(renew(held(work), 10 * moment) == lease_outcome::done);

    std::vector<worker_id> live = store.status().live_workers;
    std::ranges::sort(live);
    CHECK(live == std::vector<worker_id>{worker, other});
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture,
                 "a renewal without a filter leaves what the worker is known to have",
                 "[RENEW-3]") {
    REQUIRE(store.renew({worker, &filter, 10 * moment, {}}).empty());
    pending_instance();
    instance_with_queued_activity();
    REQUIRE(store.status().unserved.empty());

    REQUIRE(store.renew({worker, nullptr, 10 * moment, {}}).empty());

    CHECK(store.status().unserved.empty());
}

TEST_CASE_METHOD(fixture,
                 "a holder who is back before anybody took the item finds it as it was",
                 "[LOCK-3][SUSPECT-1][SUSPECT-2]") {
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    const std::vector<held_item> items{held(task), held(work)};
    const bool is_noticed = GENERATE(true, false);
    advance(11 * moment);
    CHECK((is_noticed ? lock({10, 10}).suspects_waiting : true));

    SECTION("by a renewal") {
        REQUIRE(store.renew({worker, &filter, 10 * moment, items}) ==
                std::vector{lease_outcome::done, lease_outcome::done});
        CHECK_FALSE(lock({10, 10}).suspects_waiting);
        REQUIRE(return_to(store, a_request(), items, return_kind::give_back).front() ==
                lease_outcome::done);
    }
    SECTION("by giving it back") {
        REQUIRE(return_to(store, a_request(), items, return_kind::give_back) ==
                std::vector{lease_outcome::done, lease_outcome::done});
    }

    const work_batch again = lock({10, 10});
    REQUIRE(again.orchestrations.size() == 1);
    REQUIRE(again.activities.size() == 1);
    CHECK_FALSE(again.suspects_waiting);
    CHECK_FALSE(again.orchestrations.front().suspect);
    CHECK_FALSE(again.activities.front().suspect);
    CHECK(again.orchestrations.front().deliveries == 1);
    CHECK(again.activities.front().deliveries == 1);
}

TEST_CASE_METHOD(fixture,
                 "an expiry that is taken back counts no delivery of a suspect",
                 "[LOCK-3][SUSPECT-2]") {
    const instance_id id = leased_activity().instance;
    advance(11 * moment);
    const std::vector<activity_work> alone = lock_suspects().activities;
    REQUIRE(alone.size() == 1);
    advance(11 * moment);
    const bool is_noticed = GENERATE(true, false);
    CHECK((is_noticed ? lock({10, 10}).suspects_waiting : true));

    REQUIRE(renew(held(alone.front()), 10 * moment) == lease_outcome::done);
    REQUIRE(give_back(held(alone.front())) == lease_outcome::done);

    const std::vector<activity_work> again = lock_suspects().activities;
    REQUIRE(again.size() == 1);
    CHECK(again.front().instance == id);
    CHECK(again.front().deliveries == 1);
}
