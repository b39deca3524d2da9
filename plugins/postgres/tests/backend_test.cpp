#include "backend.hpp"

#include "installer.hpp"
#include "kit/client_hand_out.hpp"
#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

namespace perdure::postgres_test {

namespace {

using namespace std::chrono_literals;
using postgres::postgres_backend;
using postgres::settings;
using steady = std::chrono::steady_clock;

constexpr auto patience = 30s;

settings fresh_settings() {
    return private_server::shared().settings_for();
}

request_id a_request() {
    return {random_uuid()};
}

new_message a_message(const std::string& target) {
    return {instance_id(target), R"({"kind":"raised"})", {}, {}, {}, {}};
}

new_instance an_order(const std::string& id) {
    const std::string event = R"({"kind":"execution_started"})";
    return {instance_id(id), {random_uuid()}, "Order", "1", event, {}, {}, {}, {}, {}};
}

/// Leases this order, which is the only one that is ready.
orchestration_work lease(backend& store, const work_filter& orders) {
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = {"w1"};
    wanted.filter = &orders;
    wanted.orchestrations = 1;
    return store.lock(wanted).orchestrations.at(0);
}

/// Looks for a lease that is over, and takes its order.
std::vector<orchestration_work> lock_suspect(backend& store, const work_filter& orders) {
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = {"w2"};
    wanted.filter = &orders;
    wanted.orchestrations = 1;
    wanted.suspects = true;
    return store.lock(wanted).orchestrations;
}

/// The end of an orchestration with the result 12.
finished_work the_end_of(const orchestration_work& work) {
    return {.instance = work.instance,
            .execution = work.execution,
            .held = work.held,
            .turn = checkpoint{.history_version = work.history_version,
                               .last_committed = work.last_committed,
                               .events = {{1, R"([{"kind":"execution_completed"}])"}},
                               .status = orchestration_status::completed,
                               .output = payload("json", "12")}};
}

/// Waits for work again and again, as a worker that has nothing to do. Executes nothing itself.
class idle_worker {
  public:
    explicit idle_worker(backend& store)
        : store_(store), thread_([this](const std::stop_token& stop) {
              wake_token token{};
              while (!stop.stop_requested()) {
                  token = store_.wait_for_work(token, steady::now() + patience);
              }
          }) {}
    idle_worker(const idle_worker&) = delete;
    idle_worker& operator=(const idle_worker&) = delete;
    ~idle_worker() {
        thread_.request_stop();
        store_.interrupt_waits();
    }

  private:
    backend& store_;
    std::jthread thread_;
};

/// Whether the listener says to the server that it sleeps, and looks for what it has missed:
/// nothing else may speak to the server meanwhile.
bool listens_since(const postgres_backend& store, const backend_statistics& before) {
    const auto deadline = steady::now() + patience;
    while (store.statistics().statements < before.statements + 2 && steady::now() < deadline) {
        std::this_thread::yield();
    }
    return store.statistics().statements >= before.statements + 2;
}

/// A schema in which the login is the hub.
settings settings_of_mode_1() {
    settings chosen = fresh_settings();
    test_connection owner(chosen);
    postgres::install_or_upgrade(*owner, postgres::embedded_sql());
    owner->execute_script("select SetGlobalSetting('TaskHubMode', '1')");
    return chosen;
}

}  // namespace

TEST_CASE("backend: what the listener executes is counted") {
    postgres_backend store(fresh_settings());
    store.create_hub();
    const auto before = store.statistics();
    const idle_worker sleeping(store);

    CHECK(listens_since(store, before));
    CHECK(store.statistics().commits == before.commits);
}

TEST_CASE("backend: the listener is as patient as connect_timeout says") {
    silent_host host;
    settings chosen = fresh_settings();
    chosen.libpq["host"] = host.folder();
    chosen.connect_timeout = 1s;
    postgres_backend store(chosen);
    const idle_worker sleeping(store);

    CHECK(host.is_asked_within(5s));
    // It gives up, and tries again.
    CHECK(host.is_asked_within(5s));
}

TEST_CASE("backend: the listener turns from a host that does not answer to the next one") {
    silent_host host;
    const settings answering = fresh_settings();
    settings chosen = answering;
    chosen.libpq["host"] = host.folder().string() + "," + answering.libpq.at("host");
    chosen.connect_timeout = 1s;
    postgres_backend store(chosen);
    store.create_hub();
    const idle_worker sleeping(store);

    test_connection watching(answering);
    CHECK(becomes_true(*watching, "select exists (select" + sleepers_of("work") + ")"));
}

TEST_CASE("backend: in mode 1 a task_hub that is not the login is refused, and nothing happens") {
    settings chosen = settings_of_mode_1();
    test_connection owner(chosen);
    chosen.task_hub = "orders";
    chosen.names_task_hub = true;
    postgres_backend store(chosen);
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = {"w1"};
    const new_message message = a_message("order-7");

    // Also when somebody else has made the hub of the login.
    for (const char* hubs : {"", "perdure_owner"}) {
        const backend_error errors[] = {
            failure_of([&] { store.create_hub(); }),
            failure_of([&] { static_cast<void>(store.status()); }),
            failure_of([&] { static_cast<void>(store.lock(wanted)); }),
            failure_of([&] {
                static_cast<void>(store.send({a_request()}, {&message, 1}));
            })};
        for (const backend_error& error : errors) {
            CHECK(error.code() == store_fault::configuration);
            CHECK_THAT(error.what(),
                       Catch::Contains("\"orders\"") && Catch::Contains("\"perdure_owner\""));
        }
        CHECK(text_of(*owner, "select coalesce(string_agg(name, ' '), '') from TaskHubs") == hubs);
        CHECK(number_of(*owner, "select count(*) from Workers") == 0);
        owner->execute_script("select _CreateHub()");
    }
}

TEST_CASE("backend: in mode 1 the login is the hub, whether the URI says so or not") {
    settings chosen = settings_of_mode_1();
    chosen.names_task_hub = GENERATE(false, true);
    if (chosen.names_task_hub) {
        chosen.task_hub = "perdure_owner";
    }
    postgres_backend store(chosen);

    store.create_hub();

    CHECK(store.status().parked == 0);
    test_connection owner(chosen);
    CHECK(text_of(*owner, "select string_agg(name, ' ') from TaskHubs") == "perdure_owner");
}

TEST_CASE("backend: a call that is repeated is announced again", "[WAKE-1][REPEAT-1]") {
    settings chosen = fresh_settings();
    // So that it hears of nothing that it does not tell itself.
    chosen.pooler = postgres::pooler::transaction;
    postgres_backend store(chosen);
    store.create_hub();
    const auto token = [&] { return store.wait_for_work({}, steady::now()).value; };
    const request_id request = a_request();
    const std::function<void()> calls[] = {
        [&] {
            const new_message message = a_message("order-7");
            static_cast<void>(store.send({request}, {&message, 1}));
        },
        [&] {
            lock_request nothing;
            nothing.request = request;
            nothing.worker = {"w1"};
            static_cast<void>(store.commit({{}, nothing}));
        }};
    const auto& call = calls[GENERATE(0, 1)];
    call();
    const auto before = token();

    call();

    CHECK(token() != before);
}

TEST_CASE("backend: what clients create and send is handed out with the call", "[HANDOFF-3]") {
    postgres_backend store(fresh_settings());
    store.create_hub();

    testing::client_hand_out(store).check();
}

TEST_CASE("backend: what is handed out with its creation has never been in the queue",
          "[HANDOFF-3]") {
    const settings chosen = fresh_settings();
    postgres_backend store(chosen);
    store.create_hub();
    testing::client_hand_out worker(store);
    const wake_token token = store.wait_for_work({}, steady::now());

    const work_batch handed = worker.created({testing::client_hand_out::an_order("order")}, 1);

    REQUIRE(handed.orchestrations.size() == 1);
    test_connection owner(chosen);
    CHECK(number_of(*owner, "select count(*) from Ready") == 0);
    CHECK(number_of(*owner, "select count(*) from Instances where token is not null") == 1);
    // There is nothing to look for, and nobody is told that there were.
    CHECK(store.wait_for_work(token, steady::now()).value == token.value);
}

TEST_CASE("backend: a lock in doubt asks the store, although it had nothing a moment ago",
          "[HANDOFF-3][REPEAT-1]") {
    const settings chosen = fresh_settings();
    postgres_backend store(chosen);
    store.create_hub();
    const testing::client_hand_out worker(store);
    const idle_worker sleeping(store);
    const auto asks_the_store = [&](lock_request room) {
        const std::uint64_t before = store.statistics().statements;
        CHECK(store.lock(room).orchestrations.empty());
        return store.statistics().statements != before;
    };
    // The listener says now and then that somebody sleeps; sooner or later nothing is asked.
    const auto deadline = steady::now() + patience;
    while (asks_the_store(worker.room_for(1)) && steady::now() < deadline) {
        std::this_thread::yield();
    }
    REQUIRE_FALSE(asks_the_store(worker.room_for(1)));
    test_connection owner(chosen);
    owner->execute_script("alter table History add check (events <> '[{}]')");
    const lock_request room = worker.room_for(1);
    new_instance refused = testing::client_hand_out::an_order("order");
    refused.start_event = "{}";

    CHECK_THROWS_AS(store.create(room, {&refused, 1}), backend_error);

    CHECK(asks_the_store(room));
}

TEST_CASE("backend: the record of an instance comes with the news of its end", "[READ-4]") {
    const settings chosen = fresh_settings();
    postgres_backend store(chosen);
    store.create_hub();
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    test_connection owner(chosen);
    // So that nobody can ask for it.
    owner->execute_script("alter function _GetInstances(text[]) rename to Gone");
    std::optional<instance_record> told;

    // Who waits may look when it has ended already.
    const auto deadline = steady::now() + patience;
    for (int n = 0; !told && steady::now() < deadline; ++n) {
        const new_instance fresh = an_order("order-" + std::to_string(n));
        REQUIRE(store.create({a_request()}, {&fresh, 1}).outcomes.front().code ==
                create_code::created);
        const orchestration_work work = lease(store, orders);
        const finished_work end = the_end_of(work);
        const std::uint64_t before = store.statistics().statements;
        const std::jthread waiting([&] {
            try {
                told = store.wait(work.instance, deadline);
            } catch (const backend_error&) {
                told.reset();
            }
        });
        // Who waits looks first whether it has ended.
        while (store.statistics().statements == before && steady::now() < deadline) {
            std::this_thread::yield();
        }
        lock_request nothing;
        nothing.request = a_request();
        nothing.worker = {"w1"};
        REQUIRE(store.commit({{&end, 1}, nothing}).outcomes.front() == commit_outcome::committed);
    }

    REQUIRE(told);
    CHECK(told->status == orchestration_status::completed);
    CHECK(told->output == payload("json", "12"));
    CHECK(told->history_length == 2);
}

TEST_CASE("backend: the store hears of the calls whose leases have all ended") {
    const bool is_given_back = GENERATE(false, true);
    // Which of the two ends the store has lost, as a standby that was behind, if any.
    const int lost = GENERATE(0, 1, 2);
    const settings chosen = fresh_settings();
    postgres_backend store(chosen);
    store.create_hub();
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    const std::vector<new_instance> fresh{an_order("order-1"), an_order("order-2")};
    REQUIRE(store.create({a_request()}, fresh).outcomes.size() == 2);
    lock_request both;
    both.request = a_request();
    both.worker = {"w1"};
    both.filter = &orders;
    both.orchestrations = 2;
    const std::vector<orchestration_work> work = store.lock(both).orchestrations;
    REQUIRE(work.size() == 2);
    test_connection owner(chosen);
    const auto commit = [&](std::span<const finished_work> turns, const request_id& request) {
        lock_request nothing;
        nothing.request = request;
        nothing.worker = {"w1"};
        const commit_result done = store.commit({turns, nothing});
        CHECK(done.outcomes == std::vector(turns.size(), commit_outcome::committed));
    };
    const auto end = [&](const orchestration_work& one, const request_id& request) {
        const finished_work last = the_end_of(one);
        commit({&last, 1}, request);
    };
    const auto calls_with_leases = [&] {
        CHECK(lock_suspect(store, orders).empty());
        return number_of(*owner, "select count(*) from Requests where lease_keys is not null");
    };
    const std::vector<request_id> ends{a_request(), a_request()};

    end(work[0], ends[0]);
    CHECK(calls_with_leases() == 1);
    if (is_given_back) {
        const held_item other{work[1].instance, {}, work[1].held};
        CHECK(store.return_leases({.request = ends[1], .items = {&other, 1}}).front() ==
              lease_outcome::done);
    } else {
        end(work[1], ends[1]);
    }
    if (lost != 0) {
        owner->execute_script("delete from Requests where request_id = '" +
                              to_string(ends.at(static_cast<std::size_t>(lost) - 1).value) + "'");
        // What is committed since then says nothing of it.
        commit({}, a_request());
        commit({}, a_request());
        CHECK(calls_with_leases() == 1);
        return;
    }
    CHECK(calls_with_leases() == 0);
    // A repeat still has its answer, and leases nothing.
    CHECK(store.lock(both).orchestrations.empty());
}

TEST_CASE("backend: a lease that is over is found behind any number of old answers",
          "[SUSPECT-1]") {
    const settings chosen = fresh_settings();
    postgres_backend store(chosen);
    store.create_hub();
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    const new_instance fresh = an_order("order-1");
    REQUIRE(store.create({a_request()}, {&fresh, 1}).outcomes.front().code == create_code::created);
    const orchestration_work work = lease(store, orders);
    test_connection owner(chosen);
    owner->execute_script(
        "update Instances set lease_until = _Now(); update Requests set until = _Now();"
        "insert into Requests (task_hub, request_id, answered_at, until, outcomes)"
        " select _Hub(), gen_random_uuid(), _Now() - interval '1 hour', _Now() - interval '1 hour',"
        " '{}' from generate_series(1, 4000)");

    const std::vector<orchestration_work> found = lock_suspect(store, orders);

    REQUIRE(found.size() == 1);
    CHECK(found.front().instance == work.instance);
    CHECK(found.front().suspect);
    // In steps, so that no call takes long.
    for (int step = 0; step < 4; ++step) {
        CHECK(lock_suspect(store, orders).empty());
    }
    CHECK(number_of(*owner,
                    "select count(*) from Requests where until < _Now() - interval '1 minute'") ==
          0);
}

TEST_CASE("backend: one idle worker removes dead workers and old answers, in steps", "[RENEW-2]") {
    const settings chosen = fresh_settings();
    postgres_backend store(chosen);
    store.create_hub();
    const work_filter orders{{{"Order", "1"}}, {}, {}};
    const auto renew = [&](const std::string& worker) {
        CHECK(store.renew({{worker}, &orders, 15s, {}}).empty());
    };
    renew("idle");
    test_connection owner(chosen);
    owner->execute_script(
        "insert into Workers (task_hub, worker_id, live_until)"
        " select _Hub(), 'dead ' || n, _Now() - interval '61 minutes' from generate_series(1, 206) "
        "n;"
        "insert into Workers (task_hub, worker_id, live_until)"
        " values (_Hub(), 'died just now', _Now() - interval '1 minute');"
        "insert into Requests (task_hub, request_id, answered_at, until, outcomes)"
        " select _Hub(), gen_random_uuid(), _Now() - interval '1 hour', _Now() - interval '1 hour',"
        " '{}' from generate_series(1, 2917)");

    renew("idle");
    CHECK(number_of(*owner, "select count(*) from Workers") == 108);
    CHECK(number_of(*owner, "select count(*) from Requests") == 1917);
    for (int round = 0; round < 2; ++round) {
        renew("idle");
    }

    CHECK(number_of(*owner, "select count(*) from Workers") == 2);
    CHECK(number_of(*owner, "select count(*) from Requests") == 0);
}

TEST_CASE("backend: hubs of one database have identities of their own", "[HUB-3]") {
    settings chosen = fresh_settings();
    postgres_backend one(chosen);
    one.create_hub();
    const std::string identity = one.identity();
    chosen.task_hub = "another";
    postgres_backend other(chosen);
    other.create_hub();

    CHECK(other.identity() != identity);
    chosen.task_hub = settings().task_hub;
    chosen.pooler = postgres::pooler::transaction;
    CHECK(postgres_backend(chosen).identity() == identity);
}

}  // namespace perdure::postgres_test
