#define CATCH_CONFIG_FAST_COMPILE
#include "replay/checkpoint_builder.hpp"
#include "replay/live_instance.hpp"
#include "transcript.hpp"

#include <perdure/codec_cereal.hpp>
#include <perdure/context.hpp>
#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

// What an author may take back, and what becomes of it.

namespace perdure::test {
namespace {

using namespace replay;
using namespace std::chrono_literals;

inline constexpr activity<int, int> square{"Square"};
inline constexpr orchestrator<int, int> child{"Child"};

/// One orchestration, played turn by turn with a frame rebuilt from history.
class play {
  public:
    template <class Function>
    explicit play(Function function) {
        known_.add(orchestrator<void, std::string>("one"), function);
        history_event start;
        start.kind = event_kind::execution_started;
        start.execution = {{1, 2}};
        history_.push_back(start);
    }

    /// The decisions of a turn with these messages, each as one line.
    std::vector<std::string> turn(const std::vector<inbox_message>& inbox = {}) {
        now_ += 1s;
        last = run_turn(*known_.find_orchestration("one", ""), history_, inbox, now_, {});
        if (last.fault) {
            FAIL(last.fault->report);
        }
        history_.insert(history_.end(), last.events.begin(), last.events.end());
        std::vector<std::string> lines;
        for (const decision& made : last.decisions) {
            lines.push_back(decision_line(made.event));
        }
        return lines;
    }

    turn_result last;

  private:
    registry known_;
    std::vector<history_event> history_;
    timestamp now_{};
};

inbox_message raised(const std::string& name) {
    return {1, {}, {}, R"({"type":"event_raised","name":")" + name + R"(","data":"1"})"};
}

inbox_message failed(std::uint64_t task) {
    return {1, {}, {task}, R"({"type":"task_failed","failure":{"type":"T","message":"m"}})"};
}

using lines = std::vector<std::string>;

TEST_CASE("the losers of a race are taken back in one call, children excepted",
          "[replay][taken_back]") {
    play one([](context& ctx) -> orchestration<std::string> {
        auto working = ctx.call(square, 1);
        auto below = ctx.call(child, 1);
        auto timer = ctx.create_timer(1h);
        auto go = ctx.wait_for_event<int>("go");
        auto first = co_await when_any(working, below, timer, go);
        ctx.cancel_losers(first);
        const int value = co_await go;
        co_return std::to_string(value);
    });
    one.turn();

    CHECK(one.turn({raised("go")}) ==
          lines{"task_cancelled #1", "task_cancelled #3", R"(execution_completed "1")"});
    orchestration_work work{
        instance_id("one"), {{1, 2}}, {{7}, 0}, "one", "", {}, 1, {}, 1, {}, {}};
    work.history_length = one.last.history_length;
    const checkpoint made = build_checkpoint(work, one.last, {});
    CHECK(made.cancelled_activities == std::vector<task_id>{{1}});
    CHECK(made.cancelled_timers == std::vector<task_id>{{3}});
}

TEST_CASE("a call that waits for its next attempt can be taken back", "[replay][taken_back]") {
    play one([](context& ctx) -> orchestration<std::string> {
        const auto options = call_options().retry(retry_policy(3, 1h));
        auto working = ctx.call(square, 1, options);
        const int go = co_await ctx.wait_for_event<int>("go");
        ctx.cancel(working);
        const int again = co_await ctx.wait_for_event<int>("go");
        co_return std::to_string(go + again);
    });
    one.turn();
    CHECK(one.turn({failed(1)}) == lines{"timer_created #2 at=3602000"});

    CHECK(one.turn({raised("go")}) == lines{"task_cancelled #2"});
    CHECK(one.turn({raised("go")}) == lines{R"(execution_completed "2")"});
}

TEST_CASE("a wait that is taken back leaves its event to the next, and takes its timer along",
          "[replay][taken_back][events]") {
    play one([](context& ctx) -> orchestration<std::string> {
        auto wait = ctx.wait_for_event<int>("go", 1h);
        auto tick = ctx.call(square, 1);
        auto first = co_await when_any(wait, tick);
        ctx.cancel(wait);
        const int value = co_await ctx.wait_for_event<int>("go");
        co_return first.is(wait) ? std::to_string(value) : "no";
    });
    one.turn();

    CHECK(one.turn({raised("go")}) == lines{"task_cancelled #1", R"(execution_completed "1")"});
}

TEST_CASE("awaiting what was taken back throws, alone or with others", "[replay][taken_back]") {
    play one([](context& ctx) -> orchestration<std::string> {
        auto working = ctx.call(square, 1);
        auto wait = ctx.wait_for_event<int>("go");
        auto timer = ctx.create_timer(1h);
        ctx.cancel(working);
        ctx.cancel(working);
        ctx.cancel(wait);
        ctx.cancel_timer(timer);
        int thrown = 0;
        try {
            const int value = co_await working;
            static_cast<void>(value);
        } catch (const task_cancelled& gone) {
            thrown += gone.reason().type == failure_type::cancelled ? 1 : 0;
        }
        try {
            co_await when_all(wait, timer);
        } catch (const task_cancelled&) {
            ++thrown;
        }
        try {
            co_await when_any(wait, timer);
        } catch (const task_cancelled&) {
            ++thrown;
        }
        auto other = ctx.wait_for_event<int>("go");
        const auto first = co_await when_any(timer, other);
        const auto outcomes = co_await when_all_settled(working, other);
        co_return std::to_string(thrown) + (first.is(other) ? " other" : "") +
            (std::get<0>(outcomes).has_failed() ? " cancelled" : "");
    });
    one.turn();

    CHECK(one.turn({raised("go")}) == lines{R"(execution_completed "3 other cancelled")"});
}

TEST_CASE("a child cannot be taken back, and cancel_timer takes timers only",
          "[replay][taken_back]") {
    play one([](context& ctx) -> orchestration<std::string> {
        auto below = ctx.call(child, 1);
        auto working = ctx.call(activity<int, void>("Work"), 1);
        std::string refused;
        try {
            ctx.cancel(below);
        } catch (const invalid_input& problem) {
            refused += problem.what();
        }
        try {
            ctx.cancel_timer(working);
        } catch (const invalid_input& problem) {
            refused += problem.what();
        }
        co_await working;
        co_return refused;
    });
    CHECK(one.turn().size() == 2);

    one.turn({{1, {}, {2}, R"({"type":"task_completed"})"}});

    CHECK_THAT(one.last.output.bytes, Catch::Contains(R"(child orchestration \"Child\" (task 1))"));
    CHECK_THAT(one.last.output.bytes, Catch::Contains(R"(\"Work\" (task 2) is no timer)"));
}

TEST_CASE("a wait whose time is up while an event is there for it keeps the event",
          "[replay][events]") {
    play one([](context& ctx) -> orchestration<std::string> {
        auto wait = ctx.wait_for_event<int>("go", 1h);
        const int worked = co_await ctx.call(square, 1);
        const auto value = co_await wait;
        auto next = ctx.wait_for_event<int>("go", 1h);
        const bool is_there = next.is_done();
        co_return std::to_string(worked) + (value ? " in time" : " late") + (is_there ? " +" : "");
    });
    one.turn();
    one.turn({raised("go")});
    one.turn({{1, timestamp(1h + 1s), {1}, R"({"type":"timer_fired"})"}});

    one.turn({{1, {}, {2}, R"({"type":"task_completed","data":"5"})"}});

    CHECK(one.last.output.bytes == R"("5 in time")");
}

TEST_CASE("a wait that loses its event to another is open until its own deadline",
          "[replay][events]") {
    play one([](context& ctx) -> orchestration<std::string> {
        const int begun = co_await ctx.wait_for_event<int>("begin");
        auto first = ctx.wait_for_event<int>("go", 1h);
        auto second = ctx.wait_for_event<int>("go");
        const int taken = co_await second;
        const auto value = co_await first;
        co_return std::to_string(begun + taken) + (value ? " more" : " late");
    });
    one.turn();
    // No timer while the event is there for the first wait; one as soon as the second reads it.
    CHECK(one.turn({raised("go"), raised("begin")}) == lines{"timer_created #1 at=3602000"});

    one.turn({{1, timestamp(1h + 2s), {1}, R"({"type":"timer_fired"})"}});

    CHECK(one.last.output.bytes == R"("2 late")");
}

}  // namespace
}  // namespace perdure::test
