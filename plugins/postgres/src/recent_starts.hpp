#pragma once

#include <perdure/ids.hpp>

#include <cstddef>
#include <deque>
#include <unordered_set>

namespace perdure::postgres {

/// The instances that this process has begun to create of late and of whose end nobody has told.
/// While somebody listens, a wait for them need not look whether they have ended already. Keeps the
/// last thousand. Not safe from several threads.
class recent_starts {
  public:
    void add(const instance_id& id) {
        if (ids_.insert(id).second) {
            order_.push_back(id);
        }
        if (order_.size() > kept_max) {
            ids_.erase(order_.front());
            order_.pop_front();
        }
    }
    void remove(const instance_id& id) { ids_.erase(id); }
    void clear() {
        ids_.clear();
        order_.clear();
    }
    [[nodiscard]] bool has(const instance_id& id) const { return ids_.contains(id); }

  private:
    static constexpr std::size_t kept_max = 1000;

    std::unordered_set<instance_id> ids_;
    /// Also of those that have been removed since.
    std::deque<instance_id> order_;
};

}  // namespace perdure::postgres
