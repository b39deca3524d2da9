#include "worker/late_turns.hpp"

#include <utility>

namespace perdure::dispatch {

void late_turns::leave(const item_ptr& item) {
    if (std::exchange(item->is_woken, false)) {
        ready_.push_back(item);
    } else {
        waiting_.insert(item);
    }
}

bool late_turns::wake(const item_ptr& item) {
    if (waiting_.erase(item) == 0) {
        item->is_woken = true;
        return false;
    }
    ready_.push_back(item);
    return true;
}

item_ptr late_turns::take() {
    if (ready_.empty()) {
        return nullptr;
    }
    item_ptr item = std::move(ready_.front());
    ready_.pop_front();
    return item;
}

std::vector<item_ptr> late_turns::take_all() {
    std::vector<item_ptr> all(waiting_.begin(), waiting_.end());
    all.insert(all.end(), ready_.begin(), ready_.end());
    waiting_.clear();
    ready_.clear();
    return all;
}

}  // namespace perdure::dispatch
