#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace perdure;
using namespace perdure::conformance;

// Named queues of activities, end to end.

namespace {

inline constexpr activity<std::string, std::string> serve{"Serve"};
inline constexpr orchestrator<std::string, std::string> by_queue{"ByQueue"};

/// One activity on each of the queues, whose names are separated by spaces, all at once.
orchestration<std::string> call_by_queue(context& ctx, std::string queues) {
    std::vector<task_handle<std::string>> calls;
    while (!queues.empty()) {
        const std::string queue = queues.substr(0, queues.find(' '));
        queues.erase(0, queue.size() + 1);
        const auto options = call_options().queue(queue);
        calls.push_back(ctx.call(serve, queue, options));
    }
    auto served = co_await when_all(calls);
    std::string report;
    for (const std::string& one : served) {
        report += one + ";";
    }
    co_return report;
}

/// A worker says who served what.
registry serving_as(const std::string& name) {
    registry known;
    known.add(by_queue, call_by_queue);
    known.add(serve, [name](const std::string& queue) { return queue + " by " + name; });
    return known;
}

worker_options serving_queue(const std::string& queue) {
    worker_options options;
    options.queues = {queue};
    return options;
}

}  // namespace

TEST_CASE("each queue is served by the worker that has it", "[engine][queues][LOCK-4]") {
    const hub where = a_hub();
    engine fast(where, serving_as("the fast one"), serving_queue("fast"));
    engine slow(where, serving_as("the slow one"), serving_queue("slow"));
    const std::string queues = "fast slow fast slow slow";
    const std::vector<std::string> inputs(20, queues);

    const auto ids = fast.clients().start_many(by_queue, std::span(inputs));

    for (const auto& id : ids) {
        CHECK(fast.clients().wait<std::string>(id, patience) ==
              "fast by the fast one;slow by the slow one;fast by the fast one;"
              "slow by the slow one;slow by the slow one;");
    }
}

TEST_CASE("work of a queue that nobody serves waits, and is shown as unserved",
          "[engine][queues][LOCK-4]") {
    const hub where = a_hub();
    engine day(where, serving_as("the day"), serving_queue("day"));
    const auto id = day.clients().start(by_queue, "day night");
    const auto neighbour = day.clients().start(by_queue, "day");
    CHECK(day.clients().wait<std::string>(neighbour, patience) == "day by the day;");
    REQUIRE(day.wait_for_status(id, orchestration_status::running));
    CHECK(day.where().store().status().unserved == std::vector<std::string>{"activity Serve"});

    engine night(where, serving_as("the night"), serving_queue("night"));

    CHECK(day.clients().wait<std::string>(id, patience) == "day by the day;night by the night;");
    CHECK(day.where().store().status().unserved.empty());
}
