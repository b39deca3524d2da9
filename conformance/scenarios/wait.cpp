#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <latch>
#include <optional>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

namespace {

/// The record that comes with the end of this instance.
std::optional<instance_record> record_at_end(backend& store, const instance_id& id) {
    const auto deadline = in(patience);
    std::optional<instance_record> found;
    do {
        found = store.wait(id, deadline);
    } while (found && !is_terminal(found->status) && std::chrono::steady_clock::now() < deadline);
    return found;
}

}  // namespace

TEST_CASE_METHOD(fixture,
                 "a wait for an instance that has ended or is missing returns at once",
                 "[wait]") {
    const instance_id ended = completed_instance();
    const instance_id missing = an_id();

    CHECK(waits_to_end(store, ended, in(0s)));
    CHECK(waits_to_end(store, missing, in(0s)));
}

TEST_CASE_METHOD(fixture, "a wait for a running instance ends at its deadline", "[wait]") {
    const instance_id id = idle_instance();

    CHECK_FALSE(waits_to_end(store, id, in(0s)));
    const auto deadline = in(50ms);
    while (std::chrono::steady_clock::now() < deadline) {
        CHECK_FALSE(waits_to_end(store, id, deadline));
    }
}

TEST_CASE_METHOD(fixture, "a commit that ends the instance ends the wait", "[wait][COMMIT-1]") {
    int unnoticed = 0;
    // More than one end, because a wait that begins after it sees it at its first look.
    for (int n = 0; n < 5; ++n) {
        const orchestration_work work = leased();
        std::latch begun(1);
        bool ended = false;
        {
            const std::jthread waiting([&] {
                begun.count_down();
                ended = waits_for_end(store, work.instance);
            });
            begun.wait();
            // The time of a few calls is enough for that look.
            for (int call = 0; call < 10; ++call) {
                static_cast<void>(now());
            }
            REQUIRE(commit_one(last_turn_of(work)) == commit_outcome::committed);
        }
        unnoticed += ended ? 0 : 1;
    }

    CHECK(unnoticed == 0);
}

TEST_CASE_METHOD(fixture, "a termination at once and a purge end the wait", "[wait][TERM-1]") {
    const instance_id pending = pending_instance();
    const instance_id running = idle_instance();
    bool terminated = false;
    bool purged = false;
    {
        const std::jthread one([&] { terminated = waits_for_end(store, pending); });
        const std::jthread other([&] { purged = waits_for_end(store, running); });
        REQUIRE(terminate(pending) == terminate_outcome::terminated);
        REQUIRE(purge_by_force(running) == purge_outcome::purged);
    }

    CHECK(terminated);
    CHECK(purged);
}

TEST_CASE_METHOD(fixture,
                 "a wait for a record returns what there is, at the deadline at the latest",
                 "[wait][READ-4]") {
    const instance_id ended = completed_instance();
    const instance_id running = idle_instance();

    CHECK(store.wait(ended, in(patience)) == get(ended));
    CHECK(store.wait(running, in(0s)) == get(running));
    CHECK(store.wait(running, in(50ms)) == get(running));
    CHECK_FALSE(store.wait(an_id(), in(patience)));
}

TEST_CASE_METHOD(fixture,
                 "the record that comes with the end of an instance is what a query finds then",
                 "[wait][READ-4]") {
    new_instance fresh = a_new_instance();
    fresh.tags = {{"region", "north"}, {"tier", "\"gold\""}};
    const orchestration_work work = lease(create(fresh));
    finished_turn first = turn_of(work);
    first.custom_status = payload("json", "\"half-way\"");
    first.activities = {an_activity(1)};
    finished_turn last = last_turn_of(work);
    last.output = payload("json", R"({"total":12})");
    std::optional<instance_record> told;

    SECTION("by a turn with a lease") {
        const std::jthread waiting([&] { told = record_at_end(store, work.instance); });
        REQUIRE(commit_one(last) == commit_outcome::committed);
    }
    SECTION("by a speculative turn, after others") {
        if (lacks(ability::speculative_turns)) {
            return;
        }
        const activity_work step = hand_off({first}, {}, {0, 1}).work.activities.at(0);
        finished_turn end = speculative_turn(step);
        end.status = last.status;
        end.output = last.output;
        const std::jthread waiting([&] { told = record_at_end(store, work.instance); });
        REQUIRE(commit_one(end) == commit_outcome::committed);
    }
    SECTION("by a termination") {
        REQUIRE(give_back(held(work)) == lease_outcome::done);
        const std::jthread waiting([&] { told = record_at_end(store, work.instance); });
        REQUIRE(terminate(work.instance) == terminate_outcome::terminated);
    }

    REQUIRE(told);
    CHECK(is_terminal(told->status));
    CHECK(told->tags == fresh.tags);
    CHECK(*told == get(work.instance));
}
