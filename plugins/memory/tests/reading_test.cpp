#include "memory_hub.hpp"

#include <future>
#include <string>
#include <vector>

// Queries, waits, and what is shared, on the reference backend.

using namespace perdure;
using namespace perdure::memory_tests;

TEST_CASE("pages of a query follow each other without gap or repetition", "[READ-2]") {
    memory_hub hub;
    for (const char* id : {"c", "a", "b", "x1", "x2"}) {
        hub.create(hub.order(id));
    }

    const auto first = hub.store.query({}, 3, "");
    const auto rest = hub.store.query({}, 3, first.next);
    instance_filter prefix;
    prefix.id_prefix = "x";

    REQUIRE(first.instances.size() == 3);
    CHECK(first.instances[0].instance == instance_id("a"));
    REQUIRE(rest.instances.size() == 2);
    CHECK(rest.next.empty());
    CHECK(hub.store.query(prefix, 10, "").instances.size() == 2);
}

TEST_CASE("history is read in whole chunks from an event on", "[READ-3]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.turn->events = {{2, "[a,b]"}, {1, "[c]"}};
    REQUIRE(hub.commit_one(turn) == commit_outcome::committed);

    const auto page = hub.store.read_history(instance_id("a"), 2, 1).value();

    CHECK(page.history_length == 4);
    REQUIRE(page.chunks.size() == 1);
    CHECK(page.chunks[0] == history_chunk{1, 2, "[a,b]"});
}

TEST_CASE("whoever waits for work wakes when an instance is created", "[WAKE-1]") {
    memory_hub hub;
    const auto token = hub.lock().token;
    auto waiting = std::async(std::launch::async, [&] {
        return hub.store.wait_for_work(token, std::chrono::steady_clock::now() + 1min);
    });

    hub.create(hub.order("a"));

    CHECK(waiting.get().value != token.value);
}

TEST_CASE("whoever waits for work wakes when the clock reaches a timer", "[WAKE-2]") {
    memory_hub hub;
    auto fresh = hub.order("a");
    fresh.start_at = hub.store.status().store_time + 1h;
    hub.create(fresh);
    const auto token = hub.lock().token;
    auto waiting = std::async(std::launch::async, [&] {
        return hub.store.wait_for_work(token, std::chrono::steady_clock::now() + 1min);
    });

    hub.advance(1h);

    CHECK(waiting.get().value != token.value);
}

TEST_CASE("waits end at once after an interruption", "[WAKE-1]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    const auto token = hub.lock().token;
    const auto deadline = std::chrono::steady_clock::now() + 1min;

    hub.store.interrupt_waits();

    CHECK(hub.store.wait_for_work(token, deadline).value == token.value);
    CHECK(hub.store.wait(instance_id("a"), deadline)->status == orchestration_status::pending);
    CHECK(std::chrono::steady_clock::now() < deadline);
}

TEST_CASE("a client's wait ends with the instance", "[wait]") {
    memory_hub hub;
    auto last = hub.turn(hub.locked("a"));
    last.turn->status = orchestration_status::completed;
    auto waiting = std::async(std::launch::async, [&] {
        return hub.store.wait(instance_id("a"), std::chrono::steady_clock::now() + 1min);
    });

    REQUIRE(hub.commit_one(last) == commit_outcome::committed);

    CHECK(waiting.get()->status == orchestration_status::completed);
}

TEST_CASE("a name is shared within the process, no name is private", "[memory]") {
    const auto one = open("memory:shop");
    const auto other = open("memory:shop");
    const auto anonymous = open("memory:");
    memory_hub source;
    const auto fresh = source.order("a");
    REQUIRE(one.store().create({fresh_request()}, {&fresh, 1}).outcomes.size() == 1);

    CHECK(other.store().get(std::vector{fresh.instance}).at(0).has_value());
    CHECK_FALSE(anonymous.store().get(std::vector{fresh.instance}).at(0).has_value());
    CHECK_FALSE(advance_clock(anonymous.store(), 1s));
}
