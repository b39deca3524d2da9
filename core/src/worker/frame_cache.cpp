#include "worker/frame_cache.hpp"

#include <iterator>
#include <utility>

namespace perdure::dispatch {

void frame_cache::unlink(entry_list::iterator place, entry_list& out) {
    bytes_ -= place->bytes;
    if (oversized_ == place->instance) {
        oversized_.reset();
    }
    by_instance_.erase(place->instance);
    out.splice(out.end(), entries_, place);
}

frame_cache::frame frame_cache::take(const instance_id& instance, const frame_position& expected) {
    entry_list out;
    const std::lock_guard guard(mutex_);
    const auto found = by_instance_.find(instance);
    if (found == by_instance_.end()) {
        return nullptr;
    }
    unlink(found->second, out);
    return out.front().position == expected ? std::move(out.front().live) : nullptr;
}

std::optional<std::pair<frame_position, frame_cache::frame>> frame_cache::take_awaiting(
    const instance_id& instance, const execution_id& execution, task_id task) {
    entry_list out;
    const std::lock_guard guard(mutex_);
    const auto found = by_instance_.find(instance);
    if (found == by_instance_.end() || found->second->position.execution != execution ||
        found->second->live->ends_late() || !found->second->live->awaits_only(task)) {
        return std::nullopt;
    }
    unlink(found->second, out);
    return std::pair(out.front().position, std::move(out.front().live));
}

void frame_cache::put(const instance_id& instance, const frame_position& position, frame live) {
    if (frames_max_ == 0 || bytes_max_ == 0) {
        return;
    }
    std::size_t bytes = live->bytes();
    entry_list out;
    const std::lock_guard guard(mutex_);
    if (const auto found = by_instance_.find(instance); found != by_instance_.end()) {
        unlink(found->second, out);
    }
    if (bytes > bytes_max_) {
        if (oversized_) {
            unlink(by_instance_.at(*oversized_), out);
        }
        oversized_ = instance;
        bytes = 0;
    }
    entries_.push_front({instance, position, std::move(live), bytes});
    by_instance_.emplace(instance, entries_.begin());
    bytes_ += bytes;
    while (entries_.size() > frames_max_ || bytes_ > bytes_max_) {
        unlink(std::prev(entries_.end()), out);
    }
}

void frame_cache::drop(const instance_id& instance) {
    entry_list out;
    const std::lock_guard guard(mutex_);
    if (const auto found = by_instance_.find(instance); found != by_instance_.end()) {
        unlink(found->second, out);
    }
}

void frame_cache::clear() {
    entry_list out;
    const std::lock_guard guard(mutex_);
    out.swap(entries_);
    by_instance_.clear();
    bytes_ = 0;
    oversized_.reset();
}

bool frame_cache::is_scarce() const {
    const std::lock_guard guard(mutex_);
    return frames_max_ != 0 &&
           (entries_.size() >= frames_max_ / scarce_part || bytes_ >= bytes_max_ / scarce_part);
}

bool frame_cache::contains(const instance_id& instance) const {
    const std::lock_guard guard(mutex_);
    return by_instance_.contains(instance);
}

std::size_t frame_cache::size() const {
    const std::lock_guard guard(mutex_);
    return entries_.size();
}

}  // namespace perdure::dispatch
