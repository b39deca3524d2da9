#define CATCH_CONFIG_FAST_COMPILE
#include "fake_backend.hpp"

#include <perdure/adjustable_clock.hpp>
#include <perdure/hub.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

// What stands between core and every plugin: neither side hears of what means nothing.

using namespace perdure;
using namespace perdure::testing;
using Catch::Matchers::Contains;
using namespace std::chrono_literals;

namespace {

struct checked_hub {
    std::shared_ptr<fake_backend> plugin = std::make_shared<fake_backend>();
    hub where{plugin, "fake:"};
    int calls = 0;

    checked_hub() {
        plugin->on_commit = [this](const commit_request& request) {
            ++calls;
            return all_committed(request);
        };
    }

    backend& store() { return where.store(); }
    commit_result commit(const finished_work& item) { return store().commit({{&item, 1}, {}}); }
    /// The text of the refusal; empty when there is none.
    static std::string refusal_of(const std::function<void()>& call) {
        try {
            call();
        } catch (const backend_error& error) {
            CHECK(error.code() == store_fault::rejected);
            return error.what();
        }
        return {};
    }
    std::string refusal_of(const finished_work& item) {
        return refusal_of([&] { static_cast<void>(commit(item)); });
    }
};

new_activity activity_of_task(std::uint64_t task) {
    return {.task = {task}, .name = "Charge"};
}

TEST_CASE("a commit that contradicts itself is refused before the backend is called",
          "[checks][COMMIT-1]") {
    checked_hub hub;
    SECTION("neither a turn nor an activity") {
        CHECK_THAT(hub.refusal_of({.instance = instance_id("order")}),
                   Contains("\"order\" is neither turn nor activity"));
    }
    SECTION("an activity without a task id") {
        CHECK_THAT(hub.refusal_of(a_finished_turn("order", {.activities = {activity_of_task(0)}})),
                   Contains("activity without a task id of its own"));
    }
    SECTION("two activities with one task id, among few and among many") {
        checkpoint turn{.activities = {activity_of_task(7)}};
        const std::size_t others = GENERATE(std::size_t{0}, std::size_t{100});
        for (std::size_t n = 0; n < others; ++n) {
            turn.activities.push_back(activity_of_task(100 + n));
        }
        CHECK(hub.refusal_of(a_finished_turn("order", turn)).empty());
        hub.calls = 0;
        turn.activities.push_back(activity_of_task(7));
        CHECK_THAT(hub.refusal_of(a_finished_turn("order", turn)),
                   Contains("activity without a task id of its own"));
    }
    SECTION("a message consumed twice") {
        CHECK_THAT(hub.refusal_of(a_finished_turn("order", {.consumed = {3, 4, 3}})),
                   Contains("consumes a message twice"));
    }
    SECTION("an end that continues") {
        CHECK_THAT(
            hub.refusal_of(a_finished_turn(
                "order", {.status = orchestration_status::failed, .next = next_execution{}})),
            Contains("ends its instance and continues it"));
    }
    SECTION("a speculative turn for a backend that takes none") {
        finished_work item = a_finished_turn("order");
        item.activity = ended_activity{};
        CHECK_THAT(hub.refusal_of(item), Contains("takes none"));
    }
    CHECK(hub.calls == 0);
}

TEST_CASE("what means nothing is refused for every backend alike", "[checks]") {
    checked_hub hub;
    CHECK_THAT(checked_hub::refusal_of([&] { static_cast<void>(hub.store().query({}, 0, {})); }),
               Contains("at least one instance"));
    CHECK_THAT(checked_hub::refusal_of([&] {
                   purge_request request;
                   request.instances = {instance_id("one"), instance_id("two")};
                   request.limit = 1;
                   static_cast<void>(hub.store().purge(request));
               }),
               Contains("2 instances, but the limit is 1"));
    CHECK_THAT(checked_hub::refusal_of([&] {
                   const held_item activity{instance_id("one"), {1}, {}};
                   static_cast<void>(hub.store().return_leases(
                       {.items = {&activity, 1}, .kind = return_kind::park}));
               }),
               Contains("only orchestrations are parked"));
    CHECK_THAT(checked_hub::refusal_of([&] { static_cast<void>(advance_clock(hub.store(), -1s)); }),
               Contains("only forward"));
}

TEST_CASE("a plugin that answers other than it was asked, or throws what it must not, is told of",
          "[checks][BATCH-2]") {
    checked_hub hub;
    SECTION("with too few outcomes") {
        hub.plugin->on_commit = [](const commit_request&) { return commit_result{}; };
        CHECK_THAT(hub.refusal_of(a_finished_turn("order")), Contains("0 answers to 1 items"));
    }
    SECTION("with an exception of its own") {
        hub.plugin->on_commit = [](const commit_request&) -> commit_result {
            throw std::out_of_range("row 7");
        };
        CHECK_THAT(hub.refusal_of(a_finished_turn("order")),
                   Contains("must not") && Contains("row 7"));
    }
    SECTION("but its own errors pass as they are") {
        hub.plugin->on_commit = [](const commit_request&) -> commit_result {
            throw backend_error(store_fault::unavailable, "away");
        };
        try {
            static_cast<void>(hub.commit(a_finished_turn("order")));
            FAIL("no error");
        } catch (const backend_error& error) {
            CHECK(error.code() == store_fault::unavailable);
        }
    }
}

}  // namespace
