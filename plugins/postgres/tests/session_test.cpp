#include "session.hpp"

#include "backend.hpp"
#include "installer.hpp"
#include "listener.hpp"
#include "private_server.hpp"
#include "session_check.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>

namespace perdure::postgres_test {

namespace {

using postgres::pooler;
using postgres::settings;

/// Everything that a role's default can change is changed for this login.
settings contrary_settings() {
    return private_server::shared().settings_for("perdure_contrary");
}

std::string value_of(postgres::connection& on, const std::string& setting) {
    return text_of(on, "select pg_catalog.current_setting('" + setting + "')");
}

}  // namespace

TEST_CASE("a session is what the functions assume, whatever the defaults of the login") {
    settings chosen = contrary_settings();
    chosen.pooler = GENERATE(pooler::none, pooler::transaction);
    test_connection on(chosen);

    const std::map<std::string, std::string> needed = {
        {"transaction_isolation", "read committed"},
        {"transaction_read_only", "off"},
        {"statement_timeout", "30s"},
        {"lock_timeout", "10s"},
        {"idle_in_transaction_session_timeout", "30s"},
        {"client_min_messages", "warning"},
        {"exit_on_error", "off"},
        {"plpgsql.extra_errors", "none"},
        {"enable_indexscan", "on"},
        {"enable_indexonlyscan", "on"},
        {"enable_nestloop", "on"},
        {"enable_sort", "on"},
        {"jit", "off"},
        {"plan_cache_mode", "auto"},
        {"client_encoding", "UTF8"},
        {"application_name", "default"}};
    for (const auto& [name, value] : needed) {
        CAPTURE(name);
        CHECK(value_of(*on, name) == value);
    }
    CHECK_THAT(value_of(*on, "search_path"), Catch::Contains(chosen.schema));
}

TEST_CASE("behind a pooler the session is left as it was") {
    settings chosen = contrary_settings();
    chosen.pooler = pooler::transaction;
    test_connection on(chosen);
    CHECK(number_of(*on, "select 1") == 1);
    CHECK_THROWS_AS(number_of(*on, "select 1 / 0"), backend_error);
    CHECK_FALSE(on->is_in_transaction());

    on->execute_script(
        "begin read write; create temp table seen as select current_setting('search_path') as path,"
        " current_setting('lock_timeout') as lock_timeout; commit");

    CHECK(text_of(*on, "select path from pg_temp.seen") == "nowhere, pg_catalog");
    CHECK(text_of(*on, "select lock_timeout from pg_temp.seen") == "10ms");
}

TEST_CASE("sixteen processes whose transactions are read only and serializable install at once",
          "[HUB-1]") {
    settings chosen = contrary_settings();
    chosen.pooler = GENERATE(pooler::none, pooler::transaction);

    const int successes = successes_of_processes(16, [&] {
        postgres::postgres_backend store(chosen);
        store.create_hub();
        static_cast<void>(store.status());
    });

    CHECK(successes == 16);
}

TEST_CASE("a session that does not keep what was set is refused, and what it is is told") {
    const settings chosen = private_server::shared().settings_for();
    test_connection on(chosen);
    CHECK_NOTHROW(postgres::check_session(*on, on.counts));
    on->execute_script("set default_transaction_isolation = 'serializable'");

    const backend_error error = failure_of([&] { postgres::check_session(*on, on.counts); });

    CHECK(error.code() == store_fault::configuration);
    CHECK_THAT(error.what(),
               Catch::Contains("transaction_isolation is serializable") &&
                   Catch::Contains("must be read committed"));
}

TEST_CASE("a database that is not in UTF8 is refused, and how to make one is told") {
    settings chosen = private_server::shared().settings_for("postgres");
    test_connection administrator(chosen);
    chosen.libpq["dbname"] = "latin_" + to_string(random_uuid());
    const std::string name = postgres::quoted_identifier(chosen.libpq["dbname"]);
    administrator->execute_script("create database " + name +
                                  " template template0 encoding 'LATIN1' locale 'C'");
    {
        postgres::postgres_backend store(chosen);
        const backend_error errors[] = {failure_of([&] { store.create_hub(); }),
                                        failure_of([&] { static_cast<void>(store.status()); })};
        for (const backend_error& error : errors) {
            CHECK(error.code() == store_fault::configuration);
            CHECK_THAT(error.what(),
                       Catch::Contains("LATIN1") && Catch::Contains("encoding 'UTF8'"));
        }
        test_connection in(chosen);
        CHECK(number_of(*in,
                        "select count(*) from pg_namespace where nspname = " +
                            postgres::quoted_literal(chosen.schema)) == 0);
    }
    administrator->execute_script("drop database " + name + " with (force)");
}

}  // namespace perdure::postgres_test
