#pragma once

#include "backoff.hpp"

#include <perdure/backend_error.hpp>
#include <perdure/promotion.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace perdure {
inline namespace v1 {

/// How far a promotion is; shared by who moves, who watches and who aborts.
struct promotion::course {
    /// Told of each change of the progress, by the thread that makes it.
    std::function<void(const promotion_progress&)> watch{};

    /// Changes the progress, which others may look at any time.
    void report(const std::function<void(promotion_progress&)>& change);
    [[nodiscard]] promotion_progress progress();
    [[nodiscard]] bool is_to_end();
    void ask_to_end();
    /// Waits for so long, or until it is to end.
    void pause(duration length);
    /// Waits for one of the last three states.
    [[nodiscard]] promotion_progress wait_for_end();

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    promotion_progress progress_;
    bool is_to_end_ = false;
};

}  // namespace v1

namespace moving {

/// Thrown when a move is to end before it has come to its own end.
struct was_aborted {};

inline void require_going_on(promotion::course& course) {
    if (course.is_to_end()) {
        throw was_aborted();
    }
}

/// A store may be away for so long.
inline constexpr auto away_max = std::chrono::seconds(30);

/// Repeats a step that a store could not do just now.
template <class Step>
void persist(promotion::course& course, Step step) {
    calls::backoff pauses(std::chrono::milliseconds(5), std::chrono::seconds(1));
    const auto deadline = std::chrono::steady_clock::now() + away_max;
    for (;;) {
        require_going_on(course);
        try {
            step();
            return;
        } catch (const backend_error& fault) {
            if (!fault.retryable() || std::chrono::steady_clock::now() > deadline) {
                throw;
            }
            course.report([&](promotion_progress& it) { it.problem = fault.what(); });
        }
        course.pause(pauses.next());
    }
}

}  // namespace moving
}  // namespace perdure
