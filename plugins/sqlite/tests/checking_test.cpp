#include "hub_file.hpp"
#include "kit/checked_hub.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <set>
#include <string>

// What is always true, damaged behind the plugin's back: a check names it, and a repair that is known
// leaves nothing to be found.

namespace perdure::sqlite_test {

namespace {

using names = std::set<std::string>;

struct checked_hub {
    checked_hub() {
        store.create_hub();
        testing::fill_checked_hub(store);
    }
    void damage(const std::string& sql) {
        sqlite::counters counts;
        sqlite::database(file.string(), sqlite::open_mode::existing, {}, counts).execute(sql);
    }

    const scratch_directory folder;
    const std::filesystem::path file = folder / "hub.db";
    sqlite::sqlite_backend store{settings_for(file)};
};

const std::string row_of_order = "(select row from instances where instance = 'order')";
const std::string row_of_child = "(select row from instances where instance = 'child')";
const std::string row_of_done = "(select row from instances where instance = 'done')";

std::string appended(const std::string& to, const std::string& instance, const std::string& events, int count) {
    const std::string n = std::to_string(count);
    return "insert into history (instance_row, first, count, events) select row, history_length, " + n +
           ", '[" + events + "]' from instances where row = " + to +
           "; update instances set history_length = history_length + " + n +
           " where instance = '" + instance + "';";
}

struct damage {
    std::string sql;
    names found;
    names left;
};

void check(const damage& done_to_it) {
    checked_hub hub;
    REQUIRE(testing::violations_of(hub.store).empty());

    hub.damage(done_to_it.sql);
    const auto result = testing::check_and_repair(hub.store);

    INFO(done_to_it.sql);
    CHECK(result.found == done_to_it.found);
    CHECK(result.left == done_to_it.left);
}

}  // namespace

TEST_CASE("rows that belong to nothing are named, and deleted", "[CHECK-2]") {
    check(GENERATE(
        damage{"insert into tags values (999, 'a', 'b')", {"no_orphans"}, {}},
        damage{"insert into history (instance_row, first, count, events) values (999, 0, 1, '[]')",
               {"no_orphans"},
               {}},
        damage{"insert into inbox values (999, 1, 1, 1, 0, 0, 0, null, '{}')", {"no_orphans"}, {}},
        damage{"insert into message_ids values (999, 'a', 1, 1)", {"no_orphans"}, {}},
        damage{"update activities set instance_row = 999", {"activity_can_end", "no_orphans"}, {"activity_can_end"}},
        damage{"delete from activity_kinds", {"activity_can_end", "no_orphans"}, {"activity_can_end", "no_orphans"}}));
}

TEST_CASE("a history that is not whole is named", "[CHECK-1]") {
    check(GENERATE(
        damage{"update instances set history_length = 99 where instance = 'child'",
               {"history_gapless"},
               {"history_gapless"}},
        damage{"update history set first = 7 where instance_row = " + row_of_child + " and first = 1",
               {"history_gapless"},
               {"history_gapless"}},
        damage{"update history set events = '[{' where instance_row = " + row_of_child + " and first = 1",
               {"history_readable"},
               {"history_readable"}},
        damage{"update instances set execution = zeroblob(16) where instance = 'child'",
               {"one_execution"},
               {"one_execution"}},
        damage{"update instances set status = 0, completed_at = null where instance = 'done'",
               {"status_follows_history"},
               {"status_follows_history"}},
        damage{appended(row_of_done, "done", R"({"type":"turn_started"})", 1),
               {"nothing_after_end"},
               {"nothing_after_end"}},
        damage{"update instances set completed_at = 1 where instance = 'child'",
               {"no_contradiction"},
               {"no_contradiction"}}));
}

TEST_CASE("a task that ends twice, or cannot end, is named", "[CHECK-1]") {
    const std::string ended = R"({"type":"task_completed","task":1})";
    check(GENERATE_COPY(
        damage{appended(row_of_order, "order", ended, 1), {"consumed_once"}, {}},
        damage{appended(row_of_order, "order", ended + "," + ended, 2),
               {"consumed_once", "task_ends_once"},
               {"task_ends_once"}},
        damage{appended(row_of_order, "order", R"({"type":"timer_fired","task":2})", 1), {"consumed_once"}, {}},
        damage{appended(row_of_order, "order", R"({"type":"task_cancelled","task":1})", 1),
               {"activity_is_awaited"},
               {}},
        damage{"delete from activities", {"activity_can_end"}, {"activity_can_end"}},
        damage{"delete from inbox",
               {"counted_right", "timer_can_fire", "work_is_found"},
               {}},
        damage{appended(row_of_child, "child", R"({"type":"execution_completed","data":"1"})", 1) +
                   "update instances set status = 1, completed_at = 1 where instance = 'child'",
               {"child_end_told"},
               {}}));
}

TEST_CASE("work and leases that nobody would find are found again", "[CHECK-2]") {
    check(GENERATE(
        damage{"update instances set work_key = null, next_at = null where instance = 'order'",
               {"work_is_found"},
               {}},
        damage{"update instances set work_key = 999 where instance = 'order'", {"work_is_found"}, {}},
        damage{"update instances set next_at = 9223372036854775807 where instance = 'order'",
               {"work_is_found"},
               {}},
        damage{"update instances set work_key = definition, next_at = 1 where instance = 'child'",
               {"work_is_found"},
               {}},
        damage{"update activities set work_key = 999", {"work_is_found"}, {}},
        damage{"update activities set work_key_rank = 5", {"work_is_found"}, {}},
        damage{"update activities set work_key = 0, work_key_rank = 5, token = 7", {"lease_can_end"}, {}},
        damage{"update activities set work_key = 0, token = 7, next_at = 9223372036854775807",
               {"lease_can_end"},
               {}},
        damage{"update instances set token = 7 where instance = 'order'", {"lease_can_end"}, {}},
        damage{"update instances set token = 7, work_key = 0, next_at = null where instance = 'order'",
               {"lease_can_end"},
               {}}));
}

TEST_CASE("what is counted wrong, or left behind, is put right", "[CHECK-2]") {
    check(GENERATE(
        damage{"update instances set inbox_length = 5 where instance = 'order'", {"counted_right"}, {}},
        damage{"update inbox set sequence = 1000000", {"messages_distinct"}, {}},
        damage{"insert into inbox select row, 1, 1, 1, 0, 0, 0, null, '{}' from instances"
               " where instance = 'done'; update instances set inbox_length = 1 where instance = 'done'",
               {"nothing_after_end"},
               {}},
        damage{"update instances set work_key = definition, next_at = 1, parked_reason = 'x'"
               " where instance = 'done'",
               {"nothing_after_end", "work_is_found"},
               {}}));
}

TEST_CASE("an orchestration whose work was put back goes on to its end", "[CHECK-2]") {
    checked_hub hub;
    hub.damage("update instances set work_key = null, next_at = null where instance = 'child'");
    const new_message go{.target = instance_id("child"),
                         .event = R"({"type":"event_raised","name":"go"})"};
    CHECK(hub.store.send({request_id{random_uuid()}}, {&go, 1}).outcomes.at(0) ==
          send_outcome::accepted);
    hub.damage("update instances set work_key = null, next_at = null where instance = 'child'");

    CHECK(testing::check_and_repair(hub.store).left.empty());
    const perdure::hub opened(std::shared_ptr<backend>(std::shared_ptr<void>(), &hub.store), "checked");
    worker working(opened, testing::shipping_registry());
    working.start();

    CHECK(client(opened).wait<int>(instance_id("child"), std::chrono::seconds(60)) == 1);
    working.stop();
    CHECK(testing::violations_of(hub.store).empty());
}

TEST_CASE("a hub in use is clean", "[CHECK-1]") {
    const scratch_directory folder;
    sqlite::sqlite_backend store(settings_for(folder / "hub.db"));
    store.create_hub();
    int checks = 0;

    CHECK(testing::found_under_load(store, checks) == names());
    CHECK(checks > 0);
}

TEST_CASE("a hub that is closed is checked and repaired", "[CHECK-1][CLOSED-1]") {
    checked_hub hub;
    hub.damage("update instances set inbox_length = 5 where instance = 'child'");
    hub.store.set_closed("being painted");

    const auto found = hub.store.check({}, 100);

    CHECK(found.violations.empty());
    const violation counted{.broken = invariant::counted_right, .instance = instance_id("child")};
    CHECK(hub.store.repair({&counted, 1}) == 1);
    CHECK(hub.store.repair({&counted, 1}) == 0);
}

}  // namespace perdure::sqlite_test
