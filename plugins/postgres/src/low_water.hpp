#pragma once

#include <perdure/backend.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace perdure::postgres {

/// From when on a worker looks for what is ready. While a stranger's old snapshot keeps the rows of
/// work that is long done from being removed, a poll from the beginning of time walks over all of
/// them, so the next looks begin where this one found the oldest work. Because a call that took
/// long may put something older there, every five seconds a rescan begins half a minute before
/// the mark; and there are looks from the beginning as often as they cost no more than a fiftieth
/// of the time, or every minute: nearly always while they find little, and at least twice a second
/// in a busy worker whose looks take 10 ms. What such a poll finds is where the next ones begin,
/// also if that is earlier than before. Each kind of work has marks and times of its own, and only
/// looks that have been made move them. Safe from any thread.
class low_water {
  public:
    using steady = std::chrono::steady_clock;

    /// The smallest value looks at everything.
    struct mark {
        timestamp orchestrations = timestamp::min();
        timestamp activities = timestamp::min();

        [[nodiscard]] bool is_from_the_beginning() const noexcept;
    };

    explicit low_water(std::function<steady::time_point()> clock = steady::now)
        : clock_(std::move(clock)) {}

    /// Where the next poll for this question, worker and filter as a number, begins.
    [[nodiscard]] mark begin(std::uint64_t question);
    /// What a poll that began at `from` says of the next, and how long it took in the server; a
    /// kind that it was not for has the smallest value in `next`.
    void end(std::uint64_t question, const mark& from, const mark& next, duration took);
    /// Work has come that is older than any mark: the next looks are from the beginning.
    void forget();
    /// Where the first rescan of all who ask begins, for either kind; the beginning of time if
    /// nobody has looked.
    [[nodiscard]] timestamp lowest();

  private:
    struct kind {
        timestamp mark = timestamp::min();
        /// When the next looks from the beginning, and deep, are due.
        steady::time_point from_the_beginning{};
        steady::time_point deep{};

        [[nodiscard]] timestamp begin(steady::time_point now) const;
        void end(timestamp from, timestamp next, duration took, steady::time_point now);
    };
    struct known {
        kind orchestrations;
        kind activities;
    };

    const std::function<steady::time_point()> clock_;
    std::mutex mutex_;
    std::map<std::uint64_t, known> known_;
};

}  // namespace perdure::postgres
