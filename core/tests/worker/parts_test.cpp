#include "backoff.hpp"
#include "fake_backend.hpp"
#include "replay/live_instance.hpp"
#include "worker/dead_workers.hpp"
#include "worker/frame_cache.hpp"
#include "worker/work_queue.hpp"
#include "worker/worker_settings.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <set>
#include <stdlib.h>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace perdure::dispatch {
namespace {

// ---------------------------------------------------------------------------------------- back-off

TEST_CASE("pauses grow from half the least bound up to the most, and begin anew", "[backoff]") {
    calls::backoff pauses(10ms, 80ms);
    duration bound = 10ms;
    for (int i = 0; i < 50; ++i) {
        const duration pause = pauses.next();
        CHECK(pause >= bound / 2);
        CHECK(pause <= bound);
        bound = std::min<duration>(bound * 2, 80ms);
    }

    pauses.reset();

    CHECK(pauses.next() <= 10ms);
}

TEST_CASE("pauses of two callers differ", "[backoff]") {
    std::set<duration> seen;
    for (int i = 0; i < 20; ++i) {
        calls::backoff pauses(1s, 1s);
        seen.insert(pauses.next());
    }
    CHECK(seen.size() > 10);
}

// ------------------------------------------------------------------------------------- frame cache

const orchestration_definition& a_definition() {
    static const orchestration_definition definition{"x", "", nullptr};
    return definition;
}

frame_cache::frame a_frame(const std::string& id) {
    return std::make_unique<replay::live_instance>(
        instance_id(id), execution_id{{1, 2}}, a_definition(), replay::turn_limits{});
}

constexpr frame_position here{execution_id{{1, 2}}, 5, lease_token{7}, 9};

TEST_CASE("a frame is given out once, and only at its exact position", "[frames]") {
    frame_cache frames(10, 1 << 20);
    frames.put(instance_id("a"), here, a_frame("a"));

    CHECK(frames.take(instance_id("a"), here) != nullptr);
    CHECK(frames.take(instance_id("a"), here) == nullptr);
}

TEST_CASE("a frame that stands elsewhere is stale and destroyed", "[frames]") {
    constexpr execution_id same{{1, 2}};
    for (const frame_position& other : {frame_position{execution_id{{1, 3}}, 5, {7}, 9},
                                        frame_position{same, 6, {7}, 9},
                                        frame_position{same, 5, {8}, 9},
                                        frame_position{same, 5, {}, 9},
                                        frame_position{same, 5, {7}, 10}}) {
        frame_cache frames(10, 1 << 20);
        frames.put(instance_id("a"), here, a_frame("a"));

        CHECK(frames.take(instance_id("a"), other) == nullptr);
        CHECK(frames.size() == 0);
    }
}

TEST_CASE("the least recently used frame goes first", "[frames]") {
    frame_cache frames(2, 1 << 20);
    frames.put(instance_id("a"), here, a_frame("a"));
    frames.put(instance_id("b"), here, a_frame("b"));
    frames.put(instance_id("a"), here, a_frame("a"));
    frames.put(instance_id("c"), here, a_frame("c"));

    CHECK(frames.take(instance_id("b"), here) == nullptr);
    CHECK(frames.take(instance_id("a"), here) != nullptr);
    CHECK(frames.take(instance_id("c"), here) != nullptr);
}

TEST_CASE("frames are bounded in bytes, and a cache of nothing keeps nothing", "[frames]") {
    const std::size_t one = a_frame("a")->bytes();
    frame_cache frames(100, 3 * one + one / 2);
    for (const char* id : {"a", "b", "c", "d", "e"}) {
        frames.put(instance_id(id), here, a_frame(id));
    }
    CHECK(frames.size() == 3);

    frame_cache none(0, 1 << 20);
    none.put(instance_id("a"), here, a_frame("a"));
    CHECK(none.size() == 0);
}

/// As large as its input.
frame_cache::frame a_large_frame(const std::string& id, std::size_t bytes) {
    auto frame = a_frame(id);
    history_event start;
    start.kind = event_kind::execution_started;
    start.data.bytes.assign(bytes, 'x');
    frame->rebuild({&start, 1}, replay::history_ends::anywhere);
    return frame;
}

TEST_CASE("one frame larger than the room is kept beside the others, the newest", "[frames]") {
    const std::size_t room = 2 * a_frame("a")->bytes();
    frame_cache frames(10, room);
    frames.put(instance_id("small"), here, a_frame("small"));
    frames.put(instance_id("large"), here, a_large_frame("large", room));
    CHECK(frames.size() == 2);

    frames.put(instance_id("larger"), here, a_large_frame("larger", 2 * room));
    CHECK(frames.take(instance_id("large"), here) == nullptr);
    CHECK(frames.take(instance_id("small"), here) != nullptr);
    CHECK(frames.take(instance_id("larger"), here) != nullptr);

    frames.put(instance_id("large"), here, a_large_frame("large", room));
    frames.put(instance_id("large"), here, a_large_frame("large", 2 * room));
    CHECK(frames.take(instance_id("large"), here) != nullptr);
    CHECK(frames.size() == 0);
}

TEST_CASE("a frame that does not wait for this activity alone stays where it is", "[frames]") {
    frame_cache frames(10, 1 << 20);
    frames.put(instance_id("a"), here, a_frame("a"));

    CHECK_FALSE(frames.take_awaiting(instance_id("a"), here.execution, {1}));
    CHECK_FALSE(frames.take_awaiting(instance_id("b"), here.execution, {1}));

    CHECK(frames.take(instance_id("a"), here) != nullptr);
}

// ------------------------------------------------------------------------------------------- queue

item_ptr an_item(item_kind kind) {
    if (kind == item_kind::turn) {
        return std::make_shared<leased_item>(testing::a_leased_turn("a"));
    }
    return std::make_shared<leased_item>(testing::a_leased_activity("a"));
}

std::size_t turn_room(work_queue& queue, steady::time_point now) {
    return queue.room({}, 0, now).turns;
}

std::size_t activity_room(work_queue& queue, steady::time_point now) {
    return queue.room({}, 0, now).activities;
}

TEST_CASE("items are taken in order, and a kind at its limit lets the other pass", "[queue]") {
    work_queue queue({1, 1});
    const auto first = an_item(item_kind::activity);
    const auto second = an_item(item_kind::activity);
    const auto third = an_item(item_kind::turn);
    queue.put(first);
    queue.put(second);
    queue.put(third);

    CHECK(queue.take() == first);
    CHECK(queue.take() == third);
    CHECK(queue.take() == nullptr);
    queue.end(item_kind::activity, steady::now());
    CHECK(queue.take() == second);
}

TEST_CASE("room is at least what the limit leaves free", "[queue][H2]") {
    work_queue queue({4, 8});
    const auto now = steady::now();

    CHECK(turn_room(queue, now) == 4);
    CHECK(activity_room(queue, now) == 8);
    queue.put(an_item(item_kind::turn));
    CHECK(turn_room(queue, now) == 3);
    static_cast<void>(queue.take());
    CHECK(turn_room(queue, now) == 3);
}

TEST_CASE("room follows what was finished in the last tenth of a second, up to 500",
          "[queue][H2]") {
    work_queue queue({4, 8});
    const auto begin = steady::time_point(1000s);
    const auto execute = [&](int count, steady::time_point at) {
        for (int i = 0; i < count; ++i) {
            queue.put(an_item(item_kind::turn));
            static_cast<void>(queue.take());
            queue.end(item_kind::turn, at);
        }
    };

    execute(100, begin);
    CHECK(turn_room(queue, begin) == 100);
    execute(50, begin + 60ms);
    CHECK(turn_room(queue, begin + 60ms) == 150);
    CHECK(turn_room(queue, begin + 130ms) == 50);
    CHECK(turn_room(queue, begin + 1s) == 4);
    execute(2000, begin + 2s);
    CHECK(turn_room(queue, begin + 2s) == 500);
}

TEST_CASE("when room is scarce, work that has begun goes before work that has not", "[queue][H2]") {
    work_queue queue({4, 8});
    const auto now = steady::now();

    // 12 may be in flight: 9 wait for their commit, so 3 are left.
    CHECK(queue.room({}, 9, now).turns == 3);
    const auto room = queue.room({2, 0}, 9, now);
    CHECK(room.turns == 3);
    CHECK(room.activities == 1);
    CHECK(queue.room({}, 12, now).turns == 0);
}

TEST_CASE("there is no room while every slot is taken, whatever the pace was", "[queue][H2]") {
    work_queue queue({4, 2});
    for (int i = 0; i < 50; ++i) {
        queue.put(an_item(item_kind::activity));
        static_cast<void>(queue.take());
        queue.end(item_kind::activity, steady::now());
    }
    for (int i = 0; i < 2; ++i) {
        queue.put(an_item(item_kind::activity));
        static_cast<void>(queue.take());
    }

    CHECK(activity_room(queue, steady::now()) == 0);
}

TEST_CASE("what waits too long is taken out again", "[queue][H3]") {
    work_queue queue({4, 8});
    const auto now = steady::now();
    const auto old = an_item(item_kind::turn);
    old->heard_at = now - 10s;
    const auto young = an_item(item_kind::turn);
    young->heard_at = now;
    queue.put(old);
    queue.put(young);

    CHECK(queue.take_waiting_since(now - 5s) == std::vector<item_ptr>{old});
    CHECK(queue.take() == young);
}

// ---------------------------------------------------------------------------------- dead workers

class scratch_directory {
  public:
    scratch_directory() {
        std::string name = "/tmp/perdure-test-XXXXXX";
        path = ::mkdtemp(name.data());
    }
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;
    ~scratch_directory() { std::filesystem::remove_all(path); }
    std::string path;
};

TEST_CASE("a living worker is not taken for dead, and one that ended leaves nothing", "[dead]") {
    const scratch_directory directory;
    {
        const auto sign = life_sign::leave(directory.path, "sqlite:a", {"w-1"});
        REQUIRE(sign);
        CHECK(dead_workers(directory.path, "sqlite:a").ids().empty());
    }
    CHECK(std::filesystem::is_empty(directory.path));
}

TEST_CASE("a worker that starts is never taken for dead by one that starts meanwhile", "[dead]") {
    const scratch_directory directory;
    std::atomic<bool> is_over{false};
    std::size_t taken_for_dead = 0;
    std::thread other([&] {
        while (!is_over) {
            taken_for_dead += dead_workers(directory.path, "sqlite:a").ids().size();
        }
    });
    std::vector<std::unique_ptr<life_sign>> signs;
    for (int n = 0; n < 500; ++n) {
        signs.push_back(
            life_sign::leave(directory.path, "sqlite:a", {"w-" + std::to_string(n)}));
    }
    is_over = true;
    other.join();

    CHECK(taken_for_dead == 0);
    CHECK(std::count(signs.begin(), signs.end(), nullptr) == 0);
}

TEST_CASE("a dead worker is found by its hub's next worker, until it is forgotten", "[dead]") {
    const scratch_directory directory;
    {
        const auto sign = life_sign::leave(directory.path, "sqlite:a", {"w-1"});
        REQUIRE(sign);
        // What a crash leaves: the file, and nobody who holds it.
        for (const auto& entry : std::filesystem::directory_iterator(directory.path)) {
            std::filesystem::copy_file(entry.path(), directory.path + "/kept");
        }
    }
    std::string name;
    {
        const auto again = life_sign::leave(directory.path, "sqlite:a", {"w-1"});
        for (const auto& entry : std::filesystem::directory_iterator(directory.path)) {
            if (entry.path().filename() != "kept") {
                name = entry.path().string();
            }
        }
    }
    std::filesystem::rename(directory.path + "/kept", name);

    CHECK(dead_workers(directory.path, "sqlite:b").ids().empty());
    {
        dead_workers dead(directory.path, "sqlite:a");
        CHECK(dead.ids() == std::vector<worker_id>{{"w-1"}});
        // Whoever comes at the same time must not take over twice.
        CHECK(dead_workers(directory.path, "sqlite:a").ids().empty());
    }
    dead_workers dead(directory.path, "sqlite:a");
    CHECK(dead.ids().size() == 1);
    dead.forget();
    CHECK(std::filesystem::is_empty(directory.path));
}

TEST_CASE("worker ids are never given twice", "[dead]") {
    CHECK(make_worker_id() != make_worker_id());
}

// ---------------------------------------------------------------------------------------- settings

TEST_CASE("the default settings are allowed", "[settings]") {
    CHECK_NOTHROW(check_settings(worker_options{}));
}

TEST_CASE("a wrong setting is refused with its name, value and range", "[settings]") {
    worker_options options;
    options.renew_interval = 14s;

    CHECK_THROWS_WITH(check_settings(options),
                      Catch::Contains("renew_interval") && Catch::Contains("14000000 us") &&
                          Catch::Contains("7500000 us"));
    options = {};
    options.activities_max = 0;
    CHECK_THROWS_AS(check_settings(options), invalid_input);
}

}  // namespace
}  // namespace perdure::dispatch
