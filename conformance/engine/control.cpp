#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

namespace {

inline constexpr orchestrator<int, int> countdown{"Countdown"};

/// One execution for each event.
registry countdown_by_events() {
    registry known;
    known.add(countdown, [](context& ctx, int n) -> orchestration<int> {
        if (n == 0) {
            co_return 0;
        }
        co_await ctx.wait_for_event<int>("down");
        co_return ctx.continue_as_new(n - 1);
    });
    return known;
}

}  // namespace

TEST_CASE("events raised before the first turn, before the wait, and in a flood all count",
          "[engine][events]") {
    const auto where = a_hub();
    client clients(where);
    const auto id = clients.start(sum_of_events, 100);
    for (int i = 0; i < 50; ++i) {
        clients.raise_event(id, "add", 1);
    }
    engine shop(where, common_orchestrations());
    for (int i = 0; i < 50; ++i) {
        clients.raise_event(id, "add", 1);
    }

    CHECK(clients.wait<int>(id, patience) == 100);
}

TEST_CASE("ten thousand events to one instance are taken in over several turns",
          "[engine][events]") {
    const auto where = a_hub();
    client clients(where);
    const int count = 10'000;
    const auto id = clients.start(sum_of_events, count);
    std::vector<new_message> messages;
    for (int i = 0; i < count; ++i) {
        messages.push_back(
            {id, R"({"type":"event_raised","name":"add","data":"1"})", {}, {}, {}, std::nullopt});
    }
    for (std::size_t at = 0; at < messages.size(); at += batch_items_max) {
        for (auto outcome : where.store()
                                .send({request_id{random_uuid()}},
                                      std::span(messages).subspan(at, batch_items_max))
                                .outcomes) {
            REQUIRE(outcome == send_outcome::accepted);
        }
    }
    engine shop(where, common_orchestrations());

    CHECK(clients.wait<int>(id, patience) == count);
    shop.stop();
    CHECK(shop.workers().statistics().turns >= 10);
}

TEST_CASE("an event with a message id counts once however often it is raised", "[engine][events]") {
    engine shop(common_orchestrations());
    const auto id = shop.clients().start(sum_of_events, 2);
    raise_options once;
    once.message_id = "payment-17";

    for (int i = 0; i < 5; ++i) {
        shop.clients().raise_event(id, "add", 10, once);
    }
    shop.clients().raise_event(id, "add", 1);

    CHECK(shop.clients().wait<int>(id, patience) == 11);
}

TEST_CASE("events to a missing or ended instance are errors that say so", "[engine][events]") {
    engine shop(common_orchestrations());
    const auto id = shop.clients().start(hello, "you");
    shop.clients().wait<std::string>(id, patience);

    CHECK_THROWS_AS(shop.clients().raise_event(instance_id("nobody"), "go", 1), no_such_instance);
    CHECK_THROWS_AS(shop.clients().raise_event(id, "go", 1), invalid_input);
}

TEST_CASE("a suspended instance takes events in and goes on when it is resumed",
          "[engine][control]") {
    engine shop(common_orchestrations());
    const auto id = shop.clients().start(wait_for_go, 1);
    shop.clients().suspend(id, "inventory");
    shop.clients().suspend(id);
    REQUIRE(shop.wait_for_status(id, orchestration_status::suspended));

    shop.clients().raise_event(id, "go", 1);
    REQUIRE(shop.wait_until(id, [](const auto& found) { return found.inbox_length == 0; }));
    CHECK(shop.clients().get(id)->status == orchestration_status::suspended);
    shop.clients().resume(id);

    CHECK(shop.clients().wait<int>(id, patience) == 2);
}

TEST_CASE(
    "an instance that is suspended before its first turn executes nothing until it is resumed",
    "[engine][control]") {
    const auto where = a_hub();
    client clients(where);
    const auto started = clients.start(wait_for_go, 1);
    clients.raise_event(started, "go", 1);
    clients.suspend(started, "hold it");
    const auto resumed = clients.start(sequence, 3);
    clients.suspend(resumed);
    clients.resume(resumed);
    const auto ended = clients.start(sequence, 3);
    clients.suspend(ended);
    engine shop(where, common_orchestrations());

    CHECK(clients.wait<int>(resumed, patience) == 26);
    REQUIRE(shop.wait_for_status(started, orchestration_status::suspended));
    REQUIRE(shop.wait_for_status(ended, orchestration_status::suspended));
    for (const auto& event : clients.history(ended)) {
        CHECK(event.kind != event_kind::task_scheduled);
    }
    clients.terminate(ended);
    CHECK(clients.wait_for_end(ended, patience, false).status == orchestration_status::terminated);
    clients.resume(started);
    CHECK(clients.wait<int>(started, patience) == 2);
}

TEST_CASE("an instance that is suspended before its scheduled start executes nothing then",
          "[engine][control]") {
    engine shop(common_orchestrations());
    if (lacks(ability::test_clock)) {
        return;
    }
    start_options later;
    later.start_at = shop.where().store().status().store_time + 5h;
    const auto id = shop.clients().start(sequence, 3, later);
    shop.clients().suspend(id);

    REQUIRE(advance_clock(shop.where().store(), std::chrono::hours(6)));

    REQUIRE(shop.wait_for_status(id, orchestration_status::suspended));
    for (const auto& event : shop.clients().history(id)) {
        CHECK(event.kind != event_kind::task_scheduled);
    }
    shop.clients().resume(id);
    CHECK(shop.clients().wait<int>(id, patience) == 26);
}

TEST_CASE("a turn that continues as new keeps the suspension or termination that it consumes",
          "[engine][control]") {
    engine shop(countdown_by_events());
    const auto suspended = shop.clients().start(countdown, 2);
    const auto ended = shop.clients().start(countdown, 2);
    REQUIRE(shop.wait_for_status(suspended, orchestration_status::running));
    REQUIRE(shop.wait_for_status(ended, orchestration_status::running));
    shop.stop();
    shop.clients().raise_event(suspended, "down", 0);
    shop.clients().suspend(suspended);
    shop.clients().raise_event(suspended, "down", 0);
    shop.clients().raise_event(ended, "down", 0);
    shop.clients().terminate(ended);

    shop.redeploy(countdown_by_events());

    CHECK(shop.clients().wait_for_end(ended, patience, false).status ==
          orchestration_status::terminated);
    REQUIRE(shop.wait_for_status(suspended, orchestration_status::suspended));
    CHECK(shop.clients().input(suspended).bytes == "1");
    shop.clients().resume(suspended);
    CHECK(shop.clients().wait<int>(suspended, patience) == 0);
}

TEST_CASE("terminate ends pending, running, and suspended instances", "[engine][control]") {
    const auto where = a_hub();
    client clients(where);
    start_options later;
    later.start_at = where.store().status().store_time + 24h;
    const auto pending = clients.start(wait_for_go, 1, later);
    engine shop(where, common_orchestrations());
    const auto running = clients.start(wait_for_go, 1);
    const auto suspended = clients.start(wait_for_go, 1);
    REQUIRE(shop.wait_for_status(running, orchestration_status::running));
    clients.suspend(suspended);
    REQUIRE(shop.wait_for_status(suspended, orchestration_status::suspended));

    for (const auto& id : {pending, running, suspended}) {
        clients.terminate(id, "closing time");
        const auto ended = clients.wait_for_end(id, patience, false);
        CHECK(ended.status == orchestration_status::terminated);
        CHECK(ended.output.bytes == "\"closing time\"");
        clients.terminate(id, "again");
    }
    CHECK_THROWS_AS(clients.terminate(instance_id("nobody")), no_such_instance);
    CHECK_THROWS_AS(clients.wait<int>(running, patience), orchestration_failed);
}

TEST_CASE("terminate with children reaches every generation", "[engine][control]") {
    engine shop(common_orchestrations());
    start_options options;
    options.id = instance_id("root");
    shop.clients().start(tree, 3, options);
    const std::vector<std::string> family{"root", "root.c", "root.c.c", "root.c.c.c"};
    REQUIRE(shop.wait_until(instance_id("root"), [&](const auto&) {
        const auto last = shop.clients().get(instance_id(family.back()));
        return last && last->status == orchestration_status::running;
    }));

    shop.clients().terminate(instance_id("root"), "all of them", recursion::with_children);

    for (const auto& name : family) {
        INFO(name);
        CHECK(shop.clients().wait_for_end(instance_id(name), patience, false).status ==
              orchestration_status::terminated);
    }
}

TEST_CASE("continue-as-new carries a counter through a thousand executions",
          "[engine][continue_as_new]") {
    engine shop(common_orchestrations());
    const auto id = shop.clients().start(counting, 1000);

    CHECK(shop.clients().wait<int>(id, patience) == 0);
    CHECK(shop.clients().history(id).size() <= 4);
}

TEST_CASE("no event is lost around continue-as-new", "[engine][continue_as_new]") {
    registry known;
    const orchestrator<std::vector<int>, int> adder("Adder");
    known.add(adder, [](context& ctx, std::vector<int> state) -> orchestration<int> {
        auto value = co_await ctx.wait_for_event<int>("add");
        if (value == 0) {
            co_return state.front();
        }
        state.front() += value;
        co_return ctx.continue_as_new(state);
    });
    engine shop(std::move(known));
    const std::vector<int> zero{0};
    const auto id = shop.clients().start(adder, zero);

    for (int i = 0; i < 100; ++i) {
        shop.clients().raise_event(id, "add", 1);
    }
    shop.clients().raise_event(id, "add", 0);

    CHECK(shop.clients().wait<int>(id, patience) == 100);
}

TEST_CASE("reuse policies decide what a taken id means", "[engine][control]") {
    engine shop(common_orchestrations());
    start_options options;
    options.id = instance_id("taken");
    shop.clients().start(wait_for_go, 1, options);
    REQUIRE(shop.wait_for_status(*options.id, orchestration_status::running));

    CHECK_THROWS_AS(shop.clients().start(wait_for_go, 2, options), already_exists);
    options.reuse = reuse_policy::replace_ended;
    CHECK_THROWS_AS(shop.clients().start(wait_for_go, 2, options), already_exists);
    options.reuse = reuse_policy::keep_existing;
    shop.clients().start(wait_for_go, 2, options);
    CHECK(shop.clients().input(*options.id).bytes == "1");
    options.reuse = reuse_policy::replace_any;
    shop.clients().start(wait_for_go, 3, options);
    shop.clients().raise_event(*options.id, "go", 10);

    CHECK(shop.clients().wait<int>(*options.id, patience) == 13);
    options.reuse = reuse_policy::replace_ended;
    shop.clients().start(wait_for_go, 4, options);
    shop.clients().raise_event(*options.id, "go", 10);
    CHECK(shop.clients().wait<int>(*options.id, patience) == 14);
}

TEST_CASE("purge refuses what is alive, deletes what has ended, and forces on request",
          "[engine][control]") {
    engine shop(common_orchestrations());
    const auto ended = shop.clients().start(hello, "you");
    shop.clients().wait<std::string>(ended, patience);
    const auto alive = shop.clients().start(wait_for_go, 1);
    REQUIRE(shop.wait_for_status(alive, orchestration_status::running));

    CHECK(shop.clients().purge(ended));
    CHECK(!shop.clients().get(ended));
    CHECK(!shop.clients().purge(ended));
    CHECK_THROWS_AS(shop.clients().purge(alive), invalid_input);
    CHECK(shop.clients().purge(alive, true));
    CHECK(!shop.clients().get(alive));
}

TEST_CASE("waiting ends by timeout and says so", "[engine][control]") {
    engine shop(common_orchestrations());
    const auto id = shop.clients().start(wait_for_go, 1);

    CHECK_THROWS_AS(shop.clients().wait<int>(id, 20ms), wait_timeout);
    CHECK_THROWS_AS(shop.clients().wait<int>(instance_id("nobody"), 20ms), no_such_instance);
}
