#pragma once

#include "worker/leased_item.hpp"

namespace perdure::dispatch {

/// Whether a worker executes suspects alone. The last lease of a suspect expired, perhaps because
/// it ended its process, so nothing else of this worker may be lost with it.
///
///     none     -> draining   the store has suspects
///     draining -> alone      a suspect came: nothing else is executed until it ends
///     draining -> none       none came
///     alone    -> alone      it ended, and another came
///     alone    -> none       it ended, and no other came; or it takes longer than a lease
///
/// Regular work is taken in `none` alone. Pure: it has no clock, and calls nothing. One thread at a
/// time: the dispatcher's mutex guards it.
class PERDURE_EXPORT quarantine {
  public:
    enum class state { none, draining, alone };
    /// What else is on its way through the worker.
    enum class other_work { none, some };

    explicit quarantine(duration lease_duration) noexcept : lease_duration_(lease_duration) {}

    [[nodiscard]] bool is_on() const noexcept { return state_ != state::none; }
    [[nodiscard]] state now_in() const noexcept { return state_; }

    /// The store says that it has suspects. Not heard while a quarantine is on, nor so soon after
    /// the last one that regular work would starve.
    void note_waiting(steady::time_point now) noexcept;
    /// Whether the store is to be asked for a suspect.
    [[nodiscard]] bool must_seek(other_work others, steady::time_point now) const noexcept;
    void note_found(steady::time_point now) noexcept;
    /// No suspect came, or there was no answer.
    void note_none(steady::time_point now) noexcept;
    /// True when it ends the quarantine, because the suspect takes longer than a lease: from now on
    /// regular work is executed beside it.
    [[nodiscard]] bool end_if_overdue(steady::time_point now) noexcept;

  private:
    duration lease_duration_;
    state state_ = state::none;
    /// When this state began.
    steady::time_point since_{};
    /// No other quarantine before this time.
    steady::time_point next_{};
};

}  // namespace perdure::dispatch
