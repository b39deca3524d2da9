#pragma once

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdlib.h>
#include <string>
#include <vector>

// Small orchestrations on the memory backend, for tests of worker and client together.

namespace perdure::testing {

using namespace std::chrono_literals;

inline constexpr activity<std::string, std::string> greet{"Greet"};
inline constexpr activity<int, int> count_up{"CountUp"};
inline constexpr activity<void, void> hold{"Hold"};
inline constexpr orchestrator<std::string, std::string> hello{"Hello"};
inline constexpr orchestrator<int, int> chain{"Chain"};
inline constexpr orchestrator<int, int> fan{"Fan"};
inline constexpr orchestrator<void, void> holding{"Holding"};
inline constexpr orchestrator<void, std::string> waiting{"Waiting"};
inline constexpr orchestrator<int, int> parent{"Parent"};
inline constexpr orchestrator<int, int> counting{"Counting"};
inline constexpr orchestrator<void, void> sleeping{"Sleeping"};

inline orchestration<std::string> say_hello(context& ctx, std::string name) {
    auto greeting = co_await ctx.call(greet, name);
    co_return greeting;
}

inline orchestration<int> step_by_step(context& ctx, int steps) {
    int value = 0;
    for (int i = 0; i < steps; ++i) {
        value = co_await ctx.call(count_up, value);
    }
    co_return value;
}

inline orchestration<int> all_at_once(context& ctx, int width) {
    std::vector<task_handle<int>> open;
    for (int i = 0; i < width; ++i) {
        open.push_back(ctx.call(count_up, i));
    }
    int sum = 0;
    for (auto& each : open) {
        sum += co_await each;
    }
    co_return sum;
}

inline orchestration<void> hold_on(context& ctx) {
    co_await ctx.call(hold);
}

inline orchestration<std::string> wait_for_word(context& ctx) {
    auto word = co_await ctx.wait_for_event<std::string>("word");
    co_return word;
}

inline orchestration<int> ask_child(context& ctx, int steps) {
    auto answer = co_await ctx.call(chain, steps);
    co_return answer + 1;
}

inline orchestration<int> count_down(context& ctx, int left) {
    if (left > 0) {
        ctx.continue_as_new(left - 1);
        co_return 0;
    }
    co_return 42;
}

inline orchestration<void> nap(context& ctx) {
    co_await ctx.create_timer(20ms);
}

inline hub a_hub() {
    static std::once_flag once;
    std::call_once(once, [] { ::setenv("PERDURE_PLUGIN_PATH", PERDURE_PLUGIN_DIR, 1); });
    static std::atomic<int> number{0};
    return open("memory:worker-test-" + std::to_string(++number));
}

/// A gate that activities wait at, and a count of those that do.
class gate {
  public:
    void pass(const std::stop_token& cancelled = {}) {
        const std::stop_callback wake(cancelled, [this] { changed_.notify_all(); });
        std::unique_lock guard(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait(guard, [&] { return is_open_ || cancelled.stop_requested(); });
    }
    void open() {
        const std::lock_guard guard(mutex_);
        is_open_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] bool await_waiting(int wanted) {
        std::unique_lock guard(mutex_);
        return changed_.wait_for(guard, 20s, [&] { return waiting_ >= wanted; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int waiting_ = 0;
    bool is_open_ = false;
};

inline registry a_registry() {
    registry what;
    what.add(hello, say_hello)
        .add(chain, step_by_step)
        .add(fan, all_at_once)
        .add(waiting, wait_for_word)
        .add(parent, ask_child)
        .add(counting, count_down)
        .add(sleeping, nap)
        .add(greet, [](const std::string& name) { return "Hello, " + name + "!"; })
        .add(count_up, [](const int& value) { return value + 1; });
    return what;
}

inline worker_options quick() {
    worker_options options;
    options.verify_replay = true;
    return options;
}

}  // namespace perdure::testing
