#pragma once

#include <perdure/promotion.hpp>

#include <condition_variable>
#include <functional>
#include <mutex>

namespace perdure {
inline namespace v1 {

/// How far a promotion is; shared by who moves, who watches and who aborts.
struct promotion::course {
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
}  // namespace perdure
