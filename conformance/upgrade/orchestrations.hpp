#pragma once

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

// The orchestrations of the stored hubs. The program that makes the hubs is built with the library
// of commit 023f470, the test with today's, so nothing here may need more than the former has.

namespace perdure::upgrade {

inline constexpr activity<std::string, std::string> note{"Note"};
inline constexpr activity<std::string, std::string> hold{"Hold"};
inline constexpr orchestrator<std::string, std::string> letter{"Letter"};
inline constexpr orchestrator<std::string, std::string> draft{"Draft"};
inline constexpr orchestrator<std::string, std::string> alarm_clock{"AlarmClock"};
inline constexpr orchestrator<std::string, std::string> parcel{"Parcel"};
inline constexpr orchestrator<std::string, std::string> family{"Family"};
inline constexpr orchestrator<std::string, std::string> keeper{"Keeper"};
inline constexpr orchestrator<std::string, std::string> brink{"Brink"};
inline constexpr orchestrator<std::string, std::string> broken{"Broken"};

/// The queue that no worker serves while the hub is made.
inline constexpr const char* later_queue = "later";
/// Far from the making of the hubs and from every test.
inline constexpr auto far_away = std::chrono::hours(24) * 365 * 50;

/// What the orchestrations and activities do beyond their results.
struct hooks {
    /// Called by the activity Hold, and in the first turn of Brink.
    std::function<void()> in_hold = [] {};
    std::function<void()> in_turn = [] {};
    /// Whether Draft does what its history says.
    bool draft_is_right = true;
};

inline orchestration<std::string> write_letter(context& ctx, std::string text) {
    const std::string noted = co_await ctx.call(note, text);
    const auto reply = co_await ctx.wait_for_event<std::string>("reply");
    co_return noted + ", " + reply;
}

inline orchestration<std::string> other_draft(context& ctx, std::string text) {
    const std::string held = co_await ctx.call(hold, text);
    co_return held;
}

inline orchestration<std::string> ring(context& ctx, std::string text) {
    ctx.set_custom_status(std::string("asleep"));
    co_await ctx.create_timer(far_away);
    co_return "rang for " + text;
}

inline orchestration<std::string> send_parcel(context& ctx, std::string text) {
    auto options = call_options();
    options.queue(later_queue);
    const std::string noted = co_await ctx.call(note, text, options);
    co_return noted;
}

/// Two children, called after their parent.
inline orchestration<std::string> raise_family(context& ctx, std::string text) {
    auto first_options = child_options();
    first_options.id(instance_id(text + "-1"));
    auto second_options = child_options();
    second_options.id(instance_id(text + "-2"));
    const std::string first_input = "first";
    const std::string second_input = "second";
    auto first = ctx.call(letter, first_input, first_options);
    auto second = ctx.call(letter, second_input, second_options);
    const std::string of_first = co_await first;
    const std::string of_second = co_await second;
    co_return of_first + "; " + of_second;
}

inline orchestration<std::string> keep(context& ctx, std::string text) {
    const std::string held = co_await ctx.call(hold, text);
    co_return held;
}

inline orchestration<std::string> fail(context& ctx, std::string text) {
    const std::string noted = co_await ctx.call(note, text);
    throw std::runtime_error("no way on from " + noted);
}

/// The hook of a turn, where a coroutine that is a plain function finds it.
inline std::function<void()>& turn_hook() {
    static std::function<void()> hook;
    return hook;
}

inline orchestration<std::string> walk_the_brink(context& ctx, std::string text) {
    turn_hook()();
    const std::string noted = co_await ctx.call(note, text);
    co_return noted;
}

inline registry definitions(const hooks& what) {
    turn_hook() = what.in_turn;
    registry known;
    known.add(letter, write_letter)
        .add(draft, what.draft_is_right ? write_letter : other_draft)
        .add(alarm_clock, ring)
        .add(parcel, send_parcel)
        .add(family, raise_family)
        .add(keeper, keep)
        .add(brink, walk_the_brink)
        .add(broken, fail)
        .add(note, [](const std::string& text) { return "noted " + text; })
        .add(hold, [in_hold = what.in_hold](const std::string& text) {
            in_hold();
            return "held " + text;
        });
    return known;
}

}  // namespace perdure::upgrade
