#include "worker/work_queue.hpp"

#include <algorithm>
#include <utility>

namespace perdure::dispatch {

void pace::forget_before(std::int64_t slice) noexcept {
    const auto length = static_cast<std::int64_t>(slices);
    const std::int64_t steps = std::min(slice - newest_, length);
    for (std::int64_t step = 1; step <= steps; ++step) {
        auto& old = counts_[static_cast<std::size_t>((slice - steps + step) % length)];
        total_ -= std::exchange(old, 0);
    }
    newest_ = std::max(newest_, slice);
}

void pace::add(steady::time_point now) noexcept {
    forget_before(now.time_since_epoch() / slice_length);
    ++counts_[static_cast<std::size_t>(newest_ % static_cast<std::int64_t>(slices))];
    ++total_;
}

std::size_t pace::recent(steady::time_point now) noexcept {
    forget_before(now.time_since_epoch() / slice_length);
    return total_;
}

namespace {
std::size_t index_of(item_kind kind) noexcept {
    return static_cast<std::size_t>(kind);
}
}  // namespace

void work_queue::put(item_ptr item) {
    const std::size_t kind = index_of(item->kind());
    waiting_[kind].push_back({std::move(item), next_serial_++});
}

item_ptr work_queue::take() {
    const bool turn = can_take(0);
    const bool activity = can_take(1);
    if (!turn && !activity) {
        return nullptr;
    }
    const bool turn_first =
        turn && (!activity || waiting_[0].front().serial < waiting_[1].front().serial);
    const std::size_t kind = turn_first ? 0 : 1;
    item_ptr item = std::move(waiting_[kind].front().item);
    waiting_[kind].pop_front();
    ++under_way_[kind];
    ++taken_;
    return item;
}

void work_queue::end(item_kind kind, steady::time_point now) noexcept {
    --under_way_[index_of(kind)];
    pace_[index_of(kind)].add(now);
}

bool work_queue::can_take() const noexcept {
    return can_take(0) || can_take(1);
}

std::size_t work_queue::size() const noexcept {
    return waiting_[0].size() + waiting_[1].size();
}

std::size_t work_queue::room_of_kind(std::size_t kind, steady::time_point now) noexcept {
    const std::size_t free = limits_[kind] - std::min(limits_[kind], under_way_[kind]);
    // While every slot is taken by something that does not end, a good pace of the past is no
    // reason to lease more.
    const std::size_t wanted =
        free == 0 ? 0 : std::clamp(pace_[kind].recent(now), free, std::max(free, batch_items_max));
    return wanted - std::min(wanted, waiting_[kind].size());
}

work_queue::rooms work_queue::room(const expected_work& expected,
                                   std::size_t pending,
                                   steady::time_point now) noexcept {
    rooms room{room_of_kind(0, now), room_of_kind(1, now)};
    // Two batches are enough to keep a committing and an executing thread busy.
    const std::size_t least = limits_[0] + limits_[1];
    const std::size_t total = std::clamp(
        pace_[0].recent(now) + pace_[1].recent(now), least, std::max(least, 2 * batch_items_max));
    const std::size_t in_flight = size() + under_way() + pending;
    const std::size_t left = total - std::min(total, in_flight);
    const std::size_t known = expected.turns + expected.activities;
    const std::size_t spare = left - std::min(left, known);
    room.turns = std::min({room.turns, expected.turns + spare, left});
    room.activities = std::min({room.activities, expected.activities + spare, left});
    return room;
}

std::vector<item_ptr> work_queue::take_waiting_since(steady::time_point limit) {
    std::vector<item_ptr> old;
    for (auto& kind : waiting_) {
        while (!kind.empty() && kind.front().item->heard_at < limit) {
            old.push_back(std::move(kind.front().item));
            kind.pop_front();
        }
    }
    return old;
}

}  // namespace perdure::dispatch
