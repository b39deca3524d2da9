#include "hub_file.hpp"

#include <catch2/catch.hpp>

// What makes the plugin fast, checked by counting instead of by the clock.

namespace perdure::sqlite_test {

namespace {

std::string plan_of(sqlite::database& db, const std::string& sql) {
    sqlite::statement plan(db, "explain query plan " + sql);
    std::string text;
    sqlite::rows steps = plan.query();
    while (steps.next()) {
        text += steps.string(3) + "\n";
    }
    return text;
}

std::uint64_t statements_of(sqlite::sqlite_backend& store, const std::function<void()>& doing) {
    const std::uint64_t before = store.statistics().statements;
    doing();
    return store.statistics().statements - before;
}

}  // namespace

TEST_CASE("no statement that looks for work scans a table") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    sqlite::sqlite_backend(settings_for(file)).create_hub();
    sqlite::counters counts;
    sqlite::database db(
        file.string(), sqlite::open_mode::existing, std::chrono::seconds(5), counts);

    const std::vector<std::string> looking{
        "select row, next_at from instances where work_key = ? and next_at <= ? order by next_at",
        "select row from instances where work_key = 0 and next_at <= ? limit 1000",
        "select work_key_rank from activities where work_key = ? and work_key_rank > ? order by "
        "work_key_rank",
        "select next_at, instance_row, task, execution from activities where work_key = ? and"
        " work_key_rank = ? and next_at <= ? order by next_at limit ?",
        "select work_key, work_key_rank from activities where (work_key, work_key_rank) > (?, ?)"
        " order by work_key, work_key_rank limit 1",
        "select work_key from instances where work_key > ? order by work_key limit 1",
        "select min(next_at) from instances where work_key = ? and next_at > ?",
        "select count(*) from instances where parked_reason is not null"};

    for (const std::string& sql : looking) {
        const std::string plan = plan_of(db, sql);
        INFO(sql << "\n" << plan);
        const bool is_counted = plan.find("instances_parked") != plan.npos;
        CHECK((is_counted || plan.find("SCAN") == plan.npos));
        CHECK(plan.find("TEMP B-TREE") == plan.npos);
    }
}

TEST_CASE("a step of an orchestration takes few statements") {
    const scratch_directory folder;
    sqlite::sqlite_backend store(settings_for(folder / "hub.db"));
    store.create_hub();
    std::vector<new_instance> many;
    for (int n = 0; n < 100; ++n) {
        many.push_back(instance_named("order-" + std::to_string(n)));
    }
    static_cast<void>(store.create({request_id{random_uuid()}}, many));
    const work_batch work = store.lock(room_for(100));
    std::vector<finished_work> turns;
    for (const orchestration_work& item : work.orchestrations) {
        checkpoint& turn = *turns.emplace_back(the_end_of(item)).turn;
        turn.status = orchestration_status::running;
        turn.activities.push_back({.task = {1},
                                   .name = "Ship",
                                   .version = {},
                                   .queue = {},
                                   .input = {"json", "1"},
                                   .details = {}});
    }

    commit_result scheduled;
    const auto first = statements_of(store, [&] {
        scheduled = store.commit({turns, room_for(100)});
    });
    std::vector<finished_work> done;
    for (const activity_work& item : scheduled.work.activities) {
        done.push_back({.instance = item.instance,
                        .execution = item.execution,
                        .held = item.held,
                        .activity = ended_activity{item.task, "{}"}});
    }
    commit_result completed;
    const auto second = statements_of(store, [&] {
        completed = store.commit({done, room_for(100)});
    });

    REQUIRE(scheduled.work.activities.size() == 100);
    REQUIRE(completed.work.orchestrations.size() == 100);
    // Each turn: find the instance, append, schedule, write the instance. Its first turn has
    // nothing to consume.
    CHECK(first <= 4 * 100 + 30);
    // Each completion: find the instance, remove the task, put the message, write the instance.
    CHECK(second <= 4 * 100 + 30);
}

TEST_CASE("any number of pending orchestrations that nobody here has costs nothing", "[LOCK-4]") {
    const scratch_directory folder;
    sqlite::sqlite_backend store(settings_for(folder / "hub.db"));
    store.create_hub();
    std::vector<new_instance> foreign;
    for (int n = 0; n < 3000; ++n) {
        foreign.push_back(instance_named("foreign-" + std::to_string(n), "Foreign"));
    }
    static_cast<void>(store.create({request_id{random_uuid()}}, foreign));
    CHECK(create(store, "order") == create_code::created);

    work_batch work;
    const auto statements = statements_of(store, [&] { work = store.lock(room_for(10)); });

    CHECK(work.orchestrations.size() == 1);
    CHECK(statements < 40);
    const hub_status status = store.status();
    CHECK(status.ready_orchestrations == 3000);
    CHECK(status.unserved == std::vector<std::string>{"orchestration Foreign 1"});
}

}  // namespace perdure::sqlite_test
