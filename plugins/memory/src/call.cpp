#include "call.hpp"

#include <algorithm>

namespace perdure::memory {

call::call(store& opened) : hub(opened), lock_(opened.mutex) {
    read_clock();
}

call::~call() {
    if (std::uncaught_exceptions() > exceptions_before_) {
        std::terminate();
    }
    static_cast<void>(generation());
}

// Time that passes makes things ready, too [WAKE-2].
void call::read_clock() {
    const auto elapsed = std::chrono::steady_clock::now() - hub.opened_steady;
    now = hub.opened_at + std::chrono::floor<duration>(elapsed) + hub.clock_advanced;
    auto& later = hub.in(lane::later);
    while (!later.empty() && later.begin()->ready_since <= now) {
        const place due = *later.begin();
        later.erase(later.begin());
        enqueue(due, *find(due.item));
        due_found_ = true;
    }
}

std::uint64_t call::generation() {
    const bool waits = std::ranges::any_of(made_ready, [&](const item_key& key) {
        const leasable* item = find(key);
        return item != nullptr && item->queued;
    });
    if (waits || due_found_) {
        ++hub.generation;
        hub.work_changed.notify_all();
    }
    if (ended_) {
        hub.instance_ended.notify_all();
    }
    made_ready.clear();
    due_found_ = false;
    ended_ = false;
    return hub.generation;
}

instance* call::find(const instance_id& id) {
    const auto found = hub.instances.find(id);
    return found == hub.instances.end() ? nullptr : &found->second;
}

leasable* call::find(const item_key& key) {
    if (!key.task) {
        return find(key.instance);
    }
    const auto found = hub.activities.find(key);
    return found == hub.activities.end() ? nullptr : &found->second;
}

std::optional<item_key> call::holder(const held_item& item) {
    const auto found = hub.leases.find(item.held.token);
    const bool is_it = found != hub.leases.end() && found->second.instance == item.instance &&
                       found->second.task == item.task;
    return is_it ? std::optional(found->second) : std::nullopt;
}

// When an orchestration may be handed out; nothing while there is no reason to.
static std::optional<timestamp> due_time(const instance& target) {
    if (is_terminal(target.record.status) || target.parked ||
        (!target.needs_turn && target.inbox.empty())) {
        return std::nullopt;
    }
    return target.needs_turn ? target.not_before
                             : std::max(target.not_before, target.inbox.begin()->first.first);
}

void call::settle(const item_key& key) {
    leasable& item = *find(key);
    const auto due = key.task ? item.not_before : due_time(*find(key.instance));
    if (item.held && !item.expiry_found) {
        return;
    }
    const timestamp since = std::max(due.value_or(timestamp::max()), now);
    if (item.queued && item.queued->ready_since <= since) {
        return;  // It is ready since then, whatever came later [LOCK-6].
    }
    if (due) {
        enqueue({.ready_since = since, .ticket = ++hub.last_ticket, .item = key}, item);
        made_ready.push_back(key);
    }
}

void call::enqueue(place where, leasable& item) {
    const bool is_later = where.ready_since > now;
    const lane kind = where.item.task ? lane::activities : lane::orchestrations;
    where.in = is_later ? lane::later : item.suspect ? lane::suspects : kind;
    where.rank = is_later ? 0 : -std::int64_t{item.priority};
    unqueue(item);
    hub.in(where.in).insert(where);
    item.queued = where;
}

void call::unqueue(leasable& item) {
    if (item.queued) {
        hub.in(item.queued->in).erase(*item.queued);
        item.queued.reset();
    }
}

void call::detach(leasable& item) {
    unqueue(item);
    hub.leases.erase(item.held);
    item.held = {};
    item.expiry_found = false;
}

void call::find_expired_leases() {
    for (auto next = hub.leases.begin(); next != hub.leases.end();) {
        const item_key key = (next++)->second;
        leasable& item = *find(key);
        if (item.expiry_found || is_leased(item)) {
            continue;
        }
        item.expiry_found = true;
        item.suspect = true;                               // [SUSPECT-1]
        item.attempt += item.leased_as_suspect ? 1U : 0U;  // [SUSPECT-2]
        settle(key);
    }
}

void call::erase_activity(item_key key) {
    detach(*find(key));
    hub.activities.erase(key);
}

void call::erase_activities(const instance_id& id, which chosen) {
    auto next = hub.activities.lower_bound(item_key{id});
    while (next != hub.activities.end() && next->first.instance == id) {
        const auto& [key, item] = *next++;
        if (chosen == which::all || !is_leased(item)) {
            erase_activity(key);
        }
    }
}

void call::erase(instance_id id) {
    detach(*find(id));
    erase_activities(id, which::all);
    hub.instances.erase(id);
    ended_ = true;
}

void call::end(instance& target) {
    target.record.completed_at = now;
    target.record.updated_at = now;
    target.record.parked_reason.clear();
    target.parked = false;
    target.inbox.clear();
    detach(target);
    if (target.record.status == orchestration_status::terminated) {
        erase_activities(target.record.instance, which::unleased);  // [COMMIT-5]
    }
    ended_ = true;
}

std::optional<timestamp> call::next_due() {
    const auto& later = hub.in(lane::later);
    auto due = later.empty() ? std::nullopt : std::optional(later.begin()->ready_since);
    for (const auto& [token, key] : hub.leases) {
        const leasable& item = *find(key);
        due_found_ = due_found_ || (!item.expiry_found && !is_leased(item));
        if (is_leased(item)) {
            due = std::min(due.value_or(item.lease_until), item.lease_until);
        }
    }
    return due;
}

void call::wait_until(std::condition_variable& change, steady_time deadline) {
    change.wait_until(lock_, deadline);
    read_clock();
}

void call::advance_clock(duration by) {
    hub.clock_advanced += by;
    read_clock();
    hub.work_changed.notify_all();
}

}  // namespace perdure::memory
