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

    REQUIRE(advance_clock(store, std::chrono::hours(24 * 365)));

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

    CHECK_FALSE(advance_clock(real.store(), std::chrono::hours(1)));

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
    finished_turn turn = turn_of(work);
    turn.timers = {a_timer(1, now() + std::chrono::hours(24 * 365 * 10))};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    REQUIRE(advance_clock(store, std::chrono::hours(24 * 365 * 9)));
    CHECK_FALSE(is_ready(work.instance));
    REQUIRE(advance_clock(store, std::chrono::hours(24 * 366)));
    CHECK(is_ready(work.instance));
}

TEST_CASE_METHOD(fixture, "a timer never fires early, by a microsecond", "[TIME-2]") {
    const orchestration_work work = leased();
    const timestamp due = now() + 2 * moment + 1us;
    finished_turn turn = turn_of(work);
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
    finished_turn turn = turn_of(work);
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

TEST_CASE_METHOD(fixture, "what is due at the end of all times never comes", "[TIME-4]") {
    new_instance fresh = a_new_instance();
    fresh.start_at = timestamp::max();
    const instance_id never_started = create(fresh);
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.timers = {a_timer(1, timestamp::max()), a_timer(2, timestamp::max() - 1us)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    new_message late = a_message(work.instance);
    late.visible_at = timestamp::max();
    REQUIRE(send(late) == send_outcome::accepted);
    const instance_id other = idle_instance();
    late.target = other;
    REQUIRE(send(late) == send_outcome::accepted);

    if (!lacks(ability::test_clock)) {
        REQUIRE(advance_clock(store, std::chrono::hours(24 * 365 * 1000)));
    }

    CHECK(lock({10, 10}).orchestrations.empty());
    CHECK(get(never_started).start_at == timestamp::max());
    CHECK(get(other).inbox_length == 1);
    static_cast<void>(wait_for_change(store, {}, in(1ms)));
    raise(other, "now");
    CHECK(inbox(other) == std::vector<std::string>{an_event("now")});
    CHECK(terminate(never_started) == terminate_outcome::terminated);
}

TEST_CASE_METHOD(fixture, "a lease and a delay may be for ever", "[TIME-4]") {
    lock_request request = this->request({1, 1});
    request.lease_duration = duration::max();
    const instance_id id = pending_instance();
    const work_batch batch = store.lock(request);
    REQUIRE(batch.orchestrations.size() == 1);
    const held_item item = held(batch.orchestrations.front());
    const auto years_pass = [&] {
        if (!lacks(ability::test_clock)) {
            REQUIRE(advance_clock(store, std::chrono::hours(24 * 365 * 1000)));
        }
    };

    years_pass();
    CHECK(get(id).leased_by == worker.text);
    CHECK(lock_suspects().orchestrations.empty());
    CHECK(renew(item, duration::max()) == lease_outcome::done);
    years_pass();
    CHECK(get(id).leased_by == worker.text);
    CHECK(abandon(item, duration::max()) == lease_outcome::done);
    years_pass();
    CHECK_FALSE(is_ready(id));
    CHECK(lock_suspects().orchestrations.empty());
}

TEST_CASE_METHOD(fixture, "work that comes with a commit may be leased for ever", "[TIME-4]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2)};
    lock_request next = request({1, 1});
    next.lease_duration = duration::max();

    const commit_answer done = commit_to(store, {turn}, {}, next);

    REQUIRE(done.work.activities.size() == 1);
    raise(work.instance);
    CHECK(lock({1, 1}).orchestrations.size() == 1);
    const finished_activity end = completion_of(done.work.activities.front());
    next.request = a_request();
    const commit_answer more = commit_to(store, {}, {end}, next);
    CHECK(more.activities.front() == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture, "what was due before all times is due at once", "[TIME-4]") {
    new_instance fresh = a_new_instance();
    fresh.start_at = timestamp::min();
    const instance_id id = create(fresh);
    CHECK(is_ready(id));
    new_message early = a_message(id, "early");
    early.visible_at = timestamp::min();
    REQUIRE(send(early) == send_outcome::accepted);

    CHECK(inbox(id) == std::vector<std::string>{an_event("early")});
}

TEST_CASE_METHOD(fixture, "a filter may have any times as its bounds", "[TIME-4][READ-2]") {
    const instance_id id = completed_instance();
    instance_filter all;
    all.created_from = all.completed_from = timestamp::min();
    all.created_to = all.completed_to = timestamp::max();

    CHECK(store.query(all, 10, {}).instances.size() == 1);
    std::swap(all.created_from, all.created_to);
    CHECK(store.query(all, 10, {}).instances.empty());
}
