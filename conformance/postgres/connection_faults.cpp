#define CATCH_CONFIG_FAST_COMPILE
#include "chaos_proxy.hpp"
#include "fixture.hpp"
#include "load.hpp"
#include "private_server.hpp"
#include "worker_process.hpp"

#include <catch2/catch.hpp>

#include <iostream>
#include <random>

using namespace perdure;
using namespace perdure::conformance;

// What the network does to the connections of workers and clients.

namespace {

constexpr std::size_t losses_in_a_row = 5;

backend_config through(const chaos_proxy& proxy, const private_server& server) {
    backend_config config = server.hub_config();
    config.options["host"] = "127.0.0.1";
    config.options["port"] = std::to_string(proxy.port());
    return config;
}

/// The name of the prepared statement in a message that executes it, between its zero bytes.
std::string executed(const std::string& name) {
    return '\0' + name + '\0';
}

}  // namespace

TEST_CASE("connections that are cut at random bytes lose nothing", "[cut]") {
    const private_server server;
    const hub directly = open_hub(server.hub_config());
    chaos_proxy proxy({server.location().string(), 5432}, seed());
    const worker_process first(through(proxy, server));
    const worker_process second(through(proxy, server));
    load clients(open_hub(through(proxy, server)), 4);
    const std::size_t wanted = budgeted({100, 1'000, 20'000});

    proxy.cut_after(200'000);
    while (proxy.seen().cut < wanted) {
        REQUIRE(clients.goes_on(1));
    }
    proxy.forward();

    REQUIRE(clients.goes_on(20));
    CHECK(first.lives());
    CHECK(second.lives());
    check_exactly_once(directly, clients);
    std::cout << "  " << proxy.seen().cut << " connections cut, "
              << first.count(log_event::commit_outcome_unknown) +
                     second.count(log_event::commit_outcome_unknown)
              << " commits of unknown outcome\n";
}

TEST_CASE("commits whose answers are lost are repeated, and happen once", "[swallowed]") {
    const private_server server;
    const hub directly = open_hub(server.hub_config());
    chaos_proxy proxy({server.location().string(), 5432}, seed());
    worker_process serving(through(proxy, server));
    load clients(directly, 4);
    const std::size_t wanted = budgeted({50, 500, 10'000});

    for (std::size_t n = 1; n <= wanted; ++n) {
        proxy.swallow_reply_to(executed("commit"));
        REQUIRE(serving.wait_for(log_event::commit_outcome_unknown, n));
        // Also the answer to a repeat is lost, and to the next one; but not for ever.
        if (n % losses_in_a_row == 0) {
            REQUIRE(clients.goes_on(1));
        }
    }

    CHECK(proxy.seen().swallowed == wanted);
    CHECK(serving.lives());
    check_exactly_once(directly, clients);
    std::cout << "  " << wanted << " answers to commits lost\n";
}

TEST_CASE("starts whose answers are lost are repeated, and happen once", "[swallowed]") {
    const private_server server;
    const hub directly = open_hub(server.hub_config());
    chaos_proxy proxy({server.location().string(), 5432}, seed());
    const worker_process serving(server.hub_config());
    load clients(open_hub(through(proxy, server)), 4);
    const std::size_t wanted = budgeted({30, 300, 10'000});

    for (std::size_t n = 1; n <= wanted; ++n) {
        proxy.swallow_reply_to(executed("create_instances"));
        while (proxy.seen().swallowed < n) {
            REQUIRE(clients.goes_on(1));
        }
    }

    REQUIRE(clients.goes_on(20));
    check_exactly_once(directly, clients);
    std::cout << "  " << wanted << " answers to starts lost\n";
}
