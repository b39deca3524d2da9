#pragma once

#include <perdure/backend.hpp>

#include <cstdint>
#include <mutex>
#include <unordered_set>

namespace perdure::moving {

/// The leases that a store has handed out, the last ones at least. Who is not among them may be
/// from another store. Safe from any thread.
class recent_leases {
  public:
    void add(const work_batch& handed_out);
    [[nodiscard]] bool contains(lease_token token);
    /// None, because another store is asked from now on.
    void clear();

  private:
    void add(lease_token token);

    std::mutex mutex_;
    std::unordered_set<std::uint64_t> newer_;
    std::unordered_set<std::uint64_t> older_;
};

}  // namespace perdure::moving
