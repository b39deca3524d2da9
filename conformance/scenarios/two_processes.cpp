#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "second_process/second_process.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <latch>
#include <optional>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

// One hub, two processes at the same time.

namespace {

/// A hub that this process and another one have open.
class shared_hub {
  public:
    /// False where the backend cannot do that; the test is skipped then, and returns.
    [[nodiscard]] bool is_possible() {
        if (lacks(ability::multi_process)) {
            return false;
        }
        config_ = a_hub_config();
        here_.emplace(open_hub(config_));
        there_.emplace(open_in_another_process(config_));
        static_cast<void>(there_->now());
        return true;
    }
    [[nodiscard]] fixture& here() { return *here_; }
    [[nodiscard]] fixture& there() { return *there_; }
    /// As a process sees it that begins now.
    [[nodiscard]] hub newly_opened() const { return open_in_another_process(config_); }

  private:
    backend_config config_;
    std::optional<fixture> here_;
    std::optional<fixture> there_;
};

// Sends this instance so many messages, one a call.
void send_many(fixture& by, const instance_id& id, int count) {
    for (int n = 0; n < count; ++n) {
        const new_message message = a_message(id);
        static_cast<void>(by.store.send({a_request()}, {&message, 1}));
    }
}

// Leases all that is ready, a few items a call; how many there were.
std::size_t lock_all(fixture& by) {
    std::size_t total = 0;
    while (true) {
        const work_batch batch = by.lock({3, 0});
        if (batch.orchestrations.empty() && !batch.contended) {
            return total;
        }
        total += batch.orchestrations.size();
    }
}

}  // namespace

TEST_CASE_METHOD(shared_hub, "a change made by another process is noticed", "[WAKE-3]") {
    if (!is_possible()) {
        return;
    }
    const instance_id idle = here().idle_instance();
    for (int n = 0; n < 3; ++n) {
        // This wait finds what the calls before it left to look for. After it only the change can
        // wake anybody, however late the sleeper begins.
        const wake_token token =
            wait_for_change(here().store, here().lock({10, 10}).token, in(20ms));
        bool woken = false;
        {
            const std::jthread sleeper([&] { woken = wakes(here().store, token); });
            there().raise(idle);
        }

        CHECK(woken);
        REQUIRE(here().commit_one(turn_of(here().lease(idle))) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(shared_hub, "what another process makes due later wakes a sleeper", "[WAKE-3]") {
    if (!is_possible()) {
        return;
    }
    const orchestration_work work = there().leased();
    finished_turn turn = turn_of(work);
    turn.timers = {a_timer(1, there().now() + 2 * there().moment)};
    const wake_token token = here().lock({10, 10}).token;
    bool woken = false;
    {
        const std::jthread sleeper([&] { woken = wakes(here().store, token); });
        REQUIRE(there().commit_one(turn) == commit_outcome::committed);
        there().advance(3 * there().moment);
    }

    CHECK(woken);
    CHECK(here().is_ready(work.instance));
}

TEST_CASE_METHOD(shared_hub,
                 "an end that another process commits ends the wait for it",
                 "[WAKE-3][READ-4]") {
    if (!is_possible()) {
        return;
    }
    int unnoticed = 0;
    // More than one end, because a wait may begin after the first and then sees it at its first
    // look.
    for (int n = 0; n < 5; ++n) {
        const orchestration_work work = there().leased();
        std::latch begun(1);
        bool ended = false;
        {
            const std::jthread waiting([&] {
                begun.count_down();
                ended = waits_for_end(here().store, work.instance);
            });
            begun.wait();
            // The time of a few calls is enough for that first look.
            for (int call = 0; call < 10; ++call) {
                static_cast<void>(there().now());
            }
            REQUIRE(there().commit_one(last_turn_of(work)) == commit_outcome::committed);
        }
        unnoticed += ended ? 0 : 1;
    }

    CHECK(unnoticed == 0);
}

TEST_CASE_METHOD(shared_hub, "the clock is one for all processes", "[TIME-1]") {
    if (!is_possible() || lacks(ability::test_clock)) {
        return;
    }
    REQUIRE(advance_clock(here().store, 1h));
    const timestamp created = here().get(here().pending_instance()).created_at;
    CHECK(there().now() >= created);
    const timestamp before = here().now();

    REQUIRE(advance_clock(there().store, 1h));

    CHECK(here().now() >= before + 1h);
    CHECK(here().lock({1, 0}).store_time >= before + 1h);
    CHECK(newly_opened().store().status().store_time >= before + 1h);
}

TEST_CASE_METHOD(shared_hub,
                 "what comes later to an instance has the later time, whoever sends it",
                 "[TIME-5][SEND-5]") {
    if (!is_possible()) {
        return;
    }
    constexpr int count = 150;
    const instance_id id = here().idle_instance();
    {
        const std::jthread elsewhere([&] { send_many(there(), id, count); });
        send_many(here(), id, count);
    }
    std::vector<inbox_message> inbox = here().lease(id).inbox;
    REQUIRE(inbox.size() == 2 * count);
    std::ranges::sort(inbox, {}, &inbox_message::sequence);

    int disorders = 0;
    for (std::size_t n = 1; n < inbox.size(); ++n) {
        disorders += inbox[n].visible_at < inbox[n - 1].visible_at ? 1 : 0;
    }
    CHECK(disorders == 0);
}

TEST_CASE_METHOD(shared_hub,
                 "messages have sequences of their own, whichever process stores them",
                 "[SEND-5][COMMIT-3]") {
    if (!is_possible()) {
        return;
    }
    // Both have stored nothing before: where each counted for itself, they would count alike.
    fixture elsewhere(newly_opened());
    static_cast<void>(elsewhere.now());
    const instance_id id = here().idle_instance();
    there().raise(id, "one");
    elsewhere.raise(id, "two");
    there().raise(id, "three");
    elsewhere.raise(id, "four");

    const orchestration_work work = here().lease(id);
    CHECK(events_of(work.inbox) ==
          std::vector{an_event("one"), an_event("two"), an_event("three"), an_event("four")});
    for (std::size_t n = 1; n < work.inbox.size(); ++n) {
        CHECK(work.inbox[n].sequence > work.inbox[n - 1].sequence);
    }
    finished_turn turn = turn_of(work);
    turn.consumed.resize(1);
    REQUIRE(here().commit_one(turn) == commit_outcome::committed);
    CHECK(here().inbox(id) == std::vector{an_event("two"), an_event("three"), an_event("four")});
}

TEST_CASE_METHOD(shared_hub, "two processes hand out each item once", "[LOCK-1]") {
    if (!is_possible()) {
        return;
    }
    constexpr std::size_t count = 60;
    for (std::size_t n = 0; n < count; ++n) {
        here().pending_instance();
    }
    there().worker = {"w2"};
    std::size_t handed_out_there = 0;
    std::size_t handed_out_here = 0;
    {
        const std::jthread elsewhere([&] { handed_out_there = lock_all(there()); });
        handed_out_here = lock_all(here());
    }

    CHECK(handed_out_here + handed_out_there == count);
}
