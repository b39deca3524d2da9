#include "soci_calls.hpp"

#include "private_server.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <csignal>

namespace perdure::postgres_test {

namespace {

using postgres::ask;
using postgres::ask_column;
using postgres::ask_value;
using postgres::effect;
using postgres::lines;
using postgres::pooler;
using postgres::settings;
using postgres::statement;

settings fresh_settings(pooler kind = pooler::none) {
    settings chosen = private_server::shared().settings_for();
    chosen.pooler = kind;
    return chosen;
}

// Through PgBouncer in transaction mode, whose few sessions of the server all clients share.
settings pooled_settings() {
    settings chosen = fresh_settings(pooler::transaction);
    private_server::shared().start_pooler();
    chosen.libpq["port"] = "6432";
    chosen.libpq["dbname"] = "perdure";
    return chosen;
}

/// The cases that hold in each way to the server.
settings any_settings() {
    switch (GENERATE(0, 1, 2)) {
        case 0:
            return fresh_settings();
        case 1:
            return fresh_settings(pooler::transaction);
        default:
            return pooled_settings();
    }
}

}  // namespace

TEST_CASE("soci: values go there and come back") {
    test_connection on(any_settings());
    const std::string text = "h\xC3\xA4? 'quoted' \"too\" \\ :name $1 $$";
    const long long number = std::numeric_limits<long long>::min();
    std::string read_text;
    long long read_number = 0;
    const bool flag = true;
    bool opposite = true;
    std::optional<bool> no_flag = true;
    std::optional<timestamp> time;

    const bool has_row =
        ask(*on,
            {"values",
             "select :text::text, :number::bigint, not :flag::boolean, null::boolean,"
             " (extract(epoch from timestamptz '2023-11-14 22:13:20.123456Z') * 1000000)::bigint"},
            soci::use(text),
            soci::use(number),
            soci::use(flag),
            soci::into(read_text),
            soci::into(read_number),
            soci::into(opposite),
            soci::into(no_flag),
            soci::into(time));

    CHECK(has_row);
    CHECK(read_text == text);
    CHECK(read_number == number);
    CHECK_FALSE(opposite);
    CHECK_FALSE(no_flag);
    CHECK(time == timestamp(duration(1'700'000'000'123'456)));
}

TEST_CASE("soci: lists travel as lines") {
    test_connection on(fresh_settings());
    const statement there_and_back{
        "lines", "select array_to_string(string_to_array(:texts::text, E'\\n'), E'\\n')"};
    for (const auto& texts : {std::vector<std::string>{},
                              {"one"},
                              {"a,b", "{\"c\"}", "NULL", "h\xC3\xA4 d", "'e' \\ "}}) {
        CHECK(ask_value<lines>(*on, there_and_back, soci::use(lines{texts})).texts == texts);
    }
    CHECK(ask_value<lines>(*on, {"null", "select null::text"}).texts.empty());
}

TEST_CASE("soci: all rows come, or none") {
    test_connection on(any_settings());
    const statement count{"count", "select n::text from generate_series(1, :n::integer) as s(n)"};
    CHECK(ask_column<std::string>(*on, count, soci::use(3)) ==
          std::vector<std::string>{"1", "2", "3"});
    CHECK(ask_column<std::string>(*on, count, soci::use(0)).empty());
    int none = 7;
    CHECK_FALSE(ask(*on, {"none", "select 1 where false"}, soci::into(none)));
    CHECK(none == 7);
}

TEST_CASE("soci: a statement leaves nothing on the session, whether it succeeds or fails") {
    test_connection on(any_settings());
    for (int n = 0; n < 20; ++n) {
        CHECK(ask_column<int>(*on,
                              {"two", "select n from generate_series(1, :n::integer) as s(n)"},
                              soci::use(2))
                  .size() == 2);
        CHECK_THROWS_AS(ask_value<int>(*on, {"none", "select 1 / :n::integer"}, soci::use(0)),
                        backend_error);
        CHECK_FALSE(on->is_in_transaction());
    }
    CHECK(number_of(*on, "select count(*) from pg_prepared_statements where name like 'st%'") == 0);
    CHECK(on.counts.commits == 0);
}

TEST_CASE("soci: errors are those of libpq, and tell nothing of values and rows") {
    settings chosen = any_settings();
    test_connection on(chosen);
    on->execute_script(fmt::format(
        "drop schema if exists soci_faults cascade; create schema soci_faults;"
        "create table soci_faults.requests (id text constraint requests_pkey primary key);"
        "insert into soci_faults.requests values ('SECRET');"
        "create table soci_faults.others (id text unique);"
        "insert into soci_faults.others values ('SECRET')"));
    const std::string secret = "SECRET";
    struct expectation {
        const char* text;
        const char* sqlstate;
        store_fault fault;
    };
    const expectation cases[] = {
        {"insert into soci_faults.requests values (:id::text)", "23505", store_fault::conflict},
        {"insert into soci_faults.others values (:id::text)", "23505", store_fault::rejected},
        {"select NoSuchFunction(:id::text)", "42883", store_fault::schema},
        {"select soci_faults.nothing from soci_faults.others where id = :id::text",
         "42P01",
         store_fault::schema}};
    for (const auto& [text, sqlstate, fault] : cases) {
        const backend_error error = failure_of([&] {
            ask(*on, {"secretly", text, effect::mutating}, soci::use(secret));
        });
        CHECK(error.code() == fault);
        CHECK(error.sqlstate() == sqlstate);
        CHECK_THAT(error.what(),
                   !Catch::Contains(secret) && Catch::Contains("in secretly") &&
                       Catch::Contains(fmt::format("SQLSTATE {}", sqlstate)) &&
                       !Catch::Contains("Cannot execute"));
        CHECK_FALSE(on->is_broken());
    }
    const backend_error error = failure_of([&] {
        static_cast<void>(ask_value<int>(*on, {"null", "select null::int"}));
    });
    CHECK(error.code() == store_fault::corrupt);
    CHECK_FALSE(on->is_broken());
    CHECK(number_of(*on, "select count(*) from soci_faults.others") == 1);
    on->execute_script("drop schema soci_faults cascade");
}

TEST_CASE("soci: a connection that ends under a statement is lost") {
    for (const effect what : {effect::none, effect::mutating}) {
        test_connection on(fresh_settings());

        const backend_error error = failure_of([&] {
            ask(*on, {"end", "select pg_terminate_backend(pg_backend_pid()), pg_sleep(60)", what});
        });

        CHECK(error.code() ==
              (what == effect::none ? store_fault::unavailable : store_fault::outcome_unknown));
        CHECK(on->is_broken());
        CHECK(failure_of([&] { static_cast<void>(number_of(*on, "select 1")); }).code() ==
              store_fault::unavailable);
    }
}

TEST_CASE("soci: behind a pooler, nothing has happened before the commit") {
    test_connection on(fresh_settings(pooler::transaction));

    const backend_error error = failure_of([&] {
        ask(*on,
            {"end",
             "select pg_terminate_backend(pg_backend_pid()), pg_sleep(60)",
             effect::mutating});
    });

    CHECK(error.code() == store_fault::unavailable);
    CHECK(on->is_broken());
}

TEST_CASE("soci: a server that never answers is given up after command_timeout") {
    for (const effect what : {effect::none, effect::mutating}) {
        settings chosen = fresh_settings();
        chosen.command_timeout = std::chrono::milliseconds(200);
        test_connection on(chosen);
        const auto process = static_cast<pid_t>(number_of(*on, "select pg_backend_pid()"));
        REQUIRE(kill(process, SIGSTOP) == 0);

        const backend_error error = failure_of([&] { ask(*on, {"frozen", "select 1", what}); });

        kill(process, SIGCONT);
        CHECK(error.code() ==
              (what == effect::mutating ? store_fault::outcome_unknown : store_fault::timeout));
        CHECK_THAT(error.what(), Catch::Contains("command_timeout"));
        CHECK(on->is_broken());
    }
}

TEST_CASE("soci: a statement that takes too long is stopped by the server") {
    settings chosen = any_settings();
    chosen.command_timeout = std::chrono::milliseconds(100);
    test_connection on(chosen);

    const backend_error error = failure_of([&] { ask(*on, {"slow", "select pg_sleep(60)"}); });

    CHECK(error.code() == store_fault::timeout);
    CHECK(error.sqlstate() == "57014");
    CHECK_FALSE(on->is_broken());
    CHECK(number_of(*on, "select 1") == 1);
}

}  // namespace perdure::postgres_test
