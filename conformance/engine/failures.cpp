#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>

using namespace perdure;
using namespace perdure::conformance;

namespace {

inline constexpr activity<int, int> risky{"Risky"};
inline constexpr orchestrator<int, int> caller{"Caller"};

orchestration<int> call_once(context& ctx, int n) {
    auto value = co_await ctx.call(risky, n);
    co_return value;
}

orchestration<int> call_with_retry(context& ctx, int n) {
    const auto options = call_options().retry(retry_policy(5, 1ms));
    auto value = co_await ctx.call(risky, n, options);
    co_return value;
}

failure failure_of(engine& shop, const instance_id& id) {
    const auto ended = shop.clients().wait_for_end(id, patience, false);
    REQUIRE(ended.status == orchestration_status::failed);
    return decode_failure(ended.failure);
}

}  // namespace

TEST_CASE("an exception of any type out of an activity becomes its failure", "[engine][failures]") {
    registry known;
    known.add(caller, call_once);
    known.add(risky, [](int n) -> int {
        switch (n) {
            case 1:
                throw std::runtime_error("one");
            case 2:
                throw 42;
            case 3:
                throw std::string("three");
            default:
                throw task_failed(failure("Declined", "no money"));
        }
    });
    engine shop(std::move(known));

    const auto one = failure_of(shop, shop.clients().start(caller, 1));
    CHECK(one.type == "std::runtime_error");
    CHECK(one.message == "one");
    CHECK(failure_of(shop, shop.clients().start(caller, 2)).type == "int");
    CHECK_THAT(failure_of(shop, shop.clients().start(caller, 3)).type, Catch::Contains("string"));
    CHECK(failure_of(shop, shop.clients().start(caller, 4)).type == "Declined");
}

TEST_CASE("a retried activity keeps its idempotency key and counts its attempts",
          "[engine][failures]") {
    auto keys = std::make_shared<std::set<std::string>>();
    auto attempts = std::make_shared<std::atomic<unsigned>>(0);
    registry known;
    known.add(caller, call_with_retry);
    known.add(risky, [keys, attempts](const activity_context& ctx, int n) -> int {
        keys->insert(ctx.idempotency_key());
        *attempts = ctx.attempt;
        if (ctx.attempt < 3) {
            throw std::runtime_error("not yet");
        }
        return n;
    });
    engine shop(std::move(known));

    const auto id = shop.clients().start(caller, 7);

    CHECK(shop.clients().wait<int>(id, patience) == 7);
    CHECK(keys->size() == 1);
    CHECK(*attempts == 3);
}

TEST_CASE("a non-retriable failure is not tried again", "[engine][failures]") {
    auto calls = std::make_shared<std::atomic<int>>(0);
    registry known;
    known.add(caller, call_with_retry);
    known.add(risky, [calls](int) -> int {
        ++*calls;
        failure reason("Declined", "for good");
        reason.non_retriable = true;
        throw task_failed(reason);
    });
    engine shop(std::move(known));

    const auto reason = failure_of(shop, shop.clients().start(caller, 1));

    CHECK(*calls == 1);
    CHECK(reason.non_retriable);
}

TEST_CASE("an input that an activity cannot read fails it and says what was found",
          "[engine][failures]") {
    registry known;
    const orchestrator<int, int> sender("Sender");
    known.add(sender, [](context& ctx, int n) -> orchestration<int> {
        const std::string text = "number " + std::to_string(n);
        auto value = co_await ctx.call(activity<std::string, int>("Risky"), text);
        co_return value;
    });
    known.add(risky, [](int n) { return n; });
    engine shop(std::move(known));

    const auto reason = failure_of(shop, shop.clients().start(sender, 5));

    CHECK(reason.type == "perdure.payload_error");
    CHECK_THAT(reason.message, Catch::Contains("number 5"));
    CHECK(reason.non_retriable);
}

TEST_CASE("an orchestration input that cannot be read parks the instance until the code fits",
          "[engine][park]") {
    registry wrong;
    wrong.add(orchestrator<std::string, std::string>("Sequence"),
              [](context&, std::string text) -> orchestration<std::string> { co_return text; });
    engine shop(std::move(wrong));
    const auto id = shop.clients().start(sequence, 2);
    REQUIRE(shop.wait_for_parked(id));
    CHECK_THAT(shop.clients().get(id)->parked_reason, Catch::Contains("cannot be read"));

    shop.redeploy(common_orchestrations());
    CHECK(shop.clients().unpark(id));

    CHECK(shop.clients().wait<int>(id, patience) == 5);
    CHECK(!shop.clients().unpark(id));
}

TEST_CASE("history that the code no longer matches parks the instance, and fitting code frees it",
          "[engine][park]") {
    const auto where = a_hub();
    const orchestrator<int, int> changing("Changing");
    const auto before = [](context& ctx, int n) -> orchestration<int> {
        auto first = co_await ctx.call(square, n);
        auto second = co_await ctx.wait_for_event<int>("go");
        co_return first + second;
    };
    const auto after = [](context& ctx, int n) -> orchestration<int> {
        const std::string name = std::to_string(n);
        auto first = co_await ctx.call(greet, name);
        auto second = co_await ctx.wait_for_event<int>("go");
        co_return static_cast<int>(first.size()) + second;
    };
    registry good = common_orchestrations();
    good.add(changing, before);
    registry bad = common_orchestrations();
    bad.add(changing, after);
    engine shop(where, good);
    const auto id = shop.clients().start(changing, 3);
    REQUIRE(shop.wait_until(id, [](const auto& found) { return found.history_length >= 5; }));

    shop.redeploy(bad);
    shop.clients().raise_event(id, "go", 1);
    REQUIRE(shop.wait_for_parked(id));
    const auto reason = shop.clients().get(id)->parked_reason;
    CHECK_THAT(reason, Catch::Contains("history: task_scheduled #1 \"Square\""));
    CHECK_THAT(reason, Catch::Contains("code:    task_scheduled #1 \"Greet\""));

    shop.redeploy(good);
    shop.clients().unpark(id);

    CHECK(shop.clients().wait<int>(id, patience) == 10);
}

TEST_CASE("a changed input is logged once, however often the history is repeated",
          "[engine][park]") {
    const orchestrator<int, int> drifting("Drifting");
    registry before = common_orchestrations();
    before.add(drifting, [](context& ctx, int n) -> orchestration<int> {
        auto sum = co_await ctx.call(square, n);
        for (int i = 0; i < 3; ++i) {
            sum += co_await ctx.wait_for_event<int>("go");
        }
        co_return sum;
    });
    registry after = common_orchestrations();
    after.add(drifting, [](context& ctx, int n) -> orchestration<int> {
        const int another = n + 1;
        auto sum = co_await ctx.call(square, another);
        for (int i = 0; i < 3; ++i) {
            sum += co_await ctx.wait_for_event<int>("go");
        }
        co_return sum;
    });
    worker_options options;
    options.cached_frames_max = 0;
    engine shop(std::move(before), options);
    const auto id = shop.clients().start(drifting, 3);
    REQUIRE(shop.wait_until(id, [](const auto& found) { return found.history_length >= 5; }));

    shop.redeploy(std::move(after));
    for (int turn = 1; turn <= 3; ++turn) {
        const auto length = shop.clients().get(id)->history_length;
        shop.clients().raise_event(id, "go", 1);
        REQUIRE(
            shop.wait_until(id, [&](const auto& found) { return found.history_length > length; }));
    }

    CHECK(shop.clients().wait<int>(id, patience) == 12);
    CHECK(shop.workers().statistics().rebuilds == 3);
    CHECK(shop.log().count(log_event::input_drifted) == 1);
}

TEST_CASE("an instance whose stored history cannot be read is parked, and its neighbours go on",
          "[engine][park]") {
    engine shop(common_orchestrations());
    const std::vector<std::string> damaged{
        "not JSON at all", R"({"type":7})", R"({"type":"execution_started","task":"seven"})"};
    shop.expect_damage();
    std::vector<instance_id> ids;
    for (const auto& text : damaged) {
        new_instance fresh = a_new_instance("damaged");
        fresh.name = "Hello";
        fresh.version = "";
        fresh.start_event = text;
        ids.push_back(fresh.instance);
        REQUIRE(
            shop.where().store().create({a_request()}, std::vector{fresh}).outcomes.front().code ==
            create_code::created);
    }
    const auto neighbour = shop.clients().start(hello, "you");

    CHECK(shop.clients().wait<std::string>(neighbour, patience) == "Hello, you!");
    for (const auto& id : ids) {
        INFO(id.text());
        CHECK(shop.wait_for_parked(id));
        CHECK_THAT(shop.clients().get(id)->parked_reason, Catch::Contains("cannot read"));
    }
}

TEST_CASE("a name that no worker has waits, and is shown", "[engine][park]") {
    engine shop(common_orchestrations());
    const auto id = shop.clients().start(caller, 1);
    const auto neighbour = shop.clients().start(sequence, 1);
    shop.clients().wait<int>(neighbour, patience);

    CHECK(shop.clients().get(id)->status == orchestration_status::pending);
    const auto unserved = shop.where().store().status().unserved;
    REQUIRE(!unserved.empty());
    CHECK_THAT(unserved.front(), Catch::Contains("Caller"));

    registry known = common_orchestrations();
    known.add(caller, call_once);
    known.add(risky, [](int n) { return n; });
    shop.redeploy(std::move(known));
    CHECK(shop.clients().wait<int>(id, patience) == 1);
}

TEST_CASE("an activity that nobody has waits for a worker that has it", "[engine][park]") {
    registry without;
    without.add(caller, call_once);
    engine shop(std::move(without));
    const auto id = shop.clients().start(caller, 9);
    REQUIRE(shop.wait_for_status(id, orchestration_status::running));

    registry with;
    with.add(caller, call_once);
    with.add(risky, [](int n) { return n; });
    shop.redeploy(std::move(with));

    CHECK(shop.clients().wait<int>(id, patience) == 9);
}

TEST_CASE("a child's result, failure, and taken id reach the parent", "[engine][children]") {
    registry known = common_orchestrations();
    const orchestrator<int, int> failing("Failing");
    const orchestrator<std::string, std::string> parent("Parent");
    known.add(failing, [](context&, int n) -> orchestration<int> {
        if (n > 0) {
            throw std::runtime_error("child trouble");
        }
        co_return n;
    });
    known.add(parent, [](context& ctx, std::string taken) -> orchestration<std::string> {
        auto good = co_await ctx.call(sequence, 2);
        std::string report = std::to_string(good);
        try {
            auto never = co_await ctx.call(orchestrator<int, int>("Failing"), 1);
            report += std::to_string(never);
        } catch (const child_failed& problem) {
            report += ", " + problem.reason().message;
        }
        const auto options = child_options().id(instance_id(taken));
        try {
            auto never = co_await ctx.call(sequence, 2, options);
            report += std::to_string(never);
        } catch (const child_failed& problem) {
            report += ", " + problem.reason().type;
        }
        co_return report;
    });
    engine shop(std::move(known));
    start_options options;
    options.id = instance_id("somebody");
    shop.clients().start(wait_for_go, 1, options);

    const auto id = shop.clients().start(parent, "somebody");

    CHECK(shop.clients().wait<std::string>(id, patience) ==
          "5, child trouble, perdure.instance_exists");
}

TEST_CASE("200 children of one parent all report", "[engine][children]") {
    engine shop(common_orchestrations());

    const auto id = shop.clients().start(many_children, 200);

    CHECK(shop.clients().wait<int>(id, patience) == 200);
}

TEST_CASE("terminating or purging a child is a failure for its parent", "[engine][children]") {
    engine shop(common_orchestrations());
    for (const bool purge : {false, true}) {
        start_options options;
        options.id = instance_id(purge ? "purged" : "terminated");
        const instance_id child(options.id->text() + ".c");
        shop.clients().start(tree, 1, options);
        REQUIRE(shop.wait_until(*options.id, [&](const auto&) {
            const auto found = shop.clients().get(child);
            return found && found->status == orchestration_status::running;
        }));

        if (purge) {
            shop.clients().purge(child, true);
        } else {
            shop.clients().terminate(child, "enough");
        }

        const auto ended = shop.clients().wait_for_end(*options.id, patience, false);
        CHECK(ended.status == orchestration_status::failed);
    }
}
