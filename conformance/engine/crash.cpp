#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"
#include "processes.hpp"

#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <unistd.h>

using namespace perdure;
using namespace perdure::conformance;

namespace {

/// What a history of `sequence` must hold, whatever happened to the processes that wrote it.
void check_exactly_once(const std::vector<history_event>& history, int steps) {
    std::map<std::uint64_t, int> scheduled;
    std::map<std::uint64_t, int> completed;
    int ends = 0;
    for (const auto& event : history) {
        scheduled[event.task.value] += event.kind == event_kind::task_scheduled ? 1 : 0;
        completed[event.task.value] += event.kind == event_kind::task_completed ? 1 : 0;
        ends += event.kind == event_kind::execution_completed ? 1 : 0;
    }
    CHECK(ends == 1);
    for (int step = 1; step <= steps; ++step) {
        CHECK(scheduled[static_cast<std::uint64_t>(step)] == 1);
        CHECK(completed[static_cast<std::uint64_t>(step)] == 1);
    }
}

/// Serves the hub that the command line names until the process is killed.
void serve_until_killed(registry known, duration lease = std::chrono::seconds(2)) {
    worker_options options;
    options.lease_duration = lease;
    options.renew_interval = std::chrono::milliseconds(500);
    options.deliveries_max = 4;
    worker serving(open_hub(hub_config_as_given()), std::move(known), options);
    serving.start();
    while (true) {
        pause();
    }
}

/// Where the killing worker writes which deliveries it has seen.
constexpr const char* deliveries_variable = "PERDURE_TEST_DELIVERIES";

std::string text_of(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

void serve_common_orchestrations() {
    serve_until_killed(common_orchestrations());
}

// A greeting of "abort" ends the process.
void serve_with_an_abort() {
    const registry common = common_orchestrations();
    registry known;
    for (const auto* definition : common.orchestrations()) {
        known.add_orchestration(*definition);
    }
    known.add(greet, [](const std::string& name) {
        if (name == "abort") {
            std::abort();
        }
        return "Hello, " + name + "!";
    });
    serve_until_killed(std::move(known));
}

// Its greeting kills the process, which holds its leases for long.
void serve_with_a_kill() {
    const registry common = common_orchestrations();
    registry known;
    for (const auto* definition : common.orchestrations()) {
        known.add_orchestration(*definition);
    }
    known.add(greet, [](const activity_context& ctx, const std::string& name) {
        std::ofstream(std::getenv(deliveries_variable), std::ios::app) << ctx.delivery << '\n';
        ::kill(getpid(), SIGKILL);
        return name;
    });
    serve_until_killed(std::move(known), std::chrono::minutes(10));
}

const std::string steady_worker = "steady-worker";
const std::string killing_worker = "killing-worker";
const std::string aborting_worker = "aborting-worker";
const process_role steady(steady_worker.c_str(), serve_common_orchestrations);
const process_role killing(killing_worker.c_str(), serve_with_a_kill);
const process_role aborting(aborting_worker.c_str(), serve_with_an_abort);

}  // namespace

TEST_CASE("orchestrations finish exactly once while worker processes are killed at random",
          "[engine][crash][long]") {
    const auto config = a_hub_config_with_real_clock();
    if (lacks(ability::durable) || lacks(ability::multi_process)) {
        return;
    }
    const hub where = open_hub(config);
    const std::size_t count = budgeted({1'000, 1'000, 20'000});
    const int steps = 5;
    client clients(where);
    const std::vector<int> inputs(count, steps);
    const auto ids = clients.start_many(sequence, std::span(inputs));
    std::mt19937_64 dice(seed());

    std::vector<std::unique_ptr<test_process>> workers;
    for (int i = 0; i < 3; ++i) {
        workers.push_back(std::make_unique<test_process>(config, steady_worker));
    }
    instance_filter open_ones;
    open_ones.statuses = {orchestration_status::pending, orchestration_status::running};
    int kills = 0;
    while (!where.store().query(open_ones, 1, {}).instances.empty()) {
        // The pause between kills is the time that a random number of instances takes to end.
        const auto target = std::uniform_int_distribution<std::size_t>(0, count - 1)(dice);
        static_cast<void>(where.store().wait(
            ids[target], std::chrono::steady_clock::now() + std::chrono::milliseconds(100)));
        if (kills < 12) {
            auto& victim = workers[std::uniform_int_distribution<std::size_t>(0, 2)(dice)];
            victim->kill();
            victim = std::make_unique<test_process>(config, steady_worker);
            ++kills;
        }
    }

    CHECK(kills >= 1);
    for (const auto& id : ids) {
        INFO("instance " << id.text() << ", seed " << seed());
        const auto ended = clients.get(id);
        REQUIRE(ended);
        REQUIRE(ended->status == orchestration_status::completed);
        REQUIRE(ended->output.bytes == "330");
        check_exactly_once(clients.history(id), steps);
    }
    CHECK(faults_of(where) == "");
}

TEST_CASE("an activity that aborts its process fails alone, and its 300 neighbours finish",
          "[engine][crash][long][SUSPECT-1]") {
    const auto config = a_hub_config_with_real_clock();
    if (lacks(ability::durable) || lacks(ability::multi_process)) {
        return;
    }
    const hub where = open_hub(config);
    client clients(where);
    std::vector<instance_id> neighbours;
    for (int i = 0; i < 150; ++i) {
        neighbours.push_back(clients.start(hello, "neighbour " + std::to_string(i)));
    }
    const auto culprit = clients.start(hello, "abort");
    for (int i = 150; i < 300; ++i) {
        neighbours.push_back(clients.start(hello, "neighbour " + std::to_string(i)));
    }

    auto serving = std::make_unique<test_process>(config, aborting_worker);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    instance_filter open_ones;
    open_ones.statuses = {orchestration_status::pending, orchestration_status::running};
    while (!where.store().query(open_ones, 1, {}).instances.empty()) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        static_cast<void>(where.store().wait(
            culprit, std::chrono::steady_clock::now() + std::chrono::milliseconds(50)));
        if (serving->has_ended()) {
            serving = std::make_unique<test_process>(config, aborting_worker);
        }
    }

    const auto ended = clients.get(culprit);
    REQUIRE(ended);
    CHECK(ended->status == orchestration_status::failed);
    const failure reason = decode_failure(ended->failure);
    CHECK(reason.type == failure_type::attempts_exhausted);
    for (const auto& id : neighbours) {
        CHECK(clients.get(id)->status == orchestration_status::completed);
    }
}

// The leases last longer than the test: only the take-over at a start frees them in time.
TEST_CASE("an activity that kills its process is executed as often as the limit says",
          "[engine][crash][deliveries][HUB-3]") {
    const auto config = a_hub_config_with_real_clock();
    if (lacks(ability::durable) || lacks(ability::multi_process)) {
        return;
    }
    const hub where = open_hub(config);
    const std::string seen = a_fresh_path();
    REQUIRE(::setenv(deliveries_variable, seen.c_str(), 1) == 0);
    client clients(where);
    const auto id = clients.start(hello, "you");
    const auto deadline = std::chrono::steady_clock::now() + patience;

    while (!waits_to_end(where.store(), id, in(5ms)) &&
           std::chrono::steady_clock::now() < deadline) {
        test_process serving(config, killing_worker);
        while (!serving.has_ended() && !waits_to_end(where.store(), id, in(5ms)) &&
               std::chrono::steady_clock::now() < deadline) {
        }
        // A worker of another hub finds no sign that concerns it, and leaves all of them alone.
        const engine stranger(a_hub(), common_orchestrations());
    }

    const auto ended = clients.get(id);
    REQUIRE(ended);
    REQUIRE(ended->status == orchestration_status::failed);
    CHECK(text_of(seen) == "1\n2\n3\n4\n");
    const failure reason = decode_failure(ended->failure);
    CHECK_THAT(reason.message, Catch::Contains("delivered 4 times"));
    CHECK(faults_of(where) == "");
}
