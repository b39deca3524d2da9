#include "store.hpp"

#include <perdure/kit/filters.hpp>

#include <algorithm>

namespace perdure::memory {

// Time that passes makes things ready, too [WAKE-2].
void call::read_clock() {
    const auto elapsed = std::chrono::steady_clock::now() - hub.opened_steady;
    now = hub.opened_at + std::chrono::floor<duration>(elapsed) + hub.clock_advanced;
    std::erase_if(hub.workers, [&](const auto& worker) { return worker.second.until <= now; });
    pass_by(list::later);
    static_cast<void>(announce());
}

// What is over leaves a list by time, and waits where it belongs now.
void call::pass_by(list by_time) {
    const auto& waiting = hub.lists[by_time];
    while (!waiting.empty() && waiting.begin()->since <= now) {
        leasable& item = *waiting.begin()->item;
        const timestamp ready_from = by_time == list::later ? item.queued->since : now;
        unqueue(item);
        settle(item, ready_from);
    }
}

wake_token call::announce() {
    const auto waits = [&](const item_key& key) {
        const leasable* item = find(key);
        return item != nullptr && item->queued && !item->is_in(list::leased);
    };
    if (std::ranges::any_of(made_ready, waits)) {
        hub.waiting.announce_work();
    }
    made_ready.clear();
    auto due = duration::max();
    for (const list by_time : {list::later, list::leased}) {
        if (const auto& items = hub.lists[by_time]; !items.empty()) {
            due = std::min(due, items.begin()->since - now);
        }
    }
    hub.waiting.set_due(due);  // [WAKE-2]
    return hub.waiting.token();
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

leasable* call::holder(const held_item& item) {
    const auto found = hub.leases.find(item.held.token);
    const bool is_it = found != hub.leases.end() && found->second->key.instance == item.instance &&
                       found->second->key.task == item.task;
    return is_it ? found->second : nullptr;
}

// When an orchestration may be handed out; nothing while there is no reason to.
static std::optional<timestamp> due_time(const instance& target) {
    if (is_terminal(target.record.status) || target.is_parked() ||
        (!target.needs_turn && target.inbox.empty())) {
        return std::nullopt;
    }
    return target.needs_turn ? target.not_before
                             : std::max(target.not_before, target.inbox.begin()->first.first);
}

void call::settle(leasable& item, std::optional<timestamp> ready_from) {
    const bool is_activity{item.key.task};
    const auto due = is_activity ? item.not_before : due_time(static_cast<instance&>(item));
    if (!due || item.is_in(list::leased)) {
        return;
    }
    const timestamp since = std::max(*due, ready_from.value_or(now));
    if (item.queued && item.queued->since <= since) {
        return;  // It is ready since then, whatever came later [LOCK-6].
    }
    const list kind = is_activity ? list::activities : list::orchestrations;
    enqueue(item, since > now ? list::later : item.is_suspect() ? list::suspects : kind, since);
    made_ready.push_back(item.key);
}

void call::enqueue(leasable& item, list which, timestamp since) {
    unqueue(item);
    const std::int64_t rank = which < list::later ? -std::int64_t{item.priority} : 0;
    item.queued = place{rank, since, item.ticket, &item, which};
    hub.lists[which].insert(*item.queued);
}

void call::unqueue(leasable& item) {
    if (item.queued) {
        hub.lists[item.queued->in].erase(*item.queued);
        item.queued.reset();
    }
}

void call::detach(leasable& item) {
    unqueue(item);
    hub.leases.erase(item.held);
    item.held = {};
}

void call::erase(leasable& item) {
    const item_key key = item.key;
    instance& owner = *find(key.instance);
    detach(item);
    if (key.task) {
        owner.activities.erase(key);
        return;
    }
    std::ranges::for_each(owner.activities, [&](auto& task) { detach(task.second); });
    hub.instances.erase(key.instance);
    hub.waiting.announce_end();
}

void call::end(instance& target) {
    target.record.completed_at = target.record.updated_at = now;
    target.record.parked_reason.clear();
    target.inbox.clear();
    detach(target);
    for (auto next = target.activities.begin(); next != target.activities.end();) {
        activity& task = (next++)->second;
        if (target.record.status == orchestration_status::terminated && !task.is_leased(now)) {
            erase(task);  // [COMMIT-5]
        }
    }
    hub.waiting.announce_end();
}

void call::insert(const new_instance& fresh) {
    const auto& [id,
                 execution,
                 name,
                 version,
                 start_event,
                 parent,
                 tags,
                 start_at,
                 replaceable,
                 replaced_event,
                 kind,
                 level] = fresh;
    instance& added = hub.instances.try_emplace(id, id, ++hub.last_ticket).first->second;
    added.record.name = name;
    added.record.version = version;
    added.record.status = orchestration_status::pending;
    added.record.created_at = added.record.updated_at = now;
    added.record.start_at = start_at;
    added.record.tags = tags;
    added.record.parent = parent;
    added.record.kind = kind;
    added.record.level = level;
    added.created_as = added.record.execution = execution;
    added.not_before = start_at.value_or(timestamp());
    added.append({1, "[" + start_event + "]"});
    settle(added);
}

void call::post(instance& target, message arrival) {
    arrival.sequence = ++hub.last_sequence;
    const auto order = std::pair(std::max(arrival.visible_at, now), arrival.sequence);
    target.inbox.emplace(order, std::move(arrival));
    settle(target);
}

send_outcome call::send(const new_message& arrival) {
    const auto& [to, event, id, execution, task, visible_at, level] = arrival;
    instance* target = find(to);
    if (target == nullptr || is_terminal(target->record.status)) {
        return target ? send_outcome::instance_is_terminal : send_outcome::no_such_instance;
    }
    if (target->accepted.contains(id)) {
        return send_outcome::duplicate;
    }
    if (execution != execution_id() && execution != target->record.execution) {
        return send_outcome::accepted;  // [SEND-4]
    }
    if (!id.empty()) {
        target->remember(id, now);
    }
    target->raise_level(level);
    post(*target, {{0, visible_at.value_or(now), task, event}, execution});
    return send_outcome::accepted;
}

void call::tell(const std::optional<parent_link>& parent, const std::string& event) {
    if (parent) {
        static_cast<void>(send({.target = parent->instance,
                                .event = event,
                                .execution = parent->execution,
                                .task = parent->task}));
    }
}

terminate_outcome call::terminate(const termination& wish) {
    instance* target = find(wish.target);
    if (target == nullptr || is_terminal(target->record.status)) {
        return target ? terminate_outcome::instance_is_terminal
                      : terminate_outcome::no_such_instance;
    }
    const bool is_pending = target->record.status == orchestration_status::pending;
    if (target->is_leased(now) || (!is_pending && !target->is_parked())) {
        target->not_before = {};  // [TERM-2]
        post(*target, {{0, now, {}, wish.event}});
        return terminate_outcome::requested;
    }
    target->append({1, "[" + wish.final_event + "]"});
    ++target->history_version;
    target->record.status = orchestration_status::terminated;
    target->record.output = wish.output;
    end(*target);
    tell(target->record.parent, wish.parent_event);
    return terminate_outcome::terminated;  // [TERM-1]
}

void call::erase_and_tell(instance& target, const std::string& event) {
    const auto parent = is_terminal(target.record.status) ? std::nullopt : target.record.parent;
    erase(target);
    tell(parent, event);
}

bool serves(const work_filter* filter, const leasable& item) {
    return item.key.task ? perdure::serves(filter, static_cast<const activity&>(item).scheduled)
                         : perdure::serves(filter, static_cast<const instance&>(item).record);
}

}  // namespace perdure::memory
