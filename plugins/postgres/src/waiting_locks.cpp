#include "waiting_locks.hpp"

#include <algorithm>
#include <utility>

namespace perdure::postgres {

std::optional<request_id> waiting_locks::take_orphan(std::int32_t worker) {
    const std::lock_guard guard(mutex_);
    const auto found = orphans_.find(worker);
    return found == orphans_.end() ? std::nullopt : std::optional(orphans_.extract(found).mapped());
}

void waiting_locks::return_orphan(std::int32_t worker, const request_id& request) {
    const std::lock_guard guard(mutex_);
    orphans_.emplace(worker, request);
}

waiting_locks::presence::presence(waiting_locks& where, taker who)
    : where_(where), place_(std::make_shared<place>(place{std::move(who), state::waits, {}})) {
    const std::lock_guard guard(where_.mutex_);
    where_.free_.push_back(place_);
}

waiting_locks::presence::~presence() {
    static_cast<void>(leave());
}

bool waiting_locks::presence::is_over() const {
    const std::lock_guard guard(where_.mutex_);
    return place_->now == state::given || place_->now == state::in_doubt;
}

waiting_locks::presence::parting waiting_locks::presence::leave() {
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

waiting_locks::claim::claim(waiting_locks& where, std::int32_t lane) : where_(where) {
    const std::lock_guard guard(where_.mutex_);
    auto& free = where_.free_;
    const auto found = std::find_if(free.begin(), free.end(), [&](const auto& each) {
        const auto& wanted = each->who.definitions;
        return !wanted || std::find(wanted->begin(), wanted->end(), lane) != wanted->end();
    });
    if (found != free.end()) {
        place_ = *found;
        place_->now = state::claimed;
        free.erase(found);
    }
}

waiting_locks::claim::~claim() {
    if (place_ == nullptr) {
        return;
    }
    {
        const std::lock_guard guard(where_.mutex_);
        if (place_->now == state::left) {
            where_.orphans_.emplace(place_->who.worker, place_->who.request);
            return;
        }
        place_->now = state::in_doubt;
    }
    where_.bell_.stir_workers();
}

const waiting_locks::taker* waiting_locks::claim::who() const noexcept {
    return place_ == nullptr ? nullptr : &place_->who;
}

bool waiting_locks::claim::give(work_batch work) {
    const std::shared_ptr<place> taking = std::exchange(place_, nullptr);
    {
        const std::lock_guard guard(where_.mutex_);
        if (taking->now == state::left) {
            return false;
        }
        taking->given = std::move(work);
        taking->now = state::given;
    }
    where_.bell_.stir_workers();
    return true;
}

void waiting_locks::claim::release() {
    const std::shared_ptr<place> freed = std::exchange(place_, nullptr);
    const std::lock_guard guard(where_.mutex_);
    if (freed != nullptr && freed->now != state::left) {
        freed->now = state::waits;
        where_.free_.push_front(freed);
    }
}

}  // namespace perdure::postgres
