#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace perdure;
using namespace perdure::conformance;

namespace {

inline constexpr orchestrator<int, std::string> sleeper{"Sleeper"};
inline constexpr orchestrator<int, std::string> approval{"Approval"};

/// Sleeps n hours, durably; says how long it was.
orchestration<std::string> sleep_hours(context& ctx, int n) {
    const auto begin = ctx.now();
    co_await ctx.create_timer(std::chrono::hours(n));
    const auto slept = std::chrono::duration_cast<std::chrono::hours>(ctx.now() - begin);
    co_return std::to_string(slept.count()) + " hours";
}

orchestration<std::string> wait_for_approval(context& ctx, int hours) {
    auto answer = co_await ctx.wait_for_event<std::string>("answer", std::chrono::hours(hours));
    co_return answer ? *answer : std::string("nobody answered");
}

registry timed() {
    registry known = common_orchestrations();
    known.add(sleeper, sleep_hours);
    known.add(approval, wait_for_approval);
    return known;
}

}  // namespace

TEST_CASE("a timer of a year fires when its time has come, and not before", "[engine][timers]") {
    engine shop(timed());
    if (lacks(ability::test_clock)) {
        return;
    }
    const auto id = shop.clients().start(sleeper, 24 * 365);
    REQUIRE(shop.wait_for_status(id, orchestration_status::running));

    REQUIRE(shop.where().store().advance_clock(std::chrono::hours(24 * 364)));
    const auto neighbour = shop.clients().start(sequence, 1);
    shop.clients().wait<int>(neighbour, patience);
    CHECK(shop.clients().get(id)->status == orchestration_status::running);
    REQUIRE(shop.where().store().advance_clock(std::chrono::hours(24)));

    CHECK(shop.clients().wait<std::string>(id, patience) == "8760 hours");
}

TEST_CASE("a wait with a timeout ends with the event or with the time", "[engine][timers]") {
    engine shop(timed());
    const auto answered = shop.clients().start(approval, 48);
    shop.clients().raise_event(answered, "answer", std::string("yes"));
    CHECK(shop.clients().wait<std::string>(answered, patience) == "yes");

    if (lacks(ability::test_clock)) {
        return;
    }
    const auto ignored = shop.clients().start(approval, 48);
    REQUIRE(shop.wait_for_status(ignored, orchestration_status::running));
    REQUIRE(shop.where().store().advance_clock(std::chrono::hours(49)));

    CHECK(shop.clients().wait<std::string>(ignored, patience) == "nobody answered");
}

TEST_CASE("1,000 timers that are due at once all fire", "[engine][timers]") {
    engine shop(timed());
    if (lacks(ability::test_clock)) {
        return;
    }
    const std::vector<int> hours(1000, 3);
    const auto ids = shop.clients().start_many(sleeper, std::span(hours));
    for (const auto& id : ids) {
        REQUIRE(shop.wait_for_status(id, orchestration_status::running));
    }

    REQUIRE(shop.where().store().advance_clock(std::chrono::hours(3)));

    for (const auto& id : ids) {
        REQUIRE(shop.clients().wait<std::string>(id, patience) == "3 hours");
    }
}

TEST_CASE("a scheduled start waits for its time", "[engine][timers]") {
    engine shop(timed());
    if (lacks(ability::test_clock)) {
        return;
    }
    start_options options;
    options.start_at = shop.where().store().status().store_time + std::chrono::hours(5);
    const auto id = shop.clients().start(sequence, 1, options);
    const auto neighbour = shop.clients().start(sequence, 1);
    shop.clients().wait<int>(neighbour, patience);
    CHECK(shop.clients().get(id)->status == orchestration_status::pending);

    REQUIRE(shop.where().store().advance_clock(std::chrono::hours(6)));

    CHECK(shop.clients().wait<int>(id, patience) == 2);
}

TEST_CASE("an activity written as a coroutine ends on another thread", "[engine][activities]") {
    struct hop {
        bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<> handle) {
            std::thread([handle] { handle.resume(); }).detach();
        }
        void await_resume() noexcept {}
    };
    const activity<int, int> elsewhere("Elsewhere");
    const orchestrator<int, int> caller("Caller");
    registry known;
    known.add(caller, [](context& ctx, int n) -> orchestration<int> {
        auto value = co_await ctx.call(activity<int, int>("Elsewhere"), n);
        co_return value;
    });
    known.add(elsewhere, [](int n) -> activity_task<int> {
        co_await hop();
        co_return n + 1;
    });
    engine shop(std::move(known));

    const auto id = shop.clients().start(caller, 1);

    CHECK(shop.clients().wait<int>(id, patience) == 2);
}
