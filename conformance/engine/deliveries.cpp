#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace perdure;
using namespace perdure::conformance;

// How often work is delivered whose holders die, and what its author is told of that.

namespace {

inline constexpr activity<int, int> ship{"Ship"};
inline constexpr orchestrator<int, int> shipping{"Shipping"};

orchestration<int> ship_once(context& ctx, int n) {
    auto done = co_await ctx.call(ship, n);
    co_return done;
}

registry orchestration_alone() {
    registry known;
    known.add(shipping, ship_once);
    return known;
}

/// An activity that says which delivery it is.
registry counting_deliveries() {
    registry known = orchestration_alone();
    known.add(ship, [](const activity_context& ctx, const int& /*n*/) {
        return static_cast<int>(ctx.delivery);
    });
    return known;
}

worker_options with_limit(std::uint32_t deliveries_max) {
    worker_options options;
    options.deliveries_max = deliveries_max;
    return options;
}

/// Leases the one item that waits, as workers would of which each dies at once.
void lose(backend& store, int times, const work_filter& filter) {
    for (int n = 0; n < times; ++n) {
        lock_request wanted;
        wanted.worker = {"dead"};
        wanted.filter = &filter;
        wanted.orchestrations = 1;
        wanted.activities = 1;
        wanted.lease_duration = 1ms;
        wanted.suspects = n > 0;
        work_batch batch;
        for (const auto deadline = in(patience);
             batch.activities.size() + batch.orchestrations.size() == 0 &&
             std::chrono::steady_clock::now() < deadline;) {
            wanted.request = a_request();
            batch = store.lock(wanted);
        }
        REQUIRE(batch.activities.size() + batch.orchestrations.size() == 1);
    }
}

/// An instance whose activity so many workers have lost.
instance_id with_lost_activity(const hub& where, int times) {
    instance_id id("shipment");
    {
        engine before(where, orchestration_alone());
        start_options options;
        options.id = id;
        before.clients().start(shipping, 0, options);
        REQUIRE(before.wait_until(id, [](const instance_record& found) {
            return found.status == orchestration_status::running && found.leased_by.empty();
        }));
    }
    lose(where.store(), times, {{}, {ship.name}, {""}});
    return id;
}

}  // namespace

TEST_CASE("an activity is told how often it was delivered, whoever lost it",
          "[engine][deliveries][SUSPECT-2]") {
    const int lost = GENERATE(0, 1, 2);
    const hub where = open_hub(a_hub_config_with_real_clock());
    const instance_id id = with_lost_activity(where, lost);

    engine shop(where, counting_deliveries(), with_limit(3));

    CHECK(shop.clients().wait<int>(id, patience) == lost + 1);
}

TEST_CASE("an activity fails after as many deliveries as the limit says, and says how many",
          "[engine][deliveries][SUSPECT-2]") {
    const int limit = GENERATE(2, 3);
    const hub where = open_hub(a_hub_config_with_real_clock());
    const instance_id id = with_lost_activity(where, limit);

    engine shop(where, counting_deliveries(), with_limit(static_cast<std::uint32_t>(limit)));

    const auto ended = shop.clients().wait_for_end(id, patience, false);
    REQUIRE(ended.status == orchestration_status::failed);
    const failure reason = decode_failure(ended.failure);
    CHECK(reason.type == "perdure.attempts_exhausted");
    CHECK(reason.message == "activity \"Ship\" was delivered " + std::to_string(limit) +
                                " times and never ended; the limit is " + std::to_string(limit) +
                                " (deliveries_max)");
    CHECK(shop.log().count(log_event::activity_started) == 0);
}

TEST_CASE("the one delivery that others may have ended condemns nothing",
          "[engine][deliveries][SUSPECT-2]") {
    const hub where = open_hub(a_hub_config_with_real_clock());
    const instance_id id = with_lost_activity(where, 1);

    engine shop(where, counting_deliveries(), with_limit(1));

    CHECK(shop.clients().wait<int>(id, patience) == 2);
}

TEST_CASE("an instance is parked after as many deliveries as the limit says",
          "[engine][deliveries][SUSPECT-2]") {
    const hub where = open_hub(a_hub_config_with_real_clock());
    client clients(where);
    const auto id = clients.start(shipping, 0);
    lose(where.store(), 3, {{{shipping.name, ""}}, {}, {""}});

    engine shop(where, counting_deliveries(), with_limit(3));

    REQUIRE(shop.wait_for_parked(id));
    CHECK_THAT(clients.get(id)->parked_reason, Catch::StartsWith("delivered 3 times"));
    REQUIRE(clients.unpark(id));
    CHECK(clients.wait<int>(id, patience) == 1);
}
