#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>

// What a retry policy does, and what it leaves alone.

using namespace perdure;
using namespace perdure::conformance;

namespace shop_errors {
struct card_declined : std::runtime_error {
    using std::runtime_error::runtime_error;
};
}  // namespace shop_errors

/// A type whose codec does not keep to `payload_error`.
struct fragile {
    int value = 0;
};
template <>
struct perdure::codec<fragile> {
    static payload encode(const fragile& whole) { return codec<int>::encode(whole.value); }
    static fragile decode(const payload& stored) {
        if (stored.bytes == "13") {
            throw std::invalid_argument("13 brings bad luck");
        }
        return {codec<int>::decode(stored)};
    }
};

namespace {

inline constexpr activity<std::string, int> pay{"Pay"};
inline constexpr orchestrator<std::string, int> paying{"Paying"};
inline constexpr orchestrator<std::string, int> buying{"Buying"};
inline constexpr orchestrator<std::string, std::string> parent{"Parent"};

failure failure_of(engine& shop, const instance_id& id) {
    const auto ended = shop.clients().wait_for_end(id, patience, false);
    REQUIRE(ended.status == orchestration_status::failed);
    return decode_failure(ended.failure);
}

std::shared_ptr<std::atomic<int>> a_count() {
    return std::make_shared<std::atomic<int>>(0);
}

orchestration<int> pay_once(context& ctx, std::string how) {
    auto value = co_await ctx.call(pay, how);
    co_return value;
}

/// Buys by a child that pays by a child; the parent's policy has the names of two types.
orchestration<int> buy(context& ctx, std::string how) {
    const auto policy = retry_policy(3, 1ms).non_retriable({"card_declined", "perdure.declined"});
    const auto options = child_options().retry(policy);
    auto value = co_await ctx.call(orchestrator<std::string, int>("Middle"), how, options);
    co_return value;
}

registry market(const std::shared_ptr<std::atomic<int>>& payments) {
    registry known = common_orchestrations();
    known.add(paying, pay_once);
    known.add(buying, buy);
    known.add(orchestrator<std::string, int>("Middle"),
              [](context& ctx, std::string how) -> orchestration<int> {
                  auto value = co_await ctx.call(paying, how);
                  co_return value;
              });
    known.add(pay, [payments](const std::string& how) -> int {
        ++*payments;
        if (how == "declined") {
            throw shop_errors::card_declined("no money");
        }
        failure reason(how == "named" ? "perdure.declined" : "Busy", "not today");
        reason.non_retriable = how == "flag";
        reason.properties = {{"code", "51"}};
        throw task_failed(reason);
    });
    return known;
}

}  // namespace

TEST_CASE("a predicate that throws ends the retries with the failure that it was asked about",
          "[engine][retries]") {
    const auto payments = a_count();
    registry known = market(payments);
    known.add(parent, [](context& ctx, std::string how) -> orchestration<std::string> {
        const auto policy = retry_policy(3, 1ms).when(
            [](const failure& reason) { return reason.properties.at("status") == "503"; });
        const auto options = call_options().retry(policy);
        try {
            auto value = co_await ctx.call(pay, how, options);
            how += std::to_string(value);
        } catch (const activity_failed& problem) {
            how = problem.reason().type + "; " + problem.reason().message + "; " +
                  problem.reason().properties.at("perdure.retry_predicate");
        }
        // The same again from the history.
        co_await ctx.wait_for_event<int>("go");
        co_return how;
    });
    worker_options options;
    options.cached_frames_max = GENERATE(std::size_t{0}, std::size_t{100});
    engine shop(std::move(known), options);
    const auto id = shop.clients().start(parent, "declined");
    shop.clients().raise_event(id, "go", 1);

    const auto report = shop.clients().wait<std::string>(id, patience);

    CHECK_THAT(report,
               Catch::StartsWith("shop_errors::card_declined; no money; std::out_of_range"));
    CHECK(*payments == 1);
}

TEST_CASE("a failure reaches the policy of a parent as it is, through every child",
          "[engine][retries]") {
    const auto payments = a_count();
    engine shop(market(payments));
    struct expectation {
        std::string how;
        int payments;
        std::string type;
    };
    const std::vector<expectation> all{{"declined", 1, "shop_errors::card_declined"},
                                       {"named", 1, "perdure.declined"},
                                       {"flag", 1, "Busy"},
                                       {"busy", 3, "Busy"}};
    for (const auto& expected : all) {
        CAPTURE(expected.how);
        *payments = 0;
        const auto reason = failure_of(shop, shop.clients().start(buying, expected.how));
        CHECK(*payments == expected.payments);
        CHECK(reason.type == expected.type);
        CHECK(reason.non_retriable == (expected.how == "flag"));
        CHECK(reason.properties.contains("code") == (expected.how != "declined"));
    }
}

TEST_CASE("a codec that throws something of its own loses no result", "[engine][retries]") {
    const auto made = a_count();
    const activity<int, fragile> make("Make");
    const orchestrator<int, int> holder("Keeper");
    registry known;
    known.add(make, [made](int n) {
        ++*made;
        return fragile{n};
    });
    known.add(holder, [](context& ctx, int n) -> orchestration<int> {
        auto value = co_await ctx.call(activity<int, fragile>("Make"), n);
        co_return value.value;
    });
    engine shop(std::move(known));
    const auto id = shop.clients().start(holder, 13);

    REQUIRE(shop.wait_for_parked(id));
    CHECK_THAT(shop.clients().get(id)->parked_reason, Catch::Contains("13 brings bad luck"));
    CHECK(*made == 1);
    CHECK(shop.clients().wait<int>(shop.clients().start(holder, 12), patience) == 12);
}

TEST_CASE("a definition that makes no coroutine fails its instances", "[engine][retries]") {
    registry known;
    known.add_orchestration({"Empty", "", [](context&, const payload&) {
                                 return std::unique_ptr<detail::root_frame>();
                             }});
    engine shop(std::move(known));

    const auto id = shop.clients().start_encoded({"Empty", payload(), {}});

    CHECK_THAT(failure_of(shop, id).message, Catch::Contains("makes no coroutine"));
}

namespace {

/// Starts the child that it is told of with a retry policy, and tells how that ended.
orchestration<std::string> try_child(context& ctx, std::string id) {
    const auto options = child_options().id(instance_id(id)).retry(retry_policy(3, 1ms));
    try {
        auto value = co_await ctx.call(wait_for_go, 1, options);
        co_return std::to_string(value);
    } catch (const child_failed& problem) {
        id = problem.reason().type;
    } catch (const invalid_input& problem) {
        id = problem.what();
    }
    co_return id;
}

}  // namespace

TEST_CASE("what an operator decides about a child is not undone by a retry policy",
          "[engine][retries]") {
    const bool is_served = GENERATE(true, false);
    registry known;
    if (is_served) {
        known = common_orchestrations();
    }
    known.add(parent, try_child);
    engine shop(std::move(known));
    const auto wanted = is_served ? orchestration_status::running : orchestration_status::pending;
    const auto child_of = [&](const std::string& name) {
        const auto id = shop.clients().start(parent, name);
        REQUIRE(shop.wait_until(id, [&](const instance_record&) {
            const auto child = shop.clients().get(instance_id(name));
            return child && child->status == wanted;
        }));
        return id;
    };
    const auto terminated = child_of("terminated");
    const auto purged = child_of("purged");
    const auto replaced = child_of("replaced");

    shop.clients().terminate(instance_id("terminated"), "enough");
    shop.clients().purge(instance_id("purged"), true);
    start_options instead;
    instead.id = instance_id("replaced");
    instead.reuse = reuse_policy::replace_any;
    shop.clients().start(wait_for_go, 1, instead);

    CHECK(shop.clients().wait<std::string>(terminated, patience) == failure_type::terminated);
    CHECK(shop.clients().wait<std::string>(purged, patience) == failure_type::purged);
    CHECK(shop.clients().wait<std::string>(replaced, patience) == failure_type::replaced);
    for (const std::string name : {"terminated:2", "purged:2", "replaced:2"}) {
        CHECK(!shop.clients().get(instance_id(name)));
    }
}

TEST_CASE("a child whose chosen id is taken, or leaves no room for attempts, is not started",
          "[engine][retries]") {
    registry known = common_orchestrations();
    known.add(parent, try_child);
    engine shop(std::move(known));
    start_options taken;
    taken.id = instance_id("taken");
    shop.clients().start(wait_for_go, 1, taken);
    const std::string fits(id_bytes_max - 2, 'k');

    const auto second = shop.clients().start(parent, "taken");
    const auto too_long = shop.clients().start(parent, fits + "k");
    const auto longest = shop.clients().start(parent, fits);

    CHECK(shop.clients().wait<std::string>(second, patience) == failure_type::instance_exists);
    CHECK(!shop.clients().get(instance_id("taken:2")));
    CHECK_THAT(shop.clients().wait<std::string>(too_long, patience),
               Catch::Contains("would have 256 bytes"));
    CHECK(!shop.clients().get(instance_id(fits + "k")));
    REQUIRE(shop.wait_until(longest, [&](const instance_record&) {
        return shop.clients().get(instance_id(fits)).has_value();
    }));
}
