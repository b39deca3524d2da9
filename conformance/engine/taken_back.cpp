#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <utility>

using namespace perdure;
using namespace perdure::conformance;

// What an orchestration has asked for and does not want any more: waits whose event nobody reads,
// and activities that are taken back or left over.

namespace {

inline constexpr activity<int, int> tick{"Tick"};
inline constexpr activity<int, int> poll{"Poll"};
inline constexpr activity<int, int> work{"Work"};
inline constexpr orchestrator<int, int> monitor{"Monitor"};
inline constexpr orchestrator<std::string, int> impatient{"Impatient"};

/// Applies settings 1 to 5, digit by digit, and polls between; -1 if it has not got them after many
/// rounds. The wait for settings loses each race against the tick, but when they are there already.
orchestration<int> apply_settings(context& ctx, int applied) {
    if (applied == 12345) {
        co_return applied;
    }
    auto settings = ctx.wait_for_event<int>("Settings");
    auto ticked = ctx.call(tick, applied);
    auto first = co_await when_any(settings, ticked);
    if (first.is(settings)) {
        const int value = co_await settings;
        applied = applied * 10 + value;
    }
    const int polls = co_await ctx.call(poll, applied);
    if (polls > 50) {
        co_return -1;
    }
    co_return ctx.continue_as_new(applied);
}

/// Waits for "go" or for the activity in this queue; "cancel:" before the queue takes the loser
/// back.
orchestration<int> go_or_work(context& ctx, std::string queue) {
    const bool cancels = queue.starts_with("cancel:");
    const auto options = call_options().queue(cancels ? queue.substr(7) : queue);
    auto working = ctx.call(work, 1, options);
    auto go = ctx.wait_for_event<int>("go");
    auto first = co_await when_any(working, go);
    if (cancels) {
        ctx.cancel_losers(first);
    }
    co_return first.is(go) ? 1 : 0;
}

registry impatient_ones(std::function<int(const activity_context&)> body) {
    registry known;
    known.add(impatient, go_or_work);
    known.add(work,
              [body = std::move(body)](const activity_context& ctx, int) { return body(ctx); });
    return known;
}

/// Starts one and lets "go" win.
instance_id lost_race(engine& shop, const std::string& queue) {
    const auto id = shop.clients().start(impatient, queue);
    REQUIRE(shop.wait_for_status(id, orchestration_status::running));
    shop.clients().raise_event(id, "go", 1);
    CHECK(shop.clients().wait<int>(id, patience) == 1);
    return id;
}

}  // namespace

TEST_CASE("an event for a wait that nobody reads is applied, once and in order",
          "[engine][events][continue_as_new]") {
    worker_options options;
    options.cached_frames_max = GENERATE(std::size_t{0}, std::size_t{100});
    const auto where = a_hub();
    client clients(where);
    const instance_id id("the-monitor");
    std::atomic<int> next{1};
    std::atomic<int> polls{0};
    registry known;
    known.add(monitor, apply_settings);
    known.add(tick, [](int n) { return n; });
    // The event comes while the execution that lost the race is still there.
    known.add(poll, [&](int) {
        if (next <= 5) {
            clients.raise_event(id, "Settings", next++);
        }
        return ++polls;
    });
    engine shop(where, std::move(known), options);
    start_options named;
    named.id = id;

    clients.start(monitor, 0, named);

    CHECK(clients.wait<int>(id, patience) == 12345);
}

TEST_CASE("whoever executes an activity that is taken back is asked to stop",
          "[engine][activities][COMMIT-8]") {
    std::atomic<bool> was_asked{false};
    gate begun;
    gate ended;
    worker_options options;
    options.renew_interval = 20ms;
    engine shop(impatient_ones([&](const activity_context& ctx) {
                    std::mutex mutex;
                    std::condition_variable_any asked;
                    std::unique_lock lock(mutex);
                    begun.open();
                    asked.wait_for(lock, ctx.cancelled, patience, [] { return false; });
                    was_asked = ctx.cancelled.stop_requested();
                    ended.open();
                    return 0;
                }),
                options);
    const auto id = shop.clients().start(impatient, "cancel:");
    begun.pass();

    shop.clients().raise_event(id, "go", 1);

    CHECK(shop.clients().wait<int>(id, patience) == 1);
    ended.pass();
    CHECK(was_asked);
}

TEST_CASE("an activity that is not taken back is executed after the end of its instance",
          "[engine][activities][COMMIT-5]") {
    gate begun;
    gate may_end;
    std::atomic<int> executed{0};
    engine shop(impatient_ones([&](const activity_context& ctx) {
        begun.open();
        may_end.pass();
        executed += ctx.cancelled.stop_requested() ? 0 : 1;
        return 0;
    }));
    const auto id = shop.clients().start(impatient, "");
    begun.pass();
    shop.clients().raise_event(id, "go", 1);
    CHECK(shop.clients().wait<int>(id, patience) == 1);

    may_end.open();

    shop.stop();
    CHECK(executed == 1);
    CHECK(shop.where().store().status().leftover_activities == 0);
}

TEST_CASE("leftovers of ended instances are counted apart, and what was taken back is none",
          "[engine][activities][STATUS-1]") {
    engine shop(impatient_ones([](const activity_context&) { return 0; }));

    lost_race(shop, "cancel:night");
    const auto taken_back = shop.where().store().status();
    const auto id = lost_race(shop, "night");
    const auto left = shop.where().store().status();
    CHECK(shop.clients().purge(id));

    CHECK(taken_back.leftover_activities == 0);
    CHECK(taken_back.unserved_leftovers.empty());
    CHECK(left.leftover_activities == 1);
    CHECK(left.ready_activities == 0);
    CHECK(left.unserved.empty());
    CHECK(left.unserved_leftovers == std::vector<std::string>{"activity Work"});
    CHECK(shop.where().store().status().leftover_activities == 0);
}
