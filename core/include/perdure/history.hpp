#pragma once

#include <perdure/failure.hpp>
#include <perdure/ids.hpp>
#include <perdure/payload.hpp>
#include <perdure/time.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What happened to one execution, event by event. Backends store events as text and never look
// inside; core/src/codec/history_codec.cpp defines that text and docs/history-format.md describes it.

namespace perdure {
inline namespace v1 {

/// Free text that an application attaches to an instance, for finding it again.
using tag_map = std::map<std::string, std::string>;

/// What kind of thing happened. Numbers and names are stored for ever: never change or reuse one.
/// A kind is listed here before anything writes it, so that adding its feature is compatible.
enum class event_kind : std::uint16_t {
    execution_started = 1,
    execution_completed = 2,
    execution_failed = 3,
    execution_terminated = 4,
    execution_suspended = 5,
    execution_resumed = 6,
    execution_continued_as_new = 7,
    execution_rewound = 8,
    execution_cancel_requested = 9,

    task_scheduled = 10,
    task_completed = 11,
    task_failed = 12,
    task_cancelled = 13,

    timer_created = 20,
    timer_fired = 21,

    child_created = 30,
    child_completed = 31,
    child_failed = 32,

    event_raised = 40,
    event_sent = 41,

    entity_operation_called = 50,
    entity_operation_signalled = 51,
    entity_operation_completed = 52,
    entity_operation_failed = 53,
    entity_lock_requested = 54,
    entity_lock_granted = 55,
    entity_unlock_sent = 56,

    turn_started = 60,
    turn_completed = 61,

    step_completed = 70,
    custom_status_set = 71,
    patch_marker = 72,
    stream_appended = 74,
};

/// The stored name of a kind, for example "task_scheduled".
[[nodiscard]] PERDURE_EXPORT std::string_view to_string(event_kind kind) noexcept;
/// The kind with this stored name, or nothing.
[[nodiscard]] PERDURE_EXPORT std::optional<event_kind> parse_event_kind(
    std::string_view name) noexcept;

/// Which events a version of Perdure understands: everything of this level and of those below, from
/// 1 on. A new kind of event gets a new level with the version that first implements it.
using feature_level = std::uint16_t;

/// The level of the library that this process has loaded.
[[nodiscard]] PERDURE_EXPORT feature_level supported_feature_level() noexcept;
/// The level that code must support to execute an instance with such an event. Of a kind that this
/// version does not implement it is at least the next one.
[[nodiscard]] PERDURE_EXPORT feature_level feature_level_of(event_kind kind) noexcept;

/// What an instance is. The numbers are stored for ever: never change or reuse one.
enum class instance_kind : std::uint8_t {
    orchestration = 0,
    /// Listed before anything makes one, as kinds of events are.
    entity = 1,
};

[[nodiscard]] PERDURE_EXPORT std::string_view to_string(instance_kind kind) noexcept;
[[nodiscard]] PERDURE_EXPORT std::optional<instance_kind> parse_instance_kind(
    std::string_view name) noexcept;

/// Where an instance stands. The numbers are those of the Durable Task family.
enum class orchestration_status : std::uint8_t {
    running = 0,
    completed = 1,
    failed = 3,
    cancelled = 4,
    terminated = 5,
    pending = 6,
    suspended = 7,
};

[[nodiscard]] PERDURE_EXPORT std::string_view to_string(orchestration_status status) noexcept;
[[nodiscard]] PERDURE_EXPORT std::optional<orchestration_status> parse_status(
    std::string_view name) noexcept;
/// Completed, failed, cancelled or terminated: nothing will ever happen to the instance again.
[[nodiscard]] constexpr bool is_terminal(orchestration_status status) noexcept {
    return status == orchestration_status::completed || status == orchestration_status::failed ||
           status == orchestration_status::cancelled || status == orchestration_status::terminated;
}

/// Which task of which execution started a child, and so hears of its end.
struct parent_link {
    instance_id instance;
    execution_id execution{};
    task_id task{};

    friend bool operator==(const parent_link&, const parent_link&) = default;
};

/// One event of a history. Which members mean something depends on `kind`; docs/history-format.md
/// has the table. The others keep their default and are not stored.
struct history_event {
    event_kind kind{};
    /// When it was recorded: the `now` of the turn that wrote or consumed it.
    timestamp at{};
    /// The task that a decision scheduled, or that a completion answers.
    task_id task{};
    /// Of the orchestration, activity, child, external event, or step.
    std::string name{};
    std::string version{};
    /// Input, result, event content, or custom status.
    payload data{};
    /// The child that is started, or the instance that an event is sent to.
    std::string instance{};
    /// The execution that begins, or that a child begins with.
    execution_id execution{};
    /// When a timer is due, or the start of an instance was scheduled for.
    timestamp fire_at{};
    std::shared_ptr<const failure> reason{};
    /// Why somebody suspended, resumed, or terminated.
    std::string note{};
    tag_map tags{};
    std::optional<parent_link> parent{};
    /// W3C trace context: traceparent, and after a newline tracestate.
    std::string trace{};
    /// Members that a newer version wrote and this one does not know, as JSON members without the
    /// braces; written back unchanged.
    std::string unknown{};

    PERDURE_EXPORT friend bool operator==(const history_event& a, const history_event& b);
};

/// Consecutive events of one execution's history as one text: a JSON array of events in their
/// stored form.
struct history_chunk {
    /// The number of the first event. The start event of an execution is number 0.
    std::uint64_t first = 0;
    std::uint32_t count = 0;
    std::string text{};

    friend bool operator==(const history_chunk&, const history_chunk&) = default;
};

}  // namespace v1
}  // namespace perdure
