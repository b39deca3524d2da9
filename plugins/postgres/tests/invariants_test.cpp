#include "backend.hpp"
#include "kit/parked_order.hpp"
#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <vector>

// What is always true, damaged behind the plugin's back: the call is rejected, and nothing happens.

namespace perdure::postgres_test {

namespace {

constexpr const char* another_version =
    "update Instances set history_version = history_version + 1";

/// A hub, and somebody else who writes into its tables.
struct damaged_hub {
    damaged_hub() { store.create_hub(); }

    void damage(const std::string& sql) { test_connection(chosen)->execute_script(sql); }

    std::vector<finished_work> leased_turns(std::size_t count) {
        std::vector<new_instance> fresh;
        for (std::size_t n = 0; n < count; ++n) {
            const instance_id id("order-" + std::to_string(n));
            const std::string event = R"({"kind":"execution_started"})";
            fresh.push_back({id, {random_uuid()}, "Order", "", event, {}, {}, {}, {}, {}});
        }
        static_cast<void>(store.create({request_id{random_uuid()}}, fresh));
        std::vector<finished_work> turns;
        for (const orchestration_work& work : store.lock(room_for(count)).orchestrations) {
            turns.push_back({.instance = work.instance,
                             .execution = work.execution,
                             .held = work.held,
                             .turn = checkpoint{.history_version = work.history_version,
                                                .last_committed = work.last_committed,
                                                .events = {{1, R"([{"kind":"decided"}])"}}}});
        }
        return turns;
    }
    static lock_request room_for(std::size_t count) {
        lock_request room;
        room.request = {random_uuid()};
        room.worker = {"w1"};
        room.orchestrations = count;
        return room;
    }
    std::vector<std::optional<instance_record>> records(const std::vector<finished_work>& turns) {
        std::vector<instance_id> ids;
        for (const finished_work& item : turns) {
            ids.push_back(item.instance);
        }
        return store.get(ids);
    }

    const postgres::settings chosen = private_server::shared().settings_for();
    postgres::postgres_backend store{chosen};
};

}  // namespace

TEST_CASE("invariants: a turn that does not follow the stored history is rejected", "[VERSION-1]") {
    damaged_hub hub;
    std::vector<finished_work> turns;
    SECTION("alone and plain") {
        turns = hub.leased_turns(1);
        hub.damage(another_version);
    }
    SECTION("alone, with more to write") {
        turns = hub.leased_turns(1);
        turns.front().turn->custom_status = payload("json", "1");
        hub.damage(another_version);
    }
    SECTION("beside others that do") {
        turns = hub.leased_turns(3);
        hub.damage(std::string(another_version) + " where instance_id = 'order-1'");
    }
    const auto before = hub.records(turns);

    const backend_error refusal = failure_of([&] {
        static_cast<void>(hub.store.commit({turns, hub.room_for(1)}));
    });

    CHECK(refusal.code() == store_fault::rejected);
    CHECK_THAT(refusal.what(), Catch::Matchers::Contains("history version"));
    CHECK(hub.records(turns) == before);
    CHECK(before.front()->history_length == 1);
}

TEST_CASE("invariants: a worker parks the instance whose turn is rejected, with the reason",
          "[VERSION-1]") {
    damaged_hub hub;

    const std::string reason = testing::reason_of_parked_order(hub.store, [&](auto& /*finished*/) {
        hub.damage("update Instances set history_version = 2");
    });

    CHECK_THAT(reason, Catch::Matchers::Contains("history version 1, but the store has 2"));
}

}  // namespace perdure::postgres_test
