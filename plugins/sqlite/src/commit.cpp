#include "backend.hpp"
#include "grant.hpp"
#include "outcomes.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

// The one hot call: the effects of turns and activities, in the order of [BATCH-4], then hand-off.

namespace perdure::sqlite {

namespace {

struct accepted_turn {
    const finished_work* item = nullptr;
    instance_row* target = nullptr;

    [[nodiscard]] const checkpoint& turn() const { return *item->turn; }
};

// Ends the activity; its holder, or nothing when somebody else has it.
std::optional<std::int64_t> finish_activity(call& work,
                                            const instance_row& owner,
                                            task_id task,
                                            const execution_id& execution,
                                            const lease& held) {
    return work.sql().finish_activity.number(
        owner.row, task.value, execution.value, held.token.value);
}

// [SPECULATIVE-1] Makes the instance look as if the activity's end had been committed and its
// holder had leased the turn; false when something else could have come between.
bool lease_speculatively(call& work, instance_row& target, const finished_work& item) {
    const bool is_quiet = !is_terminal(target.status) && target.next_at == never &&
                          !target.parked && target.inbox_length == 0;
    if (!is_quiet || target.execution != item.execution ||
        target.history_version != item.turn->history_version ||
        target.last_committed != item.turn->last_committed.value) {  // [VERSION-1]
        return false;
    }
    const auto holder =
        finish_activity(work, target, item.activity->task, item.execution, item.held);
    if (!holder) {
        return false;
    }
    target.holder = *holder;
    target.token = item.held.token.value;
    return true;
}

// Compares the fence and, when it is right, ends the lease: the commit is its last use.
commit_outcome accept(call& work,
                      const finished_work& item,
                      bool is_alone,
                      std::vector<accepted_turn>& accepted) {
    instance_row* target = work.find(item.instance, item.held);
    if (target == nullptr || !item.held.token) {
        return commit_outcome::lease_lost;
    }
    if (target->last_committed == item.held.token.value) {
        return commit_outcome::committed;  // [COMMIT-2]
    }
    if (item.activity && (!is_alone || !lease_speculatively(work, *target, item))) {
        return commit_outcome::turn_declined;
    }
    if (target->token != item.held.token.value || target->execution != item.execution) {
        return commit_outcome::lease_lost;
    }
    target->last_committer = target->holder;
    target->last_committed = target->token;
    work.release_lease(*target);
    target->attempts = 0;
    target->suspect = false;
    accepted.push_back({&item, target});
    return commit_outcome::committed;
}

// [COMMIT-4]
void start_child(call& work, const accepted_turn& item, const new_child& child) {
    const std::optional<parent_link>& link = child.instance.parent;
    const instance_row* found = work.find(child.instance.instance);
    if (found == nullptr) {
        work.insert(child.instance);
    } else if (link && work.parent(*found) != *link) {
        work.post(*item.target,
                  {.visible_at = work.now(),
                   .task = link->task,
                   .event = child.refused_event,
                   .for_execution = true});
    }
}

void count_removed(call& work, instance_row& target) {
    const std::int64_t removed = work.changed_rows();
    target.inbox_length -= removed;
    target.stored_messages -= removed;
}

// [COMMIT-3]
void consume(call& work, instance_row& target, const checkpoint& turn) {
    // Each removal by sequence walks through the instance's messages, which is the fastest for the
    // few that there mostly are.
    constexpr std::int64_t few = 8;
    if (target.stored_messages <= few) {
        for (const std::uint64_t sequence : turn.consumed) {
            work.sql().remove_message.run(target.row, sequence);
            count_removed(work, target);
        }
    } else if (!turn.consumed.empty()) {
        const std::set<std::uint64_t> consumed(turn.consumed.begin(), turn.consumed.end());
        std::vector<std::pair<std::int64_t, std::int64_t>> keys;
        {
            rows found = work.sql().inbox_keys.query(target.row);
            while (keys.size() < consumed.size() && found.next()) {
                if (consumed.contains(static_cast<std::uint64_t>(found.number(1)))) {
                    keys.emplace_back(found.number(0), found.number(1));
                }
            }
        }
        for (const auto& [due, sequence] : keys) {
            work.sql().remove_message_at.run(target.row, due, sequence);
            count_removed(work, target);
        }
    }
    for (const task_id& cancelled : turn.cancelled_timers) {
        if (target.stored_messages > 0) {
            work.sql().remove_timer.run(target.row, cancelled.value);
            count_removed(work, target);
        }
    }
}

bool contains(const std::vector<task_id>& tasks, task_id task) {
    return std::find(tasks.begin(), tasks.end(), task) != tasks.end();
}

// [COMMIT-8]
void schedule_activities(call& work,
                         instance_row& target,
                         const execution_id& execution,
                         const checkpoint& turn) {
    for (const task_id& cancelled : turn.cancelled_activities) {
        work.sql().remove_activity.run(target.row, cancelled.value, execution.value);
    }
    if (turn.status == orchestration_status::terminated) {
        return;  // [COMMIT-5]
    }
    for (const new_activity& added : turn.activities) {
        if (contains(turn.cancelled_activities, added.task)) {
            continue;
        }
        target.scheduled.push_back(
            {.added = &added,
             .execution = execution,
             .kind = work.names().kind(work.sql().names, added.name, added.queue),
             .next_at = work.now()});
    }
}

void set_timers(call& work, instance_row& target, const checkpoint& turn) {
    for (const new_timer& timer : turn.timers) {
        if (!contains(turn.cancelled_timers, timer.task)) {
            work.post(target,
                      {.visible_at = timer.fire_at.time_since_epoch().count(),
                       .task = timer.task,
                       .event = timer.event,
                       .for_execution = true,
                       .is_timer = true});
        }
    }
}

// [COMMIT-6]
void continue_as_new(call& work, instance_row& target, const next_execution& next) {
    if (target.inbox_length > 0) {
        // A refusal may have come during this call.
        const auto come_and_gone = static_cast<std::int64_t>(std::erase_if(
            target.arrivals, [](const arrival& message) { return message.for_execution; }));
        work.sql().remove_for_execution.run(target.row);
        count_removed(work, target);
        target.stored_messages += come_and_gone;
    }
    definition_key definition = work.names().key_of(work.sql().names, target.definition);
    definition.version = next.version;
    target.definition = work.names().definition(work.sql().names, definition);
    target.execution = next.execution;
    work.sql().continue_instance.run(next.execution.value, target.definition, target.row);
    work.sql().remove_tags.run(target.row);
    for (const auto& [key, value] : next.tags) {
        work.sql().add_tag.run(target.row, key, value);
    }
    work.sql().remove_history.run(target.row);
    target.status = orchestration_status::running;
    target.history_length = 0;
    work.append_event(target, next.start_event);
    if (next.kept.count != 0) {
        work.append_history(target, next.kept.count, next.kept.text);
    }
    target.needs_turn = true;
    // Nobody has a frame of the new execution [LOCK-7].
    target.last_committer = 0;
    work.settle(target);
}

// [COMMIT-1]
void apply(call& work, const accepted_turn& item) {
    const checkpoint& turn = item.turn();
    // Every member has its place here, in a function that gets the turn, in `accept`, or in the
    // loops of `apply_all`.
    const auto& [version,
                 committed,
                 consumed,
                 events,
                 status,
                 output,
                 failure,
                 custom_status,
                 activities,
                 cancelled_activities,
                 timers,
                 cancelled_timers,
                 messages,
                 children,
                 next,
                 level] = turn;
    instance_row& target = *item.target;
    target.leave_lane();
    target.updated_at = work.now();
    target.not_before = 0;
    target.needs_turn = false;
    ++target.history_version;
    work.raise_level(target, level);
    if (custom_status) {
        const auto codec =
            custom_status->is_none() ? std::nullopt : std::optional(custom_status->codec);
        const auto bytes =
            custom_status->is_none() ? std::nullopt : std::optional(blob{custom_status->bytes});
        work.sql().set_custom_status.run(codec, bytes, target.row);
    }
    consume(work, target, turn);
    schedule_activities(work, target, item.item->execution, turn);
    if (next) {
        continue_as_new(work, target, *next);
        return;
    }
    for (const new_events& chunk : events) {
        work.append_history(target, chunk.count, chunk.text);
    }
    target.status = status;
    if (is_terminal(status)) {
        target.output = &output;
        target.failure_text = &failure;
        work.end(target, status);
        return;
    }
    set_timers(work, target, turn);
    work.settle(target);
}

// [COMMIT-7] The event is not copied until the call ends. What is done answers with `outcome`.
commit_outcome complete(call& work, const finished_work& item, commit_outcome outcome) {
    const auto& [instance, execution, held, activity, turn] = item;
    instance_row* target = work.find(instance, held);
    if (target == nullptr || !held.token || !activity->task) {
        return commit_outcome::lease_lost;
    }
    const bool is_current = !is_terminal(target->status) && target->execution == execution;
    if (!finish_activity(work, *target, activity->task, execution, held)) {
        const bool was_completed =
            is_current && target->inbox_length > 0 &&
            work.sql().was_completed.number(target->row, activity->task.value, held.token.value);
        return was_completed ? outcome : commit_outcome::lease_lost;
    }
    if (!is_current) {
        return commit_outcome::instance_is_terminal;  // [COMMIT-5]
    }
    work.post(*target,
              {.visible_at = work.now(),
               .task = activity->task,
               .event = activity->event,
               .for_execution = true,
               .completed_by = held.token.value});
    return outcome;
}

// The order of [HANDOFF-1].
void hand_off(call& work, grant& given, const std::vector<accepted_turn>& accepted) {
    for (const accepted_turn& item : accepted) {
        given.offer(*item.target);
    }
    for (instance_row* target : work.made_ready()) {
        given.offer(*target);
    }
    for (const accepted_turn& item : accepted) {
        given.offer_scheduled(*item.target);
    }
    given.fill();
}

std::string answer_text(const commit_result& result) {
    return outcomes_text(result.outcomes) + "," + std::to_string(result.dropped_messages);
}

// [REPEAT-1]
void repeat(commit_result& result, const earlier_answer& answer, grant& given) {
    const std::string_view text = answer.outcomes;
    const std::size_t end = text.find(',');
    result.outcomes = read_outcomes<commit_outcome>(text.substr(0, end));
    result.dropped_messages = std::stoull(std::string(text.substr(end + 1)));
    given.repeat(answer.leased);
}

// How many items of the call each instance has; only counted for speculative turns.
std::unordered_map<instance_id, std::size_t> count_items(const commit_request& request) {
    std::unordered_map<instance_id, std::size_t> items;
    const auto is_speculative = [](const finished_work& item) {
        return item.turn && item.activity;
    };
    if (std::any_of(request.finished.begin(), request.finished.end(), is_speculative)) {
        for (const finished_work& item : request.finished) {
            ++items[item.instance];
        }
    }
    return items;
}

void apply_turns(call& work, const std::vector<accepted_turn>& accepted) {
    for (const accepted_turn& item : accepted) {
        for (const new_child& child : item.turn().children) {
            start_child(work, item, child);
        }
    }
    for (const accepted_turn& item : accepted) {
        apply(work, item);
    }
}

// Those of turns that are declined come before the others [SPECULATIVE-2].
void end_activities(call& work, const commit_request& request, commit_result& result) {
    for (std::size_t n = 0; n < request.finished.size(); ++n) {
        commit_outcome& outcome = result.outcomes[n];
        if (outcome == commit_outcome::turn_declined) {
            outcome = complete(work, request.finished[n], commit_outcome::turn_declined);
        }
    }
    for (std::size_t n = 0; n < request.finished.size(); ++n) {
        if (!request.finished[n].turn) {
            result.outcomes[n] =
                complete(work, request.finished[n], commit_outcome::committed);
        }
    }
}

void apply_all(call& work,
               const commit_request& request,
               commit_result& result,
               std::vector<accepted_turn>& accepted) {
    auto items = count_items(request);
    for (const finished_work& item : request.finished) {
        const bool is_alone = item.activity && items[item.instance] == 1;
        result.outcomes.push_back(item.turn ? accept(work, item, is_alone, accepted)
                                            : commit_outcome::committed);
    }
    apply_turns(work, accepted);
    end_activities(work, request, result);
    for (const accepted_turn& item : accepted) {
        for (const new_message& message : item.turn().messages) {
            const send_outcome sent = work.send(message);
            const bool arrived = sent == send_outcome::accepted || sent == send_outcome::duplicate;
            result.dropped_messages += arrived ? 0U : 1U;
        }
    }
}

}  // namespace

commit_result sqlite_backend::commit(const commit_request& request) {
    lock_request next = request.next;
    next.suspects = false;
    commit_result result;
    call work(hub_, bell_);
    const auto answer = work.find_answer(next.request);
    std::vector<accepted_turn> accepted;
    if (!answer) {
        apply_all(work, request, result, accepted);
    }
    grant given(work, next);
    if (answer) {
        repeat(result, *answer, given);
    } else {
        hand_off(work, given, accepted);
        work.keep_answer(next.request, answer_text(result), given.leased());
    }
    result.work = given.take();
    result.work.token = work.finish();
    return result;
}

}  // namespace perdure::sqlite
