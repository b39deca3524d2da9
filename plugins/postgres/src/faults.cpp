#include "faults.hpp"

#include "probe.hpp"
#include "settings.hpp"

#include <fmt/format.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <libpq-fe.h>
#include <memory>

namespace perdure::postgres {

namespace {

// How long the second attempt may take that asks why the first one failed.
constexpr auto question_timeout = std::chrono::seconds(5);

// SOCI's own, for whatever ended the connection.
constexpr std::string_view sqlstate_lost = "08000";

struct meaning {
    std::string_view sqlstate;
    store_fault fault;
};

// Exact codes first, then classes; the first that the SQLSTATE begins with counts. Errors only:
// what ends the connection is judged before.
constexpr std::array meanings = {
    meaning{sqlstate_no_hub, store_fault::schema},
    meaning{sqlstate_refused, store_fault::rejected},
    meaning{sqlstate_lost_race, store_fault::conflict},
    meaning{sqlstate_old_number, store_fault::conflict},
    meaning{sqlstate_other_schema, store_fault::schema},
    meaning{sqlstate_closed, store_fault::moved},
    meaning{sqlstate_busy, store_fault::unavailable},
    meaning{"08007", store_fault::outcome_unknown},  // The outcome of a transaction is not known.
    meaning{"40003", store_fault::outcome_unknown},  // The completion of a statement is not known.
    // A standby. It may be promoted, and the next connection may find the primary.
    meaning{"25006", store_fault::unavailable},
    meaning{"3D000", store_fault::configuration},  // No such database.
    meaning{"42501", store_fault::read_only},      // The privilege is missing.
    meaning{"53100", store_fault::full},
    meaning{"55P03", store_fault::conflict},  // lock_timeout.
    meaning{"55006", store_fault::conflict},  // An object is in use.
    meaning{"57014", store_fault::timeout},   // statement_timeout, or an administrator's cancel.
    meaning{"57P04", store_fault::configuration},  // The database was dropped.
    meaning{"58P01", store_fault::corrupt},        // A file of the server is missing.
    meaning{"26000", store_fault::conflict},  // A prepared statement is gone: prepare it again.
    meaning{"08", store_fault::unavailable},
    meaning{"0A", store_fault::schema},  // A result type has changed under a prepared statement.
    meaning{"28", store_fault::configuration},
    meaning{"3F", store_fault::schema},
    meaning{"40", store_fault::conflict},
    meaning{"42", store_fault::schema},
    meaning{"53", store_fault::unavailable},
    meaning{"57", store_fault::unavailable},
    meaning{"58", store_fault::unavailable},
    meaning{"XX001", store_fault::corrupt},
    meaning{"XX002", store_fault::corrupt},
};

std::string_view text_of(const pg_result* result, int code) noexcept {
    const char* text = PQresultErrorField(result, code);
    return text == nullptr ? std::string_view() : std::string_view(text);
}

// libpq's texts have several lines; ours is one.
std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        const bool is_blank = c == '\n' || c == '\t' || c == ' ';
        if (!is_blank) {
            line += c;
        } else if (!line.empty() && line.back() != ' ') {
            line += ' ';
        }
    }
    while (!line.empty() && line.back() == ' ') {
        line.pop_back();
    }
    return line;
}

store_fault fault_of_loss(effect what) {
    return what == effect::mutating ? store_fault::outcome_unknown : store_fault::unavailable;
}

// Why a server or libpq itself refuses a connection.
struct refusal {
    std::string sqlstate;
    /// A wrong parameter, or no password: nothing was asked of the server, or nothing could be.
    bool is_ours = false;
};

bool is_sqlstate(std::string_view text) {
    return text.size() == 5 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
           });
}

// The last line that is a severity, in whatever language, and an SQLSTATE: "FATAL:  28P01". With
// several hosts, the last one is where libpq gave up.
std::string last_sqlstate(std::string_view text) {
    while (!text.empty()) {
        const auto end = text.rfind('\n', text.size() - 1);
        const std::string_view line = end == std::string_view::npos ? text : text.substr(end + 1);
        const auto colon = line.rfind(":  ");
        if (colon != std::string_view::npos && is_sqlstate(line.substr(colon + 3))) {
            return std::string(line.substr(colon + 3));
        }
        text = text.substr(0, end == std::string_view::npos ? 0 : end);
    }
    return {};
}

// Connects once more with an error format that gives nothing but the SQLSTATE.
refusal ask_again(const std::string& connection_string) {
    const auto deadline = std::chrono::steady_clock::now() + question_timeout;
    const std::unique_ptr<PGconn, decltype(&PQfinish)> conn(
        PQconnectStart(connection_string.c_str()), &PQfinish);
    if (conn == nullptr) {
        return {};
    }
    PQsetErrorVerbosity(conn.get(), PQERRORS_SQLSTATE);
    if (PQstatus(conn.get()) == CONNECTION_BAD) {
        return {{}, PQping(connection_string.c_str()) == PQPING_NO_ATTEMPT};
    }
    if (!finish_connecting(conn.get(), deadline)) {
        return {};
    }
    if (PQstatus(conn.get()) == CONNECTION_OK) {
        // It could not a moment ago.
        return {std::string(sqlstate_cannot_connect_now)};
    }
    return {last_sqlstate(PQerrorMessage(conn.get())), PQconnectionNeedsPassword(conn.get()) == 1};
}

// What the server says of a login, a database or a parameter, as opposed to its own state.
bool is_refused_for_good(std::string_view sqlstate) {
    static constexpr std::array<std::string_view, 6> classes = {"0A", "22", "28", "3D", "42", "55"};
    return std::any_of(classes.begin(), classes.end(), [&](std::string_view of_class) {
        return sqlstate.starts_with(of_class);
    });
}

}  // namespace

store_fault fault_of(std::string_view sqlstate) noexcept {
    const auto found = std::find_if(meanings.begin(), meanings.end(), [&](const meaning& entry) {
        return sqlstate.starts_with(entry.sqlstate);
    });
    // What is left is about the content of the call: data exceptions, constraints, limits, errors
    // that a function raises.
    return found == meanings.end() ? store_fault::rejected : found->fault;
}

bool is_stale_preparation(std::string_view sqlstate) noexcept {
    // The plan's result type changed, the statement is gone, a function, type or table of it is
    // gone or has other attributes, and what the planner says of a type that is gone.
    static constexpr std::array<std::string_view, 8> states = {
        "0A000", "26000", "42883", "42704", "42P01", "42804", "42703", "XX000"};
    return std::find(states.begin(), states.end(), sqlstate) != states.end();
}

std::string_view sqlstate_of(const pg_result* result) noexcept {
    return text_of(result, PG_DIAG_SQLSTATE);
}

bool ends_connection(const pg_result* result) noexcept {
    // The field that is the same in every language; servers have it since 9.6.
    const std::string_view severity = text_of(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity == "FATAL" || severity == "PANIC";
}

bool is_unreplicated_commit(const pg_result* notice) noexcept {
    // The text may be in any language and has no SQLSTATE of its own; the function that gives the
    // warning is the same everywhere.
    return text_of(notice, PG_DIAG_SOURCE_FUNCTION) == "SyncRepWaitForLSN";
}

namespace {

constexpr std::string_view no_schema_hint =
    "the schema does not exist, or Perdure is not installed in it in this version: opening the hub "
    "with create=if_missing installs it";

bool is_missing_function(std::string_view sqlstate) noexcept {
    return sqlstate == "42883" || sqlstate == "3F000";
}

// What the server says of a statement that failed.
struct refused_statement {
    std::string_view sqlstate;
    std::string_view text;
    std::string_view hint = {};
    bool ends_connection = false;
};

// Another call with the same request id has kept its answer while this one was under way: a lost
// race, because a repeat finds that answer [REPEAT-1].
bool is_simultaneous_repeat(const refused_statement& told) noexcept {
    return told.sqlstate == "23505" && told.text.find("requests_pkey") != std::string_view::npos;
}

backend_error error_of(const refused_statement& told, std::string_view name, effect what) {
    // PostgreSQL's own hint, to add casts, leads astray when the function is not there at all.
    const std::string_view hint = is_missing_function(told.sqlstate) ? no_schema_hint : told.hint;
    return {told.ends_connection           ? fault_of_loss(what)
            : is_simultaneous_repeat(told) ? store_fault::conflict
                                           : fault_of(told.sqlstate),
            fmt::format("PostgreSQL: {}{} (SQLSTATE {}, in {})",
                        one_line(told.text),
                        hint.empty() ? std::string() : "; " + one_line(hint),
                        told.sqlstate,
                        name),
            std::string(told.sqlstate)};
}

}  // namespace

backend_error error_of(const pg_result* result, std::string_view statement_name, effect what) {
    const std::string_view sqlstate = sqlstate_of(result);
    if (sqlstate.empty()) {
        return lost_connection(PQresultErrorMessage(result), statement_name, what);
    }
    return error_of({sqlstate,
                     text_of(result, PG_DIAG_MESSAGE_PRIMARY),
                     text_of(result, PG_DIAG_MESSAGE_HINT),
                     ends_connection(result)},
                    statement_name,
                    what);
}

backend_error error_of(const soci::soci_error& error,
                       std::string_view statement_name,
                       effect what) {
    const std::string text = error.get_error_message();
    const auto* const told = dynamic_cast<const soci::postgresql_soci_error*>(&error);
    if (told == nullptr) {
        // A null that was not expected, or a text that is no number.
        return {store_fault::corrupt, "PostgreSQL's answer cannot be read: " + text};
    }
    const std::string sqlstate = told->sqlstate();
    if (!is_sqlstate(sqlstate) || sqlstate == sqlstate_lost) {
        return lost_connection(text, statement_name, what);
    }
    // Behind SOCI's words and the severity.
    constexpr std::string_view before_text = ":  ";
    const auto begin = text.find(before_text);
    return error_of({.sqlstate = sqlstate,
                     .text = begin == std::string::npos
                                 ? std::string_view(text)
                                 : std::string_view(text).substr(begin + before_text.size())},
                    statement_name,
                    what);
}

backend_error lost_connection(std::string_view reason,
                              std::string_view statement_name,
                              effect what) {
    return {
        fault_of_loss(what),
        fmt::format(
            "PostgreSQL: the connection was lost: {} (in {})", one_line(reason), statement_name)};
}

backend_error error_of_connecting(const settings& chosen, const failed_attempt& attempt) {
    const refusal why = attempt.timed_out ? refusal{} : ask_again(attempt.connection_string);
    const bool is_final = why.is_ours || is_refused_for_good(why.sqlstate);
    return {is_final ? store_fault::configuration : store_fault::unavailable,
            fmt::format("PostgreSQL ({}): cannot connect: {}",
                        chosen.description(),
                        one_line(attempt.libpq_text)),
            why.sqlstate};
}

}  // namespace perdure::postgres
