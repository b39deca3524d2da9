#include "moving/store_switch.hpp"

#include <algorithm>
#include <utility>

// How another store takes the place of the present one.

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

// For as long a store keeps the answer to a call at least [REPEAT-3].
constexpr auto repeated_for = std::chrono::minutes(1);

}  // namespace

bool store_switch::begin_noting(std::chrono::milliseconds patience) {
    if (!gate_.close(patience)) {
        return false;
    }
    touched_.begin();
    gate_.open();
    return true;
}

bool store_switch::close(std::chrono::milliseconds patience) {
    if (!gate_.close(patience)) {
        return false;
    }
    const std::lock_guard guard(mutex_);
    const auto given_up = std::erase_if(unanswered_, [](const auto& call) {
        return call.second.since + repeated_for < steady::now();
    });
    unanswered_count_ = unanswered_.size();
    if (given_up != 0) {
        touched_.add_any();
    }
    if (given_up != 0 || !unanswered_.empty()) {
        gate_.open();
        return false;
    }
    return true;
}

void store_switch::reopen() {
    gate_.open();
}

void store_switch::move_to(std::shared_ptr<backend> next, const std::string& description) {
    ask_from_now_on(std::move(next), description);
    touched_.end();
    gate_.open();
}

// Calls that are under way in the store of before hear that it has moved.
void store_switch::ask_from_now_on(std::shared_ptr<backend> next, std::string description) {
    const place& before = here();
    {
        const std::lock_guard guard(mutex_);
        tell_of_workers(*next);
        recent_.clear();
        here_ = &places_.emplace_back(std::move(next), std::move(description), before.era + 1);
        if (interrupted_) {
            here().store->interrupt_waits();
        }
    }
    before.store->interrupt_waits();
}

bool store_switch::knows(const worker_id& worker) {
    const std::lock_guard guard(mutex_);
    return workers_.contains(worker);
}

void store_switch::keep(const renewal& said) {
    const std::lock_guard guard(mutex_);
    const auto now = steady::now();
    std::erase_if(workers_, [&](const auto& worker) {
        return worker.second.until + std::chrono::hours(1) < now;
    });
    known_worker& known = workers_[said.worker];
    known.until = saturating_add(now, said.lease_duration);
    if (said.filter != nullptr) {
        known.filter = *said.filter;
    }
}

// What they do not hear of now, workers tell them with their next renewal.
void store_switch::tell_of_workers(backend& next) {
    try {
        for (const auto& [worker, known] : workers_) {
            const auto left = std::chrono::duration_cast<duration>(known.until - steady::now());
            if (left > duration::zero()) {
                const work_filter* filter = known.filter ? &*known.filter : nullptr;
                static_cast<void>(next.renew({worker, filter, left, {}}));
            }
        }
        if (!taken_over_.empty()) {
            next.take_over({random_uuid()}, taken_over_);
        }
    } catch (const backend_error&) {
        // Leases of the dead end by themselves.
    }
    taken_over_.clear();
}

}  // namespace perdure::moving
