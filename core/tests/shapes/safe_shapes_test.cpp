#define CATCH_CONFIG_FAST_COMPILE
#include "replay/live_instance.hpp"

#include "messages.hpp"

#include <perdure/registry.hpp>

#include <catch2/catch.hpp>

#include <functional>

// The coroutine shapes that docs, examples and STYLE allow: each is executed to its end, and
// destroyed at each of its suspensions. A value that is destroyed twice, or never, is found by
// counting, and by AddressSanitizer.

using namespace perdure;
using namespace std::chrono_literals;

namespace {

int live_values = 0;

/// A value that owns memory and is counted.
struct counted {
    counted() { ++live_values; }
    explicit counted(std::string content) : text(std::move(content)) { ++live_values; }
    counted(const counted& other) : text(other.text) { ++live_values; }
    counted(counted&& other) noexcept : text(std::move(other.text)) { ++live_values; }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&&) noexcept = default;
    ~counted() { --live_values; }
    std::string text = std::string(64, 'x');
};

/// An aggregate, as most inputs are.
struct aggregate {
    counted first;
    counted second;
};

}  // namespace

template <>
struct perdure::codec<counted> {
    static payload encode(const counted& value) { return {"json", "\"" + value.text + "\""}; }
    static counted decode(const payload&) { return counted(); }
};

template <>
struct perdure::codec<aggregate> {
    static payload encode(const aggregate& value) {
        return {"json", "\"" + value.first.text + value.second.text + "\""};
    }
    static aggregate decode(const payload&) { return {}; }
};

namespace {

inline constexpr activity<aggregate, int> take_aggregate{"TakeAggregate"};
inline constexpr activity<counted, int> take_counted{"TakeCounted"};
inline constexpr activity<std::string, int> take_text{"TakeText"};
inline constexpr activity<int, counted> give_counted{"GiveCounted"};
inline constexpr activity<void, int> nothing{"Nothing"};
inline constexpr orchestrator<aggregate, int> child{"Child"};

orchestration<int> named_aggregate(context& ctx) {
    auto input = aggregate{counted("a"), counted("b")};
    auto result = co_await ctx.call(take_aggregate, input);
    co_return result;
}

orchestration<int> named_handle_of_a_temporary_aggregate(context& ctx) {
    auto handle = ctx.call(take_aggregate, aggregate{counted("a"), counted("b")});
    auto result = co_await handle;
    co_return result;
}

orchestration<int> child_with_named_aggregate(context& ctx) {
    auto input = aggregate{counted("a"), counted("b")};
    auto result = co_await ctx.call(child, input);
    co_return result;
}

orchestration<int> class_with_constructor_in_the_expression(context& ctx) {
    auto result = co_await ctx.call(take_counted, counted("made here"));
    co_return result;
}

orchestration<int> string_in_the_expression(context& ctx) {
    auto result = co_await ctx.call(take_text, std::string(100, 'y'));
    co_return result;
}

orchestration<int> options_in_the_expression(context& ctx) {
    auto result = co_await ctx.call(
        nothing,
        call_options().queue("a queue with a long name").tag("team", "blue").retry(
            retry_policy(3, 1s).coefficient(2.0)));
    co_return result;
}

orchestration<int> await_in_a_loop(context& ctx) {
    int sum = 0;
    for (int i = 0; i < 3; ++i) {
        counted local("in the loop");
        sum += co_await ctx.call(nothing);
    }
    co_return sum;
}

orchestration<int> await_in_arithmetic(context& ctx) {
    const int one = co_await ctx.call(nothing);
    const int two = one + co_await ctx.call(nothing);
    co_return two;
}

orchestration<int> await_a_value_that_owns_memory(context& ctx) {
    auto value = co_await ctx.call(give_counted, 1);
    auto again = co_await ctx.call(give_counted, 2);
    co_return static_cast<int>(value.text.size() + again.text.size());
}

orchestration<int> one_handle_twice(context& ctx) {
    auto handle = ctx.call(give_counted, 1);
    auto first = co_await handle;
    auto second = co_await handle;
    co_return static_cast<int>(first.text.size() + second.text.size());
}

orchestration<counted> inner(context& ctx, counted value) {
    auto ignored = co_await ctx.call(nothing);
    static_cast<void>(ignored);
    co_return value;
}

orchestration<int> inline_coroutine_by_value(context& ctx) {
    auto value = co_await inner(ctx, counted("given"));
    co_return static_cast<int>(value.text.size());
}

orchestration<int> inline_coroutine_by_name(context& ctx) {
    counted given("given");
    auto part = inner(ctx, given);
    auto value = co_await part;
    co_return static_cast<int>(value.text.size());
}

orchestration<int> inline_coroutine_never_awaited(context& ctx) {
    auto part = inner(ctx, counted("never used"));
    auto result = co_await ctx.call(nothing);
    co_return result;
}

orchestration<int> when_all_of_a_vector(context& ctx) {
    std::vector<task_handle<counted>> calls;
    for (int i = 0; i < 4; ++i) {
        calls.push_back(ctx.call(give_counted, i));
    }
    auto values = co_await when_all(calls);
    co_return static_cast<int>(values.size());
}

orchestration<int> when_all_of_several_types(context& ctx) {
    auto values = co_await when_all(ctx.call(give_counted, 1), ctx.call(nothing));
    auto& [text, number] = values;
    co_return number + static_cast<int>(text.text.size());
}

orchestration<int> when_any_and_a_timer(context& ctx) {
    auto call = ctx.call(give_counted, 1);
    auto timer = ctx.create_timer(1h);
    auto first = co_await when_any(call, timer);
    co_return first.is(call) ? 1 : 2;
}

orchestration<int> try_catch_then_await(context& ctx) {
    bool failed = false;
    counted kept("kept over the catch");
    try {
        auto result = co_await ctx.call(take_counted, kept);
        if (result > 0) {
            throw std::runtime_error("on purpose");
        }
    } catch (const std::runtime_error&) {
        failed = true;
    }
    auto more = co_await ctx.call(nothing);
    co_return failed ? more : -1;
}

orchestration<int> ternary_after_the_await(context& ctx) {
    auto result = co_await ctx.call(nothing);
    std::string text = result > 0 ? std::string(80, 'p') : std::string(80, 'n');
    auto length = co_await ctx.call(take_text, text);
    co_return length;
}

constexpr auto captureless_lambda = [](context& ctx) -> orchestration<int> {
    counted local("in a lambda");
    auto result = co_await ctx.call(nothing);
    co_return result;
};

using body = std::function<orchestration<int>(context&)>;

orchestration_definition definition_of(body code) {
    return {"shape", "", [code = std::move(code)](context& ctx, const payload&) {
                return std::make_unique<detail::root_frame_of<int>>(code(ctx));
            }};
}

/// Answers everything that was asked for until the code ends, or `turns_max` turns are over.
/// Returns how many turns there were.
int play(const orchestration_definition& definition, int turns_max) {
    replay::live_instance live(instance_id("shape"), {{1, 2}}, definition, {});
    history_event start;
    start.kind = event_kind::execution_started;
    start.name = "shape";
    live.rebuild(std::span(&start, 1), replay::history_ends::after_a_turn);
    std::vector<inbox_message> inbox;
    for (int turn = 1; turn <= turns_max; ++turn) {
        const auto result = live.advance(timestamp{}, inbox);
        REQUIRE(!result.fault);
        if (result.end != replay::turn_end::open) {
            CHECK(result.end == replay::turn_end::completed);
            return turn;
        }
        inbox.clear();
        for (const auto& made : result.decisions) {
            if (made.event.kind == event_kind::task_scheduled) {
                inbox.push_back({1, {}, made.event.task,
                                 messages::completed(event_kind::task_completed,
                                                     payload("json", "1"))});
            } else if (made.event.kind == event_kind::child_created) {
                inbox.push_back({1, {}, made.event.task,
                                 messages::completed(event_kind::child_completed,
                                                     payload("json", "1"))});
            }
        }
    }
    return turns_max;
}

}  // namespace

TEST_CASE("every safe shape ends, and dies at any suspension, without losing a value", "[shapes]") {
    const std::vector<std::pair<const char*, body>> shapes{
        {"named aggregate", named_aggregate},
        {"named handle of a temporary aggregate", named_handle_of_a_temporary_aggregate},
        {"child with named aggregate", child_with_named_aggregate},
        {"class with constructor in the expression", class_with_constructor_in_the_expression},
        {"string in the expression", string_in_the_expression},
        {"options in the expression", options_in_the_expression},
        {"await in a loop", await_in_a_loop},
        {"await in arithmetic", await_in_arithmetic},
        {"await a value that owns memory", await_a_value_that_owns_memory},
        {"one handle twice", one_handle_twice},
        {"inline coroutine by value", inline_coroutine_by_value},
        {"inline coroutine by name", inline_coroutine_by_name},
        {"inline coroutine never awaited", inline_coroutine_never_awaited},
        {"when_all of a vector", when_all_of_a_vector},
        {"when_all of several types", when_all_of_several_types},
        {"when_any and a timer", when_any_and_a_timer},
        {"try, catch, then await", try_catch_then_await},
        {"ternary after the await", ternary_after_the_await},
        {"captureless lambda", captureless_lambda},
    };
    for (const auto& [name, code] : shapes) {
        INFO(name);
        live_values = 0;
        const auto definition = definition_of(code);

        const int turns = play(definition, 100);
        CHECK(live_values == 0);

        for (int destroyed_after = 1; destroyed_after < turns; ++destroyed_after) {
            play(definition, destroyed_after);
            CHECK(live_values == 0);
        }
    }
}
