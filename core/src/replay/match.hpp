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

/// Same act, but with another input, time or value: the recorded one wins.
[[nodiscard]] bool has_drifted(const history_event& recorded, const history_event& made) noexcept;

/// One line for a person: kind, task id, name, child.
[[nodiscard]] std::string describe(const history_event& event);

/// History and code side by side at the first difference. `recorded` is null when the history has
/// nothing there; `before` is the history that both agree on.
[[nodiscard]] std::string divergence_report(std::uint64_t position,
                                            std::span<const history_event> before,
                                            const history_event* recorded,
                                            const std::deque<decision>& made);

}  // namespace perdure::replay
