#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace perdure;
using namespace perdure::conformance;

namespace {

/// Waits again after each early return, as the contract tells callers to.
bool waits_for_end(backend& store, const std::vector<instance_id>& ids) {
    const auto deadline = in(patience);
    while (!store.wait(ids, deadline)) {
        if (std::chrono::steady_clock::now() >= deadline) {
            return false;
        }
    }
    return true;
}

}  // namespace

TEST_CASE_METHOD(fixture,
                 "a wait for an instance that has ended or is missing returns at once",
                 "[wait]") {
    const instance_id ended = completed_instance();
    const instance_id missing = an_id();

    CHECK(store.wait({&ended, 1}, in(0s)));
    CHECK(store.wait({&missing, 1}, in(0s)));
}

TEST_CASE_METHOD(fixture,
                 "a wait for a running instance ends at its deadline, with false",
                 "[wait]") {
    const instance_id id = idle_instance();

    CHECK_FALSE(store.wait({&id, 1}, in(0s)));
    const auto deadline = in(50ms);
    while (std::chrono::steady_clock::now() < deadline) {
        CHECK_FALSE(store.wait({&id, 1}, deadline));
    }
}

TEST_CASE_METHOD(fixture, "one terminal instance among many ends the wait", "[wait]") {
    const std::vector<instance_id> ids{idle_instance(), completed_instance(), idle_instance()};

    CHECK(store.wait(ids, in(0s)));
}

TEST_CASE_METHOD(fixture, "a commit that ends the instance ends the wait", "[wait][COMMIT-1]") {
    const orchestration_work work = leased();
    bool ended = false;
    {
        const std::jthread waiting([&] { ended = waits_for_end(store, {work.instance}); });
        REQUIRE(commit_one(last_turn_of(work)) == commit_outcome::committed);
    }

    CHECK(ended);
}

TEST_CASE_METHOD(fixture, "a termination at once and a purge end the wait", "[wait][TERM-1]") {
    const instance_id pending = pending_instance();
    const instance_id running = idle_instance();
    bool terminated = false;
    bool purged = false;
    {
        const std::jthread one([&] { terminated = waits_for_end(store, {pending}); });
        const std::jthread other([&] { purged = waits_for_end(store, {running}); });
        REQUIRE(terminate(pending) == terminate_outcome::terminated);
        REQUIRE(purge_by_force(running) == purge_outcome::purged);
    }

    CHECK(terminated);
    CHECK(purged);
}
