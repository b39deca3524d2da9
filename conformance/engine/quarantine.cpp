#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>

using namespace perdure;
using namespace perdure::conformance;

// A suspect is executed alone, but not for ever.

namespace {

registry orchestrations_only() {
    const registry common = common_orchestrations();
    registry known;
    for (const auto* definition : common.orchestrations()) {
        known.add_orchestration(*definition);
    }
    return known;
}

/// Leases the one greeting that waits, as a worker would that dies at once.
activity_work leased_by_a_dead_worker(backend& store) {
    const work_filter filter{{}, {"Greet"}, {""}};
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = {"dead"};
    wanted.filter = &filter;
    wanted.activities = 1;
    wanted.lease_duration = 1ms;
    const work_batch batch = store.lock(wanted);
    REQUIRE(batch.activities.size() == 1);
    return batch.activities.front();
}

}  // namespace

TEST_CASE("a suspect that never returns holds up its neighbours for one lease, and no longer",
          "[engine][quarantine][SUSPECT-1]") {
    const hub where = open_hub(a_hub_config_with_real_clock());
    instance_id suspect("suspect");
    {
        engine before(where, orchestrations_only());
        start_options options;
        options.id = suspect;
        before.clients().start(hello, "stuck", options);
        REQUIRE(before.wait_for_status(suspect, orchestration_status::running));
    }
    const activity_work lost = leased_by_a_dead_worker(where.store());
    gate way_out;
    registry known = orchestrations_only();
    known.add(greet, [&way_out](const std::string& name) {
        if (name == "stuck") {
            way_out.pass();
        }
        return "Hello, " + name + "!";
    });
    worker_options options;
    options.lease_duration = 600ms;
    options.renew_interval = 100ms;
    engine serving(where, std::move(known), options);
    REQUIRE(way_out.wait_for_waiting(1));
    CHECK(serving.log().count(log_event::suspect_quarantined) == 1);
    CHECK(lost.instance == suspect);

    const std::vector<std::string> names(10, "neighbour");
    const auto neighbours = serving.clients().start_many(hello, std::span(names));

    for (const auto& id : neighbours) {
        CHECK(serving.clients().wait<std::string>(id, patience) == "Hello, neighbour!");
    }
    CHECK(serving.clients().get(suspect)->status == orchestration_status::running);
    way_out.open();
    CHECK(serving.clients().wait<std::string>(suspect, patience) == "Hello, stuck!");
}
