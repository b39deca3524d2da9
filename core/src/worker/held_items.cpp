#include "worker/held_items.hpp"

#include <utility>

namespace perdure::dispatch {

void held_items::add(const item_ptr& item) {
    const std::lock_guard guard(mutex_);
    if (item->keeper_place != SIZE_MAX) {
        return;
    }
    item->keeper_place = items_.size();
    items_.push_back(item);
}

bool held_items::remove(const item_ptr& item) {
    const std::lock_guard guard(mutex_);
    const std::size_t place = std::exchange(item->keeper_place, SIZE_MAX);
    if (place == SIZE_MAX) {
        return false;
    }
    if (place + 1 != items_.size()) {
        items_[place] = std::move(items_.back());
        items_[place]->keeper_place = place;
    }
    items_.pop_back();
    return true;
}

bool held_items::contains(const item_ptr& item) const {
    const std::lock_guard guard(mutex_);
    return item->keeper_place != SIZE_MAX;
}

std::size_t held_items::size() const {
    const std::lock_guard guard(mutex_);
    return items_.size();
}

std::vector<item_ptr> held_items::renewed_before(steady::time_point limit) const {
    std::vector<item_ptr> due;
    const std::lock_guard guard(mutex_);
    for (const item_ptr& item : items_) {
        if (item->renewed_at < limit) {
            due.push_back(item);
        }
    }
    return due;
}

std::vector<item_ptr> held_items::all() const {
    const std::lock_guard guard(mutex_);
    return items_;
}

void held_items::note_renewal(const item_ptr& item,
                              steady::time_point now,
                              duration lease_duration) {
    const std::lock_guard guard(mutex_);
    item->renewed_at = now;
    item->lease_end = now + lease_duration;
}

}  // namespace perdure::dispatch
