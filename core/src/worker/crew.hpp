#pragma once

#include "worker/leased_item.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace perdure::dispatch {

/// The threads of a worker: which of them sleep, which count as awake, and when there are more.
/// What a thread does is the dispatcher's business, whose mutex guards this.
class PERDURE_EXPORT crew {
  public:
    struct slot {
        std::condition_variable woken;
        bool is_awake = true;
        /// It does not count as awake: what it executes takes long, perhaps because it waits.
        bool is_blocked = false;
        bool has_left = false;
        /// The current item goes on without this thread.
        bool goes_on = false;
        item_ptr current;
        steady::time_point since{};
        std::jthread thread;
    };

    /// Makes the thread of a slot.
    using starter = std::function<std::jthread(slot&)>;

    crew(std::size_t threads_max, starter begin);
    crew(const crew&) = delete;
    crew& operator=(const crew&) = delete;
    ~crew() = default;

    /// One more thread.
    void add();
    /// Sleeps until it is woken. The guard is one of the dispatcher's mutex.
    void sleep(slot& me, std::unique_lock<std::mutex>& guard);
    /// Wakes a thread, or makes one. Nothing when all are awake and there may be no more.
    void wake_one();
    /// Makes up for threads that wait within activities: wakes as many as there are cores, and
    /// twice as many each further time, but no more than `wanted`.
    void wake_burst(std::size_t wanted);
    void end_burst() noexcept { burst_ = 0; }
    [[nodiscard]] bool is_bursting() const noexcept { return burst_ > 0; }
    /// Whether fewer threads are awake than there are cores.
    [[nodiscard]] bool has_free_core() const noexcept { return awake_ < cores_; }

    /// The calling thread waits for the store.
    void begin_wait() noexcept { --awake_; }
    void end_wait() noexcept { ++awake_; }
    /// Threads whose item began before this time count as blocked.
    void mark_blocked(steady::time_point begun_before) noexcept;
    void unmark_blocked(slot& me) noexcept;

    /// From now on threads leave, and no more are made.
    void close();
    [[nodiscard]] bool is_closing() const noexcept { return is_closing_; }
    void leave(slot& me);
    /// Waits, once closed, until every thread has left or executes an item, and gives up those that
    /// do: user code that does not return cannot be ended. Unlocks the guard.
    void end(std::unique_lock<std::mutex>& guard);

  private:
    const std::size_t cores_;
    const std::size_t threads_max_;
    const starter begin_;
    std::vector<std::unique_ptr<slot>> slots_;
    std::vector<slot*> idle_;
    /// Threads that neither sleep, nor wait for work, nor are blocked.
    std::size_t awake_ = 0;
    std::size_t burst_ = 0;
    bool is_closing_ = false;
    std::condition_variable left_;
};

}  // namespace perdure::dispatch
