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

// What happens to the server under load: every acknowledged start exists and finishes exactly once.

namespace {

/// Worker processes, and what must be true of them at the end.
struct worker_processes {
    worker_processes(const backend_config& where, std::size_t count) {
        for (std::size_t n = 0; n < count; ++n) {
            all.emplace_back(where);
        }
    }
    [[nodiscard]] bool all_live() const {
        return std::ranges::all_of(all, [](const worker_process& one) { return one.lives(); });
    }
    [[nodiscard]] std::size_t count(log_event event) const {
        std::size_t sum = 0;
        for (const worker_process& one : all) {
            sum += one.count(event);
        }
        return sum;
    }

    std::list<worker_process> all;
};

/// Ends up to three random connections of the hub, from the server's side; returns how many.
std::size_t end_some_connections(const private_server& server, std::mt19937_64& dice) {
    const std::vector<std::string> connections =
        server.query(std::string("select pid from pg_stat_activity where application_name = '") +
                     private_server::task_hub + "' order by backend_start, pid");
    if (connections.empty()) {
        return 0;
    }
    const auto count = std::uniform_int_distribution<std::size_t>(1, 3)(dice);
    std::size_t ended = 0;
    for (std::size_t n = 0; n < count; ++n) {
        const auto which =
            std::uniform_int_distribution<std::size_t>(0, connections.size() - 1)(dice);
        ended +=
            server.value("select pg_terminate_backend(" + connections[which] + ")") == "t" ? 1 : 0;
    }
    return ended;
}

}  // namespace

TEST_CASE("a server that stops at once and starts again under load loses no acknowledged start",
          "[restart]") {
    const private_server server;
    const hub where = open_hub(server.hub_config());
    const worker_processes workers(server.hub_config(), 3);
    load clients(where, 4);
    std::mt19937_64 dice(seed());
    const std::size_t restarts = budgeted({4, 10, 300});

    for (std::size_t n = 0; n < restarts; ++n) {
        REQUIRE(clients.goes_on(std::uniform_int_distribution<std::size_t>(1, 150)(dice)));
        server.restart_at_once();
    }

    REQUIRE(clients.goes_on(20));
    CHECK(workers.all_live());
    check_exactly_once(where, clients);
    std::cout << "  " << restarts << " restarts, "
              << workers.count(log_event::commit_outcome_unknown)
              << " commits of unknown outcome\n";
}

TEST_CASE("connections that an administrator ends under load lose nothing", "[ended]") {
    const private_server server;
    const hub where = open_hub(server.hub_config());
    const worker_processes workers(server.hub_config(), 3);
    load clients(where, 4);
    std::mt19937_64 dice(seed());
    const std::size_t wanted = budgeted({150, 500, 20'000});

    std::size_t ended = 0;
    while (ended < wanted) {
        REQUIRE(clients.goes_on(std::uniform_int_distribution<std::size_t>(1, 10)(dice)));
        ended += end_some_connections(server, dice);
    }

    REQUIRE(clients.goes_on(20));
    CHECK(workers.all_live());
    check_exactly_once(where, clients);
    std::cout << "  " << ended << " connections ended, "
              << workers.count(log_event::commit_outcome_unknown)
              << " commits of unknown outcome\n";
}

TEST_CASE("a standby that takes over from a killed primary under load has every acknowledged start",
          "[standby]") {
    std::size_t rounds = budgeted({1, 2, 50});
    while (rounds-- > 0) {
        const private_server primary;
        const private_server standby(private_server::standby_of{primary});
        backend_config either = primary.hub_config();
        either.options["host"] = primary.location().string() + "," + standby.location().string();
        either.options["target_session_attrs"] = "read-write";
        const hub where = open_hub(either);
        const worker_processes workers(either, 3);
        load clients(where, 4);
        std::mt19937_64 dice(seed() + rounds);
        REQUIRE(clients.goes_on(std::uniform_int_distribution<std::size_t>(50, 200)(dice)));

        primary.kill();
        standby.promote();

        REQUIRE(clients.goes_on(100));
        CHECK(workers.all_live());
        check_exactly_once(open_hub(standby.hub_config()), clients);
    }
}
