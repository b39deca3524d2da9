#pragma once

#include <perdure/ids.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <mutex>

namespace perdure::postgres {

/// The calls of clients that brought room and have failed, of late. Whether one of them has leased
/// something, only the store knows, so that a lock with its request id [HANDOFF-3] is not answered
/// from what is known here. Keeps the last hundred. Safe from any thread.
class doubtful_calls {
  public:
    void add(const request_id& call) {
        const std::lock_guard guard(mutex_);
        calls_.push_back(call);
        if (calls_.size() > kept_max) {
            calls_.pop_front();
        }
    }
    [[nodiscard]] bool has(const request_id& call) const {
        const std::lock_guard guard(mutex_);
        return std::find(calls_.begin(), calls_.end(), call) != calls_.end();
    }

  private:
    static constexpr std::size_t kept_max = 100;

    mutable std::mutex mutex_;
    std::deque<request_id> calls_;
};

}  // namespace perdure::postgres
