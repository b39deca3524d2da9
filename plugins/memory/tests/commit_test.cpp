#include "kit/parked_order.hpp"
#include "memory_hub.hpp"

#include <string>
#include <vector>

// Commits and their hand-off, on the reference backend.

using namespace perdure;
using namespace perdure::memory_tests;

TEST_CASE("the same checkpoint again is committed and changes nothing", "[COMMIT-2]") {
    memory_hub hub;
    const auto turn = hub.turn(hub.locked("a"));

    CHECK(hub.commit_one(turn) == commit_outcome::committed);
    CHECK(hub.commit_one(turn) == commit_outcome::committed);

    CHECK(hub.get("a").history_length == 2);
}

TEST_CASE("a repeated commit hands out the same leases", "[REPEAT-1][REPEAT-2]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.turn->activities = {charge(1), charge(2)};
    const commit_request request{{&turn, 1}, hub.room(2)};

    const auto first = hub.store.commit(request);
    const auto again = hub.store.commit(request);

    REQUIRE(first.work.activities.size() == 2);
    REQUIRE(again.work.activities.size() == 2);
    CHECK(again.work.activities[0].held == first.work.activities[0].held);
    CHECK(again.work.activities[1].held == first.work.activities[1].held);
    CHECK(first.work.activities[0].held.token == derive_token(request.next.request, 0));
}

TEST_CASE("a completion reaches the inbox once and hands back the orchestration",
          "[COMMIT-2][COMMIT-7][HANDOFF-1]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.turn->activities = {charge(1)};
    const auto work = hub.commit({turn}, 1).work.activities.at(0);
    const auto done = completed(work);

    const auto result = hub.commit({done}, 1);

    CHECK(result.outcomes.at(0) == commit_outcome::committed);
    const auto next = result.work.orchestrations.at(0);
    REQUIRE(next.inbox.size() == 1);
    CHECK(next.inbox[0].event == "charged");
    CHECK(next.inbox[0].task == task_id{1});
    CHECK(hub.commit_one(done) == commit_outcome::committed);
    CHECK(hub.get("a").inbox_length == 1);
}

TEST_CASE("the end of an instance removes what waits and refuses what comes", "[COMMIT-5]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.turn->activities = {charge(1), charge(2)};
    turn.turn->timers = {{task_id{3}, hub.store.status().store_time + 1h, "fired"}};
    const auto running = hub.commit({turn}, 1).work.activities.at(0);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);
    auto last = hub.turn(hub.lock().orchestrations.at(0));
    last.turn->status = orchestration_status::completed;
    last.turn->output = payload("json", "7");

    REQUIRE(hub.commit_one(last) == commit_outcome::committed);

    CHECK(hub.lock(5).activities.empty());
    CHECK(hub.commit_one(completed(running)) == commit_outcome::instance_is_terminal);
    CHECK(hub.send("a", "e") == send_outcome::instance_is_terminal);
    CHECK(hub.get("a").inbox_length == 0);
    CHECK(hub.get("a").output == payload("json", "7"));
}

TEST_CASE("continue-as-new keeps messages for any execution and begins anew", "[COMMIT-6]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    REQUIRE(hub.send("a", "kept") == send_outcome::accepted);
    auto turn = hub.turn(work);
    turn.turn->next = next_execution{{random_uuid()}, "", "again", {}, {2, "[x,y]"}};

    const auto next = hub.commit({turn}, 1).work.orchestrations.at(0);

    CHECK(next.execution == turn.turn->next->execution);
    CHECK(next.history_length == 3);
    REQUIRE(next.history.size() == 2);
    CHECK(next.history[0] == history_chunk{0, 1, "[again]"});
    REQUIRE(next.inbox.size() == 1);
    CHECK(next.inbox[0].event == "kept");
}

TEST_CASE("a child whose id is taken is refused in the parent's inbox", "[COMMIT-4]") {
    memory_hub hub;
    const auto work = hub.locked("parent");
    hub.create(hub.order("taken"));
    auto turn = hub.turn(work);
    for (const char* id : {"taken", "free"}) {
        auto child = hub.order(id);
        child.parent = parent_link{work.instance, work.execution, task_id{9}};
        turn.turn->children.push_back({child, "refused"});
    }

    const auto result = hub.commit({turn}, 3);

    REQUIRE(result.work.orchestrations.size() == 3);
    CHECK(result.work.orchestrations[0].instance == work.instance);
    REQUIRE(result.work.orchestrations[0].inbox.size() == 1);
    CHECK(result.work.orchestrations[0].inbox[0].event == "refused");
    CHECK(result.work.orchestrations[0].inbox[0].task == task_id{9});
    CHECK(result.work.orchestrations[1].instance == instance_id("free"));
}

TEST_CASE("a cancelled activity is not queued, or is lost to its holder", "[COMMIT-8]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.turn->activities = {charge(1), charge(2)};
    turn.turn->cancelled_activities = {task_id{2}};
    const auto result = hub.commit({turn}, 5);
    REQUIRE(result.work.activities.size() == 1);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);
    auto cancel = hub.turn(hub.lock().orchestrations.at(0));
    cancel.turn->cancelled_activities = {task_id{1}};

    REQUIRE(hub.commit_one(cancel) == commit_outcome::committed);

    CHECK(hub.commit_one(completed(result.work.activities[0])) == commit_outcome::lease_lost);
}

TEST_CASE("a timer fires at its time, unless it is cancelled", "[COMMIT-1][TIME-2]") {
    memory_hub hub;
    const auto now = hub.store.status().store_time;
    auto turn = hub.turn(hub.locked("a"));
    turn.turn->timers = {{task_id{1}, now + 1h, "one"}, {task_id{2}, now + 2h, "two"}};
    turn.turn->cancelled_timers = {task_id{2}};
    REQUIRE(hub.commit_one(turn) == commit_outcome::committed);

    CHECK(hub.lock().orchestrations.empty());
    hub.advance(3h);
    const auto work = hub.lock().orchestrations.at(0);
    REQUIRE(work.inbox.size() == 1);
    CHECK(work.inbox[0].event == "one");
    CHECK(work.inbox[0].visible_at == now + 1h);
}

TEST_CASE("a timer that a later turn cancels does not fire", "[COMMIT-1]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.turn->timers = {{task_id{1}, hub.store.status().store_time + 1h, "one"}};
    REQUIRE(hub.commit_one(turn) == commit_outcome::committed);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);
    auto cancel = hub.turn(hub.lock().orchestrations.at(0));
    cancel.turn->cancelled_timers = {task_id{1}};

    REQUIRE(hub.commit_one(cancel) == commit_outcome::committed);
    hub.advance(2h);

    CHECK(hub.lock().orchestrations.empty());
    CHECK(hub.get("a").inbox_length == 0);
}

TEST_CASE("a turn that does not follow the stored history is rejected, and nothing happens",
          "[VERSION-1]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.turn->activities = {charge(1)};
    SECTION("by its version") {
        ++turn.turn->history_version;
    }
    SECTION("by its last commit") {
        turn.turn->last_committed = {12};
    }
    const instance_record before = hub.get("a");

    try {
        static_cast<void>(hub.commit_one(turn));
        FAIL("it was committed");
    } catch (const backend_error& refusal) {
        CHECK(refusal.code() == store_fault::rejected);
    }

    CHECK(hub.get("a") == before);
    CHECK(hub.store.status().ready_activities == 0);
}

TEST_CASE("a worker parks the instance whose turn is rejected, with the reason", "[VERSION-1]") {
    memory_hub hub;

    const std::string reason =
        testing::reason_of_parked_order(hub.store, [](std::vector<finished_work>& finished) {
            ++finished.front().turn.value().history_version;
        });

    CHECK_THAT(reason, Catch::Matchers::Contains("history version 2, but the store has 1"));
}
