#include "call.hpp"

#include <algorithm>

// The one hot call: the effects of turns and activities, in the order of [BATCH-4], then hand-off.

namespace perdure::memory {

// Compares the fence and, when it is right, ends the lease: the commit is its last use.
static commit_outcome accept(call& work,
                             const checkpoint& turn,
                             std::vector<const checkpoint*>& accepted) {
    instance* target = work.find(turn.instance);
    if (target == nullptr || !turn.held.token) {
        return commit_outcome::lease_lost;
    }
    if (target->last_committed == turn.held.token) {
        return commit_outcome::committed;  // [COMMIT-2]
    }
    if (target->held != turn.held.token || target->record.execution != turn.execution) {
        return commit_outcome::lease_lost;
    }
    target->last_committer = target->holder;
    target->last_committed = target->held;
    target->attempt = 1;
    target->suspect = false;
    target->not_before = {};
    target->needs_turn = false;
    work.detach(*target);
    accepted.push_back(&turn);
    return commit_outcome::committed;
}

// [COMMIT-4]
static void start_child(call& work, const checkpoint& turn, const new_child& child) {
    const instance* found = work.find(child.instance.instance);
    if (found == nullptr) {
        work.insert(child.instance);
    } else if (child.instance.parent && found->record.parent != child.instance.parent) {
        const task_id task = child.instance.parent->task;
        work.post(*work.find(turn.instance),
                  {0, work.now, turn.execution, task, child.refused_event});
    }
}

// [COMMIT-3]
static void consume(instance& target, const checkpoint& turn) {
    const std::set<std::uint64_t> consumed(turn.consumed.begin(), turn.consumed.end());
    std::erase_if(target.inbox, [&](const auto& entry) {
        const message& m = entry.second;
        return consumed.contains(m.sequence) ||
               (m.is_timer && std::ranges::count(turn.cancelled_timers, m.task) != 0);
    });
}

static void schedule(call& work, instance& target, const checkpoint& turn) {
    for (const new_activity& added : turn.activities) {
        const item_key key{turn.instance, added.task, turn.execution};
        activity& task = target.activities[key];
        task.scheduled = added;
        task.priority = added.priority;
        work.settle(key);
    }
    for (const task_id& cancelled : turn.cancelled_activities) {
        const item_key key{turn.instance, cancelled, turn.execution};
        if (work.find(key) != nullptr) {
            work.erase(key);  // [COMMIT-8]
        }
    }
    for (const new_timer& timer : turn.timers) {
        work.post(target, {0, timer.fire_at, turn.execution, timer.task, timer.event, true});
    }
}

// [COMMIT-6]
static void continue_as_new(instance& target, const checkpoint& turn) {
    std::erase_if(target.inbox,
                  [&](const auto& entry) { return entry.second.execution == turn.execution; });
    target.record.execution = turn.next->execution;
    target.record.version = turn.next->version;
    target.record.tags = turn.next->tags;
    target.record.start_at.reset();
    target.record.status = orchestration_status::running;
    target.history.clear();
    target.record.history_length = 0;
    target.append({1, "[" + turn.next->start_event + "]"});
    if (turn.next->kept.count != 0) {
        target.append(turn.next->kept);
    }
    target.needs_turn = true;
    target.last_committer = {};  // Nobody has a frame of the new execution [LOCK-7].
}

// [COMMIT-1]
static void apply(call& work, const checkpoint& turn) {
    instance& target = *work.find(turn.instance);
    target.record.updated_at = work.now;
    ++target.history_version;
    if (turn.custom_status) {
        target.record.custom_status = *turn.custom_status;
    }
    schedule(work, target, turn);  // What ends below takes its timers along [COMMIT-5].
    consume(target, turn);
    work.detach(target);
    if (turn.next) {
        continue_as_new(target, turn);
    } else {
        std::ranges::for_each(turn.events, [&](const auto& chunk) { target.append(chunk); });
        target.record.status = turn.status;
    }
    if (is_terminal(target.record.status)) {
        target.record.output = turn.output;
        target.record.failure = turn.failure;
        work.end(target);  // [COMMIT-5]
    }
    work.settle({turn.instance});
}

// [COMMIT-7]
static commit_outcome complete(call& work, const completion& done) {
    const item_key key{done.instance, done.task, done.execution};
    instance* target = work.find(done.instance);
    if (!done.task || work.holder({done.instance, done.task, done.held}) != key) {
        const auto is_its_message = [&](const auto& entry) {  // [COMMIT-2]
            return done.held.token && entry.second.completed_by == done.held.token;
        };
        const bool repeated = target && std::ranges::any_of(target->inbox, is_its_message);
        return repeated ? commit_outcome::committed : commit_outcome::lease_lost;
    }
    work.erase(key);
    if (is_terminal(target->record.status) || target->record.execution != done.execution) {
        return commit_outcome::instance_is_terminal;  // [COMMIT-5]
    }
    const lease_token by = done.held.token;
    work.post(*target, {0, work.now, done.execution, done.task, done.event, false, by});
    return commit_outcome::committed;
}

// The steps of [BATCH-4].
static commit_result apply_all(call& work,
                               const commit_request& request,
                               std::vector<const checkpoint*>& accepted) {
    commit_result result;
    for (const checkpoint& turn : request.checkpoints) {
        result.checkpoints.push_back(accept(work, turn, accepted));
    }
    for (const checkpoint* turn : accepted) {
        for (const new_child& child : turn->children) {
            start_child(work, *turn, child);
        }
    }
    for (const checkpoint* turn : accepted) {
        apply(work, *turn);
    }
    for (const completion& done : request.completions) {
        result.completions.push_back(complete(work, done));
    }
    for (const checkpoint* turn : accepted) {
        for (const new_message& arrival : turn->messages) {
            const send_outcome sent = work.send(arrival);
            result.dropped_messages += sent == send_outcome::no_such_instance ||
                                       sent == send_outcome::instance_is_terminal;
        }
    }
    for (const checkpoint* turn : accepted) {
        for (const termination& wish : turn->terminations) {
            static_cast<void>(work.terminate(wish));
        }
    }
    return result;
}

commit_result commit(call& work, const commit_request& request) noexcept {
    std::vector<const checkpoint*> accepted;
    commit_result result = work.hub.answers.once(
        request.next.request, [&] { return apply_all(work, request, accepted); });
    // The order of [HANDOFF-1]; what `lock` would hand out comes after it.
    std::vector<item_key> preferred;
    for (const checkpoint* turn : accepted) {
        preferred.push_back({turn->instance});
    }
    for (const bool is_activity : {false, true}) {
        std::ranges::copy_if(work.made_ready,
                             std::back_inserter(preferred),
                             [&](const item_key& key) { return bool(key.task) == is_activity; });
    }
    lock_request next = request.next;
    next.suspects = false;
    result.work = hand_out(work, next, preferred);
    return result;
}

}  // namespace perdure::memory
