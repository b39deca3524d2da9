#pragma once

#include <perdure/history.hpp>
#include <perdure/ids.hpp>
#include <perdure/payload.hpp>
#include <perdure/time.hpp>

#include <cstdint>
#include <string>
#include <vector>

// What a backend hands to a worker: leased orchestrations and leased activities. Plain data, without
// a connection or a pointer into the plugin; one thread at a time owns a work item.

namespace perdure {
inline namespace v1 {

/// The right to change one orchestration or one activity, until somebody else takes it.
struct lease {
    lease_token token{};
    /// The backend's own address of the row, handed back as it was given; no other meaning. Zero
    /// when the backend has no use for it, or its caller does not know it. Never trusted without the
    /// token [LOCK-9].
    std::uint64_t row = 0;

    friend bool operator==(const lease&, const lease&) = default;
};

/// A message in an instance's inbox: an event that its history has not yet consumed.
struct inbox_message {
    /// Names the message within the store; a checkpoint lists the ones it consumed.
    std::uint64_t sequence = 0;
    /// When it may be seen first: the due time of a timer, otherwise the time of arrival.
    timestamp visible_at{};
    /// The task that it answers; none for external events.
    task_id task{};
    /// The event in its stored form, without `at` and `task`: those are columns.
    std::string event{};

    friend bool operator==(const inbox_message&, const inbox_message&) = default;
};

/// A leased orchestration: everything that its next turn needs, apart from code.
struct orchestration_work {
    instance_id instance;
    execution_id execution{};
    lease held{};
    std::string name{};
    std::string version{};
    orchestration_status status = orchestration_status::pending;
    /// Raised by every change of the history, by whomever. A live frame is used only if this and the
    /// next member are those that it stands at [VERSION-1].
    std::uint64_t history_version = 0;
    /// The token of the last committed turn; none before the first.
    lease_token last_committed{};
    /// How many events the history has, the start event included.
    std::uint64_t history_length = 0;
    /// The history from event 0 on, as far as the byte limit allowed; the rest is read with
    /// `read_history`. Empty when the worker that asks was the last to commit and should have the
    /// frame.
    std::vector<history_chunk> history{};
    /// In the order in which the turn must see them. A prefix when the limit cut it.
    std::vector<inbox_message> inbox{};
    /// The deliveries that count, this one included: one more than the abandons and the expiries
    /// suffered alone since its last commit.
    std::uint32_t deliveries = 1;
    /// A lease of it expired since its last commit: it must run alone in its process. The expiry that
    /// made it a suspect is the only one that `deliveries` does not count [SUSPECT-2].
    bool suspect = false;
    instance_kind kind = instance_kind::orchestration;
};

/// A leased activity.
struct activity_work {
    instance_id instance;
    execution_id execution{};
    task_id task{};
    lease held{};
    std::string name{};
    std::string version{};
    std::string queue{};
    payload input{};
    /// What core wrote beside the input when it scheduled the activity (tags, policy attempt);
    /// opaque to backends.
    std::string details{};
    std::uint32_t deliveries = 1;
    bool suspect = false;
};

/// A position in the sequence of a backend's wake-ups, for `wait_for_work`.
struct wake_token {
    std::uint64_t value = 0;
};

/// The answer to `lock`, and part of the answers to `commit`, `create` and `send`.
struct work_batch {
    std::vector<orchestration_work> orchestrations{};
    std::vector<activity_work> activities{};
    wake_token token{};
    /// Something may be ready that could not be looked at, because another call held it: this is
    /// not "nothing to do", ask again.
    bool contended = false;
    /// At least one suspect waits that this caller could run; `lock` hands it out on request.
    bool suspects_waiting = false;
    /// The store's clock during the call.
    timestamp store_time{};
};

}  // namespace v1
}  // namespace perdure
