#include "worker/dispatcher.hpp"

#include <utility>

// What ends late: activities, whose end their author's thread tells, and turns that wait elsewhere.
// Such a turn keeps its lease, its place among those under way, and its machine. Whoever tells that
// it can go on, or need not, wakes a thread of the worker's, which alone calls the machine.

namespace perdure::dispatch {

void dispatcher::conclude_turn(slot& me, executed result) {
    const item_ptr& item = me.current;
    if (result.what != executed::then::wait) {
        conclude(item, std::move(result));
        return;
    }
    // Neither the worker nor the item is kept by a machine that is never answered.
    item->frame->when_ready([weak = weak_from_this(), turn = std::weak_ptr(item)] {
        const auto self = weak.lock();
        const auto woken = turn.lock();
        if (self && woken) {
            self->wake_turn(woken);
        }
    });
    me.goes_on = true;
}

void dispatcher::wake_turn(const item_ptr& item) {
    const std::lock_guard guard(mutex_);
    if (late_.wake(item)) {
        crew_.wake_one();
    }
}

void dispatcher::wake_lost_turns() {
    const std::lock_guard guard(mutex_);
    const auto is_lost = [this](const item_ptr& item) { return !held_.contains(item); };
    for (std::size_t woken = late_.wake_if(is_lost); woken > 0; --woken) {
        crew_.wake_one();
    }
}

void dispatcher::leave_turn(const item_ptr& item) {
    if (leaves_late_turns_) {
        left_late_.push_back(item);
        queue_.end(item_kind::turn, steady::now());
    } else {
        late_.leave(item);
    }
}

void dispatcher::leave_late_turns() {
    leaves_late_turns_ = true;
    for (const item_ptr& item : late_.take_all()) {
        leave_turn(item);
    }
}

void dispatcher::resume(slot& me) {
    const item_ptr& item = me.current;
    if (!held_.contains(item)) {
        // Somebody else has the instance, or will: what comes of this turn changes nothing.
        turns_.drop_frame(item);
    } else {
        conclude_turn(me, turns_.resume(item));
    }
}

void dispatcher::end_late(const item_ptr& item, std::optional<activity_result> result) {
    if (result && held_.contains(item)) {
        conclude(item, activities_.finish(item, std::move(*result)));
    }
    const std::lock_guard guard(mutex_);
    if (!result) {
        dropped_.push_back(item);
    }
    queue_.end(item_kind::activity, steady::now());
    // The thread that came here is the author's: it must not wait for a commit.
    crew_.wake_one();
}

void dispatcher::abandon_dropped() {
    std::vector<item_ptr> dropped;
    {
        const std::lock_guard guard(mutex_);
        dropped.swap(dropped_);
    }
    std::erase_if(dropped, [this](const item_ptr& item) { return !held_.contains(item); });
    abandon(dropped, "its activity_done was destroyed without an answer", options_.poll_max);
}

}  // namespace perdure::dispatch
