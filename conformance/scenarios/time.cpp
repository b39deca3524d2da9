#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "leases, delays and starts go by the clock of the store", "[TIME-1]") {
    if (lacks(ability::test_clock)) {
        return;
    }
    const orchestration_work work = leased();
    const timestamp before = now();

    REQUIRE(store.advance_clock(std::chrono::hours(24 * 365)));

    CHECK(now() >= before + std::chrono::hours(24 * 365));
    CHECK(get(work.instance).leased_by.empty());
    const instance_id fresh = pending_instance();
    CHECK(get(fresh).created_at >= before + std::chrono::hours(24 * 365));
    const work_batch batch = lock({1, 0});
    CHECK(batch.store_time >= before + std::chrono::hours(24 * 365));
}

TEST_CASE_METHOD(fixture, "a clock that is not for tests is not moved", "[TIME-1]") {
    const hub real = open_hub(a_hub_config_with_real_clock());
    const timestamp before = real.store().status().store_time;

    CHECK_FALSE(real.store().advance_clock(std::chrono::hours(1)));

    CHECK(real.store().status().store_time < before + std::chrono::hours(1));
}

TEST_CASE_METHOD(fixture, "the store's time never runs backwards", "[TIME-1][TIME-3]") {
    timestamp last = now();
    for (int i = 0; i < 200; ++i) {
        const timestamp current = i % 2 == 0 ? now() : lock({0, 0}).store_time;
        REQUIRE(current >= last);
        last = current;
    }
}

TEST_CASE_METHOD(fixture, "the times of an instance follow its changes", "[TIME-1]") {
    const instance_id id = pending_instance();
    const timestamp created = get(id).created_at;
    advance(moment);
    REQUIRE(commit_one(turn_of(lease(id))) == commit_outcome::committed);
    const timestamp updated = get(id).updated_at;
    advance(moment);
    raise(id);
    REQUIRE(commit_one(last_turn_of(lease(id))) == commit_outcome::committed);

    const instance_record found = get(id);
    CHECK(found.created_at == created);
    CHECK(updated >= created + moment);
    CHECK(found.updated_at >= updated + moment);
    CHECK(found.completed_at == found.updated_at);
}

TEST_CASE_METHOD(fixture, "a timer for years ahead is kept and fires", "[TIME-2]") {
    if (lacks(ability::test_clock)) {
        return;
    }
    const orchestration_work work = leased();
    checkpoint turn = turn_of(work);
    turn.timers = {a_timer(1, now() + std::chrono::hours(24 * 365 * 10))};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    REQUIRE(store.advance_clock(std::chrono::hours(24 * 365 * 9)));
    CHECK_FALSE(is_ready(work.instance));
    REQUIRE(store.advance_clock(std::chrono::hours(24 * 366)));
    CHECK(is_ready(work.instance));
}

TEST_CASE_METHOD(fixture, "a timer never fires early, by a microsecond", "[TIME-2]") {
    const orchestration_work work = leased();
    const timestamp due = now() + 2 * moment + 1us;
    checkpoint turn = turn_of(work);
    turn.timers = {a_timer(1, due)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    work_batch batch;
    while (batch.orchestrations.empty()) {
        batch = lock({1, 0});
        if (batch.orchestrations.empty()) {
            REQUIRE(batch.store_time < due + patience);
            advance(moment / 4);
        }
    }

    CHECK(batch.store_time >= due);
    CHECK(batch.orchestrations.front().inbox.front().visible_at == due);
}

TEST_CASE_METHOD(fixture,
                 "a thousand timers that are due at once are all delivered, in order",
                 "[TIME-2][LOCK-5]") {
    const orchestration_work work = leased();
    checkpoint turn = turn_of(work);
    const timestamp due = now() + 2 * moment;
    std::vector<std::string> expected;
    for (std::uint64_t task = 1; task <= 1000; ++task) {
        turn.timers.push_back(a_timer(task, due + duration(task)));
        expected.push_back(turn.timers.back().event);
    }
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    advance(3 * moment);

    CHECK(inbox(work.instance) == expected);
}
