#pragma once

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
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() { mutex_.unlock(); }

  private:
    fair_mutex& mutex_;
};

}  // namespace perdure::sqlite
