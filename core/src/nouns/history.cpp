#include <perdure/history.hpp>

#include <array>
#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

constexpr std::array kinds{
    std::pair(event_kind::execution_started, std::string_view("execution_started")),
    std::pair(event_kind::execution_completed, std::string_view("execution_completed")),
    std::pair(event_kind::execution_failed, std::string_view("execution_failed")),
    std::pair(event_kind::execution_terminated, std::string_view("execution_terminated")),
    std::pair(event_kind::execution_suspended, std::string_view("execution_suspended")),
    std::pair(event_kind::execution_resumed, std::string_view("execution_resumed")),
    std::pair(event_kind::execution_continued_as_new,
              std::string_view("execution_continued_as_new")),
    std::pair(event_kind::execution_rewound, std::string_view("execution_rewound")),
    std::pair(event_kind::execution_cancel_requested,
              std::string_view("execution_cancel_requested")),
    std::pair(event_kind::task_scheduled, std::string_view("task_scheduled")),
    std::pair(event_kind::task_completed, std::string_view("task_completed")),
    std::pair(event_kind::task_failed, std::string_view("task_failed")),
    std::pair(event_kind::task_cancelled, std::string_view("task_cancelled")),
    std::pair(event_kind::timer_created, std::string_view("timer_created")),
    std::pair(event_kind::timer_fired, std::string_view("timer_fired")),
    std::pair(event_kind::child_created, std::string_view("child_created")),
    std::pair(event_kind::child_completed, std::string_view("child_completed")),
    std::pair(event_kind::child_failed, std::string_view("child_failed")),
    std::pair(event_kind::event_raised, std::string_view("event_raised")),
    std::pair(event_kind::event_sent, std::string_view("event_sent")),
    std::pair(event_kind::entity_operation_called, std::string_view("entity_operation_called")),
    std::pair(event_kind::entity_operation_signalled,
              std::string_view("entity_operation_signalled")),
    std::pair(event_kind::entity_operation_completed,
              std::string_view("entity_operation_completed")),
    std::pair(event_kind::entity_operation_failed, std::string_view("entity_operation_failed")),
    std::pair(event_kind::entity_lock_requested, std::string_view("entity_lock_requested")),
    std::pair(event_kind::entity_lock_granted, std::string_view("entity_lock_granted")),
    std::pair(event_kind::entity_unlock_sent, std::string_view("entity_unlock_sent")),
    std::pair(event_kind::turn_started, std::string_view("turn_started")),
    std::pair(event_kind::turn_completed, std::string_view("turn_completed")),
    std::pair(event_kind::step_completed, std::string_view("step_completed")),
    std::pair(event_kind::custom_status_set, std::string_view("custom_status_set")),
    std::pair(event_kind::patch_marker, std::string_view("patch_marker")),
    std::pair(event_kind::stream_appended, std::string_view("stream_appended")),
};

constexpr std::array instance_kinds{
    std::pair(instance_kind::orchestration, std::string_view("orchestration")),
    std::pair(instance_kind::entity, std::string_view("entity")),
};

constexpr std::array statuses{
    std::pair(orchestration_status::running, std::string_view("running")),
    std::pair(orchestration_status::completed, std::string_view("completed")),
    std::pair(orchestration_status::failed, std::string_view("failed")),
    std::pair(orchestration_status::cancelled, std::string_view("cancelled")),
    std::pair(orchestration_status::terminated, std::string_view("terminated")),
    std::pair(orchestration_status::pending, std::string_view("pending")),
    std::pair(orchestration_status::suspended, std::string_view("suspended")),
};

template <class Table, class Value>
std::string_view name_in(const Table& table, Value value) noexcept {
    for (const auto& [key, name] : table) {
        if (key == value) {
            return name;
        }
    }
    return "unknown";
}

template <class Value, class Table>
std::optional<Value> value_in(const Table& table, std::string_view wanted) noexcept {
    for (const auto& [key, name] : table) {
        if (name == wanted) {
            return key;
        }
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_string(event_kind kind) noexcept {
    return name_in(kinds, kind);
}

std::optional<event_kind> parse_event_kind(std::string_view name) noexcept {
    return value_in<event_kind>(kinds, name);
}

feature_level supported_feature_level() noexcept {
#ifdef PERDURE_TEST_NEXT_LEVEL
    return 2;
#else
    return 1;
#endif
}

feature_level feature_level_of(event_kind kind) noexcept {
    switch (kind) {
        case event_kind::execution_started:
        case event_kind::execution_completed:
        case event_kind::execution_failed:
        case event_kind::execution_terminated:
        case event_kind::execution_suspended:
        case event_kind::execution_resumed:
        case event_kind::execution_continued_as_new:
        case event_kind::task_scheduled:
        case event_kind::task_completed:
        case event_kind::task_failed:
        case event_kind::task_cancelled:
        case event_kind::timer_created:
        case event_kind::timer_fired:
        case event_kind::child_created:
        case event_kind::child_completed:
        case event_kind::child_failed:
        case event_kind::event_raised:
        case event_kind::event_sent:
        case event_kind::turn_started:
        case event_kind::custom_status_set:
            return 1;
#ifdef PERDURE_TEST_NEXT_LEVEL
        case event_kind::entity_operation_signalled:
            return 2;
#endif
        default:
            return static_cast<feature_level>(supported_feature_level() + 1);
    }
}

std::string_view to_string(instance_kind kind) noexcept {
    return name_in(instance_kinds, kind);
}

std::optional<instance_kind> parse_instance_kind(std::string_view name) noexcept {
    return value_in<instance_kind>(instance_kinds, name);
}

std::string_view to_string(orchestration_status status) noexcept {
    return name_in(statuses, status);
}

std::optional<orchestration_status> parse_status(std::string_view name) noexcept {
    return value_in<orchestration_status>(statuses, name);
}

bool operator==(const history_event& a, const history_event& b) {
    const bool same_reason = a.reason && b.reason ? *a.reason == *b.reason : a.reason == b.reason;
    return same_reason && a.kind == b.kind && a.at == b.at && a.task == b.task &&
           a.name == b.name && a.version == b.version && a.data == b.data &&
           a.instance == b.instance && a.execution == b.execution && a.fire_at == b.fire_at &&
           a.note == b.note && a.tags == b.tags && a.parent == b.parent && a.trace == b.trace &&
           a.unknown == b.unknown;
}

}  // namespace v1
}  // namespace perdure
