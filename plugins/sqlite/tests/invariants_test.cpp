#include "hub_file.hpp"
#include "kit/parked_order.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <optional>
#include <string>

// What is always true, damaged behind the plugin's back: the call is rejected, and nothing happens.

namespace perdure::sqlite_test {

namespace {

/// A hub with one instance, and somebody else who writes into its file.
struct damaged_hub {
    damaged_hub() { store.create_hub(); }

    orchestration_work leased_order() {
        CHECK(create(store, "order") == create_code::created);
        return store.lock(room_for(1)).orchestrations.at(0);
    }
    void damage(const char* sql) {
        sqlite::counters counts;
        sqlite::database(file.string(), sqlite::open_mode::existing, {}, counts).execute(sql);
    }
    backend_error refusal_of(const finished_work& item, const request_id& request) {
        lock_request next = room_for(1);
        next.request = request;
        return failure_of([&] { static_cast<void>(store.commit({{&item, 1}, next})); });
    }
    std::optional<instance_record> record() {
        const instance_id order("order");
        return store.get({&order, 1}).at(0);
    }

    const scratch_directory folder;
    const std::filesystem::path file = folder / "hub.db";
    sqlite::sqlite_backend store{settings_for(file)};
};

}  // namespace

TEST_CASE("a turn that does not follow the stored history is rejected", "[VERSION-1]") {
    damaged_hub hub;
    const orchestration_work work = hub.leased_order();
    const finished_work turn = the_end_of(work);
    const auto before = hub.record();
    SECTION("by its version") {
        hub.damage("update instances set history_version = history_version + 1");
    }
    SECTION("by its last commit") {
        hub.damage("update instances set last_committed = 12");
    }

    CHECK(hub.refusal_of(turn, {random_uuid()}).code() == store_fault::rejected);
    CHECK(hub.record() == before);
    CHECK(hub.store.read_history(work.instance, 0, 1 << 20)->history_length == 1);
}

TEST_CASE("a kept answer that does not fit its call is rejected", "[REPEAT-1]") {
    damaged_hub hub;
    const finished_work turn = the_end_of(hub.leased_order());
    lock_request next = room_for(1);
    CHECK(hub.store.commit({{&turn, 1}, next}).outcomes.at(0) == commit_outcome::committed);
    hub.damage("update requests set outcomes = '00,0'");

    CHECK(hub.refusal_of(turn, next.request).code() == store_fault::rejected);
}

TEST_CASE("a worker parks the instance whose turn is rejected, with the reason", "[VERSION-1]") {
    damaged_hub hub;

    const std::string reason = testing::reason_of_parked_order(hub.store, [&](auto& /*finished*/) {
        hub.damage("update instances set history_version = 2");
    });

    CHECK_THAT(reason, Catch::Matchers::Contains("history version 1, but the store has 2"));
}

}  // namespace perdure::sqlite_test
