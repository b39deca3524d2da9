#include "connection.hpp"

#include "private_server.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <csignal>
#include <future>

namespace perdure::postgres_test {

namespace {

using postgres::effect;
using postgres::parameters;
using postgres::settings;
using postgres::statement;
namespace sql = postgres::sql;

constexpr statement double_it{"double_it", "select * from Double($1)", effect::none};
constexpr statement note_it{"note_it", "select * from Note($1, $2)", effect::mutating};

// A connection whose schema has two functions: one reads, one writes a row and then waits, fails or
// goes on.
struct prepared_schema {
    explicit prepared_schema(settings with) : chosen(std::move(with)), on(chosen) { make(chosen); }

    static void make(const settings& chosen) {
        test_connection owner(chosen);
        const std::string schema = chosen.quoted_schema();
        owner->execute_script(fmt::format(
            "create schema {0}; set search_path = {0};"
            "create table notes (note text);"
            "create function Double(n bigint) returns bigint language sql as 'select 2 * n';"
            "create function Note(what text, seconds float8) returns bigint language plpgsql"
            " set search_path from current as $$ begin"
            " insert into notes values (what);"
            " if what like 'P____' then raise exception 'told to fail' using errcode = what; end "
            "if;"
            " perform pg_sleep(seconds);"
            " return 1; end $$",
            schema));
    }

    std::int64_t notes() {
        test_connection reader(chosen);
        return number_of(*reader, "select count(*) from " + chosen.quoted_schema() + ".notes");
    }

    settings chosen;
    test_connection on;
};

settings fresh_settings() {
    return private_server::shared().settings_for();
}

parameters note(const std::string& what, double seconds = 0) {
    // There is no type for floating-point numbers among ours, since the contract has none.
    std::string bits;
    std::uint64_t number = 0;
    std::memcpy(&number, &seconds, sizeof number);
    sql::put_64(bits, number);
    parameters values;
    values.add<sql::text>(what).add<sql::bytea>(bits);
    return values;
}

std::future<backend_error> failing_note(prepared_schema& on, const std::string& what) {
    return std::async(std::launch::async, [&on, what] {
        return failure_of([&] { static_cast<void>(on.on->call(note_it, note(what, 60))); });
    });
}

// The statement has been sent and is being executed.
bool is_sleeping(postgres::connection& observer, std::int64_t process) {
    return becomes_true(observer,
                        fmt::format("select exists (select from pg_stat_activity where pid = {} and"
                                    " wait_event = 'PgSleep')",
                                    process));
}

}  // namespace

TEST_CASE("a statement is prepared once for each connection, and found by the search path") {
    prepared_schema in(fresh_settings());

    CHECK(in.on->call(double_it, parameters().add<sql::bigint>(21)).only(0).number() == 42);
    CHECK(in.on->call(double_it, parameters().add<sql::bigint>(4)).only(0).number() == 8);

    CHECK(number_of(*in.on,
                    "select count(*) from pg_prepared_statements where name = 'double_it'") == 1);
    CHECK(in.on.counts.statements == 3);
    CHECK(in.on.counts.commits == 0);
}

TEST_CASE("a schema and a hub of any name are found, and do no harm") {
    settings chosen = fresh_settings();
    chosen.schema = "x\"; drop table notes; -- \\ 'y' %{schema},:\"schema\" " +
                    to_string(random_uuid()).substr(0, 8);
    chosen.task_hub = "a 'hub' with \"quotes\" \\ and {schema}";
    for (const auto kind : {postgres::pooler::none, postgres::pooler::transaction}) {
        chosen.pooler = kind;
        if (kind == postgres::pooler::none) {
            prepared_schema::make(chosen);
        }
        test_connection on(chosen);
        CHECK(on->call(double_it, parameters().add<sql::bigint>(2)).only(0).number() == 4);
        CHECK(text_of(*on, "select current_setting('application_name')") == chosen.task_hub);
        CHECK(text_of(*on, "select '{schema}'::text") == "{schema}");
    }
}

TEST_CASE("behind a pooler a statement leaves nothing on the connection") {
    settings chosen = fresh_settings();
    prepared_schema::make(chosen);
    chosen.pooler = postgres::pooler::transaction;
    test_connection on(chosen);

    CHECK(on->call(double_it, parameters().add<sql::bigint>(21)).only(0).number() == 42);

    CHECK(number_of(*on, "select count(*) from pg_prepared_statements") == 0);
}

TEST_CASE("eight mebibytes go there and come back") {
    test_connection on(fresh_settings());
    const std::vector<std::string> texts(2048, std::string(4096, 'x'));

    const auto answer =
        on->call({"texts", "select $1::text[]"}, parameters().add_list<sql::text>(texts));

    const postgres::array_reader list(answer.only(0));
    REQUIRE(list.size() == texts.size());
    CHECK(list.text(2047) == texts[0]);
}

TEST_CASE("an error of the server changes nothing, and the connection goes on") {
    prepared_schema in(fresh_settings());
    const std::pair<const char*, store_fault> faults[] = {{"PD001", store_fault::schema},
                                                          {"PD002", store_fault::rejected},
                                                          {"PD003", store_fault::conflict}};
    for (const auto& [sqlstate, fault] : faults) {
        const backend_error error =
            failure_of([&] { static_cast<void>(in.on->call(note_it, note(sqlstate))); });
        CHECK(error.code() == fault);
        CHECK(error.sqlstate() == sqlstate);
        CHECK_THAT(error.what(), Catch::Contains("told to fail"));
    }

    CHECK(in.notes() == 0);
    CHECK_FALSE(in.on->is_broken());
    CHECK(in.on->call(note_it, note("kept")).only(0).number() == 1);
    CHECK(in.notes() == 1);
    CHECK(in.on.counts.commits == 1);
}

TEST_CASE("a schema that is missing is told as such, and how to make it") {
    test_connection on(fresh_settings());
    parameters values;
    values.add<sql::bigint>(21);

    std::string text;
    store_fault fault{};
    try {
        static_cast<void>(on->call(double_it, values));
    } catch (const backend_error& error) {
        text = error.what();
        fault = error.code();
    }

    CHECK(fault == store_fault::schema);
    CHECK(text.find("create=if_missing") != std::string::npos);
    CHECK(text.find("type casts") == std::string::npos);
}

TEST_CASE("a statement that takes too long is stopped by the server, with nothing changed") {
    settings chosen = fresh_settings();
    chosen.command_timeout = std::chrono::milliseconds(100);
    prepared_schema in(chosen);

    const backend_error error =
        failure_of([&] { static_cast<void>(in.on->call(note_it, note("slow", 60))); });

    CHECK(error.code() == store_fault::timeout);
    CHECK(error.sqlstate() == "57014");
    CHECK_FALSE(in.on->is_broken());
    CHECK(in.notes() == 0);
}

TEST_CASE("a row that somebody else holds for too long is a conflict") {
    settings chosen = fresh_settings();
    chosen.lock_timeout = std::chrono::milliseconds(50);
    prepared_schema in(chosen);
    test_connection other(chosen);
    other->execute_script("begin; lock table notes in share mode");

    const backend_error error =
        failure_of([&] { static_cast<void>(in.on->call(note_it, note("x"))); });

    CHECK(error.code() == store_fault::conflict);
    CHECK(other->is_in_transaction());
    other->execute_script("rollback");
    CHECK_FALSE(other->is_in_transaction());
}

TEST_CASE("a connection that is ended leaves the outcome of a mutating statement unknown") {
    prepared_schema in(fresh_settings());
    test_connection observer(private_server::shared().settings_for("postgres"));
    const std::int64_t process = number_of(*in.on, "select pg_backend_pid()");
    auto failure = failing_note(in, "x");
    REQUIRE(is_sleeping(*observer, process));
    CHECK(number_of(*observer, fmt::format("select pg_terminate_backend({})::int", process)) == 1);

    const backend_error error = failure.get();

    CHECK(error.code() == store_fault::outcome_unknown);
    CHECK(error.sqlstate() == "57P01");
    CHECK(in.on->is_broken());
    CHECK(in.on->fault() == store_fault::outcome_unknown);
    CHECK(failure_of([&] { static_cast<void>(number_of(*in.on, "select 1")); }).code() ==
          store_fault::unavailable);
}

TEST_CASE("a connection that is ended under a read is unavailable") {
    test_connection on(fresh_settings());

    const backend_error error = failure_of([&] {
        static_cast<void>(
            on->call({"end", "select pg_terminate_backend(pg_backend_pid()), pg_sleep(60)"}, {}));
    });

    CHECK(error.code() == store_fault::unavailable);
    CHECK(on->is_broken());
}

TEST_CASE("a server that never answers is given up after command_timeout") {
    for (const effect what : {effect::none, effect::mutating}) {
        settings chosen = fresh_settings();
        prepared_schema::make(chosen);
        chosen.pooler = postgres::pooler::transaction;
        chosen.command_timeout = std::chrono::milliseconds(200);
        test_connection on(chosen);
        const auto process = static_cast<pid_t>(number_of(*on, "select pg_backend_pid()"));
        REQUIRE(kill(process, SIGSTOP) == 0);
        const statement frozen{"frozen", "select * from Note($1, $2)", what};

        // More than a socket holds, so that it is not even taken.
        const backend_error error = failure_of(
            [&] { static_cast<void>(on->call(frozen, note(std::string(8U << 20U, 'x')))); });

        kill(process, SIGCONT);
        CHECK(error.code() ==
              (what == effect::mutating ? store_fault::outcome_unknown : store_fault::timeout));
        CHECK(on->is_broken());
    }
}

TEST_CASE("what was prepared is prepared again after an upgrade of the schema") {
    prepared_schema in(fresh_settings());
    const auto doubled = [&] {
        return in.on->call(double_it, parameters().add<sql::bigint>(21)).only(0).number();
    };
    CHECK(doubled() == 42);
    test_connection owner(in.chosen);
    owner->execute_script(
        "drop function Double; create function Double(n bigint, out a integer, out b text)"
        " language sql as $$ select 3 * n::integer, 'x'::text $$");
    CHECK(doubled() == 63);
    in.on->execute_script("deallocate all");
    CHECK(doubled() == 63);
    owner->execute_script("drop function Double");

    CHECK(failure_of([&] { static_cast<void>(doubled()); }).code() == store_fault::schema);
}

TEST_CASE("a connection that ended while nobody used it is found dead without a round trip") {
    test_connection on(fresh_settings());
    test_connection observer(private_server::shared().settings_for("postgres"));
    const std::int64_t process = number_of(*on, "select pg_backend_pid()");
    CHECK(on->is_alive());

    REQUIRE(
        becomes_true(*observer, fmt::format("select pg_terminate_backend({}, 10000)", process)));

    CHECK_FALSE(on->is_alive());
    CHECK(on->is_broken());
}

TEST_CASE("a parameter that an administrator changes does not end a connection") {
    private_server server;
    test_connection on(server.settings_for());
    test_connection administrator(server.settings_for("postgres"));
    administrator->execute_script("alter system set timezone = 'Asia/Kathmandu'");
    CHECK(text_of(*administrator, "select pg_reload_conf()::text") == "true");
    REQUIRE(becomes_true(*on, "select current_setting('timezone') = 'Asia/Kathmandu'"));

    CHECK(on->is_alive());
    on->execute_script("set default_transaction_read_only = on");
    // As on a standby: perhaps the next connection finds the primary.
    const backend_error error =
        failure_of([&] { on->execute_script("create table public.t (n int)"); });
    CHECK(error.sqlstate() == "25006");
    CHECK(error.code() == store_fault::unavailable);
    CHECK(on->is_broken());
}

TEST_CASE("a commit that no standby confirmed has an unknown outcome") {
    private_server server;
    prepared_schema in(server.settings_for());
    test_connection administrator(server.settings_for("postgres"));
    administrator->execute_script("alter system set synchronous_standby_names = 'nobody'");
    CHECK(text_of(*administrator, "select pg_reload_conf()::text") == "true");
    const std::int64_t process = number_of(*in.on, "select pg_backend_pid()");
    REQUIRE(becomes_true(*in.on, "select current_setting('synchronous_standby_names') = 'nobody'"));

    auto failure = std::async(std::launch::async, [&] {
        // Another process of the server has to hear of the setting before a commit waits.
        return failure_of([&] {
            for (;;) {
                static_cast<void>(in.on->call(note_it, note("x")));
            }
        });
    });
    REQUIRE(
        becomes_true(*administrator,
                     fmt::format("select exists (select from pg_stat_activity where pid = {} and"
                                 " wait_event = 'SyncRep')",
                                 process)));
    CHECK(text_of(*administrator, fmt::format("select pg_cancel_backend({})::text", process)) ==
          "true");

    CHECK(failure.get().code() == store_fault::outcome_unknown);
    CHECK_FALSE(in.on->is_broken());
    CHECK(in.notes() == static_cast<std::int64_t>(in.on.counts.commits) + 1);
}

}  // namespace perdure::postgres_test
