#include "samples.hpp"

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <span>
#include <string>
#include <thread>
#include <vector>

// What a client does to instances that a worker executes.

namespace perdure {
namespace {

using namespace testing;

TEST_CASE("events, suspend, resume and terminate reach a running instance", "[client]") {
    const hub where = a_hub();
    worker w(where, a_registry(), quick());
    w.start();
    client c(where);
    const auto id = c.start(waiting);
    const auto other = c.start(waiting);

    c.suspend(id, "for a while");
    c.raise_event(id, "word", std::string("kept"));
    CHECK_THROWS_AS(c.wait<std::string>(id, 100ms), wait_timeout);
    c.resume(id);
    CHECK(c.wait<std::string>(id, 20s) == "kept");
    c.terminate(other, "enough");
    CHECK_THROWS_WITH(c.wait<std::string>(other, 20s), Catch::Contains("enough"));
    CHECK(c.get(other)->status == orchestration_status::terminated);
    CHECK_THROWS_AS(c.raise_event(other, "word", std::string("late")), invalid_input);
    CHECK_THROWS_AS(c.terminate(instance_id("nobody")), no_such_instance);
}

TEST_CASE("a reason that is no text is refused before anything is sent, with the place",
          "[client]") {
    const hub where = a_hub();
    client c(where);
    const auto id = c.start(waiting);
    const std::string broken = "caf\xe9";
    const auto complaint = Catch::Contains("reason: byte 3 is not valid UTF-8");

    CHECK_THROWS_WITH(c.terminate(id, broken), complaint);
    CHECK_THROWS_WITH(c.suspend(id, broken), complaint);
    CHECK_THROWS_WITH(c.resume(id, broken), complaint);
    CHECK_THROWS_AS(c.terminate(id, std::string("with a NUL\0", 11)), invalid_input);

    CHECK(c.get(id)->inbox_length == 0);
    CHECK(c.get(id)->status == orchestration_status::pending);
}

TEST_CASE("ids, reuse, many starts and purges", "[client]") {
    const hub where = a_hub();
    worker w(where, a_registry());
    w.start();
    client c(where);
    start_options named;
    named.id = instance_id("order-1");
    named.tags = {{"customer", "7"}};

    CHECK(c.start(hello, "a", named).text() == "order-1");
    CHECK_THROWS_AS(c.start(hello, "a", named), already_exists);
    c.wait<std::string>(*named.id, 20s);
    CHECK_FALSE(c.unpark(*named.id));
    named.reuse = reuse_policy::replace_ended;
    c.start(hello, "b", named);
    CHECK(c.wait<std::string>(*named.id, 20s) == "Hello, b!");
    const std::vector<std::string> names(700, "x");
    const auto ids = c.start_many(hello, std::span<const std::string>(names));
    for (const auto& id : ids) {
        c.wait_for_end(id, 60s);
    }
    CHECK(c.purge(*named.id));
    CHECK_FALSE(c.purge(*named.id));
    CHECK(c.purge(instance_filter()) == 700);
    CHECK_THROWS_AS(c.wait_for_end(*named.id, 1s), no_such_instance);
}

TEST_CASE("a recursive termination reaches children of children", "[client]") {
    const hub where = a_hub();
    gate one;
    registry what = a_registry();
    constexpr orchestrator<int, void> nest{"Nest"};
    what.add(
        nest, +[](context& ctx, int depth) -> orchestration<void> {
            constexpr orchestrator<int, void> inner{"Nest"};
            if (depth > 0) {
                co_await ctx.call(inner, depth - 1);
            } else {
                co_await ctx.wait_for_event<std::string>("never");
            }
        });
    worker w(where, what, quick());
    w.start();
    client c(where);
    const auto root = c.start(nest, 2);
    instance_filter running;
    running.statuses = {orchestration_status::running};
    while (c.query(running).instances.size() < 3) {
        std::this_thread::yield();
    }

    c.terminate(root, "all of it", recursion::with_children);

    for (const auto& each : c.query(instance_filter()).instances) {
        CHECK(c.wait_for_end(each.instance, 20s, false).status == orchestration_status::terminated);
    }
}

}  // namespace
}  // namespace perdure
