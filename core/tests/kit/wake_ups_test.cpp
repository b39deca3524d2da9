#include <perdure/kit/wake_ups.hpp>

#include <catch2/catch.hpp>

#include <future>

using namespace perdure;
using namespace std::chrono_literals;

using steady_clock = std::chrono::steady_clock;

// Nothing here waits for so long, unless something is broken.
static steady_clock::time_point much_later() {
    return steady_clock::now() + 1min;
}

static std::optional<instance_record> found_with(orchestration_status status) {
    instance_record record{.instance = instance_id("a")};
    record.status = status;
    return record;
}

TEST_CASE("a wait with an older token returns at once", "[WAKE-1]") {
    wake_ups waiting;
    const std::atomic<bool> interrupted = false;
    const wake_token before = waiting.token();
    waiting.announce_work();

    const wake_token next = waiting.wait_for_work(before, much_later(), interrupted);

    CHECK(next.value == waiting.token().value);
    CHECK(next.value != before.value);
}

TEST_CASE("a wait ends with the announcement that it slept for", "[WAKE-1]") {
    wake_ups waiting;
    const std::atomic<bool> interrupted = false;
    const wake_token before = waiting.token();
    auto next = std::async(std::launch::async, [&] {
        return waiting.wait_for_work(before, much_later(), interrupted).value;
    });

    waiting.announce_end();  // Which is none for it.
    waiting.announce_work();

    CHECK(next.get() == before.value + 1);
}

TEST_CASE("a wait without a change lasts until its deadline") {
    wake_ups waiting;
    const std::atomic<bool> interrupted = false;
    const auto deadline = steady_clock::now() + 5ms;

    const wake_token next = waiting.wait_for_work(waiting.token(), deadline, interrupted);

    CHECK(steady_clock::now() >= deadline);
    CHECK(next.value == waiting.token().value);
    CHECK(waiting.wait_for_work(next, {}, interrupted).value == next.value);
}

TEST_CASE("what falls due is announced, and wakes once", "[WAKE-2]") {
    wake_ups waiting;
    const std::atomic<bool> interrupted = false;
    const wake_token before = waiting.token();
    SECTION("when it is known before the wait") {
        waiting.set_due(1ms);
    }
    SECTION("when it was due long ago") {
        waiting.set_due(duration::min());
    }
    SECTION("when it replaces a later time") {
        waiting.set_due(duration::max() - 1us);
        waiting.set_due(1ms);
    }

    const wake_token next = waiting.wait_for_work(before, much_later(), interrupted);

    CHECK(next.value == before.value + 1);
    CHECK(waiting.wait_for_work(next, steady_clock::now() + 2ms, interrupted).value == next.value);
}

TEST_CASE("a due time that is set earlier wakes who sleeps already", "[WAKE-2]") {
    wake_ups waiting;
    const std::atomic<bool> interrupted = false;
    const wake_token before = waiting.token();
    waiting.set_due(1h);
    auto next = std::async(std::launch::async, [&] {
        return waiting.wait_for_work(before, much_later(), interrupted).value;
    });

    waiting.set_due(1ms);

    CHECK(next.get() == before.value + 1);
}

TEST_CASE("nothing is due after a due time was taken back", "[WAKE-2]") {
    wake_ups waiting;
    const std::atomic<bool> interrupted = false;
    const wake_token before = waiting.token();
    waiting.set_due(0ms);
    waiting.set_due(duration::max());

    CHECK(waiting.wait_for_work(before, steady_clock::now() + 2ms, interrupted).value ==
          before.value);
}

TEST_CASE("a wait for an end looks first, and again after each end", "[READ-4]") {
    wake_ups waiting;
    const std::atomic<bool> interrupted = false;
    int looks = 0;
    const auto look = [&] {
        if (++looks < 3) {
            waiting.announce_end();  // Of another instance, between two looks.
        }
        return found_with(looks < 3 ? orchestration_status::running
                                    : orchestration_status::completed);
    };

    const auto found = waiting.wait_for_end(much_later(), interrupted, look);

    CHECK(found->status == orchestration_status::completed);
    CHECK(looks == 3);
}

TEST_CASE("a wait for an end returns what is missing, and what has not ended in time") {
    wake_ups waiting;
    const std::atomic<bool> interrupted = false;
    const auto missing = [] { return std::optional<instance_record>(); };
    const auto running = [] { return found_with(orchestration_status::running); };

    CHECK_FALSE(waiting.wait_for_end(much_later(), interrupted, missing));
    CHECK(waiting.wait_for_end(steady_clock::now() + 1ms, interrupted, running)->status ==
          orchestration_status::running);
}

TEST_CASE("an interruption ends the present and the future waits of its flag, and no others") {
    wake_ups waiting;
    std::atomic<bool> interrupted = false;
    const std::atomic<bool> other = false;
    const wake_token before = waiting.token();
    const auto running = [] { return found_with(orchestration_status::running); };
    auto work = std::async(std::launch::async, [&] {
        return waiting.wait_for_work(before, much_later(), interrupted).value;
    });
    auto end = std::async(std::launch::async, [&] {
        return waiting.wait_for_end(much_later(), interrupted, running).has_value();
    });

    waiting.interrupt(interrupted);

    CHECK(work.get() == before.value);
    CHECK(end.get());
    CHECK(waiting.wait_for_work(before, much_later(), interrupted).value == before.value);
    const auto deadline = steady_clock::now() + 2ms;
    CHECK(waiting.wait_for_work(before, deadline, other).value == before.value);
    CHECK(steady_clock::now() >= deadline);
}
