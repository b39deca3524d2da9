#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <stop_token>

using namespace perdure;
using namespace perdure::conformance;

// What a worker that stops, or that has lost a lease, leaves to the next one.

namespace {

inline constexpr activity<int, int> toil{"Toil"};
inline constexpr orchestrator<int, int> toiling{"Toiling"};

orchestration<int> toil_once(context& ctx, int n) {
    auto done = co_await ctx.call(toil, n);
    co_return done;
}

using toil_function = std::function<int(const activity_context&, int)>;

registry toiling_by(toil_function how) {
    registry known;
    known.add(toiling, toil_once);
    known.add(toil, [how = std::move(how)](const activity_context& ctx, const int& n) {
        return how(ctx, n);
    });
    return known;
}

int whole(const activity_context& /*ctx*/, int n) {
    return n;
}

void wait_for_request(const std::stop_token& asked) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock guard(mutex);
    changed.wait(guard, asked, [] { return false; });
}

worker_options with_grace(duration grace) {
    worker_options options;
    options.stop_grace = grace;
    return options;
}

int count_of(engine& shop, const instance_id& id, event_kind kind) {
    int found = 0;
    for (const auto& event : shop.clients().history(id)) {
        found += event.kind == kind ? 1 : 0;
    }
    return found;
}

}  // namespace

TEST_CASE("what an activity ends with after it was asked to stop is thrown away",
          "[engine][stopping]") {
    const bool fails = GENERATE(true, false);
    std::promise<void> begun;
    engine shop(toiling_by([&](const activity_context& ctx, int n) {
                    begun.set_value();
                    wait_for_request(ctx.cancelled);
                    if (fails) {
                        throw std::runtime_error("the worker stops");
                    }
                    return n / 2;
                }),
                with_grace(50ms));
    const auto id = shop.clients().start(toiling, 50);
    begun.get_future().wait();

    shop.redeploy(toiling_by(whole));

    CHECK(shop.clients().wait<int>(id, patience) == 50);
    CHECK(shop.log().wait_for(log_event::activity_given_up));
    CHECK(shop.log().count(log_event::activity_failed) == 0);
    CHECK(count_of(shop, id, event_kind::task_completed) == 1);
    CHECK(count_of(shop, id, event_kind::task_failed) == 0);
}

TEST_CASE("an activity that says so keeps its result though it was asked to stop",
          "[engine][stopping]") {
    std::promise<void> begun;
    engine shop(toiling_by([&](const activity_context& ctx, int n) {
                    begun.set_value();
                    wait_for_request(ctx.cancelled);
                    ctx.keep_result();
                    return n + 1;
                }),
                with_grace(1s));
    const auto id = shop.clients().start(toiling, 50);
    begun.get_future().wait();

    shop.redeploy(toiling_by(whole));

    CHECK(shop.clients().wait<int>(id, patience) == 51);
    CHECK(shop.log().count(log_event::activity_given_up) == 0);
}

TEST_CASE("an activity that does not end before its worker is executed again, uncounted",
          "[engine][stopping][GIVE-1]") {
    gate way_out;
    worker_options options = with_grace(0ms);
    options.deliveries_max = 1;
    std::promise<void> ended;
    engine shop(toiling_by([&](const activity_context&, int) {
                    way_out.pass();
                    ended.set_value_at_thread_exit();
                    return 1;
                }),
                options);
    const auto id = shop.clients().start(toiling, 50);
    REQUIRE(way_out.wait_for_waiting(1));

    shop.redeploy(toiling_by(
        [](const activity_context& ctx, int n) { return n + static_cast<int>(ctx.delivery); }));

    CHECK(shop.clients().wait<int>(id, patience) == 51);
    way_out.open();
    ended.get_future().wait();
    CHECK(count_of(shop, id, event_kind::task_completed) == 1);
}

TEST_CASE("what an activity ends with after its lease was lost is thrown away",
          "[engine][stopping][SUSPECT-1]") {
    const hub where = open_hub(a_hub_config_with_real_clock());
    std::promise<void> begun;
    worker_options options;
    options.lease_duration = 600ms;
    options.renew_interval = 50ms;
    engine shop(where,
                toiling_by([&](const activity_context& ctx, int n) {
                    if (ctx.delivery > 1) {
                        return n;
                    }
                    begun.set_value();
                    wait_for_request(ctx.cancelled);
                    throw std::runtime_error("the lease is lost");
                }),
                options);
    const auto id = shop.clients().start(toiling, 50);
    begun.get_future().wait();

    // An expired lease that nobody has taken is renewed, so that it may take more than one try.
    const work_filter filter{{}, {toil.name}, {""}};
    work_batch stolen;
    while (stolen.activities.empty()) {
        const worker_id holder = shop.workers().id();
        where.store().take_over(a_request(), {&holder, 1});
        lock_request wanted;
        wanted.request = a_request();
        wanted.worker = {"thief"};
        wanted.filter = &filter;
        wanted.activities = 1;
        wanted.suspects = true;
        stolen = where.store().lock(wanted);
    }
    REQUIRE(shop.log().wait_for(log_event::activity_given_up));
    const held_item returned = held(stolen.activities.front());
    static_cast<void>(return_to(where.store(), a_request(), {returned}, return_kind::give_back));

    CHECK(shop.clients().wait<int>(id, patience) == 50);
    CHECK(shop.log().count(log_event::activity_failed) == 0);
    CHECK(count_of(shop, id, event_kind::task_failed) == 0);
}

TEST_CASE("a worker that has stopped is not listed as live", "[engine][stopping][TAKEOVER-2]") {
    engine shop(toiling_by(whole));
    engine other(shop.where(), toiling_by(whole));
    const auto live = [&] { return shop.where().store().status().live_workers.size(); };
    const auto deadline = in(patience);
    wake_token token;
    while (live() < 2 && std::chrono::steady_clock::now() < deadline) {
        token = wait_for_change(shop.where().store(), token, in(5ms));
    }
    REQUIRE(live() == 2);

    shop.stop();

    CHECK(shop.where().store().status().live_workers ==
          std::vector<worker_id>{other.workers().id()});
}
