#pragma once

#include "worker/leased_item.hpp"

#include <cstddef>
#include <deque>
#include <unordered_set>
#include <vector>

namespace perdure::dispatch {

/// Turns that end late: those that wait for their machine, and those that a thread can go on with.
/// A turn is in one place at a time: with the thread that executes it, waiting, or ready. Its
/// machine is called by the thread that executes it alone; what tells that a turn can go on, from
/// whatever thread, only moves it from waiting to ready. One thread at a time: the dispatcher's
/// mutex guards it.
class PERDURE_EXPORT late_turns {
  public:
    /// The thread that executes a turn leaves it; one that was woken meanwhile is ready at once.
    void leave(const item_ptr& item);
    /// True when the turn was waiting, and is ready now.
    bool wake(const item_ptr& item);
    /// Wakes those that the predicate chooses; how many there were.
    template <class Predicate>
    std::size_t wake_if(Predicate&& is_chosen) {
        const std::size_t before = ready_.size();
        std::erase_if(waiting_, [&](const item_ptr& item) {
            const bool is_woken = is_chosen(item);
            if (is_woken) {
                ready_.push_back(item);
            }
            return is_woken;
        });
        return ready_.size() - before;
    }
    /// The one that has been ready for longest; null when there is none.
    [[nodiscard]] item_ptr take();
    /// Everything that is left, for a worker that ends. The machines die outside of the mutex.
    [[nodiscard]] std::vector<item_ptr> take_all();

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
    [[nodiscard]] std::size_t ready() const noexcept { return ready_.size(); }

  private:
    std::unordered_set<item_ptr> waiting_;
    std::deque<item_ptr> ready_;
};

}  // namespace perdure::dispatch
