#pragma once

#include <perdure/plugin.hpp>
#include <string_view>

// An address may hold a password: //user:password@host/database. Written badly, a part of it may
// stand anywhere: in the host, the port, the database, and behind an unencoded '?' in the options.

namespace perdure::plugin {

/// Whether an address holds a password, or may be the beginning of one.
[[nodiscard]] bool may_hold_secret(std::string_view address);

/// Whether a part of a password may stand anywhere in a configuration, so that no message repeats
/// what was written.
[[nodiscard]] bool may_hold_secret(const backend_config& config);

}  // namespace perdure::plugin
