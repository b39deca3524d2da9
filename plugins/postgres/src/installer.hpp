#pragma once

#include "connection.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The life of the schema: install, upgrade, check, drop. The SQL is plain files, which psql can run
// as well (`psql -v schema=dt -f FILE`); of psql's variables they use `:"schema"` and `:'schema'`.

namespace perdure::postgres {

/// A version of the schema, "1.0.0".
struct schema_version {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    std::uint32_t patch = 0;

    friend auto operator<=>(const schema_version&, const schema_version&) = default;
};

[[nodiscard]] std::string to_string(const schema_version& version);
/// Throws `backend_error` (schema) for anything that is not three numbers with points between.
[[nodiscard]] schema_version parse_schema_version(std::string_view text);

/// A file of SQL. `parts` are its text, cut because a string literal may not be of any length.
struct sql_file {
    std::string_view name;
    /// Of a schema step: the version that it makes. Otherwise empty.
    std::string_view version;
    std::span<const std::string_view> parts;

    [[nodiscard]] std::string text() const;
};

/// All files: the steps in their order, which never change once released; the code, which is made
/// anew by every install and upgrade and whenever its text differs: the functions in the order of
/// their names, then the permissions.
struct sql_files {
    std::span<const sql_file> steps;
    std::span<const sql_file> functions;
    sql_file permissions;
    sql_file drop;
    /// Of the library that has the files; and the MD5 of the code's text.
    std::string_view library = "0.0.0";
    std::string_view code_hash = "none";

    /// The version that the last step makes.
    [[nodiscard]] schema_version version() const;
    [[nodiscard]] std::string_view version_text() const;
};

/// The files of sql/postgres as they were when the plugin was built.
[[nodiscard]] const sql_files& embedded_sql();

/// The version that the database has in this connection's schema; nothing when there is none.
[[nodiscard]] std::optional<schema_version> installed(connection& to);

/// Makes the schema, or brings it up to date, in one transaction, unless it has the right version
/// and code, which is found out by reads alone. Any number of processes may do so at once: one does
/// the work, the others wait and find it done. Throws `backend_error`:
/// - schema: the installed version is newer than these files; or the login may not do what is
///   missing; or workers live that need the older version, and the upgrade is not forced; with both
///   versions in the text;
/// - otherwise as a call does. Nothing is left half done; after `outcome_unknown`, repeat.
///
/// Within a version, code of another text is made anew by whoever owns it, unless a newer library
/// made it; anybody else uses it as it is, because the calls of one version are the same.
void install_or_upgrade(connection& to, const sql_files& files);

/// Throws `backend_error` (schema) unless the schema is there in the version of these files.
void check_schema(connection& to, const sql_files& files);

/// Drops the schema's objects by the drop script, in one transaction, one caller after the other.
/// There may be none.
void drop_schema(connection& to, const sql_files& files);

/// Makes the database that the settings name, through the database "postgres" of the same server,
/// unless it exists. Any number of processes may do so at once. Throws `backend_error`
/// (configuration) when no database is named or the login may not create one.
void create_database(const settings& chosen, counters& counts);

/// The text with the schema's name for psql's variables: `:"schema"` becomes the quoted identifier,
/// `:'schema'` the literal, wherever they stand.
[[nodiscard]] std::string with_psql_variables(std::string_view text, const std::string& schema);

}  // namespace perdure::postgres
