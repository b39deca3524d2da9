#pragma once

#include <perdure/hub_role.hpp>

#include <chrono>

namespace perdure::moving {

/// A hub is closed for some tens of milliseconds; after this who closed it is taken for dead.
inline constexpr auto closed_max = std::chrono::seconds(1);

/// What the backend implements so that it can take part in a live move. Throws `backend_error`
/// (configuration) when it does not.
[[nodiscard]] role_store& roles_of(backend& store);

/// The next role of a source that was closing, when the move goes on or its mover has died.
[[nodiscard]] hub_role reopened(const hub_role& closing);
/// The next role of a target when the source has moved: it is open, and its move can be undone.
[[nodiscard]] hub_role opened(const hub_role& sealed);
/// Whether the target is what the source was when it closed for the last time, before it moved.
[[nodiscard]] bool is_decided_by(const hub_role& target, const hub_role& source) noexcept;

}  // namespace perdure::moving
