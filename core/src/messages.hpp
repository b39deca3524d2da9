#pragma once

#include <perdure/failure.hpp>
#include <perdure/history.hpp>
#include <perdure/payload.hpp>

#include <string>

// The events that travel through inboxes, in their stored form: made here once, for the worker, the
// client and the checkpoint builder alike. Task ids and times are columns and not part of the text.

namespace perdure::messages {

[[nodiscard]] std::string completed(event_kind kind, const payload& result);
[[nodiscard]] std::string failed(event_kind kind, const failure& reason);
[[nodiscard]] std::string timer_fired();
[[nodiscard]] std::string event_raised(const std::string& name, const payload& content);
[[nodiscard]] std::string suspended(const std::string& note);
[[nodiscard]] std::string resumed(const std::string& note);
/// With tag "recursive" when children are to be terminated as well.
[[nodiscard]] std::string terminated(const std::string& note, const tag_map& tags);
/// What a parent gets for a child that was terminated, replaced or purged, or whose id is taken.
[[nodiscard]] std::string child_gone(const std::string& child,
                                     const std::string& type,
                                     const std::string& message);

}  // namespace perdure::messages
