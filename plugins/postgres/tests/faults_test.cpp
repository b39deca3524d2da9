#include "faults.hpp"

#include "private_server.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <fstream>

namespace perdure::postgres_test {

namespace {

using postgres::fault_of;
using postgres::settings;

backend_error refusal(const settings& chosen) {
    return failure_of([&] { test_connection on(chosen); });
}

}  // namespace

TEST_CASE("every SQLSTATE has the fault that says what to do about it") {
    const std::pair<const char*, store_fault> expected[] = {
        {"PD001", store_fault::schema},          {"PD002", store_fault::rejected},
        {"PD003", store_fault::conflict},        {"08006", store_fault::unavailable},
        {"08007", store_fault::outcome_unknown}, {"0A000", store_fault::schema},
        {"22003", store_fault::rejected},        {"23505", store_fault::rejected},
        {"25006", store_fault::unavailable},     {"28P01", store_fault::configuration},
        {"3D000", store_fault::configuration},   {"40001", store_fault::conflict},
        {"40P01", store_fault::conflict},        {"42501", store_fault::read_only},
        {"42883", store_fault::schema},          {"53100", store_fault::full},
        {"53200", store_fault::unavailable},     {"53300", store_fault::unavailable},
        {"54000", store_fault::rejected},        {"55P03", store_fault::conflict},
        {"57014", store_fault::timeout},         {"57P01", store_fault::unavailable},
        {"57P03", store_fault::unavailable},     {"58030", store_fault::unavailable},
        {"P0001", store_fault::rejected},        {"XX000", store_fault::rejected},
        {"XX001", store_fault::corrupt}};
    for (const auto& [sqlstate, fault] : expected) {
        CAPTURE(sqlstate);
        CHECK(fault_of(sqlstate) == fault);
    }
}

TEST_CASE("a login, database or parameter that does not exist is a wrong configuration") {
    const settings right = private_server::shared().settings_for();
    const std::pair<const char*, const char*> wrong[] = {{"user", "nobody_of_this_name"},
                                                         {"dbname", "nothing_of_this_name"},
                                                         {"sslmode", "perhaps"},
                                                         {"options", "-c no_such_setting=1"}};
    for (const auto& [keyword, value] : wrong) {
        CAPTURE(keyword);
        settings chosen = right;
        chosen.libpq[keyword] = value;
        const backend_error error = refusal(chosen);
        CHECK(error.code() == store_fault::configuration);
        CHECK_THAT(error.what(), Catch::Contains("cannot connect"));
    }
}

TEST_CASE("a wrong password and a missing one are a wrong configuration, and are not shown") {
    private_server server;
    test_connection administrator(server.settings_for("postgres"));
    administrator->execute_script("create role guarded login password 'the-right-one'");
    const auto rules = server.location() / "data" / "pg_hba.conf";
    std::ifstream before(rules);
    const std::string old((std::istreambuf_iterator<char>(before)), {});
    std::ofstream(rules) << "local all guarded scram-sha-256\n" << old;
    CHECK(text_of(*administrator, "select pg_reload_conf()::text") == "true");
    settings chosen = server.settings_for("guarded");
    REQUIRE(becomes_true(*administrator,
                         "select exists (select from pg_hba_file_rules where user_name[1] ="
                         " 'guarded')"));
    chosen.libpq["password"] = "the-right-one";
    CHECK(text_of(*test_connection(chosen), "select current_user") == "guarded");

    chosen.libpq["password"] = "hunter2";
    const backend_error wrong = refusal(chosen);
    chosen.libpq.erase("password");
    chosen.libpq["passfile"] = "/dev/null";
    const backend_error missing = refusal(chosen);

    CHECK(wrong.code() == store_fault::configuration);
    CHECK(wrong.sqlstate() == "28P01");
    CHECK_THAT(wrong.what(), Catch::Contains("guarded") && !Catch::Contains("hunter2"));
    CHECK(missing.code() == store_fault::configuration);
}

TEST_CASE("a server that is not there, or has no room, is unavailable") {
    settings chosen = private_server::shared().settings_for();
    settings elsewhere = chosen;
    elsewhere.libpq["host"] = "/nowhere";
    CHECK(refusal(elsewhere).code() == store_fault::unavailable);
    CHECK_THAT(refusal(elsewhere).what(), Catch::Contains("/nowhere"));

    test_connection administrator(private_server::shared().settings_for("postgres"));
    const std::string role = "small_" + to_string(random_uuid()).substr(0, 8);
    administrator->execute_script("create role " + role + " login connection limit 0");
    chosen.libpq["user"] = role;
    const backend_error full = refusal(chosen);
    administrator->execute_script("drop role " + role);

    CHECK(full.code() == store_fault::unavailable);
    CHECK(full.sqlstate() == "53300");
}

TEST_CASE("a host that accepts and never answers is unavailable after connect_timeout") {
    const silent_host host;
    settings chosen = private_server::shared().settings_for();
    chosen.libpq["host"] = host.folder();
    // The shortest that libpq has.
    chosen.connect_timeout = std::chrono::seconds(2);

    const backend_error error = refusal(chosen);

    CHECK(error.code() == store_fault::unavailable);
    CHECK_THAT(error.what(), Catch::Contains("timeout"));
}

TEST_CASE("of several hosts the one that is there and writable is found") {
    settings chosen = private_server::shared().settings_for();
    chosen.libpq["host"] = "/nowhere," + chosen.libpq["host"];
    chosen.libpq["target_session_attrs"] = "read-write";

    test_connection on(chosen);

    CHECK(number_of(*on, "select 1") == 1);
}

}  // namespace perdure::postgres_test
