#pragma once

#include <perdure/detail/turn.hpp>
#include <perdure/export.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The engine's own log: one callback, so that a host plugs in what it has.

namespace perdure {
inline namespace v1 {

/// What happened; docs/log-events.md lists them with their fields. Numbers and names are stable.
enum class log_event : int {
    worker_started = 100,
    worker_stopping = 101,
    worker_stopped = 102,
    leases_taken_over = 103,

    turn_started = 200,
    turn_committed = 201,
    orchestration_completed = 202,
    orchestration_failed = 203,
    orchestration_terminated = 204,
    orchestration_continued_as_new = 205,
    orchestration_parked = 206,
    orchestration_abandoned = 207,
    message_dropped = 208,
    input_drifted = 209,
    history_is_long = 210,
    turn_is_large = 211,
    newer_code_needed = 212,
    author_message = 220,

    activity_started = 300,
    activity_completed = 301,
    activity_failed = 302,
    activity_abandoned = 303,
    activity_attempts_exhausted = 304,
    activity_given_up = 305,

    lease_lost = 400,
    lease_renewed = 401,
    work_given_back = 402,
    suspect_quarantined = 403,

    commit_failed = 500,
    commit_outcome_unknown = 501,
    commit_halved = 502,
    store_unavailable = 503,
    store_available_again = 504,
};

[[nodiscard]] PERDURE_EXPORT std::string_view to_string(log_event event) noexcept;

struct log_record {
    log_event event{};
    log_level level = log_level::info;
    /// The instance concerned; empty for the worker's own events.
    std::string instance;
    /// A sentence for people.
    std::string message;
    /// Details for machines.
    std::vector<std::pair<std::string_view, std::string>> fields;
};

/// Called from the engine's threads, several at once; it should not block. When it throws, that
/// record is lost and nothing else happens. It may call `worker::stop`.
using log_sink = std::function<void(const log_record&)>;

/// Writes one line a record to standard error: time, level, event, instance, message, fields; texts
/// as `printable` makes them, so that no data forges a line.
[[nodiscard]] PERDURE_EXPORT log_sink log_to_stderr(log_level least = log_level::info);

}  // namespace v1
}  // namespace perdure
