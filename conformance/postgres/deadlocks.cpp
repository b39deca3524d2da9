#define CATCH_CONFIG_FAST_COMPILE
#include "overlapping_calls.hpp"
#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <iostream>
#include <list>
#include <map>
#include <string>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE("random overlapping batches from eight threads never deadlock", "[deadlock]") {
    const private_server server;
    // Seen soon, so that the calls go on behind one.
    server.set("deadlock_timeout", "20ms");
    const std::chrono::seconds time(budgeted({10, 60, 3600}));
    std::list<overlapping_calls> callers;
    for (std::uint64_t n = 0; n < 8; ++n) {
        // As if each were in a process of its own.
        callers.emplace_back(open_hub(server.hub_config()), seed() + n);
    }

    const auto deadline = std::chrono::steady_clock::now() + time;
    {
        std::list<std::jthread> threads;
        for (overlapping_calls& caller : callers) {
            threads.emplace_back([&caller, deadline] {
                while (std::chrono::steady_clock::now() < deadline) {
                    caller.make_one();
                }
            });
        }
    }

    std::map<std::string, std::size_t> effects;
    std::map<std::string, std::size_t> errors;
    for (const overlapping_calls& caller : callers) {
        for (const auto& [name, count] : caller.effects()) {
            effects[name] += count;
        }
        for (const auto& [name, count] : caller.errors()) {
            errors[name] += count;
        }
    }
    // A session's counts are in the sum for certain when it has ended.
    callers.clear();
    for (const auto& [name, count] : effects) {
        INFO("call: " << name << ", seed " << seed());
        CHECK(count > 0);
        std::cout << "  " << name << ": " << count << '\n';
    }
    for (const auto& [text, count] : errors) {
        INFO(count << " times: " << text << ", seed " << seed());
        // A call that met another one and has to be made again may say so.
        CHECK_THAT(text, Catch::StartsWith("conflict PD003"));
    }
    CHECK(server.log_lines("deadlock detected").empty());
    CHECK(server.value("select deadlocks from pg_stat_database where datname = 'perdure'") == "0");
}
