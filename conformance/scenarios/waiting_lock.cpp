#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <thread>
#include <utility>

using namespace perdure;
using namespace perdure::conformance;

namespace {

/// Looks, and while there is nothing waits for a lease, as a worker does, until something comes or
/// `is_over`. `wanted` has the id of the last call then.
work_batch take(backend& store,
                lock_request& wanted,
                std::atomic<bool>& has_looked,
                const std::atomic<bool>& is_over) {
    bool has_news = true;
    work_batch batch;
    while (batch.orchestrations.empty() && !is_over) {
        const wake_token before = batch.token;
        wanted.request = a_request();
        batch = has_news ? store.lock(wanted) : store.wait_for_work(wanted, before, in(10ms));
        has_news = !has_news && batch.token.value != before.value;
        has_looked = true;
    }
    return batch;
}

/// Somebody who takes, in a thread of its own; it has looked once when this exists.
class taker {
  public:
    taker(backend& store, const lock_request& wanted)
        : wanted_(wanted), thread_([&store, this] {
              result_ = take(store, wanted_, has_looked_, is_over_);
              has_result_ = true;
          }) {
        while (!has_looked_) {
            std::this_thread::yield();
        }
    }
    taker(const taker&) = delete;
    taker& operator=(const taker&) = delete;
    ~taker() { is_over_ = true; }

    /// What it got; an empty batch when it gave up because `end` was called.
    work_batch result() {
        thread_.join();
        return std::move(result_);
    }
    /// What it asked for when it got that.
    [[nodiscard]] const lock_request& asked() const { return wanted_; }
    [[nodiscard]] bool has_result() const { return has_result_; }
    void end() { is_over_ = true; }

  private:
    lock_request wanted_;
    std::atomic<bool> has_looked_ = false;
    std::atomic<bool> is_over_ = false;
    std::atomic<bool> has_result_ = false;
    work_batch result_;
    std::jthread thread_;
};

}  // namespace

TEST_CASE_METHOD(fixture, "what is put down for a worker that waits is leased once", "[WAKE-4]") {
    // Several times, because the worker may be on its way between two waits.
    for (int round = 0; round < 10; ++round) {
        taker waiting(store, request({1, 0}));
        const timestamp before = now();

        const instance_id id = pending_instance();

        const work_batch batch = waiting.result();
        REQUIRE(batch.orchestrations.size() == 1);
        CHECK(batch.store_time >= before);
        CHECK(batch.store_time <= now());
        const orchestration_work& work = batch.orchestrations.front();
        CHECK(work.instance == id);
        CHECK(work.name == order_name);
        CHECK(work.version == order_version);
        CHECK(work.status == orchestration_status::pending);
        CHECK(work.history_version == history_version(id));
        CHECK(work.history_length == 1);
        CHECK(text_of(work.history) == text_of(history(id)));
        CHECK(work.inbox.empty());
        CHECK(work.deliveries == 1);
        CHECK_FALSE(work.suspect);
        CHECK(get(id).leased_by == worker.text);
        CHECK(lock({10, 0}).orchestrations.empty());
        CHECK(commit_one(last_turn_of(work)) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(fixture,
                 "what came with a wait comes again with a lock of the same request",
                 "[WAKE-4][REPEAT-1]") {
    for (int round = 0; round < 10; ++round) {
        taker waiting(store, request({1, 0}));
        pending_instance();
        const orchestration_work work = waiting.result().orchestrations.at(0);

        const work_batch again = store.lock(waiting.asked());

        REQUIRE(again.orchestrations.size() == 1);
        CHECK(again.orchestrations.front().held.token == work.held.token);
        CHECK(commit_one(last_turn_of(work)) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(fixture,
                 "of two workers that wait one gets what is put down",
                 "[WAKE-4][LOCK-1]") {
    for (int round = 0; round < 10; ++round) {
        std::array<taker, 2> waiting{taker(store, request({1, 0})), taker(store, request({1, 0}))};
        const instance_id id = pending_instance();
        while (!waiting[0].has_result() && !waiting[1].has_result()) {
            std::this_thread::yield();
        }
        const std::size_t first = waiting[0].has_result() ? 0 : 1;
        waiting[1 - first].end();

        const work_batch batch = waiting[first].result();
        CHECK(waiting[1 - first].result().orchestrations.empty());

        REQUIRE(batch.orchestrations.size() == 1);
        CHECK(commit_one(last_turn_of(batch.orchestrations.front())) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(fixture,
                 "who waits without the definition, or without room, gets nothing",
                 "[WAKE-4][LOCK-4][LOCK-8]") {
    lock_request wanted = request({1, 0});
    work_filter others = filter;
    SECTION("another name") {
        others.orchestrations = {{"Refund", order_version}};
    }
    SECTION("another version") {
        others.orchestrations = {{order_name, "2"}};
    }
    SECTION("room for activities alone") {
        wanted.orchestrations = 0;
        wanted.activities = 1;
    }
    wanted.filter = &others;
    for (int round = 0; round < 5; ++round) {
        taker waiting(store, wanted);
        const instance_id id = pending_instance();

        const work_batch batch = lock({1, 0});

        REQUIRE(batch.orchestrations.size() == 1);
        CHECK(batch.orchestrations.front().instance == id);
        waiting.end();
        CHECK(waiting.result().orchestrations.empty());
        CHECK(commit_one(last_turn_of(batch.orchestrations.front())) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(fixture, "who waits gets nothing before its time", "[WAKE-4][TIME-2]") {
    new_instance later = a_new_instance();
    later.start_at = now() + 3 * moment;
    taker waiting(store, request({1, 0}));
    create(later);

    CHECK(find(later.instance)->leased_by.empty());
    advance(4 * moment);

    const work_batch batch = waiting.result();
    REQUIRE(batch.orchestrations.size() == 1);
    CHECK(batch.store_time >= *later.start_at);
}

TEST_CASE_METHOD(fixture,
                 "a lease that came with a wait ends like any other",
                 "[WAKE-4][SUSPECT-1]") {
    taker waiting(store, request({1, 0}));
    const instance_id id = pending_instance();
    const orchestration_work work = waiting.result().orchestrations.at(0);

    SECTION("by expiry") {
        advance(11 * moment);
        static_cast<void>(lock({10, 0}));
        const work_batch suspects = lock_suspects();
        REQUIRE(suspects.orchestrations.size() == 1);
        CHECK(suspects.orchestrations.front().instance == id);
        CHECK(suspects.orchestrations.front().suspect);
        CHECK(commit_one(turn_of(work)) == commit_outcome::lease_lost);
    }
    SECTION("not while it is renewed") {
        advance(6 * moment);
        CHECK(renew(held(work), 10 * moment) == lease_outcome::done);
        advance(6 * moment);
        CHECK(lock_suspects().orchestrations.empty());
        CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
    }
    SECTION("given back") {
        CHECK(give_back(held(work)) == lease_outcome::done);
        const work_batch again = lock({1, 0});
        REQUIRE(again.orchestrations.size() == 1);
        CHECK(again.orchestrations.front().deliveries == 1);
        CHECK(again.orchestrations.front().held.token.value != work.held.token.value);
    }
    SECTION("taken over") {
        store.take_over(a_request(), {&worker, 1});
        REQUIRE(lock_suspects().orchestrations.size() == 1);
    }
}

TEST_CASE_METHOD(fixture,
                 "a create repeated beside a worker that waits is one",
                 "[WAKE-4][CREATE-3]") {
    for (int round = 0; round < 5; ++round) {
        const new_instance fresh = a_new_instance();
        taker first(store, request({1, 0}));
        create(fresh);
        const orchestration_work work = first.result().orchestrations.at(0);
        taker second(store, request({1, 0}));

        CHECK(try_create(fresh).code == create_code::created);
        new_instance same_id = a_new_instance();
        same_id.instance = fresh.instance;
        CHECK(try_create(same_id).code == create_code::already_exists);

        // Still waiting, and of use.
        const instance_id other = pending_instance();
        const work_batch batch = second.result();
        REQUIRE(batch.orchestrations.size() == 1);
        CHECK(batch.orchestrations.front().instance == other);
        CHECK(commit_one(last_turn_of(work)) == commit_outcome::committed);
        CHECK(commit_one(last_turn_of(batch.orchestrations.front())) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(fixture, "a wait for a lease to which nothing comes ends in time", "[WAKE-4]") {
    const wake_token token = lock({10, 10}).token;
    const auto begun = std::chrono::steady_clock::now();

    const work_batch batch = store.wait_for_work(request({1, 1}), token, in(50ms));

    CHECK(std::chrono::steady_clock::now() - begun >= 50ms);
    CHECK(batch.orchestrations.empty());
    CHECK(batch.activities.empty());
}

TEST_CASE_METHOD(fixture, "a wait for a lease returns at once with old news", "[WAKE-1][WAKE-4]") {
    const wake_token token = lock({10, 10}).token;
    pending_instance();

    const work_batch batch = store.wait_for_work(request({1, 1}), token, in(patience));

    CHECK((batch.token.value != token.value || !batch.orchestrations.empty()));
}
