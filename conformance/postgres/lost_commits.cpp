#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "load.hpp"
#include "private_server.hpp"
#include "worker_process.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <iostream>
#include <list>
#include <random>

using namespace perdure;
using namespace perdure::conformance;

// Servers that lose commits which they had acknowledged, because their owner has set them up so:
// what is left goes on to its end. That no lease is out of reach, each server checks when it goes.

namespace {

/// A primary with a standby that is not waited for, and who finds the one that takes writes.
struct server_pair {
    private_server primary;
    private_server standby{private_server::standby_of{primary, false}};

    [[nodiscard]] backend_config either() const {
        backend_config config = primary.hub_config();
        config.options["host"] = primary.location().string() + "," + standby.location().string();
        config.options["target_session_attrs"] = "read-write";
        return config;
    }
    void fail_over() const {
        primary.kill();
        standby.promote();
    }
};

lock_request a_lock(std::size_t orchestrations, std::size_t activities) {
    static const work_filter filter{{{order_name, order_version}}, {charge_name}, {std::string()}};
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = {"w1"};
    wanted.filter = &filter;
    wanted.orchestrations = orchestrations;
    wanted.activities = activities;
    wanted.lease_duration = 2s;
    return wanted;
}

orchestration_work started(backend& store) {
    const new_instance fresh = a_new_instance();
    REQUIRE(store.create({a_request()}, {&fresh, 1}).outcomes.front().code == create_code::created);
    work_batch given = store.lock(a_lock(1, 0));
    REQUIRE(given.orchestrations.size() == 1);
    return std::move(given.orchestrations.front());
}

}  // namespace

TEST_CASE(
    "the lease of an activity whose end is lost with the primary is found when it has expired",
    "[lost]") {
    const server_pair servers;
    const hub where = open_hub(servers.either());
    backend& store = where.store();
    finished_turn turn = turn_of(started(store));
    turn.activities = {an_activity(1)};
    const work_batch given = commit_to(store, {turn}, {}, a_lock(0, 1)).work;
    REQUIRE(given.activities.size() == 1);
    servers.standby.stop_following(servers.primary);
    const finished_activity end = completion_of(given.activities.front());
    REQUIRE(commit_to(store, {}, {end}, a_lock(0, 0)).activities ==
            std::vector{commit_outcome::committed});

    servers.fail_over();
    for (int n = 0; n < 3; ++n) {
        const finished_turn last = last_turn_of(started(store));
        REQUIRE(commit_to(store, {last}, {}, a_lock(0, 0)).turns ==
                std::vector{commit_outcome::committed});
    }

    lock_request suspects = a_lock(1, 1);
    suspects.suspects = true;
    std::vector<activity_work> found;
    const auto deadline = in(patience);
    while (found.empty() && std::chrono::steady_clock::now() < deadline) {
        suspects.request = a_request();
        found = store.lock(suspects).activities;
    }
    REQUIRE(found.size() == 1);
    CHECK(found.front().instance == turn.instance);
    CHECK(found.front().suspect);
}

TEST_CASE("what a standby that was behind has got ends with the results of its histories",
          "[lost]") {
    std::size_t rounds = budgeted({2, 4, 50});
    while (rounds-- > 0) {
        const server_pair servers;
        const hub where = open_hub(servers.either());
        std::list<worker_process> workers;
        for (int n = 0; n < 3; ++n) {
            workers.emplace_back(servers.either());
        }
        load clients(where, 4, load::kind::words);
        std::mt19937_64 dice(seed() + rounds);
        std::uniform_int_distribution<std::size_t> some(20, 100);
        REQUIRE(clients.goes_on(some(dice)));

        servers.standby.stop_following(servers.primary);
        REQUIRE(clients.goes_on(some(dice)));
        servers.fail_over();

        REQUIRE(clients.goes_on(100));
        clients.finish();
        CHECK(clients.refusals() == std::vector<std::string>());
        CHECK(std::ranges::all_of(workers, &worker_process::lives));
        check_random_words(open_hub(servers.standby.hub_config()));
    }
}

TEST_CASE("a server that does not wait for its disk, and stops at once, leaves nothing that stands",
          "[lost]") {
    const private_server server;
    server.set("synchronous_commit", "off");
    // As late as it can be, so that each restart loses as much as it can.
    server.set("wal_writer_delay", "10s");
    server.set("wal_writer_flush_after", "1GB");
    const hub where = open_hub(server.hub_config());
    std::list<worker_process> workers;
    for (int n = 0; n < 4; ++n) {
        workers.emplace_back(server.hub_config());
    }
    load clients(where, 4, load::kind::words);
    std::mt19937_64 dice(seed());
    const std::size_t restarts = budgeted({4, 20, 300});

    for (std::size_t n = 0; n < restarts; ++n) {
        REQUIRE(clients.goes_on(std::uniform_int_distribution<std::size_t>(1, 100)(dice)));
        server.restart_at_once();
        CHECK(server.unreachable_leases() == std::vector<std::string>());
    }

    REQUIRE(clients.goes_on(20));
    clients.finish();
    CHECK(clients.refusals() == std::vector<std::string>());
    CHECK(std::ranges::all_of(workers, &worker_process::lives));
    check_random_words(where);
}
