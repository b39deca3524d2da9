#pragma once

#include <perdure/backend.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

namespace perdure {
inline namespace v1 {

/// Where the callers of one process wait for changes of a store: for work, and for ends. The store
/// announces each change after it is made, in the order of the changes; changes by other processes
/// it has to notice itself. Several backends may share one object, which must outlive their calls.
/// Safe from any thread; it may be called with the store's own mutex locked, and locks none when it
/// looks.
class PERDURE_EXPORT wake_ups {
  public:
    using moment = std::chrono::steady_clock::time_point;

    /// The position of the last announcement of work [WAKE-1].
    [[nodiscard]] wake_token token() const;

    /// Something is ready and unleased: who waits for work returns.
    void announce_work();
    /// An instance has ended, or is gone: who waits for an end polls again.
    void announce_end();
    /// After so long something falls due by itself, and is announced then [WAKE-2]. It replaces the
    /// due time before; `duration::max()` is never.
    void set_due(duration from_now);

    /// Makes all present and future waits with this flag return, and sets it.
    void interrupt(std::atomic<bool>& interrupted) noexcept;

    /// Waits until work has been announced since the token was given, or the deadline has passed,
    /// or the flag is set. The answer is the token to use next.
    [[nodiscard]] wake_token wait_for_work(wake_token token,
                                           moment deadline,
                                           const std::atomic<bool>& interrupted);

    /// Calls `poll`, at first and after each end, until it finds an instance that has ended, or
    /// none; or until the deadline has passed, or the flag is set. The answer is what it found last
    /// [READ-4].
    [[nodiscard]] std::optional<instance_record> wait_for_end(
        moment deadline,
        const std::atomic<bool>& interrupted,
        const std::function<std::optional<instance_record>()>& poll);

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t generation_ = 1;
    std::uint64_t ends_ = 0;
    moment due_ = moment::max();
};

}  // namespace v1
}  // namespace perdure
