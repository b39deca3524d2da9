#pragma once

#include <perdure/backend.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace perdure::postgres {

/// The leases that this process was given, by the call that gave them. When none of a call is left,
/// the store is told, and need not look at each when its time has come. It looks by itself at
/// whatever it is not told of, so anything may be forgotten here.
///
/// What the answer to a repeated call leaves out is held by nobody. The store may have lost the end
/// of a lease although it was acknowledged. So the calls that ended the leases are told as well: a
/// store that knows them all, by the answers that it keeps, has the ends. Safe from any thread.
class held_leases {
  public:
    using steady = std::chrono::steady_clock;

    explicit held_leases(std::function<steady::time_point()> clock = steady::now)
        : clock_(std::move(clock)) {}

    /// An answer to this call has given these leases; also one to a repeat.
    void note_given(const request_id& call, const work_batch& given);
    /// The answer to the call `by`, which the store keeps, says that this lease has ended. Not to
    /// be called of a lost one, which may be held after all if the call was in error.
    void note_ended(const lease& one, const request_id& by);

    struct ended {
        /// The oldest first; not more than a store can do beside other work.
        std::vector<uuid> calls;
        /// Those that ended their leases, without those that are in `calls` themselves.
        std::vector<uuid> by;
    };
    /// What there is to tell. Each call is told once, also if that fails, and not at all when it is
    /// so old that the store may have deleted answers since.
    [[nodiscard]] ended take_ended();
    /// There are so many that the store should hear of them soon.
    [[nodiscard]] bool has_many_ended() const;

    /// Half of what the store keeps an answer for.
    static constexpr duration age_max = std::chrono::minutes(1);

  private:
    struct given_by {
        uuid call;
        steady::time_point at;
        /// Those that are held still.
        std::size_t leases = 0;
        /// The calls that ended the others, mostly one.
        std::vector<uuid> ended_by;
    };

    const std::function<steady::time_point()> clock_;
    mutable std::mutex mutex_;
    std::uint64_t last_number_ = 0;
    std::unordered_map<std::uint64_t, given_by> calls_;
    /// The number of its call, by token.
    std::unordered_map<std::uint64_t, std::uint64_t> call_of_;
    /// Those without leases that have not been told yet.
    std::deque<given_by> ended_;
};

}  // namespace perdure::postgres
