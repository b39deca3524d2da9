#include "idle_workers.hpp"

#include <algorithm>
#include <utility>

namespace perdure::postgres {

std::optional<request_id> idle_workers::take_unconfirmed(std::int32_t worker) {
    const std::lock_guard guard(mutex_);
    const auto found = unconfirmed_.find(worker);
    return found == unconfirmed_.end() ? std::nullopt
                                       : std::optional(unconfirmed_.extract(found).mapped());
}

void idle_workers::return_unconfirmed(std::int32_t worker, const request_id& request) {
    const std::lock_guard guard(mutex_);
    unconfirmed_.emplace(worker, request);
}

idle_workers::presence::presence(idle_workers& where, assignee who)
    : where_(where), place_(std::make_shared<place>(place{std::move(who), state::waits, {}})) {
    const std::lock_guard guard(where_.mutex_);
    where_.free_.push_back(place_);
}

idle_workers::presence::~presence() {
    static_cast<void>(leave());
}

bool idle_workers::presence::is_over() const {
    const std::lock_guard guard(where_.mutex_);
    return place_->now == state::given || place_->now == state::in_doubt;
}

idle_workers::presence::parting idle_workers::presence::leave() {
    const std::lock_guard guard(where_.mutex_);
    where_.free_.remove(place_);
    parting result;
    const state before = std::exchange(place_->now, state::left);
    if (before == state::given) {
        result.given = std::move(place_->given);
    }
    result.is_in_doubt = before == state::in_doubt;
    return result;
}

idle_workers::reservation::reservation(idle_workers& where, std::int32_t work_key) : where_(where) {
    const std::lock_guard guard(where_.mutex_);
    auto& free = where_.free_;
    const auto found = std::find_if(free.begin(), free.end(), [&](const auto& each) {
        const auto& wanted = each->who.definitions;
        return !wanted || std::find(wanted->begin(), wanted->end(), work_key) != wanted->end();
    });
    if (found != free.end()) {
        place_ = *found;
        place_->now = state::reserved;
        free.erase(found);
    }
}

idle_workers::reservation::~reservation() {
    if (place_ == nullptr) {
        return;
    }
    {
        const std::lock_guard guard(where_.mutex_);
        if (place_->now == state::left) {
            where_.unconfirmed_.emplace(place_->who.worker, place_->who.request);
            return;
        }
        place_->now = state::in_doubt;
    }
    where_.notifier_.stir_workers();
}

const idle_workers::assignee* idle_workers::reservation::who() const noexcept {
    return place_ == nullptr ? nullptr : &place_->who;
}

bool idle_workers::reservation::give(work_batch work) {
    const std::shared_ptr<place> taking = std::exchange(place_, nullptr);
    {
        const std::lock_guard guard(where_.mutex_);
        if (taking->now == state::left) {
            return false;
        }
        taking->given = std::move(work);
        taking->now = state::given;
    }
    where_.notifier_.stir_workers();
    return true;
}

void idle_workers::reservation::release() {
    const std::shared_ptr<place> freed = std::exchange(place_, nullptr);
    const std::lock_guard guard(where_.mutex_);
    if (freed != nullptr && freed->now != state::left) {
        freed->now = state::waits;
        where_.free_.push_front(freed);
    }
}

}  // namespace perdure::postgres
