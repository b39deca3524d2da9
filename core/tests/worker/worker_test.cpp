#include "samples.hpp"

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

// Worker and client end to end, on the memory backend.

namespace perdure {
namespace {

using namespace testing;

TEST_CASE("an orchestration calls an activity and returns", "[worker]") {
    const hub where = a_hub();
    worker w(where, a_registry(), quick());
    w.start();
    client c(where);

    const auto id = c.start(hello, "world");

    CHECK(c.wait<std::string>(id, 20s) == "Hello, world!");
    CHECK(codec<std::string>::decode(c.input(id)) == "world");
    const auto history = c.history(id);
    CHECK(history.front().kind == event_kind::execution_started);
    CHECK(history.back().kind == event_kind::execution_completed);
    CHECK(c.get(id)->status == orchestration_status::completed);
    w.stop();
    CHECK(w.statistics().turns == 2);
    CHECK(w.statistics().activities == 1);
}

TEST_CASE("a chain of activities keeps its frame and is never rebuilt", "[worker]") {
    const hub where = a_hub();
    worker w(where, a_registry(), quick());
    w.start();
    client c(where);

    CHECK(c.wait<int>(c.start(chain, 30), 20s) == 30);

    CHECK(w.statistics().rebuilds == 1);
}

TEST_CASE("without a frame cache every turn is rebuilt, and nothing else changes", "[worker]") {
    const hub where = a_hub();
    worker_options options;
    options.cached_frames_max = 0;
    worker w(where, a_registry(), options);
    w.start();
    client c(where);

    CHECK(c.wait<int>(c.start(chain, 10), 20s) == 10);

    CHECK(w.statistics().rebuilds == 11);
}

TEST_CASE("activities that block are executed side by side", "[worker]") {
    const hub where = a_hub();
    gate all;
    registry what = a_registry();
    what.add(holding, hold_on).add(hold, [&all] { all.pass(); });
    worker w(where, what, quick());
    w.start();
    client c(where);

    std::vector<instance_id> ids;
    for (int i = 0; i < 32; ++i) {
        ids.push_back(c.start(holding));
    }

    CHECK(all.await_waiting(32));
    // Turns go on while every activity's thread is taken.
    const auto word = c.start(waiting);
    c.raise_event(word, "word", std::string("go"));
    CHECK(c.wait<std::string>(word, 20s) == "go");
    all.open();
    for (const auto& id : ids) {
        c.wait<void>(id, 20s);
    }
}

TEST_CASE("thousands of orchestrations from many threads all complete", "[worker]") {
    const hub where = a_hub();
    worker w(where, a_registry());
    w.start();
    client c(where);
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                std::vector<instance_id> ids;
                for (int i = 0; i < 100; ++i) {
                    ids.push_back(c.start(chain, 5));
                }
                for (const auto& id : ids) {
                    wrong += c.wait<int>(id, 60s) == 5 ? 0 : 1;
                }
            });
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("fan-out, children, continue-as-new and timers work", "[worker]") {
    const hub where = a_hub();
    worker w(where, a_registry(), quick());
    w.start();
    client c(where);

    const auto wide = c.start(fan, 100);
    const auto with_child = c.start(parent, 3);
    const auto again = c.start(counting, 5);
    const auto timer = c.start(sleeping);

    CHECK(c.wait<int>(wide, 20s) == 5050);
    CHECK(c.wait<int>(with_child, 20s) == 4);
    CHECK(c.wait<int>(again, 20s) == 42);
    c.wait<void>(timer, 20s);
}

TEST_CASE("two workers on one hub share the work, and one stops without disturbing the other",
          "[worker]") {
    const hub where = a_hub();
    worker first(where, a_registry());
    worker second(where, a_registry());
    first.start();
    second.start();
    client c(where);
    std::vector<instance_id> ids;
    for (int i = 0; i < 50; ++i) {
        ids.push_back(c.start(chain, 5));
    }
    first.stop();
    for (int i = 0; i < 50; ++i) {
        ids.push_back(c.start(chain, 5));
    }

    for (const auto& id : ids) {
        CHECK(c.wait<int>(id, 60s) == 5);
    }
}

TEST_CASE("work of other names is left alone", "[worker]") {
    const hub where = a_hub();
    registry only_hello;
    only_hello.add(hello, say_hello).add(greet, [](const std::string& name) { return name; });
    worker w(where, only_hello);
    w.start();
    client c(where);

    const auto unknown = c.start(chain, 1);
    CHECK(c.wait<std::string>(c.start(hello, "x"), 20s) == "x");

    CHECK(c.get(unknown)->status == orchestration_status::pending);
    CHECK(c.get(unknown)->parked_reason.empty());
}

TEST_CASE("start and stop may be called twice, and stop before start", "[worker]") {
    const hub where = a_hub();
    worker w(where, a_registry());
    w.stop();
    w.start();
    w.start();
    w.stop();
    w.stop();

    CHECK_THROWS_AS(w.start(), invalid_input);
}

TEST_CASE("an idle worker stops within a tenth of a second", "[worker]") {
    const hub where = a_hub();
    worker w(where, a_registry());
    w.start();
    client c(where);
    c.wait<std::string>(c.start(hello, "x"), 20s);

    const auto begin = std::chrono::steady_clock::now();
    w.stop();

    // Twice the promise, for machines under load.
    CHECK(std::chrono::steady_clock::now() - begin < 200ms);
}

TEST_CASE("a stop waits for what has begun", "[worker]") {
    const hub where = a_hub();
    gate one;
    registry what = a_registry();
    what.add(holding, hold_on).add(hold, [&one] { one.pass(); });
    worker w(where, what);
    w.start();
    client c(where);
    const auto id = c.start(holding);
    REQUIRE(one.await_waiting(1));

    std::jthread stopping([&] { w.stop(); });
    one.open();
    stopping.join();

    CHECK(w.statistics().activities == 1);
    CHECK(c.get(id)->leased_by.empty());
}

TEST_CASE("an activity that does not end is asked to stop and abandoned", "[worker]") {
    const hub where = a_hub();
    gate never;
    registry what = a_registry();
    std::atomic<bool> was_asked{false};
    what.add(holding, hold_on).add(hold, [&](const activity_context& ctx) {
        never.pass(ctx.cancelled);
        was_asked = ctx.cancelled.stop_requested();
    });
    worker_options options;
    options.stop_grace = 10ms;
    worker w(where, what, options);
    w.start();
    client c(where);
    const auto id = c.start(holding);
    REQUIRE(never.await_waiting(1));

    w.stop();

    CHECK(was_asked);
}

/// A coroutine activity that ends when the test resumes it.
struct manual_event {
    std::mutex mutex;
    std::condition_variable changed;
    std::coroutine_handle<> suspended;

    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
        const std::lock_guard guard(mutex);
        suspended = handle;
        changed.notify_all();
    }
    void await_resume() noexcept {}
    std::coroutine_handle<> take() {
        std::unique_lock guard(mutex);
        changed.wait_for(guard, 20s, [&] { return static_cast<bool>(suspended); });
        return std::exchange(suspended, {});
    }
};

activity_task<void> await_event(manual_event* event) {
    co_await *event;
}

TEST_CASE("a coroutine activity frees its thread and ends from another", "[worker]") {
    const hub where = a_hub();
    manual_event event;
    registry what = a_registry();
    what.add(holding, hold_on).add(hold, [&event] { return await_event(&event); });
    worker w(where, what, quick());
    w.start();
    client c(where);
    const auto id = c.start(holding);
    const auto handle = event.take();
    REQUIRE(handle);
    CHECK(c.wait<std::string>(c.start(hello, "x"), 20s) == "Hello, x!");

    handle.resume();

    c.wait<void>(id, 20s);
}

TEST_CASE("the late end of an activity whose worker is gone is ignored", "[worker]") {
    const hub where = a_hub();
    manual_event event;
    client c(where);
    {
        registry what = a_registry();
        what.add(holding, hold_on).add(hold, [&event] { return await_event(&event); });
        worker_options options;
        options.stop_grace = 0ms;
        worker w(where, what, options);
        w.start();
        static_cast<void>(c.start(holding));
        const auto handle = event.take();
        REQUIRE(handle);
        w.stop();
        event.suspended = handle;
    }

    event.take().resume();
}

TEST_CASE("an activity that throws fails with type and message", "[worker]") {
    const hub where = a_hub();
    registry what;
    what.add(hello, say_hello).add(greet, [](const std::string&) -> std::string {
        throw std::runtime_error("no voice");
    });
    worker w(where, what, quick());
    w.start();
    client c(where);

    const auto id = c.start(hello, "x");

    CHECK_THROWS_WITH(c.wait<std::string>(id, 20s), Catch::Contains("no voice"));
    CHECK(c.get(id)->status == orchestration_status::failed);
}

TEST_CASE("a result that is too large fails the activity and not the worker", "[worker]") {
    const hub where = a_hub();
    registry what;
    what.add(hello, say_hello).add(greet, [](const std::string&) {
        return std::string(5000, 'x');
    });
    worker_options options;
    options.payload_bytes_max = 1000;
    worker w(where, what, options);
    w.start();
    client c(where);

    CHECK_THROWS_WITH(c.wait<std::string>(c.start(hello, "x"), 20s), Catch::Contains("5002 bytes"));
}

TEST_CASE("the log tells what happened, in order, to whoever listens", "[worker]") {
    const hub where = a_hub();
    std::mutex mutex;
    std::vector<log_event> events;
    worker_options options;
    options.log = [&](const log_record& record) {
        const std::lock_guard guard(mutex);
        events.push_back(record.event);
    };
    {
        worker w(where, a_registry(), options);
        w.start();
        client c(where);
        c.wait<std::string>(c.start(hello, "x"), 20s);
    }

    // The last turn is told of by its commit, which the client hears of first.
    std::erase(events, log_event::worker_stopping);
    const std::vector<log_event> expected{log_event::worker_started,
                                          log_event::turn_started,
                                          log_event::turn_committed,
                                          log_event::activity_started,
                                          log_event::activity_completed,
                                          log_event::turn_started,
                                          log_event::turn_committed,
                                          log_event::orchestration_completed,
                                          log_event::worker_stopped};
    CHECK(events == expected);
    CHECK(to_string(log_event::turn_committed) == "turn_committed");
}

}  // namespace
}  // namespace perdure
