#pragma once

#include <perdure/detail/turn.hpp>
#include <perdure/history.hpp>

#include <optional>
#include <string>
#include <vector>

// What a turn gives back: data, and nothing that points into the frame.

namespace perdure::replay {

/// Something that the code asked for. Its event is what the history records; the rest is what the
/// store needs beside it.
struct decision {
    history_event event;
    std::string queue;
    int priority = 0;
    /// Of an activity: the first task of its call, and which attempt of the retry policy this is.
    task_id first_task{};
    unsigned attempt = 1;
    /// Of a child: nobody waits for it.
    bool detached = false;
    /// Of a cancellation: what kind of task is cancelled.
    event_kind cancelled_kind{};
};

/// Why a turn cannot be committed. The instance is parked with the report, unless it needs newer
/// code.
struct turn_fault {
    enum class kind {
        divergence,
        undecodable,
        too_large,
        bad_history,
        /// There is an event that this version does not implement.
        unimplemented,
    };
    kind what{};
    std::string report;
};

struct log_line {
    log_level level{};
    std::string text;
};

/// Something about a turn that its author should know; always a warning.
struct remark {
    enum class kind {
        /// An answer that nothing waits for, or a call of the context outside of a turn.
        ignored,
        /// The code gives another input, version or time than the history.
        drift,
        large_turn,
    };
    kind what{};
    std::string text;
};

/// How the execution stands after the turn.
enum class turn_end { open, suspended, completed, failed, terminated, continued };

struct turn_result {
    /// When set, nothing else of the result means anything but the log.
    std::optional<turn_fault> fault;
    turn_end end = turn_end::open;
    /// How many events the history had before this turn.
    std::uint64_t history_length = 0;
    /// Everything to append to the history: turn started, the consumed events, the decisions.
    std::vector<history_event> events;
    /// The decisions among them, in order.
    std::vector<decision> decisions;
    /// The result, the failure, or the reason of the termination.
    payload output;
    std::shared_ptr<const failure> reason;
    std::optional<payload> custom_status;
    /// Who hears of the end, if anybody.
    std::optional<parent_link> parent;
    /// With continued: the start event of the next execution, without its execution id, and the
    /// external events that it keeps.
    history_event next_start;
    std::vector<history_event> kept_events;
    /// With terminated: the children are to be terminated, too.
    bool recursive = false;

    std::vector<log_line> author_log;
    std::vector<remark> remarks;
    std::size_t bytes = 0;
};

}  // namespace perdure::replay
