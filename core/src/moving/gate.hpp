#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace perdure::moving {

/// What calls of a hub go through. While it is closed nobody is inside, and whoever comes waits.
/// Two atomic additions a call; safe from any thread.
class gate {
  public:
    /// Leaves when it is destroyed.
    class pass {
      public:
        explicit pass(gate& entered) : entered_(entered) {}
        pass(const pass&) = delete;
        pass& operator=(const pass&) = delete;
        ~pass() { entered_.leave(); }

      private:
        gate& entered_;
    };

    [[nodiscard]] pass enter() {
        for (;;) {
            ++inside_;
            if (!closed_) {
                return pass(*this);
            }
            leave();
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return !closed_; });
        }
    }

    /// Waits until nobody is inside. False, and the gate is open again, when that takes longer.
    [[nodiscard]] bool close(std::chrono::milliseconds patience) {
        std::unique_lock lock(mutex_);
        closed_ = true;
        if (!changed_.wait_for(lock, patience, [&] { return inside_ == 0; })) {
            closed_ = false;
            changed_.notify_all();
        }
        return closed_;
    }
    void open() {
        const std::lock_guard guard(mutex_);
        closed_ = false;
        changed_.notify_all();
    }

  private:
    void leave() {
        if (--inside_ == 0 && closed_) {
            const std::lock_guard guard(mutex_);
            changed_.notify_all();
        }
    }

    std::atomic<std::int64_t> inside_{0};
    std::atomic<bool> closed_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
};

}  // namespace perdure::moving
