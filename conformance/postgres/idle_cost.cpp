#define CATCH_CONFIG_FAST_COMPILE
#include "engine/orchestrations.hpp"
#include "fixture.hpp"
#include "private_server.hpp"

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <iostream>

using namespace perdure;
using namespace perdure::conformance;

namespace {

// The server writes a line for each statement, with the hub before it.
const std::string mark = std::string("hub=") + private_server::task_hub + " ";

std::size_t statements(const private_server& server) {
    std::size_t count = 0;
    for (const std::string& line : server.log_lines(mark)) {
        count += line.find("LOG:  execute ") != std::string::npos ||
                         line.find("LOG:  statement: ") != std::string::npos
                     ? 1
                     : 0;
    }
    return count;
}

}  // namespace

TEST_CASE("a process whose worker has nothing to do asks at most once a second", "[idle]") {
    const private_server server;
    server.set("log_line_prefix", "hub=%a ");
    server.set("log_statement", "all");
    const hub where = open_hub(server.hub_config());
    worker serving(where, common_orchestrations());
    serving.start();
    client clients(where);
    REQUIRE(clients.wait<std::string>(clients.start(hello, "you"), patience) == "Hello, you!");
    const std::size_t seconds = budgeted({20, 60, 600});

    // What is measured is time in which nothing happens, on the server's clock; the first seconds
    // belong to what the worker does after its last turn.
    static_cast<void>(server.query("select pg_sleep(3)"));
    const std::size_t before = statements(server);
    static_cast<void>(server.query("select pg_sleep(" + std::to_string(seconds) + ")"));
    const std::size_t asked = statements(server) - before;

    CHECK(asked >= 1);
    CHECK(asked <= seconds);
    std::cout << "  " << asked << " statements in " << seconds << " seconds\n";
}
