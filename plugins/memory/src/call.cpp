#include "call.hpp"

#include <algorithm>

namespace perdure::memory {

call::call(store& opened) : hub(opened), lock_(opened.mutex) {
    read_clock();
}

call::~call() {
    static_cast<void>(generation());
}

// Time that passes makes things ready, too [WAKE-2].
void call::read_clock() {
    const auto elapsed = std::chrono::steady_clock::now() - hub.opened_steady;
    now = hub.opened_at + std::chrono::floor<duration>(elapsed) + hub.clock_advanced;
    const auto& later = hub.lanes[lane::later];
    while (!later.empty() && later.begin()->since <= now) {
        const item_key due = later.begin()->item;
        unqueue(*find(due));
        settle(due);
    }
    static_cast<void>(generation());
}

std::uint64_t call::generation() {
    const auto waits = [&](const item_key& key) {
        const leasable* item = find(key);
        return item != nullptr && item->queued && !item->is_in(lane::leased);
    };
    if (std::ranges::any_of(made_ready, waits)) {
        ++hub.generation;
        hub.changed.notify_all();
    }
    made_ready.clear();
    return hub.generation;
}

instance* call::find(const instance_id& id) {
    const auto found = hub.instances.find(id);
    return found == hub.instances.end() ? nullptr : &found->second;
}

leasable* call::find(const item_key& key) {
    instance* owner = find(key.instance);
    if (owner == nullptr || !key.task) {
        return owner;
    }
    const auto found = owner->activities.find(key);
    return found == owner->activities.end() ? nullptr : &found->second;
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
    const leasable& item = *find(key);
    const auto due = key.task ? item.not_before : due_time(*find(key.instance));
    if (!due || item.is_in(lane::leased)) {
        return;
    }
    const timestamp since = std::max(*due, now);
    if (item.queued && item.queued->since <= since) {
        return;  // It is ready since then, whatever came later [LOCK-6].
    }
    const lane kind = key.task ? lane::activities : lane::orchestrations;
    enqueue(key, since > now ? lane::later : item.suspect ? lane::suspects : kind, since);
    made_ready.push_back(key);
}

void call::enqueue(const item_key& key, lane which, timestamp since) {
    leasable& item = *find(key);
    unqueue(item);
    place taken{-std::int64_t{item.priority}, since, ++hub.last_ticket, key, which};
    taken.rank = taken.is_by_time() ? 0 : taken.rank;
    hub.lanes[which].insert(taken);
    item.queued = taken;
}

void call::unqueue(leasable& item) {
    if (item.queued) {
        hub.lanes[item.queued->in].erase(*item.queued);
        item.queued.reset();
    }
}

void call::detach(leasable& item) {
    unqueue(item);
    hub.leases.erase(item.held);
    item.held = {};
}

void call::expire_leases() {
    const auto& leased = hub.lanes[lane::leased];
    while (!leased.empty() && leased.begin()->since <= now) {
        const item_key over = leased.begin()->item;
        leasable& item = *find(over);
        item.suspect = true;                               // [SUSPECT-1]
        item.attempt += item.leased_as_suspect ? 1U : 0U;  // [SUSPECT-2]
        unqueue(item);
        settle(over);
    }
}

void call::erase(item_key key) {
    instance& owner = *find(key.instance);
    detach(*find(key));
    if (key.task) {
        owner.activities.erase(key);
        return;
    }
    std::ranges::for_each(owner.activities, [&](auto& task) { detach(task.second); });
    hub.instances.erase(key.instance);
    hub.changed.notify_all();
}

void call::end(instance& target) {
    target.record.completed_at = now;
    target.record.updated_at = now;
    target.record.parked_reason.clear();
    target.parked = false;
    target.inbox.clear();
    detach(target);
    for (auto next = target.activities.begin(); next != target.activities.end();) {
        const auto& [key, task] = *next++;
        if (target.record.status == orchestration_status::terminated && !task.is_leased(now)) {
            erase(key);  // [COMMIT-5]
        }
    }
    hub.changed.notify_all();
}

std::optional<timestamp> call::next_due() {
    std::optional<timestamp> due;
    for (const lane by_time : {lane::later, lane::leased}) {
        if (const auto& waiting = hub.lanes[by_time]; !waiting.empty()) {
            due = std::min(due.value_or(timestamp::max()), waiting.begin()->since);
        }
    }
    return due;
}

void call::wait_until(steady_time deadline) {
    hub.changed.wait_until(lock_, deadline);
    read_clock();
}

void call::insert(const new_instance& fresh) {
    instance& added = hub.instances.emplace(fresh.instance, fresh.instance).first->second;
    added.record.execution = fresh.execution;
    added.record.name = fresh.name;
    added.record.version = fresh.version;
    added.record.status = orchestration_status::pending;
    added.record.created_at = now;
    added.record.updated_at = now;
    added.record.start_at = fresh.start_at;
    added.record.tags = fresh.tags;
    added.record.parent = fresh.parent;
    added.created_as = fresh.execution;
    added.not_before = fresh.start_at.value_or(timestamp());
    added.append({1, "[" + fresh.start_event + "]"});
    settle({fresh.instance});
}

void call::post(instance& target, message arrival) {
    arrival.sequence = ++hub.last_sequence;
    const auto order = std::pair(std::max(arrival.visible_at, now), arrival.sequence);
    target.inbox.emplace(order, std::move(arrival));
    settle({target.record.instance});
}

send_outcome call::send(const new_message& arrival) {
    instance* target = find(arrival.target);
    if (target == nullptr) {
        return send_outcome::no_such_instance;
    }
    if (is_terminal(target->record.status)) {
        return send_outcome::instance_is_terminal;
    }
    if (target->accepted.contains(arrival.id)) {
        return send_outcome::duplicate;
    }
    if (arrival.execution != execution_id() && arrival.execution != target->record.execution) {
        return send_outcome::accepted;  // [SEND-4]
    }
    if (!arrival.id.empty()) {
        target->remember(arrival.id, now);
    }
    const timestamp visible_at = arrival.visible_at.value_or(now);
    post(*target, {0, visible_at, arrival.execution, arrival.task, arrival.event});
    return send_outcome::accepted;
}

void call::tell(const std::optional<parent_link>& parent, const std::string& event) {
    if (parent) {
        static_cast<void>(send({parent->instance, event, {}, parent->execution, parent->task, {}}));
    }
}

terminate_outcome call::terminate(const termination& wish) {
    instance* target = find(wish.target);
    if (target == nullptr) {
        return terminate_outcome::no_such_instance;
    }
    if (is_terminal(target->record.status)) {
        return terminate_outcome::instance_is_terminal;
    }
    const bool is_pending = target->record.status == orchestration_status::pending;
    if (target->is_leased(now) || (!is_pending && !target->parked)) {
        target->not_before = {};  // [TERM-2]
        post(*target, {0, now, {}, {}, wish.event});
        return terminate_outcome::requested;
    }
    // [TERM-1]
    target->append({1, "[" + wish.final_event + "]"});
    ++target->history_version;
    target->record.status = orchestration_status::terminated;
    target->record.output = wish.output;
    end(*target);
    tell(target->record.parent, wish.parent_event);
    return terminate_outcome::terminated;
}

void call::erase_and_tell(const instance& target, const std::string& event) {
    const bool has_ended = is_terminal(target.record.status);
    const auto parent = has_ended ? std::nullopt : target.record.parent;
    erase({target.record.instance});
    tell(parent, event);
}

}  // namespace perdure::memory
