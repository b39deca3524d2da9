#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

// A recursive termination follows parent links: it reaches every child, and nobody else.

namespace {

constexpr orchestrator<int, int> keeper{"Keeper"};
/// No worker knows it.
constexpr orchestrator<int, int> unserved{"Unserved"};

/// A child that nobody waits for.
void start_child(context& ctx, const orchestrator<int, int>& what, int n, const std::string& id) {
    static_cast<void>(ctx.call(what, n, child_options().id(instance_id(id))));
}

void start_stranger(context& ctx, const std::string& id) {
    ctx.start_detached(wait_for_go, 1, child_options().id(instance_id(id)));
}

start_options chosen(const std::string& id) {
    start_options options;
    options.id = instance_id(id);
    return options;
}

bool is_terminated(engine& shop, const std::string& id) {
    return shop.clients().wait_for_end(instance_id(id), patience, false).status ==
           orchestration_status::terminated;
}

orchestration_status status_of(engine& shop, const std::string& id) {
    return shop.clients().get(instance_id(id)).value().status;
}

}  // namespace

TEST_CASE("a recursive termination touches no stranger, whatever ids the instance has named",
          "[engine][control][recursion]") {
    registry known = common_orchestrations();
    known.add(
        keeper, +[](context& ctx, int) -> orchestration<int> {
            start_stranger(ctx, "cart-of-ann");
            start_child(ctx, wait_for_go, 1, "cart-of-bob");
            start_stranger(ctx, "background");
            auto value = co_await ctx.wait_for_event<int>("go");
            co_return value;
        });
    engine shop(std::move(known));
    for (const std::string stranger : {"cart-of-ann", "cart-of-bob"}) {
        shop.clients().start(wait_for_go, 1, chosen(stranger));
        REQUIRE(shop.wait_for_status(instance_id(stranger), orchestration_status::running));
    }
    const auto root = shop.clients().start(keeper, 1, chosen("keeper"));
    REQUIRE(shop.wait_for_status(instance_id("background"), orchestration_status::running));

    shop.clients().terminate(root, "bye", recursion::with_children);

    CHECK(is_terminated(shop, "keeper"));
    // A message in the inbox of a stranger would be met before the event.
    for (const std::string other : {"cart-of-ann", "cart-of-bob", "background"}) {
        INFO(other);
        shop.clients().raise_event(instance_id(other), "go", 1);
        CHECK(shop.clients().wait<int>(instance_id(other), patience) == 2);
    }
}

TEST_CASE(
    "a recursive termination reaches children of earlier executions, and none that is detached",
    "[engine][control][recursion]") {
    registry known = common_orchestrations();
    known.add(
        keeper, +[](context& ctx, int n) -> orchestration<int> {
            start_child(ctx, tree, 1, "own" + std::to_string(n));
            start_stranger(ctx, "detached" + std::to_string(n));
            if (n < 2) {
                co_return ctx.continue_as_new(n + 1);
            }
            auto value = co_await ctx.wait_for_event<int>("go");
            co_return value;
        });
    engine shop(std::move(known));
    const auto root = shop.clients().start(keeper, 0, chosen("keeper"));
    for (const std::string last : {"own0.c", "own1.c", "own2.c", "detached2"}) {
        REQUIRE(shop.wait_for_status(instance_id(last), orchestration_status::running));
    }

    shop.clients().terminate(root, "bye", recursion::with_children);

    for (const std::string child :
         {"keeper", "own0", "own1", "own2", "own0.c", "own1.c", "own2.c"}) {
        INFO(child);
        CHECK(is_terminated(shop, child));
    }
    for (const std::string other : {"detached0", "detached1", "detached2"}) {
        INFO(other);
        shop.clients().raise_event(instance_id(other), "go", 1);
        CHECK(shop.clients().wait<int>(instance_id(other), patience) == 2);
    }
}

TEST_CASE("a recursive termination reaches children that a turn starts meanwhile",
          "[engine][control][recursion]") {
    static gate in_turn;
    registry known = common_orchestrations();
    known.add(
        keeper, +[](context& ctx, int n) -> orchestration<int> {
            start_child(ctx, tree, 1, "own" + std::to_string(n));
            start_child(ctx, unserved, 1, "unserved" + std::to_string(n));
            if (n == 0) {
                in_turn.pass();
                co_return ctx.continue_as_new(n + 1);
            }
            auto value = co_await ctx.wait_for_event<int>("go");
            co_return value;
        });
    engine shop(std::move(known));
    const auto root = shop.clients().start(keeper, 0, chosen("keeper"));
    REQUIRE(in_turn.wait_for_waiting(1));

    shop.clients().terminate(root, "bye", recursion::with_children);
    REQUIRE_FALSE(shop.clients().get(instance_id("own0")));
    in_turn.open();

    for (const std::string child : {"keeper", "own0", "unserved0"}) {
        INFO(child);
        CHECK(is_terminated(shop, child));
    }
    // The child may have been asked before its first turn; then there is no grandchild.
    if (shop.clients().get(instance_id("own0.c"))) {
        CHECK(is_terminated(shop, "own0.c"));
    }
    CHECK_FALSE(shop.clients().get(instance_id("own1")));
}

namespace {

constexpr orchestrator<int, int> middle{"Middle"};

orchestration<int> middle_body(context& ctx, int n) {
    start_child(ctx, wait_for_go, 1, n == 0 ? "below-parked" : "below-ended");
    if (n == 1) {
        co_return 1;
    }
    auto value = co_await ctx.wait_for_event<int>("go");
    co_return value;
}

/// Has forgotten the child: what waits for "go" is parked.
orchestration<int> changed_middle_body(context&, int) {
    co_return 0;
}

registry three_kinds_of_children(orchestration<int> (*body)(context&, int)) {
    registry known = common_orchestrations();
    known.add(
        keeper, +[](context& ctx, int) -> orchestration<int> {
            start_child(ctx, middle, 0, "parked");
            start_child(ctx, middle, 1, "ended");
            start_child(ctx, unserved, 1, "pending");
            auto value = co_await ctx.wait_for_event<int>("go");
            co_return value;
        });
    known.add(middle, body);
    return known;
}

/// With a child that is parked, one that is pending, one that has ended, and children of theirs.
class family : public engine {
  public:
    family() : engine(three_kinds_of_children(middle_body)) {
        clients().start(keeper, 0, chosen("keeper"));
        for (const std::string last : {"below-parked", "below-ended"}) {
            REQUIRE(wait_for_status(instance_id(last), orchestration_status::running));
        }
        REQUIRE(wait_for_status(instance_id("ended"), orchestration_status::completed));
        redeploy(three_kinds_of_children(changed_middle_body));
        clients().raise_event(instance_id("parked"), "go", 1);
        REQUIRE(wait_for_parked(instance_id("parked")));
    }
};

}  // namespace

TEST_CASE("a recursive termination goes on below children that are parked, pending, or have ended",
          "[engine][control][recursion]") {
    family shop;

    shop.clients().terminate(instance_id("keeper"), "bye", recursion::with_children);

    for (const std::string child : {"keeper", "parked", "pending", "below-parked", "below-ended"}) {
        INFO(child);
        CHECK(is_terminated(shop, child));
    }
    CHECK(status_of(shop, "ended") == orchestration_status::completed);
}

TEST_CASE("the last turn goes on by itself when the client has died after its first call",
          "[engine][control][recursion]") {
    family shop;
    termination first_call = a_termination(instance_id("keeper"));
    first_call.event = R"({"type":"execution_terminated","tags":{"recursive":"true"}})";
    const terminate_outcome asked =
        shop.where().store().terminate(a_request(), {&first_call, 1}).at(0);
    REQUIRE(asked == terminate_outcome::requested);

    for (const std::string child : {"keeper", "parked", "pending", "below-parked"}) {
        INFO(child);
        CHECK(is_terminated(shop, child));
    }
}

TEST_CASE("the children of an instance that was replaced are not those of its successor",
          "[engine][control][recursion]") {
    registry known = common_orchestrations();
    known.add(
        keeper, +[](context& ctx, int n) -> orchestration<int> {
            start_child(ctx, wait_for_go, 1, "own" + std::to_string(n));
            auto value = co_await ctx.wait_for_event<int>("go");
            co_return value;
        });
    engine shop(std::move(known));
    shop.clients().start(keeper, 0, chosen("keeper"));
    REQUIRE(shop.wait_for_status(instance_id("own0"), orchestration_status::running));
    start_options again = chosen("keeper");
    again.reuse = reuse_policy::replace_any;
    shop.clients().start(keeper, 1, again);
    REQUIRE(shop.wait_for_status(instance_id("own1"), orchestration_status::running));

    shop.clients().terminate(instance_id("keeper"), "bye", recursion::with_children);

    CHECK(is_terminated(shop, "keeper"));
    CHECK(is_terminated(shop, "own1"));
    shop.clients().raise_event(instance_id("own0"), "go", 1);
    CHECK(shop.clients().wait<int>(instance_id("own0"), patience) == 2);
}
