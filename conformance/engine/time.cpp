#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <stdexcept>
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

inline constexpr activity<int, int> failing{"Failing"};
inline constexpr orchestrator<int, std::string> patient{"Patient"};

/// Waits for ever, in one of three ways.
orchestration<std::string> wait_for_ever(context& ctx, int way) {
    if (way == 1) {
        co_await ctx.create_timer(duration::max());
    } else if (way == 2) {
        auto answer = co_await ctx.wait_for_event<std::string>("answer", std::chrono::hours::max());
        co_return answer.value_or("the time was up");
    } else {
        const auto policy = retry_policy(100, duration::max()).coefficient(1e300).jitter(1);
        const auto options = call_options().retry(policy);
        co_await ctx.call(failing, way, options);
    }
    co_return "it has come";
}

bool has_timer(engine& shop, const instance_id& id) {
    const auto history = shop.clients().history(id);
    return std::ranges::any_of(history, [](const history_event& event) {
        return event.kind == event_kind::timer_created;
    });
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

    REQUIRE(advance_clock(shop.where().store(), std::chrono::hours(24 * 364)));
    const auto neighbour = shop.clients().start(sequence, 1);
    shop.clients().wait<int>(neighbour, patience);
    CHECK(shop.clients().get(id)->status == orchestration_status::running);
    REQUIRE(advance_clock(shop.where().store(), std::chrono::hours(24)));

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
    REQUIRE(advance_clock(shop.where().store(), std::chrono::hours(49)));

    CHECK(shop.clients().wait<std::string>(ignored, patience) == "nobody answered");
}

TEST_CASE("1,000 timers that are due at once all fire", "[engine][timers][thousands]") {
    engine shop(timed());
    if (lacks(ability::test_clock)) {
        return;
    }
    const std::vector<int> hours(1000, 3);
    const auto ids = shop.clients().start_many(sleeper, std::span(hours));
    for (const auto& id : ids) {
        REQUIRE(shop.wait_for_status(id, orchestration_status::running));
    }

    REQUIRE(advance_clock(shop.where().store(), std::chrono::hours(3)));

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

    REQUIRE(advance_clock(shop.where().store(), std::chrono::hours(6)));

    CHECK(shop.clients().wait<int>(id, patience) == 2);
}

TEST_CASE("for ever means for ever: no time that is too long comes early", "[engine][timers]") {
    registry known = timed();
    known.add(patient, wait_for_ever);
    known.add(failing, [](int) -> int { throw std::runtime_error("not today"); });
    engine shop(std::move(known));
    const auto timer = shop.clients().start(patient, 1);
    const auto wait = shop.clients().start(patient, 2);
    const auto retry = shop.clients().start(patient, 3);
    for (const auto& id : {timer, wait, retry}) {
        REQUIRE(shop.wait_until(id, [&](const instance_record&) { return has_timer(shop, id); }));
    }
    start_options never;
    never.start_at = timestamp::max();
    const auto start = shop.clients().start(sequence, 1, never);

    if (!lacks(ability::test_clock)) {
        REQUIRE(advance_clock(shop.where().store(), std::chrono::hours(24 * 365 * 100)));
    }
    const auto neighbour = shop.clients().start(sequence, 1);
    REQUIRE(shop.clients().wait<int>(neighbour, std::chrono::hours::max()) == 2);

    CHECK(shop.clients().get(timer)->status == orchestration_status::running);
    CHECK(shop.clients().get(wait)->status == orchestration_status::running);
    CHECK(shop.clients().get(retry)->status == orchestration_status::running);
    CHECK(shop.clients().get(start)->status == orchestration_status::pending);
    CHECK(shop.clients().get(start)->start_at == timestamp::max());
    shop.clients().raise_event(wait, "answer", std::string("at last"));
    CHECK(shop.clients().wait<std::string>(wait, duration::max()) == "at last");
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
