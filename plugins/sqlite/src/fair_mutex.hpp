#pragma once

#include <perdure/backend_error.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace perdure::sqlite {

/// A mutex that lets threads in one after the other, in the order in which they came; the urgent
/// ones before the others, so that none of these waits for more than the holder and its likes.
class fair_mutex {
  public:
    fair_mutex() = default;
    fair_mutex(const fair_mutex&) = delete;
    fair_mutex& operator=(const fair_mutex&) = delete;
    ~fair_mutex() = default;

    void lock() { wait_in(waiting_); }
    void lock_urgent() { wait_in(urgent_); }

    /// False when it is not its turn until then.
    [[nodiscard]] bool lock_urgent_until(std::chrono::steady_clock::time_point deadline) {
        std::unique_lock guard(mutex_);
        if (!held_) {
            held_ = true;
            return true;
        }
        waiter self;
        urgent_.push_back(&self);
        if (self.called.wait_until(guard, deadline, [&] { return self.turn; })) {
            return true;
        }
        std::erase(urgent_, &self);
        return false;
    }

    void unlock() {
        const std::lock_guard guard(mutex_);
        auto& line = urgent_.empty() ? waiting_ : urgent_;
        if (line.empty()) {
            held_ = false;
            return;
        }
        // It stays held: the next one owns it from here on.
        line.front()->turn = true;
        line.front()->called.notify_one();
        line.pop_front();
    }

  private:
    struct waiter {
        std::condition_variable called;
        bool turn = false;
    };

    void wait_in(std::deque<waiter*>& line) {
        std::unique_lock guard(mutex_);
        if (!held_) {
            held_ = true;
            return;
        }
        waiter self;
        line.push_back(&self);
        self.called.wait(guard, [&] { return self.turn; });
    }

    std::mutex mutex_;
    std::deque<waiter*> waiting_;
    std::deque<waiter*> urgent_;
    bool held_ = false;
};

enum class urgency { ordinary, urgent };

/// The mutex, for as long as this lives.
class turn {
  public:
    turn(fair_mutex& mutex, urgency how) : mutex_(mutex) {
        if (how == urgency::urgent) {
            mutex_.lock_urgent();
        } else {
            mutex_.lock();
        }
    }
    /// Throws `backend_error` (unavailable) when others hold it until then.
    turn(fair_mutex& mutex, std::chrono::steady_clock::time_point deadline) : mutex_(mutex) {
        if (!mutex_.lock_urgent_until(deadline)) {
            throw backend_error(store_fault::unavailable,
                                "calls of this process are still under way: nothing has changed");
        }
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() { mutex_.unlock(); }

  private:
    fair_mutex& mutex_;
};

}  // namespace perdure::sqlite
