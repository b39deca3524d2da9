#pragma once

#include <perdure/backend_error.hpp>

#include <string>
#include <string_view>

struct pg_result;

namespace soci {
class soci_error;
}

// From what libpq and the server say to `backend_error`.

namespace perdure::postgres {

struct settings;

// SQLSTATEs that our own functions raise.
inline constexpr std::string_view sqlstate_no_hub = "PD001";
inline constexpr std::string_view sqlstate_refused = "PD002";
inline constexpr std::string_view sqlstate_lost_race = "PD003";
/// A number that was remembered is none of this installation.
inline constexpr std::string_view sqlstate_old_number = "PD004";
/// The schema is of another version than the caller knows.
inline constexpr std::string_view sqlstate_other_schema = "PD005";
inline constexpr std::string_view sqlstate_closed = "PD006";
inline constexpr std::string_view sqlstate_busy = "PD007";
/// A server that starts up or shuts down.
inline constexpr std::string_view sqlstate_cannot_connect_now = "57P03";

/// What a statement may have done when its answer is lost.
enum class effect {
    /// Only reads: a repeat is free.
    none,
    /// Changes something: when the connection is lost after it was sent, its outcome is unknown.
    mutating,
};

/// The fault that the server means by an SQLSTATE, for an error that ended the statement and left
/// the connection open. The table stands in faults.cpp.
[[nodiscard]] store_fault fault_of(std::string_view sqlstate) noexcept;

/// Whether a statement that was prepared earlier may fail so only because the schema has been
/// upgraded, or the server's session exchanged, since; preparing it again is the cure.
[[nodiscard]] bool is_stale_preparation(std::string_view sqlstate) noexcept;

/// The SQLSTATE of a failed result; empty when libpq itself made the result.
[[nodiscard]] std::string_view sqlstate_of(const pg_result* result) noexcept;

/// Whether the server ends the connection with this error: FATAL or PANIC.
[[nodiscard]] bool ends_connection(const pg_result* result) noexcept;

/// Whether this notice says that a commit did not wait for the standby.
[[nodiscard]] bool is_unreplicated_commit(const pg_result* notice) noexcept;

/// The error of a failed result. Its text is the server's message, without the detail, which may
/// quote rows.
[[nodiscard]] backend_error error_of(const pg_result* result,
                                     std::string_view statement_name,
                                     effect what);

/// The error of what SOCI throws. Needs terse errors (`PQERRORS_TERSE`); uses nothing of what SOCI
/// says about the statement, which quotes the values that were bound.
[[nodiscard]] backend_error error_of(const soci::soci_error& error,
                                     std::string_view statement_name,
                                     effect what);

/// The error of a connection that broke under a statement, or timed out without any answer.
[[nodiscard]] backend_error lost_connection(std::string_view reason,
                                            std::string_view statement_name,
                                            effect what);

/// The error of a connection that could not be opened: `configuration` when the server or libpq
/// refuses it for good (login, database, a parameter), otherwise `unavailable`. libpq keeps the
/// SQLSTATE of a refused connection to itself, so this tries once more, in the way in which it
/// tells. `libpq_text` is what the first attempt said, `tried_for_long` whether it ran into its
/// timeout, which would be waited for again.
struct failed_attempt {
    std::string connection_string;
    std::string libpq_text;
    bool timed_out = false;
};
[[nodiscard]] backend_error error_of_connecting(const settings& chosen,
                                                const failed_attempt& attempt);

}  // namespace perdure::postgres
