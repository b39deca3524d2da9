#pragma once

#include "statements.hpp"

#include <cstdint>

namespace perdure::sqlite {

/// [ROLE-5] Throws `backend_error` (rejected) when the hub is the target of a move and its role has
/// another era than this.
void require_mover(write_statements& sql, std::uint64_t era);

/// [ROLE-1] The hub is open and takes part in no move.
void make_plain(write_statements& sql, std::int64_t now);

/// [ROLE-4] From now on each change of an instance is noted, or none is.
void set_feed(database& db, bool is_on);

}  // namespace perdure::sqlite
