#include "worker/crew.hpp"

#include "fake_backend.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <semaphore>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;

namespace perdure::dispatch {
namespace {

const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());

/// A crew whose slots have no threads, for what is only counted.
struct paper_crew {
    explicit paper_crew(std::size_t threads_max)
        : members(threads_max, [this](crew::slot& fresh) {
              slots.push_back(&fresh);
              return std::jthread();
          }) {}

    std::vector<crew::slot*> slots;
    crew members;
};

TEST_CASE("a core is free while fewer threads are awake than there are cores", "[crew]") {
    paper_crew some(1000);
    for (std::size_t i = 0; i < cores; ++i) {
        CHECK(some.members.has_free_core());
        some.members.add();
    }
    CHECK_FALSE(some.members.has_free_core());

    some.members.begin_wait();
    CHECK(some.members.has_free_core());
    some.members.end_wait();
    CHECK_FALSE(some.members.has_free_core());
}

TEST_CASE("what a thread executes for long makes it count as blocked, once", "[crew]") {
    paper_crew some(1000);
    for (std::size_t i = 0; i < cores; ++i) {
        some.members.add();
    }
    const auto now = steady::now();
    crew::slot& slow = *some.slots.front();
    slow.current = std::make_shared<leased_item>(testing::a_leased_turn("i"));
    slow.since = now;

    some.members.mark_blocked(now);
    CHECK_FALSE(some.members.has_free_core());
    some.members.mark_blocked(now + 1ms);
    some.members.mark_blocked(now + 1ms);
    CHECK(some.members.has_free_core());
    some.members.unmark_blocked(slow);
    some.members.unmark_blocked(slow);

    CHECK_FALSE(some.members.has_free_core());
}

TEST_CASE("a burst wakes twice as many each time, as far as they are wanted", "[crew]") {
    paper_crew some(100 * cores);

    some.members.wake_burst(1000 * cores);
    CHECK(some.members.is_bursting());
    CHECK(some.slots.size() == cores);
    some.members.wake_burst(1000 * cores);
    CHECK(some.slots.size() == 3 * cores);
    some.members.wake_burst(1);
    CHECK(some.slots.size() == 3 * cores + 1);
    some.members.end_burst();

    CHECK_FALSE(some.members.is_bursting());
    some.members.wake_burst(1000 * cores);
    CHECK(some.slots.size() == 4 * cores + 1);
}

TEST_CASE("there are never more threads than may be, and none are made at the end", "[crew]") {
    paper_crew some(3);
    for (int i = 0; i < 5; ++i) {
        some.members.wake_one();
    }
    CHECK(some.slots.size() == 3);

    paper_crew closing(3);
    closing.members.close();
    closing.members.wake_one();
    CHECK(closing.slots.empty());
}

TEST_CASE("a sleeping thread is woken before another is made, and all leave at the end", "[crew]") {
    std::mutex mutex;
    std::counting_semaphore<> was_awake(0);
    int made = 0;
    crew* all = nullptr;
    crew members(2, [&](crew::slot& fresh) {
        ++made;
        return std::jthread([&] {
            std::unique_lock guard(mutex);
            while (!all->is_closing()) {
                was_awake.release();
                all->sleep(fresh, guard);
            }
            all->leave(fresh);
        });
    });
    all = &members;
    {
        const std::lock_guard guard(mutex);
        members.add();
    }
    REQUIRE(was_awake.try_acquire_for(20s));
    {
        // Whoever has the mutex now finds it asleep.
        const std::lock_guard guard(mutex);
        members.wake_one();
    }
    CHECK(was_awake.try_acquire_for(20s));
    CHECK(made == 1);

    std::unique_lock guard(mutex);
    members.close();
    members.end(guard);

    CHECK_FALSE(guard.owns_lock());
}

TEST_CASE("a machine that has no thread to give does not stop the crew", "[crew]") {
    int made = 0;
    crew members(10, [&](crew::slot&) -> std::jthread {
        if (++made > 1) {
            throw std::system_error(
                std::make_error_code(std::errc::resource_unavailable_try_again));
        }
        return {};
    });
    members.add();

    CHECK_NOTHROW(members.wake_one());
    CHECK_THROWS_AS(members.add(), std::system_error);

    // What was not made does not count as awake.
    CHECK(members.has_free_core() == (cores > 1));
}

}  // namespace
}  // namespace perdure::dispatch
