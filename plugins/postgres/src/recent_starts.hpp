#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>

namespace perdure::postgres {

/// The instances that this process has begun to create of late and of whose end nobody has told.
/// While somebody listens, a wait for them need not look whether they have ended already. Keeps the
/// last thousand. Not safe from several threads.
class recent_starts {
  public:
    void add(const std::string& id) {
        if (ids_.insert(id).second) {
            order_.push_back(id);
        }
        if (order_.size() > kept_max) {
            ids_.erase(order_.front());
            order_.pop_front();
        }
    }
    void remove(std::string_view id) { ids_.erase(std::string(id)); }
    void clear() {
        ids_.clear();
        order_.clear();
    }
    [[nodiscard]] bool has(const std::string& id) const { return ids_.contains(id); }

  private:
    static constexpr std::size_t kept_max = 1000;

    std::unordered_set<std::string> ids_;
    /// Also of those that have been removed since.
    std::deque<std::string> order_;
};

}  // namespace perdure::postgres
