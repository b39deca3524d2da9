#include "backend.hpp"
#include "kit/checked_hub.hpp"
#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string>

// What is always true, damaged behind the plugin's back: a check names it, and a repair that is known
// leaves nothing to be found.

namespace perdure::postgres_test {

namespace {

using names = std::set<std::string>;

struct checked_hub {
    checked_hub() {
        store.create_hub();
        testing::fill_checked_hub(store);
    }
    void damage(const std::string& sql) { test_connection(chosen)->execute_script(sql); }

    const postgres::settings chosen = private_server::shared().settings_for();
    postgres::postgres_backend store{chosen};
};

std::string key_of(const std::string& instance) {
    return "(select instance_key from Instances where instance_id = '" + instance + "')";
}

std::string appended(const std::string& to, const std::string& events, int count) {
    const std::string n = std::to_string(count);
    return "insert into History (instance_key, first, count, events) select instance_key,"
           " history_length, " +
           n + ", '[" + events + "]' from Instances where instance_id = '" + to +
           "'; update Instances set history_length = history_length + " + n +
           " where instance_id = '" + to + "';";
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

const std::string no_row_of_ready = "delete from Ready where task = 0 and instance_key = ";

}  // namespace

TEST_CASE("checking: rows that belong to nothing are named, and deleted", "[CHECK-2]") {
    check(GENERATE(
        damage{"insert into History values (999999, 0, 1, '[]')", {"no_orphans"}, {}},
        damage{"insert into NewEvents (instance_key, due, visible_at, task, for_execution, is_timer,"
               " event) values (999999, now(), now(), 0, false, false, '{}')",
               {"no_orphans"},
               {}},
        damage{"insert into MessageIds values (999999, 'a', 1, now())", {"no_orphans"}, {}},
        damage{"insert into Payloads values (999999, 1, 'json', '1')", {"no_orphans"}, {}},
        damage{"insert into NewTasks (instance_key, task, execution_id, work_key, version, details)"
               " select 999999, task, execution_id, work_key, version, details from NewTasks",
               {"no_orphans"},
               {}},
        damage{"insert into Ready values (999999, now(), 999999, 0)", {"no_orphans"}, {}},
        damage{"insert into Ready select * from Ready", {"no_orphans"}, {}},
        damage{"insert into Ready select work_key, now(), instance_key, 0 from Instances"
               " where instance_id = 'child'",
               {"no_orphans"},
               {}}));
}

TEST_CASE("checking: a history that is not whole is named", "[CHECK-1]") {
    check(GENERATE(
        damage{"update Instances set history_length = 99 where instance_id = 'child'",
               {"history_gapless"},
               {"history_gapless"}},
        damage{"update History set events = '[{' where first = 1 and instance_key = " +
                   key_of("child"),
               {"history_readable"},
               {"history_readable"}},
        damage{"update Instances set execution_id = gen_random_uuid() where instance_id = 'child'",
               {"one_execution"},
               {"one_execution"}},
        damage{appended("done", R"({"type":"turn_started"})", 1),
               {"nothing_after_end"},
               {"nothing_after_end"}}));
}

TEST_CASE("checking: a task that ends twice, or cannot end, is named", "[CHECK-1]") {
    const std::string ended = R"({"type":"task_completed","task":1})";
    check(GENERATE_COPY(
        damage{appended("order", ended, 1), {"consumed_once"}, {}},
        damage{appended("order", ended + "," + ended, 2),
               {"consumed_once", "task_ends_once"},
               {"task_ends_once"}},
        damage{appended("order", R"({"type":"timer_fired","task":2})", 1), {"consumed_once"}, {}},
        damage{"delete from NewTasks; delete from Ready where task <> 0",
               {"activity_can_end"},
               {"activity_can_end"}},
        damage{"delete from NewEvents", {"timer_can_fire", "work_is_found"}, {}}));
}

TEST_CASE("checking: work and leases that nobody would find are found again", "[CHECK-2]") {
    const std::string of_order = " where instance_id = 'order'";
    check(GENERATE_COPY(
        damage{no_row_of_ready + key_of("order"), {"work_is_found"}, {}},
        damage{no_row_of_ready + key_of("order") + "; update Instances set ready_at = null" +
                   of_order,
               {"work_is_found"},
               {}},
        damage{"update Instances set ready_at = 'infinity'" + of_order,
               {"no_orphans", "work_is_found"},
               {}},
        damage{"delete from Ready where task <> 0", {"work_is_found"}, {}},
        damage{"update NewTasks set ready_at = null, token = 7, lease_until = now();"
               " delete from Ready where task <> 0",
               {"lease_can_end"},
               {}},
        damage{no_row_of_ready + key_of("order") +
                   "; update Instances set ready_at = null, token = 7, lease_until = 'infinity'" +
                   of_order,
               {"lease_can_end"},
               {}}));
}

TEST_CASE("checking: what was left behind is put right", "[CHECK-2]") {
    check(GENERATE(
        damage{"select setval('event_sequence', 1, false)", {"messages_distinct"}, {}},
        damage{"insert into NewEvents (instance_key, due, visible_at, task, for_execution, is_timer,"
               " event) select instance_key, now(), now(), 0, false, false, '{}' from Instances"
               " where instance_id = 'done'",
               {"nothing_after_end"},
               {}},
        damage{"update Instances set parked_reason = 'x' where instance_id = 'done'",
               {"nothing_after_end"},
               {}}));
}

TEST_CASE("checking: a hub in use is clean", "[CHECK-1]") {
    const postgres::settings chosen = private_server::shared().settings_for();
    postgres::postgres_backend store(chosen);
    store.create_hub();
    int checks = 0;

    CHECK(testing::found_under_load(store, checks) == names());
    CHECK(checks > 0);
}

}  // namespace perdure::postgres_test
