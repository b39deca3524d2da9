#include "backend.hpp"
#include "grant.hpp"

#include <perdure/kit/commit_steps.hpp>
#include <perdure/kit/invariant.hpp>
#include <perdure/kit/outcomes.hpp>

#include <algorithm>
#include <set>

// The one hot call: the effects of turns and activities, in the order of [BATCH-4], then hand-off.

namespace perdure::sqlite {

namespace {

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

// What the steps of a commit do here.
class steps final : public commit_steps {
  public:
    explicit steps(call& work) : work_(work) {}

  private:
    // Compares the fence and, when it is right, ends the lease: the commit is its last use.
    std::optional<commit_outcome> accept(const finished_work& item, std::size_t items) override {
        instance_row* target = work_.find(item.instance, item.held);
        if (target == nullptr || !item.held.token) {
            return commit_outcome::lease_lost;
        }
        if (target->last_committed == item.held.token.value) {
            return commit_outcome::committed;  // [COMMIT-2]
        }
        if (item.activity && (items > 1 || !lease_speculatively(work_, *target, item))) {
            return commit_outcome::turn_declined;
        }
        if (target->token != item.held.token.value || target->execution != item.execution) {
            return commit_outcome::lease_lost;
        }
        refuse_unless_it_follows(*item.turn, target->history_version, {target->last_committed});
        target->last_committer = target->holder;
        target->last_committed = target->token;
        work_.release_lease(*target);
        target->deliveries = 0;
        target->suspect = false;
        return std::nullopt;
    }

    // [COMMIT-4]
    void start_child(const finished_work& item, const new_child& child) override {
        const std::optional<parent_link>& link = child.instance.parent;
        const instance_row* found = work_.find(child.instance.instance);
        if (found == nullptr) {
            work_.insert(child.instance);
        } else if (link && work_.parent(*found) != *link) {
            work_.post(*work_.find(item.instance),
                       {.visible_at = work_.now(),
                        .task = link->task,
                        .event = child.refused_event,
                        .for_execution = true});
        }
    }

    // [COMMIT-1]
    void apply(const finished_work& item) override {
        const checkpoint& turn = *item.turn;
        // Every member has its place here, in a function that gets the turn, in another step, or in
        // the order of the steps.
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
        instance_row& target = *work_.find(item.instance);
        target.leave_work_key();
        target.updated_at = work_.now();
        target.not_before = 0;
        target.needs_turn = false;
        ++target.history_version;
        work_.raise_level(target, level);
        if (custom_status) {
            const auto codec =
                custom_status->is_none() ? std::nullopt : std::optional(custom_status->codec);
            const auto bytes =
                custom_status->is_none() ? std::nullopt : std::optional(blob{custom_status->bytes});
            work_.sql().set_custom_status.run(codec, bytes, target.row);
        }
        consume(work_, target, turn);
        schedule_activities(work_, target, item.execution, turn);
        if (next) {
            continue_as_new(work_, target, *next);
            return;
        }
        for (const new_events& chunk : events) {
            work_.append_history(target, chunk.count, chunk.text);
        }
        target.status = status;
        if (is_terminal(status)) {
            target.output = &output;
            target.failure_text = &failure;
            work_.end(target, status);
            return;
        }
        set_timers(work_, target, turn);
        work_.settle(target);
    }

    // [COMMIT-7] The event is not copied until the call ends.
    commit_outcome complete(const finished_work& item) override {
        const auto& [instance, execution, held, activity, turn] = item;
        instance_row* target = work_.find(instance, held);
        if (target == nullptr || !held.token || !activity->task) {
            return commit_outcome::lease_lost;
        }
        const bool is_current = !is_terminal(target->status) && target->execution == execution;
        if (!finish_activity(work_, *target, activity->task, execution, held)) {
            const bool was_completed = is_current && target->inbox_length > 0 &&
                                       work_.sql().was_completed.number(
                                           target->row, activity->task.value, held.token.value);
            return was_completed ? commit_outcome::committed : commit_outcome::lease_lost;
        }
        if (!is_current) {
            return commit_outcome::instance_is_terminal;  // [COMMIT-5]
        }
        work_.post(*target,
                   {.visible_at = work_.now(),
                    .task = activity->task,
                    .event = activity->event,
                    .for_execution = true,
                    .completed_by = held.token.value});
        return commit_outcome::committed;
    }

    send_outcome send(const new_message& message) override { return work_.send(message); }

    call& work_;
};

// The order of [HANDOFF-1].
void hand_off(call& work, grant& given, const commit_steps& taken) {
    for (const finished_work* item : taken.accepted()) {
        given.offer(*work.find(item->instance));
    }
    for (instance_row* target : work.made_ready()) {
        given.offer(*target);
    }
    for (const finished_work* item : taken.accepted()) {
        given.offer_scheduled(*work.find(item->instance));
    }
    given.fill();
}

std::string answer_text(const commit_result& result) {
    return outcomes_text(result.outcomes) + "," + std::to_string(result.dropped_messages);
}

// [REPEAT-1]
void repeat(commit_result& result, const earlier_answer& answer, std::size_t items, grant& given) {
    const std::string_view text = answer.outcomes;
    const std::size_t end = text.find(',');
    result.outcomes = read_outcomes<commit_outcome>(text.substr(0, end));
    refuse_unless(result.outcomes.size() == items, "a kept answer is that of another call");
    result.dropped_messages = std::stoull(std::string(text.substr(end + 1)));
    given.repeat(answer.leased);
}

}  // namespace

commit_result sqlite_backend::commit(const commit_request& request) {
    lock_request next = request.next;
    next.suspects = false;
    commit_result result;
    call work(hub_, notifier_, next.request);
    const auto answer = work.find_answer(next.request);
    steps taken(work);
    if (!answer) {
        result = taken.apply_all(request.finished);
    }
    grant given(work, next);
    if (answer) {
        repeat(result, *answer, request.finished.size(), given);
    } else {
        hand_off(work, given, taken);
        work.keep_answer(next.request, answer_text(result), given.leased());
    }
    result.work = given.take();
    result.work.token = work.finish();
    return result;
}

}  // namespace perdure::sqlite
