#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <stop_token>

using namespace perdure;
using namespace perdure::conformance;

// User code is called on the worker's threads, and may stop the worker or fail there.

namespace {

/// What the codec, the orchestration or the activity of the test does once.
std::function<void()>& once() {
    static std::function<void()> action;
    return action;
}
std::atomic<int> acts_left{0};

void act_once() {
    if (acts_left.fetch_sub(1) == 1) {
        once()();
    }
}

struct coin {
    int value = 0;
};

enum class place { orchestration, activity, codec };
std::atomic<place> acts_in{place::activity};

}  // namespace

template <>
struct perdure::codec<coin> {
    static payload encode(const coin& one) { return codec<int>::encode(one.value); }
    static coin decode(const payload& text) {
        if (acts_in == place::codec) {
            act_once();
        }
        return {codec<int>::decode(text)};
    }
};

namespace {

inline constexpr activity<coin, int> spend{"Spend"};
inline constexpr orchestrator<int, int> spending{"Spending"};

orchestration<int> spend_once(context& ctx, int n) {
    if (acts_in == place::orchestration) {
        act_once();
    }
    const coin one{n};
    auto done = co_await ctx.call(spend, one);
    co_return done;
}

registry spenders() {
    registry known;
    known.add(spending, spend_once);
    known.add(spend, [](const coin& one) {
        if (acts_in == place::activity) {
            act_once();
        }
        return one.value;
    });
    return known;
}

}  // namespace

TEST_CASE("a worker is stopped from an activity, an orchestration or a codec",
          "[engine][stopping]") {
    acts_in = GENERATE(place::activity, place::orchestration, place::codec);
    engine shop(spenders());
    std::atomic<bool> has_returned{false};
    once() = [&] {
        shop.stop();
        has_returned = true;
    };
    acts_left = 1;

    const auto id = shop.clients().start(spending, 7);

    CHECK(shop.log().wait_for(log_event::worker_stopped));
    CHECK(has_returned);
    shop.stop();
    shop.redeploy(spenders());
    CHECK(shop.clients().wait<int>(id, patience) == 7);
}

TEST_CASE("a worker is stopped from its log, whatever the log tells", "[engine][stopping]") {
    const auto when = GENERATE(log_event::worker_started,
                               log_event::turn_started,
                               log_event::turn_committed,
                               log_event::activity_started,
                               log_event::activity_completed,
                               log_event::orchestration_completed,
                               log_event::worker_stopping,
                               log_event::worker_stopped);
    log_collector log;
    std::atomic<worker*> serving{nullptr};
    worker_options options;
    options.log = [&, sink = log.sink()](const log_record& record) {
        if (record.event == when) {
            serving.load()->stop();
        }
        sink(record);
    };
    const hub where = a_hub();
    client clients(where);
    acts_left = 0;
    const auto id = clients.start(spending, 7);
    worker first(where, spenders(), options);
    serving = &first;

    first.start();
    if (when == log_event::worker_stopping || when == log_event::worker_stopped) {
        first.stop();
    }

    CHECK(log.wait_for(log_event::worker_stopped));
    first.stop();
    engine next(where, spenders());
    CHECK(clients.wait<int>(id, patience) == 7);
}

TEST_CASE("a worker is stopped by what an activity does when it is asked to stop",
          "[engine][stopping]") {
    gate way_out;
    registry known;
    std::atomic<worker*> serving{nullptr};
    known.add(spending, spend_once);
    known.add(spend, [&](const activity_context& ctx, const coin& one) {
        const std::stop_callback on_request(ctx.cancelled, [&] {
            serving.load()->stop();
            way_out.open();
        });
        way_out.pass();
        return one.value;
    });
    acts_left = 0;
    worker_options options;
    options.stop_grace = 50ms;
    engine shop(std::move(known), options);
    serving = &shop.workers();
    static_cast<void>(shop.clients().start(spending, 7));
    REQUIRE(way_out.wait_for_waiting(1));

    shop.stop();

    CHECK(shop.log().count(log_event::worker_stopped) == 1);
}

TEST_CASE("a log that throws costs its records and nothing else", "[engine][stopping]") {
    worker_options options;
    std::atomic<int> records{0};
    options.log = [&](const log_record&) {
        ++records;
        throw std::runtime_error("the disk is full");
    };
    acts_left = 0;
    engine shop(spenders(), options);

    CHECK(shop.clients().wait<int>(shop.clients().start(spending, 7), patience) == 7);

    shop.stop();
    CHECK(records > 5);
}
