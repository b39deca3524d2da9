#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <mutex>
#include <optional>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

// Activities whose end is told later, by another thread, twice, or by nobody.

namespace {

inline constexpr activity<int, int> errand{"Errand"};
inline constexpr orchestrator<int, int> sending{"Sending"};

orchestration<int> send_once(context& ctx, int n) {
    auto done = co_await ctx.call(errand, n);
    co_return done;
}

using errand_function = std::function<void(const activity_context&, int, activity_done)>;

registry sending_by(errand_function how) {
    registry known;
    known.add(sending, send_once);
    known.add_activity({errand.name,
                        [how = std::move(how)](
                            const activity_context& ctx, const payload& input, activity_done done) {
                            how(ctx, codec<int>::decode(input), std::move(done));
                        }});
    return known;
}

/// One place for activities, so that one that is never freed shows.
worker_options narrow() {
    worker_options options;
    options.activities_max = 1;
    options.poll_min = 1ms;
    options.poll_max = 10ms;
    return options;
}

activity_result answer_of(int value) {
    return codec<int>::encode(value);
}

}  // namespace

TEST_CASE("an activity whose end nobody can tell any more is delivered again",
          "[engine][asynchronous]") {
    const bool is_dropped_later = GENERATE(false, true);
    std::jthread later;
    engine shop(sending_by([&](const activity_context& ctx, int n, activity_done done) {
                    if (ctx.delivery > 1) {
                        done(answer_of(n + static_cast<int>(ctx.delivery)));
                    } else if (is_dropped_later) {
                        later =
                            std::jthread([kept = std::move(done)]() mutable { kept = nullptr; });
                    }
                }),
                narrow());

    const auto id = shop.clients().start(sending, 50);

    CHECK(shop.clients().wait<int>(id, patience) == 52);
    CHECK(shop.log().count(log_event::activity_abandoned) == 1);
}

TEST_CASE("an activity that is always dropped fails after its last delivery",
          "[engine][asynchronous]") {
    worker_options options = narrow();
    options.deliveries_max = 2;
    std::atomic<int> executions{0};
    engine shop(
        sending_by([&](const activity_context&, int, const activity_done&) { ++executions; }),
        options);

    const auto ended =
        shop.clients().wait_for_end(shop.clients().start(sending, 50), patience, false);

    REQUIRE(ended.status == orchestration_status::failed);
    const failure reason = decode_failure(ended.failure);
    CHECK(reason.type == "perdure.attempts_exhausted");
    CHECK_THAT(reason.message, Catch::Contains("delivered 2 times"));
    CHECK(executions == 2);
}

TEST_CASE("the first answer counts, whichever copy of activity_done gives it",
          "[engine][asynchronous]") {
    engine shop(sending_by([](const activity_context&, int n, activity_done done) {
                    const activity_done copy = done;
                    const activity_done moved = std::move(done);
                    copy(answer_of(n));
                    moved(answer_of(n + 1));
                    copy(failure("Late", "the second answer"));
                }),
                narrow());

    CHECK(shop.clients().wait<int>(shop.clients().start(sending, 50), patience) == 50);
    CHECK(shop.clients().wait<int>(shop.clients().start(sending, 60), patience) == 60);
    CHECK(shop.log().count(log_event::activity_abandoned) == 0);
}

TEST_CASE("an answer that comes after the worker has stopped is ignored, and so is none",
          "[engine][asynchronous]") {
    const bool answers = GENERATE(true, false);
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<activity_done> kept;
    worker_options options = narrow();
    options.stop_grace = 0ms;
    engine shop(sending_by([&](const activity_context&, int, activity_done done) {
                    const std::lock_guard guard(mutex);
                    kept = std::move(done);
                    changed.notify_all();
                }),
                options);
    const auto id = shop.clients().start(sending, 50);
    {
        std::unique_lock guard(mutex);
        REQUIRE(changed.wait_for(guard, patience, [&] { return kept.has_value(); }));
    }

    shop.redeploy(sending_by([](const activity_context& ctx, int n, const activity_done& done) {
        done(answer_of(n + static_cast<int>(ctx.delivery)));
    }));
    if (answers) {
        (*kept)(answer_of(1));
    }
    kept.reset();

    CHECK(shop.clients().wait<int>(id, patience) == 51);
}
