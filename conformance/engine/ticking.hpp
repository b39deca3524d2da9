#pragma once

#include <perdure/codec_cereal.hpp>
#include <perdure/registry.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>

// Orchestrations that do many small things and then wait: for hubs that move while they are used.

namespace perdure::conformance {

inline constexpr activity<int, int> one_tick{"Tick"};
inline constexpr orchestrator<int, int> tick_often{"TickOften"};
inline constexpr int ticks = 40;

inline orchestration<int> tick_often_body(context& ctx, int number) {
    for (int n = 0; n < ticks; ++n) {
        co_await ctx.call(one_tick, number * ticks + n);
    }
    const auto signal = co_await ctx.wait_for_event<int>("Signal");
    co_return signal;
}

/// How often each activity was executed.
class execution_counts {
  public:
    void add(int number) {
        const std::lock_guard guard(mutex_);
        ++counts_[number];
    }
    [[nodiscard]] bool is_each_one(std::size_t expected) const {
        const std::lock_guard guard(mutex_);
        return counts_.size() == expected &&
               std::ranges::all_of(counts_, [](const auto& it) { return it.second == 1; });
    }

  private:
    mutable std::mutex mutex_;
    std::map<int, int> counts_;
};

/// Which notes here what it executes.
inline registry ticking(execution_counts& executed) {
    registry known;
    known.add(tick_often, tick_often_body);
    known.add(one_tick, [&executed](int number) {
        executed.add(number);
        return number;
    });
    return known;
}

}  // namespace perdure::conformance
