#include "backend.hpp"
#include "installer.hpp"
#include "private_server.hpp"
#include "session_check.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

// How a hub is opened, by whom and through what, and what becomes of it when its schema is another
// one.

/// ThreadSanitizer asks for this. By default it ends a child of fork() that starts a thread, which
/// every call through SOCI does.
extern "C" PERDURE_EXPORT const char* __tsan_default_options();   // NOLINT(bugprone-reserved*)
extern "C" PERDURE_EXPORT const char* __tsan_default_options() {  // NOLINT(bugprone-reserved*)
    return "die_after_fork=0";
}

namespace perdure::postgres_test {

namespace {

using namespace std::chrono_literals;
using postgres::pooler;
using postgres::postgres_backend;
using postgres::settings;
using steady = std::chrono::steady_clock;

settings fresh_settings(const std::string& user = "perdure_owner") {
    return private_server::shared().settings_for(user);
}

request_id a_request() {
    return {random_uuid()};
}

new_instance an_instance(const std::string& id, const std::string& name) {
    return {instance_id(id),
            {random_uuid()},
            name,
            "1",
            R"({"kind":"execution_started"})",
            {},
            {},
            {},
            {},
            {}};
}

void create_one(backend& store, const std::string& id, const std::string& name) {
    const new_instance fresh = an_instance(id, name);
    CHECK(store.create({a_request()}, {&fresh, 1}).outcomes.at(0).code == create_code::created);
}

std::vector<orchestration_work> lock_all(backend& store, const work_filter& filter) {
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = {"w1"};
    wanted.filter = &filter;
    wanted.orchestrations = 10;
    return store.lock(wanted).orchestrations;
}

/// Ends with 0 when the child's action says so. The child ends without any destructor of the
/// test's.
int exit_code_of_child(const std::function<bool()>& action) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        bool is_right = false;
        try {
            is_right = action();
        } catch (const std::exception& error) {
            fmt::print(stderr, "child: {}\n", error.what());
        }
        _exit(is_right ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Through tools/postgres-server's PgBouncer, which has a database in each mode.
settings pooled(const std::string& database) {
    settings chosen = fresh_settings();
    private_server::shared().start_pooler();
    chosen.libpq["port"] = "6432";
    chosen.libpq["dbname"] = database;
    return chosen;
}

}  // namespace

TEST_CASE("opening: a login without rights is told so, and not that Perdure is not there") {
    const settings owners = fresh_settings();
    postgres_backend owner(owners);
    owner.create_hub();
    settings users = owners;
    users.libpq["user"] = "perdure_other";
    users.pooler = GENERATE(pooler::none, pooler::transaction);
    postgres_backend stranger(users);

    const backend_error errors[] = {failure_of([&] { stranger.create_hub(); }),
                                    failure_of([&] { static_cast<void>(stranger.status()); })};

    for (const backend_error& error : errors) {
        CHECK(error.sqlstate() == "42501");
        CHECK_THAT(error.what(),
                   Catch::Contains("\"perdure_other\" may not use") &&
                       Catch::Contains(owners.schema + "_runtime"));
    }
}

TEST_CASE("opening: a process that fork() made is told to open the hub itself") {
    const settings chosen = fresh_settings();
    auto store = std::make_optional<postgres_backend>(chosen);
    store->create_hub();
    create_one(*store, "before", "Order");
    const auto before = store->statistics();

    const int code = exit_code_of_child([&] {
        const std::function<void()> calls[] = {
            [&] { static_cast<void>(store->status()); },
            [&] { store->create_hub(); },
            [&] { static_cast<void>(store->wait_for_work({}, steady::now() + 1min)); }};
        for (const auto& call : calls) {
            const backend_error error = failure_of(call);
            if (error.code() != store_fault::configuration ||
                std::string(error.what()).find("open the hub again") == std::string::npos) {
                return false;
            }
        }
        store.reset();
        postgres_backend own(chosen);
        own.create_hub();
        // Without a listener, whose thread sanitizers do not follow into a child.
        return own.status().parked == 0;
    });

    CHECK(code == 0);
    create_one(*store, "after", "Order");
    CHECK(store->statistics().commits == before.commits + 1);
}

TEST_CASE("opening: a server that starts up is waited for") {
    private_server server;
    const settings chosen = server.settings_for();
    // As while it recovers: it refuses everybody, until it is promoted.
    std::ofstream(server.location() / "data/postgresql.conf", std::ios::app)
        << "hot_standby = off\nrestore_command = 'false'\n";
    std::ofstream(server.location() / "data/standby.signal");
    server.restart("fast");
    const backend_error error = failure_of([&] { const test_connection refused(chosen); });
    REQUIRE(error.sqlstate() == "57P03");

    postgres_backend store(chosen);
    auto opened = std::async(std::launch::async, [&] { store.create_hub(); });
    CHECK(opened.wait_for(1s) == std::future_status::timeout);
    server.promote();

    CHECK_NOTHROW(opened.get());
    CHECK(store.status().parked == 0);
}

TEST_CASE("opening: PgBouncer in session mode needs nothing") {
    settings chosen = pooled("perdure_session");
    postgres_backend store(chosen);
    postgres_backend other(chosen);
    store.create_hub();
    other.create_hub();

    const wake_token token = store.wait_for_work({}, steady::now());
    auto woken = std::async(std::launch::async,
                            [&] { return store.wait_for_work(token, steady::now() + 30s); });
    test_connection watching(fresh_settings());
    watching->execute_script("set search_path = " + chosen.quoted_schema());
    CHECK(becomes_true(*watching, "select exists (select" + sleepers_of("work") + ")"));
    create_one(other, "order-1", "Order");

    CHECK(woken.get().value != token.value);
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    CHECK(lock_all(store, orders).size() == 1);
}

TEST_CASE("opening: PgBouncer in transaction mode is refused unless the URI says so") {
    settings chosen = pooled("perdure");
    {
        postgres_backend store(chosen);
        const backend_error errors[] = {failure_of([&] { store.create_hub(); }),
                                        failure_of([&] { static_cast<void>(store.status()); })};
        for (const backend_error& error : errors) {
            CHECK(error.code() == store_fault::configuration);
            CHECK_THAT(
                error.what(),
                Catch::Contains("pooler=transaction") && Catch::Contains("pool_mode=session"));
        }
    }
    chosen.pooler = pooler::transaction;
    postgres_backend store(chosen);
    store.create_hub();
    create_one(store, "order-1", "Order");
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    CHECK(lock_all(store, orders).size() == 1);
}

TEST_CASE("opening: functions that are made anew under running processes are found") {
    settings chosen = fresh_settings();
    chosen.pooler = GENERATE(pooler::none, pooler::transaction);
    postgres_backend working(chosen);
    working.create_hub();
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    const renewal alive{{"w1"}, &orders, 15s, {}};
    CHECK(working.renew(alive).empty());
    create_one(working, "order-1", "Order");
    CHECK(lock_all(working, orders).size() == 1);
    test_connection owner(chosen);
    owner->execute_script("set search_path = " + chosen.quoted_schema() +
                          ";"
                          "comment on function _GetVersions() is null");
    postgres::install_or_upgrade(*owner, postgres::embedded_sql());

    create_one(working, "order-2", "Order");

    CHECK(lock_all(working, orders).size() == 1);
    CHECK(working.renew(alive).empty());
}

TEST_CASE("opening: a worker of an upgraded schema is told so, and lives no longer") {
    const settings chosen = fresh_settings();
    postgres_backend working(chosen);
    working.create_hub();
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    const renewal alive{{"w1"}, &orders, 15s, {}};
    CHECK(working.renew(alive).empty());
    test_connection owner(chosen);
    owner->execute_script("set search_path = " + chosen.quoted_schema() +
                          ";"
                          "insert into Versions (semantic_version) values ('1000.0.0');"
                          "update Workers set live_until = now()");

    const backend_error refused = failure_of([&] { static_cast<void>(working.renew(alive)); });

    CHECK(refused.code() == store_fault::schema);
    CHECK_THAT(refused.what(), Catch::Contains("newer plugin"));
    CHECK(number_of(*owner, "select count(*) from Workers where live_until > now()") == 0);
}

TEST_CASE("opening: calls of version 1.0.0 are refused as those of another schema") {
    const settings chosen = fresh_settings();
    postgres_backend store(chosen);
    store.create_hub();
    test_connection old(chosen);
    const auto fault = [&](const std::string& call) {
        return failure_of([&] { old->execute_script(call); }).code();
    };

    CHECK(fault("select _RenewLocks(1, 1, null, null, null, null, null, null)") ==
          store_fault::schema);
    CHECK(
        fault(
            "select _CommitLoneTurn(gen_random_uuid(), null, 1, 1, gen_random_uuid(), 0::smallint,"
            " null, null, 1, '[]', null, null, null, null, null, null, null, null, null, true)") ==
        store_fault::schema);
}

TEST_CASE("opening: after another installation of the schema, names are looked up again") {
    settings chosen = fresh_settings();
    chosen.pooler = GENERATE(pooler::none, pooler::transaction);
    postgres_backend working(chosen);
    working.create_hub();
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    const renewal alive{{"w1"}, &orders, 15s, {}};
    CHECK(working.renew(alive).empty());
    create_one(working, "order-1", "Order");
    CHECK(lock_all(working, orders).size() == 1);
    {
        test_connection owner(chosen);
        postgres::drop_schema(*owner, postgres::embedded_sql());
    }
    postgres_backend other(chosen);
    other.create_hub();
    // In another order than before.
    create_one(other, "invoice-1", "Invoice");
    create_one(other, "order-2", "Order");

    create_one(working, "order-3", "Order");
    CHECK(working.renew(alive).empty());
    std::vector<std::string> found;
    for (const orchestration_work& work : lock_all(working, orders)) {
        CHECK(work.name == "Order");
        found.push_back(work.instance.text());
    }
    CHECK(found == std::vector<std::string>{"order-2", "order-3"});
}

}  // namespace perdure::postgres_test
