#include "replay/checkpoint_builder.hpp"

#include "messages.hpp"
#include "nouns/distinct.hpp"
#include "nouns/invariant.hpp"
#include "replay/match.hpp"

#include <perdure/history_codec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace perdure::replay {

namespace {

new_activity activity_of(const decision& made) {
    new_activity task;
    task.task = made.event.task;
    task.name = made.event.name;
    task.version = made.event.version;
    task.queue = made.queue;
    task.priority = made.priority;
    task.input = made.event.data;
    task.details = encode_details({made.first_task, made.attempt, made.event.tags});
    return task;
}

new_child child_of(const orchestration_work& work, const decision& made) {
    history_event start;
    start.kind = event_kind::execution_started;
    start.at = made.event.at;
    start.name = made.event.name;
    start.version = made.event.version;
    start.data = made.event.data;
    start.execution = made.event.execution;
    start.tags = made.event.tags;
    if (!made.detached) {
        start.parent = parent_link{work.instance, work.execution, made.event.task};
    }
    new_child child{.instance = {.instance = instance_id(made.event.instance),
                                 .execution = made.event.execution,
                                 .name = start.name,
                                 .version = start.version,
                                 .start_event = encode_event(start),
                                 .parent = start.parent,
                                 .tags = start.tags}};
    if (!made.detached) {
        child.refused_event = messages::child_gone(made.event.instance,
                                                   failure_type::instance_exists,
                                                   "the child was not started: an instance \"" +
                                                       made.event.instance + "\" exists already");
    }
    return child;
}

void add_decision(const orchestration_work& work, const decision& made, checkpoint& out) {
    switch (made.event.kind) {
        case event_kind::task_scheduled:
            out.activities.push_back(activity_of(made));
            break;
        case event_kind::timer_created:
            out.timers.push_back({made.event.task, made.event.fire_at, messages::timer_fired()});
            break;
        case event_kind::child_created:
            out.children.push_back(child_of(work, made));
            break;
        case event_kind::event_sent:
            out.messages.push_back(
                {.target = instance_id(made.event.instance),
                 .event = messages::event_raised(made.event.name, made.event.data)});
            break;
        case event_kind::task_cancelled:
            if (made.cancelled_kind == event_kind::timer_created) {
                out.cancelled_timers.push_back(made.event.task);
            } else {
                out.cancelled_activities.push_back(made.event.task);
            }
            break;
        default:
            break;
    }
}

failure termination_failure(const orchestration_work& work, const turn_result& result) {
    failure reason(failure_type::terminated,
                   "instance \"" + work.instance.text() + "\" was terminated");
    const std::string note = codec<std::string>::decode(result.output);
    if (!note.empty()) {
        reason.message += ": " + note;
    }
    reason.non_retriable = true;
    return reason;
}

std::string parent_event(const orchestration_work& work, const turn_result& result) {
    switch (result.end) {
        case turn_end::completed:
            return messages::completed(event_kind::child_completed, result.output);
        case turn_end::failed:
            return messages::failed(event_kind::child_failed, *result.reason);
        default:
            return messages::failed(event_kind::child_failed, termination_failure(work, result));
    }
}

next_execution next_of(const turn_result& result, execution_id execution) {
    history_event start = result.next_start;
    start.execution = execution;
    next_execution next;
    next.execution = execution;
    next.version = start.version;
    next.start_event = encode_event(start);
    next.tags = start.tags;
    if (!result.kept_events.empty()) {
        // One text, however long: these events were accepted one by one before.
        auto texts = encode_events(result.kept_events, std::numeric_limits<std::size_t>::max());
        next.kept = std::move(texts.front());
    }
    return next;
}

orchestration_status status_of(turn_end end) noexcept {
    switch (end) {
        case turn_end::suspended:
            return orchestration_status::suspended;
        case turn_end::completed:
            return orchestration_status::completed;
        case turn_end::failed:
            return orchestration_status::failed;
        case turn_end::terminated:
            return orchestration_status::terminated;
        default:
            return orchestration_status::running;
    }
}

/// Each decision has one event, and these come last.
void check_events(const turn_result& result) {
    constexpr const char* broken = "the last events of a turn are not those of its decisions";
    require(result.events.size() > result.decisions.size(), broken);
    const std::span all(result.events);
    const auto consumed = all.first(all.size() - result.decisions.size());
    const auto decided = all.last(result.decisions.size());
    const auto is_decided = [](const history_event& event) { return is_decision(event.kind); };
    const auto is_its_event = [](const decision& made, const history_event& event) {
        return event.kind == made.event.kind && event.task == made.event.task;
    };
    require(std::ranges::none_of(consumed, is_decided) &&
                std::ranges::equal(result.decisions, decided, is_its_event),
            broken);
}

void check_length(const orchestration_work& work, const turn_result& result) {
    if (result.history_length != work.history_length) {
        throw broken_invariant(
            fmt::format("the history has {} events, and the store says that it has {}",
                        result.history_length,
                        work.history_length));
    }
}

}  // namespace

checkpoint build_checkpoint(const orchestration_work& work,
                            const turn_result& result,
                            execution_id next_execution) {
    checkpoint out{.history_version = work.history_version, .last_committed = work.last_committed};
    out.consumed.reserve(work.inbox.size());
    for (const inbox_message& message : work.inbox) {
        out.consumed.push_back(message.sequence);
    }
    check_length(work, result);
    require(are_distinct(out.consumed), "the store has handed out a message twice");
    check_events(result);
    out.events = encode_events(result.events);
    for (const history_event& event : result.events) {
        out.level = std::max(out.level, feature_level_of(event.kind));
    }
    out.status = status_of(result.end);
    out.custom_status = result.custom_status;
    for (const decision& made : result.decisions) {
        add_decision(work, made, out);
    }
    if (result.end == turn_end::completed || result.end == turn_end::terminated) {
        out.output = result.output;
    }
    if (result.end == turn_end::failed) {
        out.failure = encode_failure(*result.reason);
    }
    if (result.parent) {
        out.messages.push_back({.target = result.parent->instance,
                                .event = parent_event(work, result),
                                .execution = result.parent->execution,
                                .task = result.parent->task});
    }
    if (result.end == turn_end::continued) {
        out.next = next_of(result, next_execution);
    }
    return out;
}

std::size_t stored_bytes(const checkpoint& made) noexcept {
    // Every member, so that a further one is weighed.
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
                 level] = made;
    std::size_t bytes = output.bytes.size() + failure.size();
    bytes += custom_status ? custom_status->bytes.size() : 0;
    for (const new_events& each : events) {
        bytes += each.text.size();
    }
    for (const new_activity& each : activities) {
        bytes += each.input.bytes.size() + each.details.size();
    }
    for (const new_message& each : messages) {
        bytes += each.event.size();
    }
    for (const new_child& each : children) {
        bytes += each.instance.start_event.size();
    }
    if (next) {
        bytes += next->start_event.size() + next->kept.text.size();
    }
    return bytes;
}

// The details of an activity reuse the stored form of events: an event of the scheduling kind with
// the attempt as its version. Most activities need none and have an empty text.

std::string encode_details(const activity_details& details) {
    if (details.attempt == 1 && details.tags.empty()) {
        return {};
    }
    history_event event;
    event.kind = event_kind::task_scheduled;
    event.task = details.first_task;
    event.version = std::to_string(details.attempt);
    event.tags = details.tags;
    return encode_event(event);
}

activity_details decode_details(const std::string& text, task_id task) {
    if (text.empty()) {
        return {task, 1, {}};
    }
    history_event event = decode_event(text);
    return {event.task, static_cast<unsigned>(std::stoul(event.version)), std::move(event.tags)};
}

}  // namespace perdure::replay
