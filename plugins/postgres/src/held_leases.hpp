#pragma once

#include <perdure/backend.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace perdure::postgres {

/// The leases that this process was given, by the call that gave them. When none of a call is left,
/// the store is told, and need not look at each when its time has come. It looks by itself at
/// whatever it is not told of, so anything may be forgotten here.
///
/// What the answer to a repeated call leaves out is held by nobody. The ends of leases may be lost
/// in the store although they were acknowledged: with a primary whose standby was behind, or by a
/// crash without synchronous_commit. So a call that began after them is told as well, which is lost
/// before they are. Safe from any thread.
class held_leases {
  public:
    /// An answer to this call has given these leases; also one to a repeat.
    void note_given(const request_id& call, const work_batch& given);
    /// The store has acknowledged what ends this lease. Not to be called of a lost one, which may
    /// be held after all if the call was in error.
    void note_ended(const lease& one);

    /// How many calls have lost their last lease so far; for whoever begins a call that `confirm`
    /// can name.
    [[nodiscard]] std::uint64_t ended_so_far() const;
    /// This call, whose answer the store keeps, began when so many had, and has been acknowledged.
    void confirm(std::uint64_t ended_then, const request_id& call);

    struct ended {
        /// The oldest first; not more than a store can do beside other work.
        std::vector<uuid> calls;
        /// A call that began after the ends of their leases were acknowledged.
        uuid before;
    };
    /// What there is to tell. Each call is told once, also if that fails.
    [[nodiscard]] ended take_ended();
    /// There are so many that the store should hear of them soon.
    [[nodiscard]] bool has_many_ended() const;

  private:
    struct given_by {
        uuid call;
        std::size_t leases = 0;
    };

    [[nodiscard]] std::size_t confirmed() const;

    mutable std::mutex mutex_;
    std::uint64_t last_number_ = 0;
    std::unordered_map<std::uint64_t, given_by> calls_;
    /// The number of its call, by token.
    std::unordered_map<std::uint64_t, std::uint64_t> call_of_;
    /// Those not told yet, and the number of all there ever were.
    std::deque<uuid> ended_;
    std::uint64_t ended_count_ = 0;
    std::uint64_t confirmed_count_ = 0;
    uuid confirmed_by_;
};

}  // namespace perdure::postgres
