#include "session_check.hpp"

#include "session.hpp"
#include "soci_calls.hpp"

#include <fmt/format.h>

#include <libpq-fe.h>

namespace perdure::postgres {

namespace {

constexpr statement read_encoding{
    "encoding",
    "select pg_catalog.current_setting('server_encoding'), pg_catalog.current_database()::text"};
constexpr statement read_settings{
    "settings",
    "select pg_catalog.current_setting(w.name) from pg_catalog.unnest(pg_catalog.string_to_array("
    ":names::text, E'\\n')) with ordinality as w(name, n) order by w.n"};
constexpr statement read_process{"process", "select pg_catalog.pg_backend_pid()"};
constexpr statement read_rights{
    "rights",
    "select pg_catalog.has_schema_privilege(n.oid, 'usage'), session_user::text"
    " from pg_catalog.pg_namespace n join pg_catalog.pg_proc p on p.pronamespace = n.oid"
    " where n.nspname = :schema::text and p.proname = '_getversions'"};

[[noreturn]] void refuse(const std::string& what) {
    throw backend_error(store_fault::configuration, "postgres: " + what);
}

void check_encoding(connection& of) {
    std::string encoding;
    std::string database;
    ask(of, read_encoding, soci::into(encoding), soci::into(database));
    if (encoding != "UTF8") {
        refuse(
            fmt::format("the database {} has the encoding {}, which cannot hold every text; "
                        "allowed is UTF8: create database {} template template0 encoding 'UTF8'",
                        quoted_identifier(database),
                        encoding,
                        quoted_identifier(database)));
    }
}

void check_settings(connection& of) {
    const std::vector<assumption> needed = observable_settings(of.chosen());
    lines names;
    for (const assumption& one : needed) {
        names.texts.push_back(one.name);
    }
    const auto found = ask_column<std::string>(of, read_settings, soci::use(names));
    std::string wrong;
    for (std::size_t n = 0; n < needed.size(); ++n) {
        const auto& [name, value] = needed[n];
        if (const std::string& is = found.at(n); is != value) {
            wrong += fmt::format(
                "{}{} is {} and must be {}", wrong.empty() ? "" : ", ", name, is, value);
        }
    }
    if (!wrong.empty()) {
        refuse(
            fmt::format("the session does not keep what was set: {}; is a pooler in between that "
                        "exchanges sessions, or does an extension change settings? Behind "
                        "PgBouncer in transaction mode the URI says pooler=transaction",
                        wrong));
    }
}

std::int64_t process_of(connection& of) {
    return ask_value<std::int64_t>(of, read_process);
}

// PgBouncer makes up the number of the process that it tells a client. In session mode two clients
// never have the same process, and one never has two.
void check_pooler(connection& of, counters& counts) {
    if (of.chosen().pooler != pooler::none || of.server_process() == PQbackendPID(of.native())) {
        return;
    }
    connection other(of.chosen(), counts);
    const std::int64_t first = process_of(of);
    const std::int64_t others = process_of(other);
    if (first == others || process_of(of) != first || of.server_process() != first) {
        refuse(
            "a pooler in between gives each transaction another session of the server: write "
            "pooler=transaction into the URI, or pool_mode=session at the database in "
            "pgbouncer.ini");
    }
}

}  // namespace

void check_session(connection& of, counters& counts) {
    check_pooler(of, counts);
    check_encoding(of);
    check_settings(of);
}

backend_error with_missing_rights(connection& of, const backend_error& error) {
    const bool is_missing = error.sqlstate() == "42883" || error.sqlstate() == "3F000";
    const bool is_forbidden = error.sqlstate() == "42501";
    if ((!is_missing && !is_forbidden) || of.is_broken() || of.is_in_transaction()) {
        return error;
    }
    bool may_use = false;
    std::string login;
    if (!ask(of,
             read_rights,
             soci::use(of.chosen().schema),
             soci::into(may_use),
             soci::into(login)) ||
        (is_missing && may_use)) {
        return error;
    }
    return {
        fault_of("42501"),
        fmt::format("PostgreSQL: the login {} may not use Perdure in schema {}: its owner, or an "
                    "administrator, grants it the schema's role, which is called {} unless the "
                    "name is too long (SQLSTATE 42501: {})",
                    quoted_identifier(login),
                    of.chosen().quoted_schema(),
                    quoted_identifier(of.chosen().schema + "_runtime"),
                    error.what()),
        "42501"};
}

}  // namespace perdure::postgres
