#include "memory_hub.hpp"

#include <string>
#include <vector>

// What clients change, quickly, on the reference backend; the conformance suite has all clauses.

using namespace perdure;
using namespace perdure::memory_tests;

TEST_CASE("a created instance is pending and is handed out once", "[create][lock][LOCK-1]") {
    memory_hub hub;
    REQUIRE(hub.create(hub.order("a")).code == create_code::created);

    const auto first = hub.lock();
    const auto second = hub.lock(1, "w2");

    REQUIRE(first.orchestrations.size() == 1);
    CHECK(first.orchestrations[0].status == orchestration_status::pending);
    CHECK(first.orchestrations[0].history == std::vector<history_chunk>{{0, 1, "[start]"}});
    CHECK(second.orchestrations.empty());
    CHECK(hub.get("a").leased_by == "w1");
}

TEST_CASE("an id that is taken is refused, the same creation is not", "[CREATE-1][CREATE-3]") {
    memory_hub hub;
    const auto fresh = hub.order("a");
    hub.create(fresh);

    CHECK(hub.create(hub.order("a")).code == create_code::already_exists);
    CHECK(hub.create(fresh).code == create_code::created);
}

TEST_CASE("a replaced instance loses its lease and its parent hears of it", "[CREATE-2]") {
    memory_hub hub;
    const auto parent = hub.locked("parent");
    auto child = hub.order("child");
    child.parent = parent_link{parent.instance, parent.execution, task_id{4}};
    hub.create(child);
    const auto old = hub.lock().orchestrations.at(0);
    auto replacement = hub.order("child");
    replacement.replaceable = {orchestration_status::pending};

    REQUIRE(hub.create(replacement).code == create_code::created);

    CHECK(hub.commit_one(hub.turn(old)) == commit_outcome::lease_lost);
    CHECK(hub.get("child").execution == replacement.execution);
    CHECK(hub.get("parent").inbox_length == 1);
}

TEST_CASE("a message reaches only a live instance, once per id", "[SEND-1][SEND-2][SEND-4]") {
    memory_hub hub;
    hub.create(hub.order("a"));

    CHECK(hub.send("nobody", "e") == send_outcome::no_such_instance);
    CHECK(hub.send("a", "e", "m1") == send_outcome::accepted);
    CHECK(hub.send("a", "e", "m1") == send_outcome::duplicate);
    const new_message late{instance_id("a"), "e", "", {random_uuid()}, {}, {}};
    CHECK(hub.store.send({fresh_request()}, {&late, 1}).outcomes.at(0) == send_outcome::accepted);
    CHECK(hub.get("a").inbox_length == 1);
}

TEST_CASE("a repeated send gives the same outcome and stores nothing", "[REPEAT-1]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    const auto request = fresh_request();
    const new_message arrival{instance_id("a"), "e", "", {}, {}, {}};

    CHECK(hub.store.send({request}, {&arrival, 1}).outcomes.at(0) == send_outcome::accepted);
    CHECK(hub.store.send({request}, {&arrival, 1}).outcomes.at(0) == send_outcome::accepted);

    CHECK(hub.get("a").inbox_length == 1);
}

TEST_CASE("a pending instance is terminated at once, a running one by its turn",
          "[TERM-1][TERM-2]") {
    memory_hub hub;
    hub.create(hub.order("pending"));
    const termination wish{instance_id("pending"), "terminate", "[final]", {"json", "1"}, ""};

    CHECK(hub.store.terminate(fresh_request(), {&wish, 1}).at(0) == terminate_outcome::terminated);
    CHECK(hub.get("pending").status == orchestration_status::terminated);
    CHECK(hub.get("pending").output == payload("json", "1"));

    const auto work = hub.locked("running");
    const termination other{instance_id("running"), "terminate", "[final]", {}, ""};
    CHECK(hub.store.terminate(fresh_request(), {&other, 1}).at(0) == terminate_outcome::requested);
    CHECK(hub.get("running").inbox_length == 1);
    CHECK(hub.commit_one(hub.turn(work)) == commit_outcome::committed);
    CHECK(hub.lock().orchestrations.at(0).inbox.at(0).event == "terminate");
}

TEST_CASE("a repeated termination gives the same outcome", "[REPEAT-1]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    const auto request = fresh_request();
    const termination wish{instance_id("a"), "terminate", "[final]", {}, ""};

    CHECK(hub.store.terminate(request, {&wish, 1}).at(0) == terminate_outcome::terminated);
    CHECK(hub.store.terminate(request, {&wish, 1}).at(0) == terminate_outcome::terminated);
    CHECK(hub.store.terminate(fresh_request(), {&wish, 1}).at(0) ==
          terminate_outcome::instance_is_terminal);
}

TEST_CASE("a termination overrides the delay of an abandon", "[TERM-2][TIME-2]") {
    memory_hub hub;
    REQUIRE(hub.commit_one(hub.turn(hub.locked("a"))) == commit_outcome::committed);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);
    const held_item item = held(hub.lock().orchestrations.at(0));
    REQUIRE(hub.returned(fresh_request(), item, return_kind::abandon, 1h) == lease_outcome::done);
    REQUIRE(hub.lock().orchestrations.empty());
    const termination wish{instance_id("a"), "terminate", "[final]", {}, ""};

    REQUIRE(hub.store.terminate(fresh_request(), {&wish, 1}).at(0) == terminate_outcome::requested);

    CHECK(hub.lock().orchestrations.at(0).inbox.size() == 2);
}

TEST_CASE("purge refuses a live instance unless forced", "[PURGE-1][PURGE-2]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    purge_request request;
    request.instances = {work.instance};

    CHECK(hub.store.purge(request).outcomes.at(0) == purge_outcome::not_terminal);
    request.request = fresh_request();
    request.force = true;
    CHECK(hub.store.purge(request).outcomes.at(0) == purge_outcome::purged);
    CHECK(hub.commit_one(hub.turn(work)) == commit_outcome::lease_lost);
    CHECK(hub.create(hub.order("a")).code == create_code::created);
}
