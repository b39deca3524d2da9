#pragma once

#include <perdure/client.hpp>

// Checks what a caller passed and turns it into what the backend takes.

namespace perdure::calling {

/// Throws `invalid_input` when the start cannot be accepted.
[[nodiscard]] new_instance make_instance(const start_request& request);
/// Throws `invalid_input` for texts that no instance can have and no store can compare.
void check_filter(const instance_filter& filter);
/// What it weighs in a call, roughly.
[[nodiscard]] std::size_t weight(const new_instance& instance);

}  // namespace perdure::calling
