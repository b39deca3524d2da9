#define CATCH_CONFIG_FAST_COMPILE
#include "engine/orchestrations.hpp"
#include "fixture.hpp"
#include "load.hpp"
#include "private_server.hpp"
#include "worker_process.hpp"

#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <iostream>
#include <list>

using namespace perdure;
using namespace perdure::conformance;

// What many workers do on one server, and what happens to them.

namespace {

std::vector<instance_id> started_on(const hub& where, std::size_t count) {
    const std::vector<int> inputs(count, load::steps);
    return client(where).start_many(sequence, std::span(inputs));
}

/// The instances that somebody holds.
std::size_t leased_count(const hub& where) {
    std::size_t count = 0;
    std::string after;
    do {
        const instance_page page = where.store().query({}, batch_items_max, after);
        count += static_cast<std::size_t>(std::ranges::count_if(
            page.instances, [](const instance_record& found) { return !found.leased_by.empty(); }));
        after = page.next;
    } while (!after.empty());
    return count;
}

void wait_for_all(const hub& where, const std::vector<instance_id>& started) {
    client clients(where);
    for (const instance_id& id : started) {
        static_cast<void>(clients.wait_for_end(id, patience_with_many()));
    }
}

}  // namespace

TEST_CASE("eight worker processes share one hub, and everything happens once", "[eight]") {
    const private_server server;
    const hub where = open_hub(server.hub_config());
    const std::size_t count = budgeted({1'000, 4'000, 100'000});
    constexpr std::size_t process_count = 8;
    std::list<worker_process> workers;
    for (std::size_t n = 0; n < process_count; ++n) {
        workers.emplace_back(server.hub_config());
    }

    const std::vector<instance_id> started = started_on(where, count);

    check_exactly_once(where, started);
    std::cout << "  activities of each process:";
    for (const worker_process& one : workers) {
        std::cout << ' ' << one.count(log_event::activity_completed);
        // The machine's scheduler has a say in it, so that a fifth of an even share is asked for.
        CHECK(one.count(log_event::activity_completed) >= count * load::steps / process_count / 5);
    }
    std::cout << '\n';
}

TEST_CASE("a worker that was stopped beyond its lease hears so, and nothing happens twice",
          "[stopped]") {
    const private_server server;
    const hub where = open_hub(server.hub_config());
    std::size_t rounds = budgeted({1, 3, 500});
    std::vector<instance_id> all;
    while (rounds-- > 0) {
        worker_process stopped(server.hub_config());
        const std::vector<instance_id> started = started_on(where, 300);
        all.insert(all.end(), started.begin(), started.end());
        // Between two of its commits it may hold nothing.
        std::size_t held = 0;
        for (std::size_t commits = 100; held == 0; commits += 10) {
            REQUIRE(stopped.wait_for(log_event::turn_committed, commits));
            stopped.pause();
            held = leased_count(where);
            if (held == 0) {
                stopped.resume();
            }
        }

        const worker_process other(server.hub_config());
        wait_for_all(where, started);
        stopped.resume();

        CHECK(stopped.wait_for(log_event::lease_lost, 1));
        CHECK(stopped.lives());
        std::cout << "  it held " << held << " instances, and heard of "
                  << stopped.count(log_event::lease_lost) << " lost leases\n";
    }
    check_exactly_once(where, all);
}

TEST_CASE("two logins that each are a hub of their own work side by side under the same ids",
          "[logins]") {
    const private_server server;
    static_cast<void>(server.query("create role dt_runtime"));
    static_cast<void>(server.query("grant dt_runtime to perdure_user, perdure_other"));
    static_cast<void>(open_hub(server.hub_config()));
    static_cast<void>(server.query("select dt.SetGlobalSetting('TaskHubMode', '1')", "perdure"));
    struct tenant {
        explicit tenant(backend_config config)
            : where(open_hub(config)), serving(where, common_orchestrations()), clients(where) {
            serving.start();
        }
        hub where;
        worker serving;
        client clients;
    };
    const auto config_of = [&](const std::string& login) {
        backend_config config = server.hub_config(login);
        config.options.erase("task_hub");
        return config;
    };
    tenant first(config_of("perdure_user"));
    tenant second(config_of("perdure_other"));
    const std::size_t count = budgeted({100, 500, 20'000});

    for (std::size_t n = 0; n < count; ++n) {
        start_options options;
        options.id = instance_id("order-" + std::to_string(n));
        first.clients.start(sequence, 5, options);
        second.clients.start(hello, "you", options);
    }

    for (std::size_t n = 0; n < count; ++n) {
        const instance_id id("order-" + std::to_string(n));
        INFO("instance " << id.text());
        REQUIRE(first.clients.wait<int>(id, patience) == 330);
        REQUIRE(second.clients.wait<std::string>(id, patience) == "Hello, you!");
    }
}
