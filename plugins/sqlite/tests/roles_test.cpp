#include "hub_file.hpp"

#include <catch2/catch.hpp>

#include <future>
#include <set>
#include <string>

// What the roles of hubs rest on beneath the contract: the one writer, and the triggers that feed.

namespace perdure::sqlite_test {

namespace {

struct moving_hub {
    moving_hub() { store.create_hub(); }

    bool change(move_role role, const std::string& reason = {}) {
        return store.change_role(
            store.role().era,
            {.role = role, .move = {1, 2}, .other = "other:place", .reason = reason});
    }

    const scratch_directory folder;
    const std::filesystem::path file = folder / "hub.db";
    sqlite::counters counts;
    sqlite::sqlite_backend store{settings_for(file)};
};

sqlite::database other_process(moving_hub& hub) {
    return {hub.file.string(), sqlite::open_mode::existing, std::chrono::seconds(5), hub.counts};
}

std::set<std::string> texts_of(sqlite::database& db, const std::string& query) {
    std::set<std::string> found;
    sqlite::statement source(db, query);
    sqlite::rows each = source.query();
    while (each.next()) {
        found.insert(each.string(0));
    }
    return found;
}

}  // namespace

TEST_CASE("a role does not wait for long, whatever the hub's patience", "[ROLE-2]") {
    moving_hub hub;
    const hub_role before = hub.store.role();
    auto other = other_process(hub);
    other.execute("begin immediate");
    SECTION("for another process") {
        CHECK(failure_of([&] { static_cast<void>(hub.change(move_role::tracked)); }).code() ==
              store_fault::unavailable);
        other.execute("rollback");
    }
    SECTION("for a call of this one, which waits for another process") {
        auto call = std::async(std::launch::async, [&] { return create(hub.store, "order"); });
        CHECK(failure_of([&] { static_cast<void>(hub.change(move_role::tracked)); }).code() ==
              store_fault::unavailable);
        other.execute("rollback");
        CHECK(call.get() == create_code::created);
    }
    CHECK(hub.store.role() == before);
    CHECK(hub.change(move_role::tracked));
    // The patience of the calls that follow is the usual one.
    other.execute("begin immediate");
    auto call = std::async(std::launch::async, [&] { return create(hub.store, "late"); });
    CHECK(call.wait_for(std::chrono::milliseconds(300)) == std::future_status::timeout);
    other.execute("rollback");
    CHECK(call.get() == create_code::created);
}

TEST_CASE("every table feeds, or need not", "[ROLE-4]") {
    moving_hub hub;
    auto looking = other_process(hub);
    const std::set<std::string> need_not{
        "versions",           // The file.
        "task_hub",           // The hub itself.
        "definitions",        // Names, which never change.
        "activity_kinds",     // The same.
        "workers",            // The names of holders and committers, which stay longer than these.
        "requests",           // Answers stay where they were given.
        "changed_instances",  // The feed itself.
    };
    const std::string fed =
        "select tbl_name from sqlite_master where type = 'trigger' group by tbl_name"
        " having count(*) = 3";
    CHECK(texts_of(looking, fed).empty());
    REQUIRE(hub.change(move_role::tracked));
    std::set<std::string> all = texts_of(looking, fed);
    CHECK(all.size() == 6);
    all.insert(need_not.begin(), need_not.end());
    CHECK(all == texts_of(looking,
                          "select name from sqlite_master where type = 'table'"
                          " and name not like 'sqlite%'"));
    REQUIRE(hub.change(move_role::moved, "it has moved"));
    CHECK(texts_of(looking, fed).empty());
}

TEST_CASE("what somebody writes by himself is noted", "[ROLE-4]") {
    moving_hub hub;
    REQUIRE(create(hub.store, "order") == create_code::created);
    auto other = other_process(hub);
    sqlite::statement touch(other, "update history set count = count");
    touch.run();
    REQUIRE(hub.change(move_role::tracked));
    CHECK(hub.store.count_changes(9) == 0);
    touch.run();
    REQUIRE(hub.store.changes(9).size() == 1);
    CHECK(hub.store.changes(9).front().instance == instance_id("order"));
}

}  // namespace perdure::sqlite_test
