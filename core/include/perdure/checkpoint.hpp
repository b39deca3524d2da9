#pragma once

#include <perdure/work_item.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What a worker hands to a backend: finished work, which is a turn, or an activity, or an activity
// together with the turn that follows from its end. Plain data that grows at its end; a backend
// interprets none of the texts named "event". What those texts need to be understood is said beside
// them, as a feature level [LEVEL-1].

namespace perdure {
inline namespace v1 {

/// An instance to be created, by a client or as a child.
struct new_instance {
    instance_id instance;
    /// Made by the caller, fresh for every attempt to create: it is the identity of this creation.
    execution_id execution{};
    std::string name{};
    std::string version{};
    /// Event 0 of the history, in its stored form: one JSON object. Its chunk is "[" + it + "]".
    std::string start_event{};
    std::optional<parent_link> parent{};
    tag_map tags{};
    /// Not before this time of the store; unset means at once.
    std::optional<timestamp> start_at{};
    /// An existing instance in one of these statuses is replaced.
    std::vector<orchestration_status> replaceable{};
    /// The event that the parent of a replaced instance gets.
    std::string replaced_event{};
    instance_kind kind = instance_kind::orchestration;
    /// Of the start event.
    feature_level level = 1;
};

/// A message for an instance's inbox.
struct new_message {
    instance_id target;
    std::string event{};
    /// For duplicate detection; empty means that none is wanted.
    std::string id{};
    /// The only execution that may see it; nil means whichever is current.
    execution_id execution{};
    task_id task{};
    /// Not before this time of the store; unset means at once.
    std::optional<timestamp> visible_at{};
    /// Of the event.
    feature_level level = 1;
};

/// The wish to end an instance.
struct termination {
    instance_id target;
    /// Put into the inbox when a turn must see it.
    std::string event{};
    /// Appended to the history, as a chunk "[" + it + "]" of one event, when the store ends the
    /// instance itself.
    std::string final_event{};
    payload output{};
    /// The event that the parent gets when the store ends the instance itself.
    std::string parent_event{};
};

struct new_activity {
    task_id task{};
    std::string name{};
    std::string version{};
    /// Workers ask for queues by name; empty is the default queue.
    std::string queue{};
    /// Higher goes first.
    std::int32_t priority = 0;
    payload input{};
    std::string details{};

    friend bool operator==(const new_activity&, const new_activity&) = default;
};

struct new_timer {
    task_id task{};
    timestamp fire_at{};
    std::string event{};
};

struct new_child {
    new_instance instance;
    /// Put into the parent's own inbox, for the task of the parent link, when the id is taken; empty
    /// when there is no link.
    std::string refused_event{};
};

/// Events to append to a history: a JSON array text and how many it holds.
struct new_events {
    std::uint32_t count = 0;
    std::string text{};
};

/// The execution that follows by continue-as-new.
struct next_execution {
    execution_id execution{};
    std::string version{};
    std::string start_event{};
    tag_map tags{};
    /// Events 1 and following: the unread external events that the author chose to keep, and a
    /// suspension that the turn consumed.
    new_events kept{};
};

/// How an activity ended.
struct ended_activity {
    task_id task{};
    /// What the instance's inbox gets: completed or failed. It gets nothing when the turn that comes
    /// with it is committed, because that turn has consumed the event.
    std::string event{};
};

/// Everything that a turn changes; it is written as a whole.
struct checkpoint {
    /// The history that the turn began with, by both parts of its name [VERSION-1].
    std::uint64_t history_version = 0;
    lease_token last_committed{};
    /// Sequences of the inbox messages that the turn consumed.
    std::vector<std::uint64_t> consumed{};
    /// Appended in this order; several when a turn is too large for one text.
    std::vector<new_events> events{};
    orchestration_status status = orchestration_status::running;
    /// The result, with status completed; the reason, with terminated.
    payload output{};
    /// With status failed: the failure, in its stored form (JSON).
    std::string failure{};
    /// Set when the turn changed it; a payload that is none clears it.
    std::optional<payload> custom_status{};
    std::vector<new_activity> activities{};
    std::vector<task_id> cancelled_activities{};
    std::vector<new_timer> timers{};
    std::vector<task_id> cancelled_timers{};
    std::vector<new_message> messages{};
    std::vector<new_child> children{};
    /// Set for continue-as-new; the events and status above then end the old execution.
    std::optional<next_execution> next{};
    /// Of the events, and of what answers its decisions.
    feature_level level = 1;
};

/// What a worker has executed under one lease. At least one of the two optional members is set.
struct finished_work {
    instance_id instance;
    execution_id execution{};
    /// The activity's if one has ended, otherwise the orchestration's.
    lease held{};
    std::optional<ended_activity> activity{};
    /// Beside an ended activity it is a speculative turn: the worker executed what follows from that
    /// end before any store had it, without a lease of the instance. Such a turn consumes nothing
    /// else.
    std::optional<checkpoint> turn{};
};

}  // namespace v1
}  // namespace perdure
