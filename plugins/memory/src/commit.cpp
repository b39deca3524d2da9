#include "backend.hpp"

#include <algorithm>

// The one hot call: the effects of turns and activities, in the order of [BATCH-4], then hand-off.

namespace perdure::memory {

namespace {

// Refuses what a later step would stumble over, while nothing has been changed.
void check(const checkpoint& turn) {
    std::set<task_id> tasks;
    const bool has_tasks = std::ranges::all_of(turn.activities, [&](const auto& added) {
        return added.task && tasks.insert(added.task).second;
    });
    if (!has_tasks) {
        throw backend_error(store_fault::rejected, "commit: an activity needs its own task id");
    }
}

// Compares the fence and, when it is right, ends the lease: the commit is its last use.
commit_outcome accept(call& work,
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
void start_child(call& work, const checkpoint& turn, const new_child& child) {
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
void consume(instance& target, const checkpoint& turn) {
    const std::set<std::uint64_t> consumed(turn.consumed.begin(), turn.consumed.end());
    std::erase_if(target.inbox, [&](const auto& entry) {
        const message& m = entry.second;
        return consumed.contains(m.sequence) ||
               (m.is_timer && std::ranges::count(turn.cancelled_timers, m.task) != 0);
    });
}

void schedule(call& work, instance& target, const checkpoint& turn) {
    for (const new_activity& added : turn.activities) {
        const item_key key{turn.instance, added.task, turn.execution};
        const lease unheld;
        activity_work task{turn.instance,
                           turn.execution,
                           added.task,
                           unheld,
                           added.name,
                           added.version,
                           added.queue,
                           added.input,
                           added.details};
        activity scheduled{{}, std::move(task)};
        scheduled.priority = added.priority;
        work.hub.activities.insert_or_assign(key, std::move(scheduled));
        work.settle(key);
    }
    for (const task_id& cancelled : turn.cancelled_activities) {
        const item_key key{turn.instance, cancelled, turn.execution};
        if (work.find(key) != nullptr) {
            work.erase_activity(key);  // [COMMIT-8]
        }
    }
    for (const new_timer& timer : turn.timers) {
        if (std::ranges::count(turn.cancelled_timers, timer.task) == 0) {
            work.post(target, {0, timer.fire_at, turn.execution, timer.task, timer.event, true});
        }
    }
}

// [COMMIT-6]
void continue_as_new(instance& target, const checkpoint& turn) {
    std::erase_if(target.inbox,
                  [&](const auto& entry) { return entry.second.execution == turn.execution; });
    target.record.execution = turn.next->execution;
    target.record.version = turn.next->version;
    target.record.tags = turn.next->tags;
    target.record.start_at.reset();
    target.record.status = orchestration_status::running;
    target.history.clear();
    target.record.history_length = 0;
    target.append_event(turn.next->start_event);
    if (turn.next->kept.count != 0) {
        target.append_history(turn.next->kept);
    }
    target.needs_turn = true;
    target.last_committer = {};  // Nobody has a frame of the new execution [LOCK-7].
}

// [COMMIT-1]
void apply(call& work, const checkpoint& turn) {
    instance& target = *work.find(turn.instance);
    work.unqueue(target);
    target.record.updated_at = work.now;
    ++target.history_version;
    if (turn.custom_status) {
        target.record.custom_status = *turn.custom_status;
    }
    consume(target, turn);
    schedule(work, target, turn);  // What ends below takes its timers along [COMMIT-5].
    if (turn.next) {
        continue_as_new(target, turn);
        work.settle({turn.instance});
        return;
    }
    for (const new_events& chunk : turn.events) {
        target.append_history(chunk);
    }
    target.record.status = turn.status;
    if (is_terminal(turn.status)) {
        target.record.output = turn.output;
        target.record.failure = turn.failure;
        work.end(target);  // [COMMIT-5]
        return;
    }
    work.settle({turn.instance});
}

// [COMMIT-7]
commit_outcome complete(call& work, const completion& done) {
    const item_key key{done.instance, done.task, done.execution};
    const leasable* task = done.task ? work.find(key) : nullptr;
    instance* target = work.find(done.instance);
    if (task == nullptr || !done.held.token || task->held != done.held.token) {
        const auto is_its_message = [&](const auto& entry) {  // [COMMIT-2]
            return done.held.token && entry.second.completed_by == done.held.token;
        };
        const bool repeated =
            target != nullptr && std::ranges::any_of(target->inbox, is_its_message);
        return repeated ? commit_outcome::committed : commit_outcome::lease_lost;
    }
    work.erase_activity(key);
    if (is_terminal(target->record.status) || target->record.execution != done.execution) {
        return commit_outcome::instance_is_terminal;  // [COMMIT-5]
    }
    const lease_token by = done.held.token;
    work.post(*target, {0, work.now, done.execution, done.task, done.event, false, by});
    return commit_outcome::committed;
}

// The order of [HANDOFF-1]; what `lock` would hand out comes after it.
std::vector<item_key> preferred(const call& work, const std::vector<const checkpoint*>& accepted) {
    std::vector<item_key> keys;
    for (const checkpoint* turn : accepted) {
        keys.push_back({turn->instance});
    }
    for (const bool is_activity : {false, true}) {
        std::ranges::copy_if(work.made_ready, std::back_inserter(keys), [&](const item_key& key) {
            return bool(key.task) == is_activity;
        });
    }
    return keys;
}

}  // namespace

commit_result memory_backend::commit(const commit_request& request) {
    std::ranges::for_each(request.checkpoints, check);
    lock_request next = request.next;
    next.suspects = false;
    call work(*hub_);
    if (const commit_result* answer = work.hub.commits.find(next.request)) {
        commit_result result = *answer;
        result.work = hand_out(work, next, {});
        return result;
    }
    commit_result result;
    std::vector<const checkpoint*> accepted;
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
            const send_outcome sent = work.send(arrival, nullptr);
            result.dropped_messages += sent == send_outcome::no_such_instance ||
                                       sent == send_outcome::instance_is_terminal;
        }
    }
    for (const checkpoint* turn : accepted) {
        for (const termination& wish : turn->terminations) {
            static_cast<void>(work.terminate(wish, nullptr));
        }
    }
    work.hub.commits.keep(next.request, result);
    result.work = hand_out(work, next, preferred(work, accepted));
    return result;
}

}  // namespace perdure::memory
