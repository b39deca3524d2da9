#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE("an orchestration calls an activity and returns its result", "[engine]") {
    engine shop(common_orchestrations());

    const auto id = shop.clients().start(hello, "World");

    CHECK(shop.clients().wait<std::string>(id, patience) == "Hello, World!");
}

TEST_CASE("a sequence of activities passes values on", "[engine]") {
    engine shop(common_orchestrations());

    const auto id = shop.clients().start(sequence, 5);

    CHECK(shop.clients().wait<int>(id, patience) == 330);
}

TEST_CASE("a fan-out of 300 activities comes together", "[engine]") {
    engine shop(common_orchestrations());
    int expected = 0;
    for (int i = 1; i <= 300; ++i) {
        expected += i * i % 1000;
    }

    const auto id = shop.clients().start(fan_out, 300);

    CHECK(shop.clients().wait<int>(id, patience) == expected);
}

TEST_CASE("500 orchestrations started in bulk all end with their result", "[engine]") {
    engine shop(common_orchestrations());
    const std::vector<int> inputs(500, 3);

    const auto ids = shop.clients().start_many(sequence, std::span(inputs));

    for (const auto& id : ids) {
        REQUIRE(shop.clients().wait<int>(id, patience) == 26);
    }
}

TEST_CASE("input, output, tags, and times of an instance can be read", "[engine]") {
    engine shop(common_orchestrations());
    start_options options;
    options.id = instance_id("order-1");
    options.tags["team"] = "blue";

    const auto id = shop.clients().start(hello, "World", options);
    shop.clients().wait<std::string>(id, patience);

    const auto found = shop.clients().get(id);
    REQUIRE(found);
    CHECK(found->status == orchestration_status::completed);
    CHECK(found->name == "Hello");
    CHECK(found->tags.at("team") == "blue");
    CHECK(found->output.bytes == "\"Hello, World!\"");
    CHECK(found->completed_at.value_or(timestamp{}) >= found->created_at);
    CHECK(shop.clients().input(id).bytes == "\"World\"");
    CHECK(found->inbox_length == 0);
}

TEST_CASE("the history of an orchestration tells what happened, in order", "[engine]") {
    engine shop(common_orchestrations());
    const auto id = shop.clients().start(hello, "World");
    shop.clients().wait<std::string>(id, patience);

    std::vector<event_kind> kinds;
    for (const auto& event : shop.clients().history(id)) {
        kinds.push_back(event.kind);
    }

    CHECK(kinds == std::vector<event_kind>{event_kind::execution_started,
                                           event_kind::turn_started,
                                           event_kind::task_scheduled,
                                           event_kind::turn_started,
                                           event_kind::task_completed,
                                           event_kind::execution_completed});
}

TEST_CASE("a payload of 10 MiB goes through every station unchanged", "[engine][volume]") {
    registry known;
    known.add(orchestrator<std::string, std::string>("Echo"),
              [](context& ctx, std::string text) -> orchestration<std::string> {
                  auto back = co_await ctx.call(activity<std::string, std::string>("Copy"), text);
                  co_return back;
              });
    known.add(activity<std::string, std::string>("Copy"),
              [](const std::string& text) { return text; });
    engine shop(std::move(known));
    std::string large(std::size_t{10} << 20U, 'x');
    large[5000] = '"';
    large[6000] = '\n';

    const auto id = shop.clients().start(orchestrator<std::string, std::string>("Echo"), large);

    CHECK(shop.clients().wait<std::string>(id, patience) == large);
}

TEST_CASE("a payload over the limit is refused before anything is stored", "[engine]") {
    engine shop(common_orchestrations());
    const std::string huge(payload_bytes_max_default + 1, 'x');
    start_options options;
    options.id = instance_id("too-large");

    CHECK_THROWS_AS(shop.clients().start(hello, huge, options), invalid_input);
    CHECK(!shop.clients().get(instance_id("too-large")));
}

TEST_CASE("frames that are never kept give the same results", "[engine]") {
    worker_options options;
    options.cached_frames_max = 0;
    engine shop(common_orchestrations(), options);

    const auto id = shop.clients().start(sequence, 20);
    const auto other = shop.clients().start(fan_out, 50);

    engine cached(common_orchestrations());
    const auto same = cached.clients().start(sequence, 20);
    const auto same_other = cached.clients().start(fan_out, 50);
    CHECK(shop.clients().wait<int>(id, patience) == cached.clients().wait<int>(same, patience));
    CHECK(shop.clients().wait<int>(other, patience) ==
          cached.clients().wait<int>(same_other, patience));
}

TEST_CASE("two workers share the work of a hub", "[engine]") {
    engine first(common_orchestrations());
    worker second(first.where(), common_orchestrations());
    second.start();
    const std::vector<int> inputs(300, 2);

    const auto ids = first.clients().start_many(sequence, std::span(inputs));

    for (const auto& id : ids) {
        REQUIRE(first.clients().wait<int>(id, patience) == 5);
    }
    first.stop();
    second.stop();
    CHECK(first.workers().statistics().turns + second.statistics().turns == 900);
}

TEST_CASE("a worker stops twice, before its start, and goes on in the next worker", "[engine]") {
    const auto where = a_hub();
    worker never_started(where, common_orchestrations());
    never_started.stop();
    never_started.stop();
    client clients(where);
    const auto id = clients.start(wait_for_go, 1);
    {
        worker first(where, common_orchestrations());
        first.start();
        first.start();
        clients.raise_event(id, "other", 1);
        first.stop();
        first.stop();
        CHECK_THROWS_AS(first.start(), invalid_input);
    }
    clients.raise_event(id, "go", 41);

    worker second(where, common_orchestrations());
    second.start();

    CHECK(clients.wait<int>(id, patience) == 42);
}
