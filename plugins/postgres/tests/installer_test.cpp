#include "installer.hpp"

#include "private_server.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace perdure::postgres_test {

namespace {

using postgres::schema_version;
using postgres::settings;
using postgres::sql_file;
using postgres::sql_files;

// A small schema of two steps, in the form of sql/postgres.
constexpr std::string_view first_step[] = {
    "set search_path = :\"schema\", pg_temp; create table Versions (semantic_version text primary "
    "key);",
    "create table TaskHubs (task_hub integer, clock_offset bigint);"
    "create table GlobalSettings (name text);"
    "create table Workers (worker integer, task_hub integer, worker_id text, live_until "
    "timestamptz);"
    "create table Things (thing text);"};
constexpr std::string_view second_step[] = {
    "set search_path = :\"schema\", pg_temp; alter table Things add column colour text;"};
constexpr std::string_view functions[] = {
    "set search_path = :\"schema\", pg_temp;"
    "create or replace function _GetVersions() returns table (semantic_version text) language sql"
    " security definer set search_path from current"
    " as $$ select v.semantic_version from Versions v $$;"
    "create or replace function SchemaName() returns text language sql as $$ select $q$it is $q$ ||"
    " current_schema $$;"};
constexpr std::string_view repaired[] = {
    "set search_path = :\"schema\", pg_temp;"
    "create or replace function SchemaName() returns text language sql as $$ select"
    " 'repaired'::text $$;"};
constexpr std::string_view permissions[] = {
    "grant usage on schema :\"schema\" to perdure_user;"
    "comment on schema :\"schema\" is :'schema';"};
constexpr std::string_view drop[] = {"drop schema if exists :\"schema\" cascade;"};
constexpr std::string_view failing[] = {"create table Never (n int); select 1 / 0;"};

constexpr sql_file steps[] = {{"schema/001.sql", "1.0.0", first_step},
                              {"schema/002.sql", "1.1.0", second_step}};
constexpr sql_file function_files[] = {{"functions/10.sql", "", functions}};
constexpr sql_file repaired_files[] = {{"functions/10.sql", "", functions},
                                       {"functions/20.sql", "", repaired}};
constexpr sql_file broken_files[] = {{"functions/10.sql", "", functions},
                                     {"functions/20.sql", "", failing}};

constexpr sql_files old_files{std::span(steps).first(1),
                              function_files,
                              {"permissions.sql", "", permissions},
                              {"drop.sql", "", drop}};
constexpr sql_files new_files{
    steps, function_files, {"permissions.sql", "", permissions}, {"drop.sql", "", drop}};
constexpr sql_files of_library(std::span<const sql_file> code,
                               std::string_view library,
                               std::string_view hash) {
    sql_files files = new_files;
    files.functions = code;
    files.library = library;
    files.code_hash = hash;
    return files;
}
constexpr sql_files repaired_by_1_2 = of_library(repaired_files, "1.2.0", "of the repaired text");
constexpr sql_files text_of_1_1 = of_library(function_files, "1.1.9", "of the first text");
constexpr sql_files broken_new_files{
    steps, broken_files, {"permissions.sql", "", permissions}, {"drop.sql", "", drop}};

settings fresh_settings(const std::string& user = "perdure_owner") {
    return private_server::shared().settings_for(user);
}

std::int64_t count_of(const settings& chosen, const std::string& query) {
    test_connection on(chosen);
    return number_of(*on, query);
}

// Changes with every `create or replace`, whatever it replaces.
std::string mark_of_function(postgres::connection& on) {
    return text_of(on,
                   "select p.xmin::text from pg_proc p where proname = 'schemaname' and"
                   " pronamespace = " +
                       postgres::quoted_literal(on.chosen().quoted_schema()) + "::regnamespace");
}

}  // namespace

TEST_CASE("sixteen processes start on an empty database, and exactly one installs", "[HUB-1]") {
    const settings chosen = fresh_settings();

    const int successes = successes_of_processes(16, [&] {
        test_connection on(chosen);
        postgres::install_or_upgrade(*on, new_files);
        postgres::check_schema(*on, new_files);
    });

    CHECK(successes == 16);
    CHECK(count_of(chosen, "select count(*) from versions") == 2);
}

TEST_CASE("installing what is installed runs no statement that changes the schema") {
    test_connection on(fresh_settings());
    CHECK_FALSE(postgres::installed(*on));
    postgres::install_or_upgrade(*on, new_files);
    CHECK(postgres::installed(*on) == schema_version{1, 1, 0});
    const std::string before = mark_of_function(*on);

    postgres::install_or_upgrade(*on, new_files);

    CHECK(mark_of_function(*on) == before);
    CHECK_FALSE(on->is_in_transaction());
    CHECK(text_of(*on, "select SchemaName()") == "it is " + on->chosen().schema);
}

TEST_CASE("an upgrade runs the steps that are missing and makes the functions anew") {
    test_connection on(fresh_settings());
    postgres::install_or_upgrade(*on, old_files);
    on->execute_script("insert into Things values ('kept')");
    const std::string before = mark_of_function(*on);

    const backend_error older = failure_of([&] { postgres::check_schema(*on, new_files); });
    postgres::install_or_upgrade(*on, new_files);

    CHECK(older.code() == store_fault::schema);
    CHECK_THAT(older.what(), Catch::Contains("1.0.0") && Catch::Contains("1.1.0"));
    CHECK(postgres::installed(*on) == schema_version{1, 1, 0});
    CHECK(mark_of_function(*on) != before);
    CHECK(number_of(*on, "select count(*) from Things where colour is null") == 1);
}

TEST_CASE("functions of another text are made anew within a version, by one of many", "[HUB-1]") {
    const settings chosen = fresh_settings();
    test_connection on(chosen);
    postgres::install_or_upgrade(*on, text_of_1_1);
    on->execute_script("insert into Things values ('kept')");

    const int successes = successes_of_processes(16, [&] {
        test_connection own(chosen);
        postgres::install_or_upgrade(*own, repaired_by_1_2);
    });
    const std::string before = mark_of_function(*on);
    postgres::install_or_upgrade(*on, repaired_by_1_2);

    CHECK(successes == 16);
    CHECK(mark_of_function(*on) == before);
    CHECK(text_of(*on, "select SchemaName()") == "repaired");
    CHECK(number_of(*on, "select count(*) from Things") == 1);
    CHECK(number_of(*on, "select count(*) from Versions") == 2);
}

TEST_CASE("an older library does not undo what a newer one has repaired in the same version") {
    test_connection on(fresh_settings());
    postgres::install_or_upgrade(*on, repaired_by_1_2);

    postgres::install_or_upgrade(*on, text_of_1_1);
    postgres::check_schema(*on, text_of_1_1);

    CHECK(text_of(*on, "select SchemaName()") == "repaired");
}

TEST_CASE("a login that may not replace functions uses those that are there") {
    const settings owners = fresh_settings();
    settings users = owners;
    users.libpq["user"] = "perdure_user";
    test_connection owner(owners);
    test_connection user(users);
    postgres::install_or_upgrade(*owner, text_of_1_1);

    postgres::install_or_upgrade(*user, repaired_by_1_2);
    postgres::check_schema(*user, repaired_by_1_2);

    CHECK(text_of(*owner, "select SchemaName()") == "it is " + owners.schema);
    CHECK_FALSE(user->is_in_transaction());
}

TEST_CASE("whoever makes functions anew, all belong to the owner of the tables") {
    const settings owners = fresh_settings();
    test_connection owner(owners);
    settings others = owners;
    others.libpq["user"] = "postgres";
    // A superuser, or another member of the owner's role.
    if (GENERATE(false, true)) {
        test_connection superuser(others);
        superuser->execute_script(
            "drop role if exists perdure_deputy;"
            "create role perdure_deputy login in role perdure_owner");
        others.libpq["user"] = "perdure_deputy";
    }
    test_connection other(others);
    SECTION("of the same version") {
        postgres::install_or_upgrade(*owner, text_of_1_1);
        postgres::install_or_upgrade(*other, repaired_by_1_2);
        CHECK(text_of(*owner, "select SchemaName()") == "repaired");
    }
    SECTION("with an upgrade") {
        postgres::install_or_upgrade(*owner, old_files);
        postgres::install_or_upgrade(*other, new_files);
        CHECK(number_of(*owner, "select count(colour) from Things") == 0);
    }

    CHECK(number_of(*owner,
                    "select count(distinct p.proowner) from pg_proc p where p.pronamespace = " +
                        postgres::quoted_literal(owners.quoted_schema()) + "::regnamespace") == 1);
    CHECK(text_of(*owner, "select semantic_version from _GetVersions() order by 1 desc limit 1") ==
          "1.1.0");
}

TEST_CASE("functions that psql installed are made anew, because nobody knows their text") {
    test_connection on(fresh_settings());
    postgres::install_or_upgrade(*on, text_of_1_1);
    on->execute_script("comment on function _GetVersions() is 'somebody''s words'");

    postgres::install_or_upgrade(*on, repaired_by_1_2);

    CHECK(text_of(*on, "select SchemaName()") == "repaired");
}

TEST_CASE("an upgrade under a live worker is refused with its name, unless it is forced") {
    settings chosen = fresh_settings();
    test_connection on(chosen);
    postgres::install_or_upgrade(*on, old_files);
    on->execute_script(
        "insert into TaskHubs values (1, 0);"
        "insert into Workers values (1, 1, 'dead', now()), (2, 1, 'alive', now() + interval '1 "
        "h')");

    const backend_error refused = failure_of([&] { postgres::install_or_upgrade(*on, new_files); });

    CHECK(refused.code() == store_fault::schema);
    CHECK_THAT(refused.what(),
               Catch::Contains("alive") && !Catch::Contains("dead") &&
                   Catch::Contains("upgrade=force") && Catch::Contains("1.1.0"));
    CHECK(postgres::installed(*on) == schema_version{1, 0, 0});
    SECTION("forced") {
        chosen.upgrade = postgres::upgrade_rule::force;
        test_connection forcing(chosen);
        postgres::install_or_upgrade(*forcing, new_files);
        CHECK(postgres::installed(*on) == schema_version{1, 1, 0});
    }
    SECTION("by the clock for tests, the worker is dead") {
        on->execute_script(
            "insert into GlobalSettings values ('TestClock');"
            "update TaskHubs set clock_offset = 7200000000");
        postgres::install_or_upgrade(*on, new_files);
        CHECK(postgres::installed(*on) == schema_version{1, 1, 0});
    }
}

TEST_CASE("a newer schema is refused, with both versions named, and left alone", "[HUB-2]") {
    test_connection on(fresh_settings());
    postgres::install_or_upgrade(*on, new_files);
    const std::string before = mark_of_function(*on);

    for (const auto& use : {postgres::install_or_upgrade, postgres::check_schema}) {
        const backend_error error = failure_of([&] { use(*on, old_files); });
        CHECK(error.code() == store_fault::schema);
        CHECK_THAT(error.what(), Catch::Contains("1.1.0") && Catch::Contains("1.0.0"));
    }
    CHECK(mark_of_function(*on) == before);
}

TEST_CASE("a step that fails leaves everything as it was") {
    test_connection on(fresh_settings());
    postgres::install_or_upgrade(*on, old_files);

    const backend_error error =
        failure_of([&] { postgres::install_or_upgrade(*on, broken_new_files); });

    CHECK(error.sqlstate() == "22012");
    CHECK_THAT(error.what(), Catch::Contains("functions/20.sql"));
    CHECK_FALSE(on->is_in_transaction());
    CHECK(postgres::installed(*on) == schema_version{1, 0, 0});
    CHECK(number_of(*on, "select count(*) from Versions") == 1);
}

TEST_CASE("a login that may create nothing uses what is there, and is told what is not") {
    const settings owners = fresh_settings();
    settings users = owners;
    users.libpq["user"] = "perdure_user";
    test_connection owner(owners);
    test_connection user(users);

    const backend_error missing =
        failure_of([&] { postgres::install_or_upgrade(*user, old_files); });
    postgres::install_or_upgrade(*owner, old_files);
    postgres::install_or_upgrade(*user, old_files);
    postgres::check_schema(*user, old_files);
    const backend_error older = failure_of([&] { postgres::install_or_upgrade(*user, new_files); });

    CHECK(missing.code() == store_fault::schema);
    CHECK_THAT(missing.what(), Catch::Contains("no Perdure in schema"));
    CHECK(older.code() == store_fault::schema);
    CHECK_THAT(older.what(), Catch::Contains("1.0.0") && Catch::Contains("1.1.0"));
    CHECK(postgres::installed(*owner) == schema_version{1, 0, 0});
}

TEST_CASE("a schema of any name is installed, and dropped, without harm to another") {
    settings hostile = fresh_settings();
    hostile.schema = "x\"; drop table things; -- \\ 'y' " + to_string(random_uuid()).substr(0, 8);
    const settings neighbours = fresh_settings();
    test_connection neighbour(neighbours);
    test_connection on(hostile);
    postgres::install_or_upgrade(*neighbour, new_files);
    postgres::install_or_upgrade(*on, new_files);
    CHECK(text_of(*on, "select SchemaName()") == "it is " + hostile.schema);
    CHECK(text_of(*on,
                  "select obj_description(" + postgres::quoted_literal(hostile.quoted_schema()) +
                      "::regnamespace, 'pg_namespace')") == hostile.schema);

    postgres::drop_schema(*on, new_files);
    postgres::drop_schema(*on, new_files);

    CHECK_FALSE(postgres::installed(*on));
    CHECK(postgres::installed(*neighbour) == schema_version{1, 1, 0});
}

TEST_CASE("behind a pooler an installation leaves no search path on the connection") {
    settings chosen = fresh_settings();
    chosen.pooler = postgres::pooler::transaction;
    test_connection on(chosen);
    const std::string before = text_of(*on, "select current_setting('search_path')");

    postgres::install_or_upgrade(*on, new_files);

    CHECK(postgres::installed(*on) == schema_version{1, 1, 0});
    CHECK(text_of(*on, "select current_setting('search_path')") == before);
}

TEST_CASE("a login that may create in public does not make the installer run its code") {
    const settings planter = private_server::shared().settings_for("postgres");
    test_connection administrator(planter);
    administrator->execute_script(
        "create schema if not exists planted; grant usage on schema planted to public;"
        "drop table if exists planted.seen; create table planted.seen (who name);"
        "grant insert on planted.seen to public;"
        "create or replace function public.hashtextextended(text, integer) returns bigint"
        " language plpgsql as $$ begin insert into planted.seen values (current_user); return 0; "
        "end $$;"
        "create or replace function public.string_to_array(text, text) returns text[]"
        " language plpgsql as $$ begin insert into planted.seen values (current_user);"
        " return '{}'; end $$");
    settings chosen = fresh_settings();
    chosen.pooler = GENERATE(postgres::pooler::none, postgres::pooler::transaction);
    test_connection on(chosen);

    postgres::install_or_upgrade(*on, postgres::embedded_sql());
    CHECK(text_of(*on, "select semantic_version from _GetVersions() limit 1") ==
          postgres::embedded_sql().version_text());
    postgres::drop_schema(*on, postgres::embedded_sql());

    CHECK(number_of(*administrator, "select count(*) from planted.seen") == 0);
    administrator->execute_script(
        "drop function public.hashtextextended(text, integer);"
        "drop function public.string_to_array(text, text); drop schema planted cascade");
}

TEST_CASE("eight processes create one database, and a login that may not is told so") {
    settings chosen = fresh_settings("postgres");
    chosen.libpq["dbname"] = "shop \"" + to_string(random_uuid()).substr(0, 8);
    postgres::counters counts;

    const int successes = successes_of_processes(8, [&] {
        postgres::counters own_counts;
        postgres::create_database(chosen, own_counts);
        test_connection on(chosen);
    });
    settings unprivileged = chosen;
    unprivileged.libpq["user"] = "perdure_user";
    postgres::create_database(unprivileged, counts);
    unprivileged.libpq["dbname"] = "another";
    const backend_error error =
        failure_of([&] { postgres::create_database(unprivileged, counts); });

    CHECK(successes == 8);
    CHECK(error.code() == store_fault::configuration);
    CHECK_THAT(error.what(), Catch::Contains("another"));
    test_connection administrator(fresh_settings("postgres"));
    administrator->execute_script(
        "drop database " + postgres::quoted_identifier(chosen.libpq["dbname"]) + " with (force)");
}

TEST_CASE("versions are compared by their numbers") {
    CHECK(postgres::parse_schema_version("1.10.0") > postgres::parse_schema_version("1.9.9"));
    CHECK(to_string(postgres::parse_schema_version("1.10.0")) == "1.10.0");
    for (const char* wrong : {"", "1", "1.0", "1.0.0.0", "1..0", "a.b.c", "1.0.x", "-1.0.0"}) {
        CAPTURE(wrong);
        CHECK(failure_of([&] {
                  static_cast<void>(postgres::parse_schema_version(wrong));
              }).code() == store_fault::schema);
    }
}

TEST_CASE("sixteen processes install the embedded files, and dropping them leaves nothing") {
    const settings chosen = fresh_settings();

    const int successes = successes_of_processes(16, [&] {
        test_connection on(chosen);
        postgres::install_or_upgrade(*on, postgres::embedded_sql());
    });

    CHECK(successes == 16);
    test_connection on(chosen);
    CHECK(postgres::installed(*on) == postgres::embedded_sql().version());
    postgres::drop_schema(*on, postgres::embedded_sql());
    CHECK(number_of(*on,
                    "select count(*) from pg_namespace where nspname = " +
                        postgres::quoted_literal(chosen.schema)) == 0);
}

TEST_CASE("what is embedded are the files, in order") {
    const sql_files& files = postgres::embedded_sql();
    const auto content = [](const sql_file& file) {
        std::ifstream in(std::filesystem::path(PERDURE_POSTGRES_SQL) / file.name);
        return std::string((std::istreambuf_iterator<char>(in)), {});
    };
    const auto check_all = [&](std::span<const sql_file> all) {
        CHECK(std::is_sorted(all.begin(), all.end(), [](const sql_file& a, const sql_file& b) {
            return a.name < b.name;
        }));
        for (const sql_file& file : all) {
            CAPTURE(file.name);
            CHECK(!file.text().empty());
            CHECK(file.text() == content(file));
        }
    };
    check_all(files.steps);
    check_all(files.functions);
    CHECK(files.permissions.text() == content(files.permissions));
    // As `cat functions/*.sql permissions.sql | md5sum` says it.
    std::string code;
    for (const sql_file& file : files.functions) {
        code += file.text();
    }
    test_connection on(fresh_settings());
    CHECK(files.code_hash ==
          text_of(*on,
                  "select md5(" + postgres::quoted_literal(code + files.permissions.text()) + ")"));
    CHECK(files.drop.text() == content(files.drop));
    schema_version last;
    for (const sql_file& step : files.steps) {
        CHECK(postgres::parse_schema_version(step.version) > last);
        last = postgres::parse_schema_version(step.version);
    }
}

}  // namespace perdure::postgres_test
