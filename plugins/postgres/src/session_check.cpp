#include "session_check.hpp"

#include "session.hpp"

#include <fmt/format.h>

#include <libpq-fe.h>

namespace perdure::postgres {

namespace {

[[noreturn]] void refuse(const std::string& what) {
    throw backend_error(store_fault::configuration, "postgres: " + what);
}

void check_encoding(connection& of) {
    const answer found = of.query(
        "select pg_catalog.current_setting('server_encoding'), "
        "pg_catalog.current_database()::text");
    if (const std::string encoding = found.only(0).string(); encoding != "UTF8") {
        const std::string database = found.only(1).string();
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
    const answer found = of.query(
        "select pg_catalog.current_setting(w.name)"
        " from pg_catalog.unnest($1::text[]) with ordinality as w(name, n) order by w.n",
        parameters().add_list<sql::text>(needed, &assumption::name));
    std::string wrong;
    for (std::size_t n = 0; n < needed.size(); ++n) {
        const auto& [name, value] = needed[n];
        if (const std::string is = found.at(n, 0).string(); is != value) {
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
    return of.query("select pg_catalog.pg_backend_pid()").only(0).number();
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
    const answer found = of.query(
        "select pg_catalog.has_schema_privilege(n.oid, 'usage'), session_user::text"
        " from pg_catalog.pg_namespace n join pg_catalog.pg_proc p on p.pronamespace = n.oid"
        " where n.nspname = $1 and p.proname = '_getversions'",
        parameters().add<sql::text>(of.chosen().schema));
    if (found.rows() == 0 || (is_missing && found.at(0, 0).flag())) {
        return error;
    }
    return {
        fault_of("42501"),
        fmt::format("PostgreSQL: the login {} may not use Perdure in schema {}: its owner, or an "
                    "administrator, grants it the schema's role, which is called {} unless the "
                    "name is too long (SQLSTATE 42501: {})",
                    quoted_identifier(found.at(0, 1).text()),
                    of.chosen().quoted_schema(),
                    quoted_identifier(of.chosen().schema + "_runtime"),
                    error.what()),
        "42501"};
}

}  // namespace perdure::postgres
