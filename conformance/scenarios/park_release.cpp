#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "a parked instance is never handed out, and says why", "[PARK-1]") {
    const orchestration_work work = leased();

    REQUIRE(park(held(work), "diverged: 'Ä'") == lease_outcome::done);

    CHECK(get(work.instance).parked_reason == "diverged: 'Ä'");
    CHECK(get(work.instance).leased_by.empty());
    CHECK(get(work.instance).status == orchestration_status::pending);
    CHECK_FALSE(is_ready(work.instance));
    advance(20 * moment);
    CHECK_FALSE(is_ready(work.instance));
    CHECK(lock_suspects().orchestrations.empty());
    CHECK(store.status().parked == 1);
}

TEST_CASE_METHOD(fixture, "the lease of a parked instance is over", "[PARK-1][LOCK-2]") {
    const orchestration_work work = leased();
    REQUIRE(park(held(work)) == lease_outcome::done);

    CHECK(commit_one(last_turn_of(work)) == commit_outcome::lease_lost);
    CHECK(renew(held(work), moment) == lease_outcome::lease_lost);
    CHECK(get(work.instance).history_length == 1);
}

TEST_CASE_METHOD(fixture, "a parked instance keeps its messages and accepts more", "[PARK-1]") {
    const instance_id id = pending_instance();
    raise(id, "before");
    REQUIRE(park(held(lease(id))) == lease_outcome::done);

    raise(id, "while parked");

    CHECK_FALSE(is_ready(id));
    CHECK(get(id).inbox_length == 2);
    REQUIRE(unpark(id) == unpark_outcome::unparked);
    CHECK(inbox(id) == std::vector<std::string>{an_event("before"), an_event("while parked")});
}

TEST_CASE_METHOD(fixture, "answers of activities reach a parked instance", "[PARK-1][COMMIT-7]") {
    const activity_work task = leased_activity();
    raise(task.instance);
    REQUIRE(park(held(lease(task.instance))) == lease_outcome::done);

    CHECK(complete(completion_of(task)) == commit_outcome::committed);

    CHECK(get(task.instance).inbox_length == 2);
    CHECK_FALSE(is_ready(task.instance));
}

TEST_CASE_METHOD(fixture,
                 "parking some of several leased instances leaves the others leased",
                 "[PARK-1][BATCH-1]") {
    const orchestration_work first = leased();
    const orchestration_work second = leased();
    orchestration_work stale = second;
    stale.held.token = {99};
    const std::vector<held_item> items{held(first), held(stale)};

    const auto outcomes =
        return_to(store, a_request(), items, return_kind::park, {}, "one of them");

    CHECK(outcomes == std::vector{lease_outcome::done, lease_outcome::lease_lost});
    CHECK(get(first.instance).parked_reason == "one of them");
    CHECK(get(second.instance).parked_reason.empty());
    CHECK(get(second.instance).leased_by == worker.text);
}

TEST_CASE_METHOD(fixture, "a parked instance can be purged by force", "[PARK-2]") {
    const instance_id id = parked_instance();

    CHECK(purge(id) == purge_outcome::not_terminal);
    CHECK(purge_by_force(id) == purge_outcome::purged);
    CHECK_FALSE(find(id));
    CHECK(store.status().parked == 0);
}

TEST_CASE_METHOD(fixture, "a parked instance can be replaced, and is ready then", "[PARK-2]") {
    const instance_id id = parked_instance();
    new_instance fresh = a_new_instance();
    fresh.instance = id;
    fresh.replaceable = {orchestration_status::pending};

    REQUIRE(try_create(fresh).code == create_code::created);

    CHECK(get(id).parked_reason.empty());
    CHECK(is_ready(id));
}

TEST_CASE_METHOD(fixture,
                 "a released instance is ready, with a fresh count of deliveries",
                 "[PARK-3]") {
    const instance_id id = pending_instance();
    REQUIRE(abandon(held(lease(id))) == lease_outcome::done);
    REQUIRE(abandon(held(lease(id))) == lease_outcome::done);
    const orchestration_work third = lease(id);
    REQUIRE(third.deliveries == 3);
    REQUIRE(park(held(third)) == lease_outcome::done);

    CHECK(unpark(id) == unpark_outcome::unparked);

    CHECK(get(id).parked_reason.empty());
    const orchestration_work work = lease(id);
    CHECK(work.deliveries == 1);
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture,
                 "a parked suspect is no suspect when it is released",
                 "[PARK-3][SUSPECT-1]") {
    const orchestration_work work = leased();
    advance(11 * moment);
    const work_batch suspects = lock_suspects();
    REQUIRE(suspects.orchestrations.size() == 1);
    REQUIRE(park(held(suspects.orchestrations.front())) == lease_outcome::done);
    REQUIRE(lock_suspects().orchestrations.empty());

    REQUIRE(unpark(work.instance) == unpark_outcome::unparked);

    CHECK_FALSE(lease(work.instance).suspect);
}

TEST_CASE_METHOD(fixture, "releasing what is not parked or not there changes nothing", "[PARK-3]") {
    const orchestration_work work = leased();

    CHECK(unpark(work.instance) == unpark_outcome::not_parked);
    CHECK(unpark(an_id()) == unpark_outcome::no_such_instance);

    CHECK(get(work.instance).leased_by == worker.text);
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
}
