#pragma once

#include "replay/turn_result.hpp"

#include <perdure/activity.hpp>
#include <perdure/export.hpp>
#include <perdure/limits.hpp>
#include <perdure/work_item.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace perdure::replay {

struct turn_limits {
    std::size_t decisions_max = 100'000;
    std::size_t bytes_max = turn_bytes_max_default;
    std::size_t payload_bytes_max = payload_bytes_max_default;
    /// Hand out the author's log lines while replaying as well.
    bool log_replay = false;
};

/// Whether the history given to `rebuild` ends where a turn ended.
enum class history_ends { after_a_turn, anywhere };

/// What a turn waits for that its worker calls, outside of replay: the turn then goes on with what
/// came of it.
struct wanted_step {
    task_id task{};
    std::string name;
    /// May block and throw; the machine keeps alive what it refers to.
    std::function<activity_result()> function;
};

struct ended_step {
    task_id task{};
    activity_result result;
};

/// Where a turn stands.
struct turn_state {
    enum class kind {
        /// `collect` has its result.
        ended,
        /// It goes on with `resume` and the end of `step`.
        wants_step,
        /// It is executed elsewhere; `when_ready` tells when to call `resume` without a step.
        waits_elsewhere,
        /// Whatever executed it is gone, for this reason. The machine can only be destroyed; the
        /// instance's next turn needs another one.
        lost,
    };
    kind what = kind::ended;
    std::optional<wanted_step> step;
    std::string reason;

    [[nodiscard]] static turn_state wanting(wanted_step step) {
        return {kind::wants_step, std::move(step), {}};
    }
    [[nodiscard]] static turn_state waiting_elsewhere() {
        return {kind::waits_elsewhere, std::nullopt, {}};
    }
    [[nodiscard]] static turn_state lost_by(std::string reason) {
        return {kind::lost, std::nullopt, std::move(reason)};
    }
};

/// One execution of an orchestration, between the worker and whatever executes the code: history
/// and messages go in, decisions come out. A turn is `begin`, then `resume` as often as it waits,
/// then `collect`; all that it decided is in that one result.
///
/// One thread at a time; which one may change between calls. Whoever began a turn owns the machine
/// and may destroy it at any time, also in the middle of a turn: that ends the turn, and nobody
/// must be told of it any more.
class PERDURE_EXPORT turn_machine {
  public:
    turn_machine(const turn_machine&) = delete;
    turn_machine& operator=(const turn_machine&) = delete;
    virtual ~turn_machine() = default;

    /// Repeats recorded history, from event 0 on; may be called again with what follows. A history
    /// that the code does not match becomes the fault of the next turn.
    virtual void rebuild(std::span<const history_event> history, history_ends end) = 0;

    /// A turn begins: consumes these messages, which it may not refer to afterwards, at the time
    /// `now`. The times of messages and earlier turns move `now` forward if need be. Message texts
    /// that cannot be read are a fault. Throws `broken_invariant`; after that it can only be
    /// destroyed.
    [[nodiscard]] virtual turn_state begin(timestamp now, std::span<const inbox_message> inbox) = 0;
    /// The same turn goes on: with the end of the step that it wanted; with nothing when it waits
    /// elsewhere. Called too early it answers that it still waits.
    [[nodiscard]] virtual turn_state resume(std::optional<ended_step> step) = 0;
    /// Of a turn that waits elsewhere: `listener` is called once, when `resume` has something new,
    /// which may be that the machine is lost; at once, from here, if that has come already. From
    /// any thread, and while holding no lock: the listener takes locks of the worker's, and may
    /// destroy the machine. It only wakes somebody.
    virtual void when_ready(std::function<void()> listener) = 0;
    /// What the turn that has ended asks for.
    [[nodiscard]] virtual turn_result collect() = 0;

    /// Makes this the fault of the next turn, unless there is one already.
    virtual void condemn(std::string report) = 0;

    /// Events applied so far, by `rebuild` and turns; equals the stored history's length while the
    /// machine is current.
    [[nodiscard]] virtual std::uint64_t history_length() const noexcept = 0;
    /// What keeping the machine costs, roughly, in bytes.
    [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
    /// Whether a turn may wait elsewhere. Such a machine is neither used for speculative turns nor
    /// compared with a replay.
    [[nodiscard]] virtual bool ends_late() const noexcept = 0;
    /// Whether this is an activity that has not ended, and no other activity, timer or child is
    /// open.
    [[nodiscard]] virtual bool awaits_only(task_id task) const noexcept = 0;
    /// Of the orchestration that it executes.
    [[nodiscard]] virtual const std::string& name() const noexcept = 0;
    [[nodiscard]] virtual const std::string& version() const noexcept = 0;

  protected:
    turn_machine() = default;
};

}  // namespace perdure::replay
