#pragma once

#include "replay/live_instance.hpp"

#include "messages.hpp"

#include <perdure/registry.hpp>

#include <array>
#include <functional>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

// What the cells of the matrix are made of; matrix.sh writes the cells. Every value knows its own
// address and is counted, so that one that was copied byte by byte, or destroyed too often, is found.

using namespace perdure;

inline int live_values = 0;

struct counted {
    counted() { ++live_values; }
    counted(std::string content) : text(std::move(content)) { ++live_values; }
    counted(const counted& other) : text(other.text) { ++live_values; }
    counted(counted&& other) noexcept : text(std::move(other.text)) { ++live_values; }
    counted& operator=(const counted& other) {
        text = other.text;
        return *this;
    }
    ~counted() { --live_values; }

    std::string text = std::string(64, 'x');
    const counted* self = this;
};

/// Needs no destructor, but has an address of its own.
struct anchored {
    explicit anchored(int deep) : depth(deep) {}
    anchored(const anchored& other) : depth(other.depth) {}
    int depth;
    const anchored* self = this;
};

struct order {
    int number = 0;
    counted content;
};
struct point {
    int x = 0;
    int y = 0;
};
struct buoy {
    int number = 0;
    anchored chain;
};
/// Has a constructor, and takes an aggregate.
struct boxed {
    boxed(order given) : inside(std::move(given)) {}
    order inside;
};
using maybe_order = std::optional<order>;
using numbered_order = std::pair<int, order>;
using two_texts = std::array<std::string, 2>;
using texts = std::vector<std::string>;
using code = std::function<std::size_t()>;

inline int sound(bool is_sound) {
    return is_sound ? 1 : throw std::logic_error("a value is not where it was made");
}
inline int measure(const std::string& text) { return sound(text.size() >= 32); }
inline int measure(const counted& value) { return sound(value.self == &value); }
inline int measure(const order& value) { return measure(value.content); }
inline int measure(const point& value) { return sound(value.x >= 0); }
inline int measure(const buoy& value) { return sound(value.chain.self == &value.chain); }
inline int measure(const boxed& value) { return measure(value.inside); }
inline int measure(const maybe_order& value) { return measure(value.value()); }
inline int measure(const numbered_order& value) { return measure(value.second); }
inline int measure(const two_texts& value) { return measure(value[0]) * measure(value[1]); }
inline int measure(const texts& value) { return measure(value.at(0)) * measure(value.at(1)); }
inline int measure(const code& value) { return sound(value() >= 32); }

inline order made_order(const std::string& text) { return order{4, text}; }

/// Input types of cells; everything else keeps the codecs of <perdure/codec.hpp>.
template <class T>
concept cell_input = requires(const T& value) { measure(value); } && !std::same_as<T, std::string>;
template <cell_input T>
struct perdure::codec<T> {
    static payload encode(const T& value) { return {"json", std::to_string(measure(value))}; }
    static T decode(const payload&) { throw std::logic_error("nobody reads an input here"); }
};

template <class In>
inline constexpr activity<In, int> work{"Work"};
template <class In>
inline constexpr orchestrator<In, int> child{"Child"};
inline constexpr activity<void, int> nothing{"Nothing"};

template <class In>
orchestration<int> inner(context& ctx, In given) {
    int sum = measure(given);
    sum += co_await ctx.call(nothing);
    sum += measure(given);
    co_return sum;
}
inline int added(int left, int right) { return left + right; }

using cell = orchestration<int> (*)(context&, bool, std::string);

/// Answers with 1 what was asked for until the cell ends, or is destroyed after some turns. Returns
/// how many turns there were.
inline int play(cell code_of, bool flag, int turns_max) {
    const orchestration_definition definition{
        "cell", "", [=](context& ctx, const payload&) -> std::unique_ptr<detail::root_frame> {
            return std::make_unique<detail::root_frame_of<int>>(
                code_of(ctx, flag, std::string(48, 't')));
        }};
    replay::live_instance live(instance_id("cell"), {{1, 2}}, definition, {});
    history_event start;
    start.kind = event_kind::execution_started;
    start.name = "cell";
    live.rebuild(std::span(&start, 1), replay::history_ends::after_a_turn);
    std::vector<inbox_message> inbox;
    for (int turn = 1; turn <= turns_max; ++turn) {
        const auto result = live.advance(timestamp{}, inbox);
        if (result.fault) {
            throw std::logic_error("a fault");
        }
        if (result.end != replay::turn_end::open) {
            if (result.end != replay::turn_end::completed &&
                result.end != replay::turn_end::continued) {
                throw std::logic_error("failed");
            }
            return turn;
        }
        inbox.clear();
        for (const auto& made : result.decisions) {
            const bool is_activity = made.event.kind == event_kind::task_scheduled;
            if (is_activity || made.event.kind == event_kind::child_created) {
                inbox.push_back({1, {}, made.event.task,
                                 messages::completed(is_activity ? event_kind::task_completed
                                                                 : event_kind::child_completed,
                                                     payload("json", "1"))});
            }
        }
    }
    return turns_max;
}

/// Executes a cell to its end, and destroys it at each of its suspensions.
inline bool is_right(const char* name, cell code_of) {
    std::cerr << name << std::endl;  // the last one before a crash
    for (const bool flag : {false, true}) {
        live_values = 0;
        try {
            const int turns = play(code_of, flag, 100);
            for (int destroyed_after = 1; destroyed_after < turns; ++destroyed_after) {
                play(code_of, flag, destroyed_after);
            }
        } catch (const std::exception& wrong) {
            std::cerr << "    " << wrong.what() << '\n';
            return false;
        }
        if (live_values != 0) {
            std::cerr << "    " << live_values << " values are left\n";
            return false;
        }
    }
    return true;
}
