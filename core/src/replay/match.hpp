#pragma once

#include "replay/turn_result.hpp"

#include <deque>
#include <span>
#include <string>

namespace perdure::replay {

/// True for the kinds that a decision of the code leaves in the history.
[[nodiscard]] bool is_decision(event_kind kind) noexcept;

/// True for the decisions that get a task id of their own.
[[nodiscard]] bool is_scheduling(event_kind kind) noexcept;

/// Whether a recorded decision and the one that the code has just made are the same act: kind, task
/// id, name, and child or target.
[[nodiscard]] bool is_same_act(const history_event& recorded, const history_event& made) noexcept;

/// Same act, but with another input, version, time or value: the recorded one wins.
[[nodiscard]] bool has_drifted(const history_event& recorded, const history_event& made) noexcept;

/// Is told where a history that is repeated and the code differ, as it is found; a drift is then no
/// remark of the turn as well. Copies what it wants to keep.
class match_observer {
  public:
    match_observer(const match_observer&) = delete;
    match_observer& operator=(const match_observer&) = delete;

    virtual void drifted(std::uint64_t number,
                         const history_event& recorded,
                         const history_event& made) = 0;
    /// `recorded` is null when the history has nothing there.
    virtual void diverged(std::uint64_t number,
                          const history_event* recorded,
                          const std::deque<decision>& made) = 0;

  protected:
    match_observer() = default;
    ~match_observer() = default;
};

/// One line for a person: kind, task id, name, child.
[[nodiscard]] std::string describe(const history_event& event);

/// History and code side by side at the first difference. `recorded` is null when the history has
/// nothing there; `before` is the history that both agree on.
[[nodiscard]] std::string divergence_report(std::uint64_t position,
                                            std::span<const history_event> before,
                                            const history_event* recorded,
                                            const std::deque<decision>& made);

}  // namespace perdure::replay
