#include <perdure/adjustable_clock.hpp>
#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <stdlib.h>
#include <string>

// The worker when things go wrong: leases of the dead, answers that are lost, stores that are away.

using namespace std::chrono_literals;

namespace perdure {
namespace {

constexpr activity<int, int> count_up{"CountUp"};
constexpr orchestrator<int, int> chain{"Chain"};
constexpr orchestrator<int, int> fickle{"Fickle"};

orchestration<int> step_by_step(context& ctx, int steps) {
    int value = 0;
    for (int i = 0; i < steps; ++i) {
        value = co_await ctx.call(count_up, value);
    }
    co_return value;
}

hub a_hub(const std::string& options = {}) {
    static std::once_flag once;
    std::call_once(once, [] { ::setenv("PERDURE_PLUGIN_PATH", PERDURE_PLUGIN_DIR, 1); });
    static std::atomic<int> number{0};
    return open("memory:trouble-test-" + std::to_string(++number) + options);
}

registry troubled_registry() {
    registry what;
    what.add(chain, step_by_step).add(count_up, [](const int& value) { return value + 1; });
    return what;
}

/// Counts log events.
class event_counts {
  public:
    log_sink sink() {
        return [this](const log_record& record) {
            const std::lock_guard guard(mutex_);
            ++counts_[record.event];
        };
    }
    int operator[](log_event event) {
        const std::lock_guard guard(mutex_);
        return counts_[event];
    }

  private:
    std::mutex mutex_;
    std::map<log_event, int> counts_;
};

/// Leases what is ready for a worker that dies at once, and lets the leases expire.
std::size_t let_a_worker_die_with(const hub& where, bool with_suspects, std::size_t room = 10) {
    work_filter filter;
    filter.orchestrations = {{"Chain", ""}};
    filter.activities = {"CountUp"};
    lock_request request;
    request.request = request_id{random_uuid()};
    request.worker = {"dead"};
    request.filter = &filter;
    request.orchestrations = room;
    request.activities = room;
    request.suspects = with_suspects;
    const auto batch = where.store().lock(request);
    REQUIRE(advance_clock(where.store(), request.lease_duration + 1s));
    return batch.orchestrations.size() + batch.activities.size();
}

TEST_CASE("work of a dead worker is executed alone, then everything goes on", "[worker][A2]") {
    const hub where = a_hub("?test_clock=on");
    client c(where);
    std::vector<instance_id> ids;
    for (int i = 0; i < 5; ++i) {
        ids.push_back(c.start(chain, 3));
    }
    REQUIRE(let_a_worker_die_with(where, false) == 5);
    event_counts counts;
    worker_options options;
    options.log = counts.sink();
    worker w(where, troubled_registry(), options);

    w.start();

    for (const auto& id : ids) {
        CHECK(c.wait<int>(id, 20s) == 3);
    }
    CHECK(counts[log_event::suspect_quarantined] == 5);
    CHECK(c.wait<int>(c.start(chain, 3), 20s) == 3);
}

TEST_CASE("an instance that kills its worker again and again is parked", "[worker][A3]") {
    const hub where = a_hub("?test_clock=on");
    client c(where);
    const auto id = c.start(chain, 1);
    REQUIRE(let_a_worker_die_with(where, false) == 1);
    REQUIRE(let_a_worker_die_with(where, true) == 1);
    worker_options options;
    options.deliveries_max = 2;
    worker w(where, troubled_registry(), options);

    w.start();

    std::string reason;
    while (reason.empty()) {
        reason = c.get(id)->parked_reason;
    }
    CHECK_THAT(reason, Catch::Contains("delivered 2 times") && Catch::Contains("deliveries_max"));
    CHECK(c.unpark(id));
    CHECK(c.wait<int>(id, 20s) == 1);
}

/// Schedules the activity of `chain` and lets nobody execute it.
void execute_one_turn_by_hand(const hub& where, const instance_id& id) {
    registry only_turns;
    only_turns.add(chain, step_by_step);
    worker w(where, only_turns);
    w.start();
    client c(where);
    while (c.get(id)->status == orchestration_status::pending) {
        std::this_thread::yield();
    }
}

TEST_CASE("an activity that kills its worker again and again fails", "[worker][A3]") {
    const hub where = a_hub("?test_clock=on");
    client c(where);
    const auto id = c.start(chain, 1);
    execute_one_turn_by_hand(where, id);
    REQUIRE(let_a_worker_die_with(where, false) == 1);
    REQUIRE(let_a_worker_die_with(where, true) == 1);
    event_counts counts;
    worker_options options;
    options.deliveries_max = 2;
    options.log = counts.sink();
    worker w(where, troubled_registry(), options);

    w.start();

    CHECK_THROWS_WITH(c.wait<int>(id, 20s), Catch::Contains("delivered 2 times"));
    CHECK(counts[log_event::activity_attempts_exhausted] == 1);
}

/// Loses every third answer of the calls that change something, after doing them.
class forgetful_backend final : public forwarding_backend {
  public:
    using forwarding_backend::forwarding_backend;

    work_batch lock(const lock_request& request) override {
        return forgotten(inner().lock(request));
    }
    commit_result commit(const commit_request& request) override {
        return forgotten(inner().commit(request));
    }
    create_result create(const lock_request& next,
                         std::span<const new_instance> instances) override {
        return forgotten(inner().create(next, instances));
    }

  private:
    template <class Answer>
    Answer forgotten(Answer answer) {
        if (++calls_ % 3 == 0) {
            throw backend_error(store_fault::outcome_unknown, "the answer was lost");
        }
        return answer;
    }
    std::atomic<int> calls_{0};
};

TEST_CASE("lost answers lose nothing and repeat nothing", "[worker][R4]") {
    const hub inner = a_hub();
    const hub where(std::make_shared<forgetful_backend>(inner.store()), "forgetful:");
    std::atomic<int> executed{0};
    registry what;
    what.add(chain, step_by_step).add(count_up, [&executed](const int& value) {
        ++executed;
        return value + 1;
    });
    worker w(where, what);
    w.start();
    client c(where);
    std::vector<instance_id> ids;
    for (int i = 0; i < 20; ++i) {
        ids.push_back(c.start(chain, 5));
    }

    for (const auto& id : ids) {
        CHECK(c.wait<int>(id, 60s) == 5);
    }
    CHECK(executed == 100);
}

/// Goes away with the first commit, and comes back at the sixth.
class absent_backend final : public forwarding_backend {
  public:
    using forwarding_backend::forwarding_backend;

    commit_result commit(const commit_request& request) override {
        ++commits_;
        check_presence();
        return inner().commit(request);
    }
    work_batch lock(const lock_request& request) override {
        check_presence();
        return inner().lock(request);
    }
    std::vector<lease_outcome> renew(const renewal& request) override {
        check_presence();
        return inner().renew(request);
    }

  private:
    void check_presence() const {
        if (commits_ > 0 && commits_ < 6) {
            throw backend_error(store_fault::unavailable, "no route to host");
        }
    }
    std::atomic<int> commits_{0};
};

TEST_CASE("a store that is away is waited for, and the log says so once", "[worker]") {
    const hub inner = a_hub();
    const hub where(std::make_shared<absent_backend>(inner.store()), "absent:");
    event_counts counts;
    worker_options options;
    options.log = counts.sink();
    worker w(where, troubled_registry(), options);
    w.start();
    client c(where);

    CHECK(c.wait<int>(c.start(chain, 2), 20s) == 2);

    CHECK(counts[log_event::store_unavailable] == 1);
    CHECK(counts[log_event::store_available_again] == 1);
}

/// Refuses, for good, one activity's completion, one orchestration's checkpoint, and the
/// speculative turns of another.
class picky_backend final : public forwarding_backend {
  public:
    using forwarding_backend::forwarding_backend;

    commit_result commit(const commit_request& request) override {
        for (const finished_work& each : request.finished) {
            const std::string& id = each.instance.text();
            if (each.turn && id == "bad turn") {
                throw backend_error(store_fault::rejected, "I do not like this turn");
            }
            if (each.turn && each.activity && id == "bad speculative turn") {
                throw backend_error(store_fault::rejected, "I do not like this speculation");
            }
            if (each.activity && id == "bad activity" &&
                each.activity->event.find("store_rejected") == std::string::npos) {
                throw backend_error(store_fault::rejected, "I do not like this result");
            }
        }
        return inner().commit(request);
    }
};

TEST_CASE("what the store refuses is parked or fails, and its neighbours go on", "[worker][B3]") {
    const hub inner = a_hub();
    const hub where(std::make_shared<picky_backend>(inner.store()), "picky:");
    client c(where);
    start_options turn;
    turn.id = instance_id("bad turn");
    start_options result;
    result.id = instance_id("bad activity");
    start_options speculative;
    speculative.id = instance_id("bad speculative turn");
    std::vector<instance_id> good;
    for (int i = 0; i < 10; ++i) {
        good.push_back(c.start(chain, 3));
    }
    c.start(chain, 3, turn);
    c.start(chain, 3, result);
    good.push_back(c.start(chain, 3, speculative));
    worker w(where, troubled_registry());

    w.start();

    for (const auto& id : good) {
        CHECK(c.wait<int>(id, 20s) == 3);
    }
    CHECK_THROWS_WITH(c.wait<int>(*result.id, 20s), Catch::Contains("I do not like this result"));
    std::string reason;
    while (reason.empty()) {
        reason = c.get(*turn.id)->parked_reason;
    }
    CHECK_THAT(reason, Catch::Contains("I do not like this turn"));
}

TEST_CASE("an orchestration whose code changed is parked and not failed", "[worker]") {
    const hub where = a_hub();
    client c(where);
    const auto id = c.start(chain, 1);
    execute_one_turn_by_hand(where, id);
    registry changed;
    changed.add(
        chain, +[](context& ctx, int) -> orchestration<int> {
            co_await ctx.create_timer(1h);
            co_return 0;
        });
    changed.add(count_up, [](const int& value) { return value + 1; });
    worker w(where, changed);

    w.start();

    std::string reason;
    while (reason.empty()) {
        reason = c.get(id)->parked_reason;
    }
    CHECK(c.get(id)->status == orchestration_status::running);
}

/// Not a function of its history: what the engine must find out.
std::atomic<int> outside{0};

orchestration<int> peek_outside(context& ctx, int steps) {
    int sum = 0;
    for (int i = 0; i < steps; ++i) {
        sum += co_await ctx.call(count_up, i);
        ctx.set_custom_status(++outside);
    }
    co_return sum;
}

TEST_CASE("a live frame that a replay contradicts is parked when replays are verified",
          "[worker][S3]") {
    const hub where = a_hub();
    registry what;
    what.add(fickle, peek_outside).add(count_up, [](const int& value) { return value + 1; });
    worker_options options;
    options.verify_replay = true;
    worker w(where, what, options);
    w.start();
    client c(where);
    const auto id = c.start(fickle, 3);

    std::string reason;
    while (reason.empty()) {
        reason = c.get(id)->parked_reason;
    }
    CHECK_THAT(reason, Catch::Contains("differ"));
}

}  // namespace
}  // namespace perdure
