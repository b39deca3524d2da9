#pragma once

#include "connection.hpp"

namespace perdure::postgres {

/// Throws `backend_error` (configuration) when this server cannot serve a hub in this way, and says
/// what to do:
/// - the database is not in UTF8, so that it refuses texts that the contract allows;
/// - a pooler exchanges the server's sessions, and the URI does not say so;
/// - a setting that the functions assume is another one in this session, though it was set.
void check_session(connection& of, counters& counts);

/// The error itself, or what it means when Perdure is installed and this login may not use it: the
/// server calls a function that may not be seen a missing one.
[[nodiscard]] backend_error with_missing_rights(connection& of, const backend_error& error);

}  // namespace perdure::postgres
