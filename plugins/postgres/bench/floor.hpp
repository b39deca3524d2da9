#pragma once

#include "settings.hpp"

#include <cstdint>

namespace perdure::postgres {

struct floor_result {
    std::uint64_t orchestrations = 0;
    double seconds = 0;
};

/// Writes what orchestrations of five queued activities must write at the least, into the plugin's
/// own tables and keys but without engine, plugin or functions: 24 inserts, 11 deletes and 6
/// updates each, on two connections, in durable transactions of 500 turns, each one round trip. No
/// engine on this server can be much faster than that.
///
/// The tables are in a schema that is made for it and dropped at the end, so the login must be one
/// that may create schemas.
[[nodiscard]] floor_result measure_floor(const settings& chosen, std::uint64_t count);

}  // namespace perdure::postgres
