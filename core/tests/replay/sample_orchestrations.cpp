#include "sample_orchestrations.hpp"

#include <stdexcept>

namespace perdure::test {

namespace {

using namespace std::chrono_literals;

inline constexpr activity<int, int> square{"Square"};
inline constexpr activity<std::string, std::string> charge{"Charge"};
inline constexpr orchestrator<int, int> double_it{"Double"};

orchestration<int> sequence(context& ctx, int n) {
    int value = n;
    for (int i = 0; i < 3; ++i) {
        value = co_await ctx.call(square, value);
    }
    co_return value;
}

/// The same with another activity in second place.
orchestration<int> sequence_changed(context& ctx, int n) {
    int value = co_await ctx.call(square, n);
    const std::string text = std::to_string(value);
    auto charged = co_await ctx.call(charge, text);
    co_return static_cast<int>(charged.size());
}

/// The same, but it ends after one activity.
orchestration<int> sequence_shortened(context& ctx, int n) {
    int value = co_await ctx.call(square, n);
    co_return value;
}

/// The same, with one more activity beside the first.
orchestration<int> sequence_extended(context& ctx, int n) {
    auto extra = ctx.call(square, n + 1);
    static_cast<void>(extra);
    int value = co_await ctx.call(square, n);
    co_return value;
}

orchestration<int> fan_out(context& ctx, int n) {
    std::vector<task_handle<int>> calls;
    for (int i = 1; i <= n; ++i) {
        calls.push_back(ctx.call(square, i));
    }
    auto values = co_await when_all(calls);
    int sum = 0;
    for (int value : values) {
        sum += value;
    }
    co_return sum;
}

orchestration<std::string> race(context& ctx) {
    auto slow = ctx.call(square, 7);
    auto deadline = ctx.create_timer(50ms);
    auto first = co_await when_any(slow, deadline);
    if (first.is(deadline)) {
        co_return "late";
    }
    ctx.cancel_timer(deadline);
    const int value = co_await slow;
    co_return std::to_string(value);
}

orchestration<std::string> retried(context& ctx) {
    const std::string card = "4711";
    const auto options = call_options().retry(retry_policy(3, 100ms).coefficient(2.0));
    std::string outcome;
    try {
        outcome = co_await ctx.call(charge, card, options);
    } catch (const activity_failed& problem) {
        outcome = std::string("gave up: ") + problem.reason().message;
    }
    co_return outcome;
}

orchestration<std::string> approval(context& ctx) {
    auto answer = co_await ctx.wait_for_event<std::string>("answer", 1h);
    if (!answer) {
        co_return "timed out";
    }
    auto second = co_await ctx.wait_for_event<std::string>("answer");
    co_return *answer + second;
}

orchestration<int> parent(context& ctx, int n) {
    const auto options = child_options().id(instance_id("child-1"));
    int value = 0;
    try {
        value = co_await ctx.call(double_it, n, options);
    } catch (const child_failed&) {
        value = -1;
    }
    co_return value;
}

orchestration<void> counter(context& ctx, int n) {
    auto event = co_await ctx.wait_for_event<int>("add");
    ctx.continue_as_new(n + event);
}

orchestration<int> inner_sum(context& ctx, int n) {
    int sum = 0;
    for (int i = 0; i < n; ++i) {
        sum += co_await ctx.call(square, i);
    }
    co_return sum;
}

orchestration<int> nested(context& ctx) {
    int sum = co_await inner_sum(ctx, 2);
    auto again = inner_sum(ctx, 1);
    sum += co_await again;
    co_return sum;
}

orchestration<int> compensating(context& ctx) {
    bool failed = false;
    try {
        const std::string card = "4711";
        auto charged = co_await ctx.call(charge, card);
        co_return static_cast<int>(charged.size());
    } catch (const activity_failed&) {
        failed = true;
    }
    ctx.set_custom_status(std::string("compensating"));
    int value = failed ? 1 : 0;
    value = co_await ctx.call(square, value);
    co_return value;
}

orchestration<int> throwing(context& ctx) {
    auto value = co_await ctx.call(square, 1);
    if (value > 0) {
        throw std::out_of_range("too large");
    }
    co_return value;
}

/// A local whose destructor calls the context: forbidden, and without effect.
struct careless {
    context* ctx;
    explicit careless(context& owner) : ctx(&owner) {}
    careless(const careless&) = delete;
    careless& operator=(const careless&) = delete;
    ~careless() {
        const auto ignored = ctx->call(square, 99);
        static_cast<void>(ignored);
    }
};

orchestration<int> with_careless_local(context& ctx) {
    careless local(ctx);
    auto value = co_await ctx.wait_for_event<int>("go");
    co_return value;
}

orchestration<std::string> dice(context& ctx) {
    const auto first = ctx.new_id();
    const auto second = ctx.random();
    ctx.set_custom_status(to_string(first));
    auto go = co_await ctx.wait_for_event<int>("go");
    co_return to_string(first) + std::to_string(second % 10) + std::to_string(go);
}

orchestration<int> instant(context&, int n) {
    co_return n;
}

orchestration<int> spin(context& ctx, int n) {
    int sum = 0;
    for (int i = 0; i < n; ++i) {
        sum += co_await instant(ctx, 1);
    }
    co_return sum;
}

orchestration<int> sender(context& ctx) {
    const instance_id target("other");
    ctx.send_event(target, "hello", 5);
    auto detached = ctx.start_detached(double_it, 4, child_options().id(instance_id("free")));
    static_cast<void>(detached);
    auto settled = co_await when_all_settled(ctx.call(square, 1), ctx.call(square, 2));
    auto& [one, two] = settled;
    co_return one.has_failed() ? -1 : one.value() + (two.has_failed() ? 100 : two.value());
}

}  // namespace

registry sample_orchestrations() {
    registry all;
    all.add(orchestrator<int, int>("sequence"), sequence);
    all.add(orchestrator<int, int>("sequence changed"), sequence_changed);
    all.add(orchestrator<int, int>("sequence shortened"), sequence_shortened);
    all.add(orchestrator<int, int>("sequence extended"), sequence_extended);
    all.add(orchestrator<int, int>("fan out"), fan_out);
    all.add(orchestrator<void, std::string>("race"), race);
    all.add(orchestrator<void, std::string>("retried"), retried);
    all.add(orchestrator<void, std::string>("approval"), approval);
    all.add(orchestrator<int, int>("parent"), parent);
    all.add(orchestrator<int, void>("counter"), counter);
    all.add(orchestrator<void, int>("nested"), nested);
    all.add(orchestrator<void, int>("compensating"), compensating);
    all.add(orchestrator<void, int>("throwing"), throwing);
    all.add(orchestrator<void, int>("careless"), with_careless_local);
    all.add(orchestrator<void, std::string>("dice"), dice);
    all.add(orchestrator<int, int>("spin"), spin);
    all.add(orchestrator<void, int>("sender"), sender);
    return all;
}

}  // namespace perdure::test
