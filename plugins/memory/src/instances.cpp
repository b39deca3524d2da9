#include "backend.hpp"

#include <algorithm>

// The client side that changes something: create, send, terminate, purge, release.

namespace perdure::memory {

void call::insert(const new_instance& fresh) {
    instance& added = hub.instances.emplace(fresh.instance, fresh.instance).first->second;
    added.record.execution = fresh.execution;
    added.record.name = fresh.name;
    added.record.version = fresh.version;
    added.record.created_at = now;
    added.record.updated_at = now;
    added.record.start_at = fresh.start_at;
    added.record.tags = fresh.tags;
    added.record.parent = fresh.parent;
    added.created_as = fresh.execution;
    added.not_before = fresh.start_at.value_or(timestamp());
    added.append_event(fresh.start_event);
    settle({fresh.instance});
}

static create_outcome create_one(call& work, const new_instance& fresh) {
    const instance* found = work.find(fresh.instance);
    if (found != nullptr && found->created_as == fresh.execution) {
        return {create_code::created};  // [CREATE-3]
    }
    if (found != nullptr) {
        const auto status = found->record.status;
        if (std::ranges::count(fresh.replaceable, status) == 0) {
            return {create_code::already_exists, status};  // [CREATE-1]
        }
        // [CREATE-2]
        const auto parent = is_terminal(status) ? std::nullopt : found->record.parent;
        work.erase(fresh.instance);
        work.tell_parent(parent, fresh.replaced_event);
    }
    work.insert(fresh);
    return {create_code::created};
}

std::vector<create_outcome> memory_backend::create(const request_id& /*request*/,
                                                   std::span<const new_instance> instances) {
    call work(*hub_);
    return each(instances, [&](const auto& fresh, auto) { return create_one(work, fresh); });
}

void call::post(instance& target, message arrival) {
    arrival.sequence = ++hub.last_sequence;
    const auto order = std::pair(std::max(arrival.visible_at, now), arrival.sequence);
    target.inbox.emplace(order, std::move(arrival));
    settle({target.record.instance});
}

void call::tell_parent(const std::optional<parent_link>& parent, const std::string& event) {
    if (parent) {
        const new_message told{parent->instance, event, {}, parent->execution, parent->task, {}};
        static_cast<void>(send(told, nullptr));
    }
}

// No client can use an id that contains a control character, so this one is ours [REPEAT-1].
static std::string repeat_id(const call_item& item) {
    return "\x01" + to_string(item.request.value) + "/" + std::to_string(item.ordinal);
}

static void remember(instance& target, const std::string& id, const call_item& by, timestamp now) {
    auto& order = target.accepted_order;
    target.accepted.emplace(id, by);
    order.emplace_back(now, id);
    while (order.size() > 10'000 && order.front().first < now - std::chrono::hours(24)) {
        target.accepted.erase(order.front().second);
        order.pop_front();
    }
}

send_outcome call::send(const new_message& arrival, const call_item* repeatable) {
    instance* target = find(arrival.target);
    if (target == nullptr) {
        return send_outcome::no_such_instance;
    }
    const bool needs_id = arrival.id.empty() && repeatable != nullptr;
    const std::string id = needs_id ? repeat_id(*repeatable) : arrival.id;
    const auto known = target->accepted.find(id);
    const bool is_known = known != target->accepted.end();
    if (is_known && repeatable != nullptr && known->second == *repeatable) {
        return send_outcome::accepted;
    }
    if (is_terminal(target->record.status)) {
        return send_outcome::instance_is_terminal;
    }
    if (is_known) {
        return send_outcome::duplicate;
    }
    if (arrival.execution != execution_id() && arrival.execution != target->record.execution) {
        return send_outcome::accepted;  // [SEND-4]
    }
    if (!id.empty()) {
        remember(*target, id, repeatable != nullptr ? *repeatable : call_item(), now);
    }
    const timestamp visible_at = arrival.visible_at.value_or(now);
    post(*target, {0, visible_at, arrival.execution, arrival.task, arrival.event});
    return send_outcome::accepted;
}

std::vector<send_outcome> memory_backend::send(const request_id& request,
                                               std::span<const new_message> messages) {
    call work(*hub_);
    if (const auto* answer = work.hub.sends.find(request)) {
        return *answer;
    }
    auto outcomes = each(messages, [&](const auto& arrival, std::size_t n) {
        const call_item item{request, n};
        return work.send(arrival, &item);
    });
    work.hub.sends.keep(request, outcomes);
    return outcomes;
}

terminate_outcome call::terminate(const termination& wish, const call_item* repeatable) {
    instance* target = find(wish.target);
    if (target == nullptr) {
        return terminate_outcome::no_such_instance;
    }
    const bool ended = is_terminal(target->record.status);
    const std::string id = repeatable != nullptr ? repeat_id(*repeatable) : std::string();
    if (target->accepted.contains(id)) {
        return ended && target->terminated_as == id ? terminate_outcome::terminated
                                                    : terminate_outcome::requested;
    }
    if (ended) {
        return terminate_outcome::instance_is_terminal;
    }
    if (!id.empty()) {
        remember(*target, id, *repeatable, now);
    }
    const bool is_pending = target->record.status == orchestration_status::pending;
    if (is_leased(*target) || (!is_pending && !target->parked)) {
        target->not_before = {};  // [TERM-2]
        post(*target, {0, now, {}, {}, wish.event});
        return terminate_outcome::requested;
    }
    // [TERM-1]
    target->append_event(wish.final_event);
    ++target->history_version;
    target->record.status = orchestration_status::terminated;
    target->record.output = wish.output;
    target->terminated_as = id;
    end(*target);
    tell_parent(target->record.parent, wish.parent_event);
    return terminate_outcome::terminated;
}

std::vector<terminate_outcome> memory_backend::terminate(const request_id& request,
                                                         std::span<const termination> wishes) {
    call work(*hub_);
    return each(wishes, [&](const auto& wish, std::size_t n) {
        const call_item item{request, n};
        return work.terminate(wish, &item);
    });
}

static purge_outcome purge_one(call& work, const instance_id& id, const purge_request& request) {
    const instance* target = work.find(id);
    if (target == nullptr) {
        return purge_outcome::no_such_instance;
    }
    const bool has_ended = is_terminal(target->record.status);
    if (!has_ended && !request.force) {
        return purge_outcome::not_terminal;  // [PURGE-1]
    }
    const auto parent = has_ended ? std::nullopt : target->record.parent;
    work.erase(id);
    work.tell_parent(parent, request.parent_event);
    return purge_outcome::purged;
}

purge_result memory_backend::purge(const purge_request& request) {
    if (request.instances.size() > request.limit) {
        throw backend_error(store_fault::rejected, "purge: more instances than the limit allows");
    }
    call work(*hub_);
    if (const purge_result* answer = work.hub.purges.find(request.request)) {
        return *answer;
    }
    purge_result result;
    const auto purge_each = [&](const auto& ids) {
        return each(ids, [&](const auto& id, auto) { return purge_one(work, id, request); });
    };
    result.outcomes = purge_each(request.instances);
    result.purged = std::size_t(std::ranges::count(result.outcomes, purge_outcome::purged));
    if (!request.instances.empty()) {
        work.hub.purges.keep(request.request, result);
        return result;
    }
    std::vector<instance_id> chosen;
    for (const auto& [id, target] : work.hub.instances) {
        const bool is_meant = request.force || is_terminal(target.record.status);
        if (is_meant && matches(request.filter, target)) {
            chosen.push_back(id);
        }
    }
    result.more = chosen.size() > request.limit;
    chosen.erase(chosen.begin() + std::ptrdiff_t(result.more ? request.limit : chosen.size()),
                 chosen.end());
    result.purged = purge_each(chosen).size();
    work.hub.purges.keep(request.request, result);
    return result;
}

static release_outcome release_one(call& work, const request_id& request, const instance_id& id) {
    instance* target = work.find(id);
    if (target == nullptr) {
        return release_outcome::no_such_instance;
    }
    if (target->parked) {
        target->parked = false;
        target->record.parked_reason.clear();
        target->record.updated_at = work.now;
        target->attempt = 1;
        target->suspect = false;
        target->released_by = request;
        work.settle({id});
    }
    return target->released_by == request ? release_outcome::released : release_outcome::not_parked;
}

std::vector<release_outcome> memory_backend::release(const request_id& request,
                                                     std::span<const instance_id> instances) {
    call work(*hub_);
    return each(instances, [&](const auto& id, auto) { return release_one(work, request, id); });
}

}  // namespace perdure::memory
