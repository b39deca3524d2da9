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
std::size_t index_of(item_kind kind) noexcept { return static_cast<std::size_t>(kind); }
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

bool work_queue::can_take() const noexcept { return can_take(0) || can_take(1); }

std::size_t work_queue::size() const noexcept { return waiting_[0].size() + waiting_[1].size(); }

std::size_t work_queue::room(item_kind kind, steady::time_point now) noexcept {
    const std::size_t k = index_of(kind);
    const std::size_t free = limits_[k] - std::min(limits_[k], under_way_[k]);
    // While every slot is taken by something that does not end, a good pace of the past is no
    // reason to lease more.
    const std::size_t wanted =
        free == 0 ? 0 : std::clamp(pace_[k].recent(now), free, std::max(free, batch_items_max));
    return std::min(wanted - std::min(wanted, waiting_[k].size()), batch_items_max);
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
