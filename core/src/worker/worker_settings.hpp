#pragma once

#include <perdure/worker.hpp>

namespace perdure::dispatch {

/// Throws `invalid_input` that says which setting is wrong, what it is, and what is allowed.
PERDURE_EXPORT void check_settings(const worker_options& options);

}  // namespace perdure::dispatch
