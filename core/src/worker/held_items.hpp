#pragma once

#include "worker/leased_item.hpp"

#include <mutex>
#include <vector>

namespace perdure::dispatch {

/// The leases to keep: of items that have begun, or wait for their commit. Safe from any thread.
class PERDURE_EXPORT held_items {
  public:
    void add(const item_ptr& item);
    /// False when the item was not in the list.
    bool remove(const item_ptr& item);
    [[nodiscard]] bool contains(const item_ptr& item) const;
    [[nodiscard]] std::size_t size() const;
    /// Those last renewed, or leased, before `limit`.
    [[nodiscard]] std::vector<item_ptr> renewed_before(steady::time_point limit) const;
    [[nodiscard]] std::vector<item_ptr> all() const;
    void note_renewal(const item_ptr& item, steady::time_point now, duration lease_duration);

  private:
    mutable std::mutex mutex_;
    std::vector<item_ptr> items_;
};

}  // namespace perdure::dispatch
