#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"
#include "faults/faulty_backend.hpp"

#include <catch2/catch.hpp>

#include <atomic>

using namespace perdure;
using namespace perdure::conformance;

// A store that loses commits which it has acknowledged: what goes on is what is left, whatever
// workers remember.

namespace {

inline constexpr activity<void, std::string> draw{"DrawALetter"};
inline constexpr activity<std::string, std::string> pass_on{"PassOn"};
inline constexpr activity<void, void> stay{"Stay"};
inline constexpr orchestrator<void, std::string> draw_and_pass{"DrawAndPass"};
inline constexpr orchestrator<void, void> stay_long{"StayLong"};

orchestration<std::string> draw_and_pass_body(context& ctx) {
    auto drawn = co_await ctx.call(draw);
    auto passed = co_await ctx.call(pass_on, drawn);
    co_return drawn + "|" + passed;
}

orchestration<void> stay_long_body(context& ctx) {
    co_await ctx.call(stay);
}

/// Opens a gate at the end, so that a test that has failed lets its worker stop.
struct opens_at_the_end {
    gate& door;
    ~opens_at_the_end() { door.open(); }
};

/// Its `draw` has this result.
registry drawing(const std::string& letter) {
    registry known;
    known.add(draw_and_pass, draw_and_pass_body);
    known.add(draw, [letter] { return letter; });
    return known;
}

}  // namespace

TEST_CASE("a speculative turn never follows from a turn that the store has lost",
          "[engine][faults][VERSION-1]") {
    const hub where = a_hub();
    const auto store = std::make_shared<faulty_backend>(where);
    gate door;
    registry known = drawing("A");
    known.add(pass_on, [](const std::string& text) { return text; });
    known.add(stay_long, stay_long_body);
    known.add(stay, [&] { door.pass(); });
    worker_options one_at_a_time;
    one_at_a_time.activities_max = 1;
    engine first(hub(store, "loses"), known, one_at_a_time);
    const opens_at_the_end in_any_case{door};
    // The turn that follows the drawing.
    store->plan(method::commit, mishap::lost_commit, 2);
    const auto id = first.clients().start(draw_and_pass);
    REQUIRE(first.log().wait_for(log_event::turn_committed, 2));
    first.clients().start(stay_long);
    REQUIRE(door.wait_for_waiting(1));

    // Another worker draws, while the first one has no room.
    REQUIRE(return_to(where.store(), a_request(), store->lost(), return_kind::give_back) ==
            std::vector{lease_outcome::done});
    engine second(where, drawing("B"));
    REQUIRE(second.log().wait_for(log_event::turn_committed, 1));
    door.open();

    CHECK(first.clients().wait<std::string>(id, patience) == "B|B");
}

TEST_CASE("under random faults and lost commits, results are what histories say",
          "[engine][faults][VERSION-1]") {
    const hub where = open_hub(a_hub_config_with_real_clock());
    worker_options impatient;
    impatient.lease_duration = 500ms;
    impatient.renew_interval = 100ms;
    impatient.deliveries_max = 1000;
    const auto shaky = [&](std::uint64_t seed) {
        auto store = std::make_shared<faulty_backend>(where);
        store->plan_random({.failure = 10,
                            .lost_answer = 10,
                            .expiry = 10,
                            .second_delivery = 10,
                            .lost_commit = 30},
                           seed);
        return hub(std::move(store), "loses");
    };
    engine one(shaky(seed()), common_orchestrations(), impatient);
    engine other(shaky(seed() + 1), common_orchestrations(), impatient);
    client clients(where);
    const std::vector<int> inputs(budgeted({50, 500, 10'000}), 5);

    const auto ids = clients.start_many(random_words, std::span(inputs));

    for (const auto& id : ids) {
        INFO("instance " << id.text() << ", seed " << seed());
        const auto result =
            clients.wait<std::string>(id, patience * static_cast<int>(budgeted({1, 2, 20})));
        REQUIRE(result == words_of(clients.history(id)));
    }
}
