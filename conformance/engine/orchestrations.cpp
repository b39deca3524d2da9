#include "engine/orchestrations.hpp"

#include <stdexcept>

namespace perdure::conformance {

namespace {

orchestration<std::string> hello_body(context& ctx, std::string name) {
    auto greeting = co_await ctx.call(greet, name);
    co_return greeting;
}

orchestration<int> sequence_body(context& ctx, int n) {
    int value = 1;
    for (int i = 0; i < n; ++i) {
        auto squared = co_await ctx.call(square, value);
        value = squared + 1;
    }
    co_return value;
}

orchestration<int> fan_out_body(context& ctx, int n) {
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

orchestration<int> wait_for_go_body(context& ctx, int n) {
    auto more = co_await ctx.wait_for_event<int>("go");
    co_return n + more;
}

orchestration<int> sum_of_events_body(context& ctx, int n) {
    int sum = 0;
    for (int i = 0; i < n; ++i) {
        auto value = co_await ctx.wait_for_event<int>("add");
        sum += value;
    }
    co_return sum;
}

/// Counts down by continue-as-new, one execution a step.
orchestration<int> counting_body(context& ctx, int n) {
    if (n == 0) {
        co_return 0;
    }
    co_return ctx.continue_as_new(n - 1);
}

orchestration<int> one_child_body(context& ctx, int n) {
    auto value = co_await ctx.call(sequence, n);
    co_return value;
}

orchestration<int> many_children_body(context& ctx, int n) {
    std::vector<task_handle<int>> children;
    for (int i = 0; i < n; ++i) {
        children.push_back(ctx.call(sequence, 1));
    }
    auto values = co_await when_all(children);
    co_return static_cast<int>(values.size());
}

orchestration<std::string> random_words_body(context& ctx, int n) {
    std::string words;
    for (int i = 0; i < n; ++i) {
        auto word = co_await ctx.call(random_word, words);
        words += " " + word;
    }
    co_return words;
}

/// A chain of n generations; the last waits for an event.
orchestration<int> tree_body(context& ctx, int n) {
    if (n == 0) {
        auto value = co_await ctx.wait_for_event<int>("go");
        co_return value;
    }
    const auto options = child_options().id(instance_id(ctx.instance().text() + ".c"));
    const int below = n - 1;
    auto value = co_await ctx.call(tree, below, options);
    co_return value;
}

}  // namespace

std::string words_of(const std::vector<history_event>& history) {
    std::string words;
    for (const history_event& event : history) {
        if (event.kind == event_kind::task_completed) {
            words += " " + codec<std::string>::decode(event.data);
        }
    }
    return words;
}

registry common_orchestrations() {
    registry known;
    known.add(square, [](int n) { return n * n % 1000; });
    known.add(greet, [](const std::string& name) { return "Hello, " + name + "!"; });
    known.add(hello, hello_body);
    known.add(sequence, sequence_body);
    known.add(fan_out, fan_out_body);
    known.add(wait_for_go, wait_for_go_body);
    known.add(sum_of_events, sum_of_events_body);
    known.add(counting, counting_body);
    known.add(one_child, one_child_body);
    known.add(many_children, many_children_body);
    known.add(tree, tree_body);
    known.add(random_word, [](const std::string&) { return to_string(random_uuid()); });
    known.add(random_words, random_words_body);
    return known;
}

}  // namespace perdure::conformance
