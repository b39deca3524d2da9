#pragma once

#include <perdure/client.hpp>

// Checks what a caller passed and turns it into what the backend takes.

namespace perdure::calling {

/// Throws `invalid_input` when the start cannot be accepted.
[[nodiscard]] new_instance make_instance(const start_request& request);
/// What it weighs in a call, roughly.
[[nodiscard]] std::size_t weight(const new_instance& instance);

/// Throws `invalid_input` for a payload that is too large or has no valid codec name.
void check_payload(std::string_view what, const payload& value);
/// Throws `invalid_input` for text that is not UTF-8 or is too long to be a reason.
void check_reason(const std::string& reason);

[[nodiscard]] termination make_termination(const instance_id& target,
                                           const std::string& reason,
                                           recursion reach);

}  // namespace perdure::calling
