#pragma once

#include "database.hpp"

#include <cstdint>
#include <span>
#include <string_view>

// The ladder of schema versions. A step, once released, never changes.

namespace perdure::sqlite {

/// The SQL of each step, the first one making version 1. Generated from the files in sql/.
[[nodiscard]] std::span<const std::string_view> schema_steps();

/// Whether an older hub is upgraded while workers live that need it as it is.
enum class upgrade_rule { if_unused, force };

/// Creates the schema unless it exists, and climbs the steps that are missing, in one transaction;
/// many processes may do so at once [HUB-1]. Refuses a newer schema [HUB-2], an older one that live
/// workers use, unless it is forced, and a file that belongs to another program.
void install_schema(database& db, duration patience, upgrade_rule rule);

/// Throws `backend_error` (schema) unless the file has the schema of this plugin.
void check_schema(database& db);

/// Throws `backend_error` (schema) unless this is the version, read in a call, that the hub had
/// when it was opened.
void require_known_version(std::int64_t found);

/// The version of the schema, as text.
[[nodiscard]] std::string schema_version();

}  // namespace perdure::sqlite
