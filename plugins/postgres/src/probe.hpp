#pragma once

#include "settings.hpp"

#include <chrono>
#include <libpq-fe.h>

// Talking to a server through libpq alone, with a deadline for every step.

namespace perdure::postgres {

/// Carries on what `PQconnectStart` began until the connection stands or has failed; false when the
/// deadline came first.
[[nodiscard]] bool finish_connecting(PGconn* begun, std::chrono::steady_clock::time_point deadline);

/// Throws `backend_error` (unavailable) when the server lets the login in and then does not answer
/// a query for the length of `connect_timeout`, as a paused pooler or a stopped process does.
/// SOCI's own first statement has no deadline, so this comes before it, over a connection that is
/// closed again. What else can be wrong, SOCI's attempt tells.
void require_answer(const settings& chosen);

}  // namespace perdure::postgres
