#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <stdlib.h>
#include <string>
#include <thread>

// Worker and client end to end, on the memory backend.

using namespace std::chrono_literals;

namespace perdure {
namespace {

constexpr activity<std::string, std::string> greet{"Greet"};
constexpr activity<int, int> count_up{"CountUp"};
constexpr activity<void, void> hold{"Hold"};
constexpr orchestrator<std::string, std::string> hello{"Hello"};
constexpr orchestrator<int, int> chain{"Chain"};
constexpr orchestrator<int, int> fan{"Fan"};
constexpr orchestrator<void, void> holding{"Holding"};
constexpr orchestrator<void, std::string> waiting{"Waiting"};
constexpr orchestrator<int, int> parent{"Parent"};
constexpr orchestrator<int, int> counting{"Counting"};
constexpr orchestrator<void, void> sleeping{"Sleeping"};

orchestration<std::string> say_hello(context& ctx, std::string name) {
    auto greeting = co_await ctx.call(greet, name);
    co_return greeting;
}

orchestration<int> step_by_step(context& ctx, int steps) {
    int value = 0;
    for (int i = 0; i < steps; ++i) {
        value = co_await ctx.call(count_up, value);
    }
    co_return value;
}

orchestration<int> all_at_once(context& ctx, int width) {
    std::vector<task_handle<int>> open;
    for (int i = 0; i < width; ++i) {
        open.push_back(ctx.call(count_up, i));
    }
    int sum = 0;
    for (auto& each : open) {
        sum += co_await each;
    }
    co_return sum;
}

orchestration<void> hold_on(context& ctx) {
    co_await ctx.call(hold);
}

orchestration<std::string> wait_for_word(context& ctx) {
    auto word = co_await ctx.wait_for_event<std::string>("word");
    co_return word;
}

orchestration<int> ask_child(context& ctx, int steps) {
    auto answer = co_await ctx.call(chain, steps);
    co_return answer + 1;
}

orchestration<int> count_down(context& ctx, int left) {
    if (left > 0) {
        ctx.continue_as_new(left - 1);
        co_return 0;
    }
    co_return 42;
}

orchestration<void> nap(context& ctx) {
    co_await ctx.create_timer(20ms);
}

hub a_hub() {
    static std::once_flag once;
    std::call_once(once, [] { ::setenv("PERDURE_PLUGIN_PATH", PERDURE_PLUGIN_DIR, 1); });
    static std::atomic<int> number{0};
    return open("memory:worker-test-" + std::to_string(++number));
}

/// A gate that activities wait at, and a count of those that do.
class gate {
  public:
    void pass(const std::stop_token& cancelled = {}) {
        const std::stop_callback wake(cancelled, [this] { changed_.notify_all(); });
        std::unique_lock guard(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait(guard, [&] { return is_open_ || cancelled.stop_requested(); });
    }
    void open() {
        const std::lock_guard guard(mutex_);
        is_open_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] bool await_waiting(int wanted) {
        std::unique_lock guard(mutex_);
        return changed_.wait_for(guard, 20s, [&] { return waiting_ >= wanted; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int waiting_ = 0;
    bool is_open_ = false;
};

registry a_registry() {
    registry what;
    what.add(hello, say_hello)
        .add(chain, step_by_step)
        .add(fan, all_at_once)
        .add(waiting, wait_for_word)
        .add(parent, ask_child)
        .add(counting, count_down)
        .add(sleeping, nap)
        .add(greet, [](const std::string& name) { return "Hello, " + name + "!"; })
        .add(count_up, [](const int& value) { return value + 1; });
    return what;
}

worker_options quick() {
    worker_options options;
    options.verify_replay = true;
    return options;
}

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
    CHECK_FALSE(c.release(*named.id));
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
    const std::vector<log_event> expected{
        log_event::worker_started,     log_event::turn_started,
        log_event::turn_committed,     log_event::activity_started,
        log_event::activity_completed, log_event::turn_started,
        log_event::turn_committed,     log_event::orchestration_completed,
        log_event::worker_stopped};
    CHECK(events == expected);
    CHECK(to_string(log_event::turn_committed) == "turn_committed");
}

}  // namespace
}  // namespace perdure
