#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

// An event of a kind that this version does not implement, although whoever stored it did not say
// so.

namespace {

/// The worker gives it back, says so, and is not offered it again; nothing is lost, and no delivery
/// counts.
void check_left_to_newer(engine& shop, const instance_id& id) {
    REQUIRE(shop.log().wait_for(log_event::newer_code_needed));
    const feature_level newer = static_cast<feature_level>(supported_feature_level() + 1);
    CHECK(shop.wait_until(id, [&](const auto& found) { return found.level == newer; }));
    const instance_record found = *shop.clients().get(id);
    CHECK(found.parked_reason.empty());
    CHECK(found.inbox_length == 1);
    // A neighbour has its turn meanwhile.
    CHECK(shop.clients().wait<std::string>(shop.clients().start(hello, "you"), patience) ==
          "Hello, you!");
    CHECK(shop.log().count(log_event::newer_code_needed) == 1);

    shop.stop();
    fixture newer_worker(shop.where());
    newer_worker.filter.orchestrations = {{found.name, found.version}};
    newer_worker.filter.level = newer;
    const auto work = newer_worker.lock({10, 0}).orchestrations;
    REQUIRE(work.size() == 1);
    CHECK(work.front().instance == id);
    CHECK(work.front().deliveries == 1);
    CHECK(work.front().inbox.size() == 1);
}

}  // namespace

TEST_CASE("an event that this version does not implement is left to newer workers",
          "[engine][LEVEL-3]") {
    engine shop(common_orchestrations());
    const instance_id id = shop.clients().start(wait_for_go, 1);
    REQUIRE(shop.wait_for_status(id, orchestration_status::running));
    new_message message = a_message(id);
    SECTION("in an inbox, by a name that is known") {
        message.event = R"({"type":"step_completed"})";
    }
    SECTION("in an inbox, by a name that is not") {
        message.event = R"({"type":"from_the_future"})";
    }

    REQUIRE(shop.where().store().send({a_request()}, {&message, 1}).outcomes.front() ==
            send_outcome::accepted);

    check_left_to_newer(shop, id);
}

TEST_CASE("a history with an event that this version does not implement is left to newer workers",
          "[engine][LEVEL-3]") {
    engine shop(common_orchestrations());
    const instance_id id = shop.clients().start(wait_for_go, 1);
    REQUIRE(shop.wait_for_status(id, orchestration_status::running));
    shop.stop();
    fixture careless(shop.where());
    careless.filter.orchestrations = {{wait_for_go.name, {}}};
    careless.raise(id);
    finished_turn turn = turn_of(careless.lease(id));
    SECTION("by a name that is known") {
        turn.events = {{1, R"([{"type":"patch_marker","name":"faster"}])"}};
    }
    SECTION("by a name that is not") {
        turn.events = {{1, R"([{"type":"from_the_future"}])"}};
    }
    REQUIRE(careless.commit_one(turn) == commit_outcome::committed);
    shop.clients().raise_event(id, "unrelated", 1);

    shop.redeploy(common_orchestrations());

    check_left_to_newer(shop, id);
}
