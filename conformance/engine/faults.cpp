#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"
#include "faults/faulty_backend.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace perdure;
using namespace perdure::conformance;

// The whole engine on a store whose calls go wrong.

namespace {

/// Short leases, so that what a fault strands comes back soon.
worker_options impatient() {
    worker_options options;
    options.lease_duration = 500ms;
    options.renew_interval = 100ms;
    options.deliveries_max = 1000;
    return options;
}

/// A fresh hub behind a wrapper that can go wrong.
struct faulty_hub {
    std::shared_ptr<faulty_backend> store =
        std::make_shared<faulty_backend>(open_hub(a_hub_config_with_real_clock()));
    hub where = hub(store, "faulty");
};

void check_history(client& clients, const instance_id& id, int steps) {
    std::map<event_kind, int> counted;
    for (const auto& event : clients.history(id)) {
        ++counted[event.kind];
    }
    CHECK(counted[event_kind::task_scheduled] == steps);
    CHECK(counted[event_kind::task_completed] == steps);
    CHECK(counted[event_kind::execution_completed] == 1);
}

}  // namespace

TEST_CASE("random faults of every kind cost time, but no result and no repetition",
          "[engine][faults]") {
    faulty_hub shop;
    engine serving(shop.where, common_orchestrations(), impatient());
    shop.store->plan_random({.failure = 30, .lost_answer = 30, .expiry = 10, .second_delivery = 10},
                            seed());
    const std::vector<int> inputs(budgeted({100, 500, 20'000}), 5);
    // What a fault takes from the worker waits behind all that have been ready for longer [LOCK-6]:
    // any one of them may take as long as all together.
    const duration patience_for_all = patience * static_cast<int>(budgeted({1, 2, 20}));

    const auto ids = serving.clients().start_many(sequence, std::span(inputs));

    for (const auto& id : ids) {
        INFO("instance " << id.text() << ", seed " << seed());
        REQUIRE(serving.clients().wait<int>(id, patience_for_all) == 330);
        check_history(serving.clients(), id, 5);
    }
    CHECK(shop.store->mishaps() > 0);
}

TEST_CASE("events and children survive random faults exactly once", "[engine][faults]") {
    faulty_hub shop;
    engine serving(shop.where, common_orchestrations(), impatient());
    shop.store->plan_random({.failure = 50, .lost_answer = 50}, seed() + 1);
    INFO("seed " << seed());

    const auto adding = serving.clients().start(sum_of_events, 40);
    const auto parent = serving.clients().start(many_children, 30);
    for (int i = 0; i < 40; ++i) {
        serving.clients().raise_event(adding, "add", 1);
    }
    const auto counted = serving.clients().start(counting, 50);

    CHECK(serving.clients().wait<int>(adding, patience) == 40);
    CHECK(serving.clients().wait<int>(parent, patience) == 30);
    CHECK(serving.clients().wait<int>(counted, patience) == 0);
}

TEST_CASE("whichever of the first calls fails or loses its answer, hello is said once",
          "[engine][faults]") {
    const auto what = GENERATE(mishap::failure, mishap::lost_answer);
    for (std::size_t n = 1; n <= 12; ++n) {
        INFO("the call that goes wrong: " << n);
        faulty_hub shop;
        shop.store->plan_any(what, n);
        engine serving(shop.where, common_orchestrations(), impatient());

        const auto id = serving.clients().start(hello, "you");

        REQUIRE(serving.clients().wait<std::string>(id, patience) == "Hello, you!");
        check_history(serving.clients(), id, 1);
    }
}
