#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "second_process/revisited.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace perdure;
using namespace perdure::conformance;

// Workers of different ages: what an older one does not implement is never handed to it.

namespace {

constexpr feature_level newer = 2;

/// A fixture whose worker is an older one, of level 1, until a test says otherwise.
class mixed_ages : public fixture {
  public:
    using fixture::fixture;

    /// What a worker of this level is handed.
    std::vector<orchestration_work> handed_to(feature_level level) {
        filter.level = level;
        auto work = lock({10, 0}).orchestrations;
        filter.level = 1;
        return work;
    }
    /// The newer worker has it after the older one was handed nothing.
    void check_only_newer_has(const instance_id& id) {
        CHECK(handed_to(1).empty());
        const auto work = handed_to(newer);
        REQUIRE(work.size() == 1);
        CHECK(work.front().instance == id);
        CHECK(work.front().deliveries == 1);
    }
};

new_message a_newer_message(const instance_id& target) {
    new_message message = a_message(target);
    message.level = newer;
    return message;
}

}  // namespace

TEST_CASE_METHOD(mixed_ages, "an instance is handed out to workers of its level", "[LEVEL-2]") {
    new_instance fresh = a_new_instance();
    fresh.level = newer;
    const instance_id id = create(fresh);

    CHECK(get(id).level == newer);
    check_only_newer_has(id);
}

TEST_CASE_METHOD(mixed_ages, "a newer worker is handed older instances", "[LEVEL-2]") {
    const instance_id id = pending_instance();

    const auto work = handed_to(newer);
    REQUIRE(work.size() == 1);
    CHECK(work.front().instance == id);
    CHECK(get(id).level == 1);
}

TEST_CASE_METHOD(mixed_ages, "a message raises the level of its instance", "[LEVEL-1][LEVEL-2]") {
    SECTION("which has work already") {
        const instance_id id = pending_instance();
        REQUIRE(send(a_newer_message(id)) == send_outcome::accepted);
        check_only_newer_has(id);
    }
    SECTION("which has no work") {
        const instance_id id = idle_instance();
        REQUIRE(send(a_newer_message(id)) == send_outcome::accepted);
        check_only_newer_has(id);
    }
    SECTION("which an older worker holds, and whose lease is good until its end") {
        const orchestration_work work = leased();
        REQUIRE(send(a_newer_message(work.instance)) == send_outcome::accepted);

        const commit_answer done = hand_off({turn_of(work)}, {}, {10, 0});

        REQUIRE(done.turns.front() == commit_outcome::committed);
        CHECK(done.work.orchestrations.empty());
        check_only_newer_has(work.instance);
    }
    SECTION("which is a suspect") {
        const orchestration_work work = leased();
        advance(11 * moment);
        static_cast<void>(lock({0, 0}));
        REQUIRE(send(a_newer_message(work.instance)) == send_outcome::accepted);

        CHECK(lock_suspects().orchestrations.empty());
        filter.level = newer;
        CHECK(lock_suspects().orchestrations.size() == 1);
    }
    SECTION("which is parked") {
        const instance_id id = parked_instance();
        REQUIRE(send(a_newer_message(id)) == send_outcome::accepted);
        REQUIRE(unpark(id) == unpark_outcome::unparked);
        check_only_newer_has(id);
    }
    SECTION("from another instance's turn") {
        const instance_id id = idle_instance();
        finished_turn turn = turn_of(leased());
        turn.messages = {a_newer_message(id)};

        const commit_answer done = hand_off({turn}, {}, {10, 0});

        CHECK(done.work.orchestrations.empty());
        check_only_newer_has(id);
    }
}

TEST_CASE_METHOD(mixed_ages, "a message that is not accepted raises no level", "[LEVEL-1]") {
    const orchestration_work work = leased();
    new_message message = a_message(work.instance);
    message.id = "once";
    REQUIRE(send(message) == send_outcome::accepted);
    message.level = newer;
    CHECK(send(message) == send_outcome::duplicate);
    message.id.clear();
    message.execution = an_execution();
    CHECK(send(message) == send_outcome::accepted);

    CHECK(get(work.instance).level == 1);
}

TEST_CASE_METHOD(mixed_ages, "a turn raises the level of its instance", "[LEVEL-1][LEVEL-2]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.level = newer;

    SECTION("which goes on") {
        REQUIRE(send(work.instance) == send_outcome::accepted);
        const commit_answer done = hand_off({turn}, {}, {10, 0});
        REQUIRE(done.turns.front() == commit_outcome::committed);
        CHECK(done.work.orchestrations.empty());
    }
    SECTION("which waits for a message") {
        REQUIRE(commit_one(turn) == commit_outcome::committed);
        REQUIRE(send(work.instance) == send_outcome::accepted);
    }
    SECTION("which continues as new, with another version") {
        turn = next_execution_of(work);
        turn.level = newer;
        turn.next->version = order_version + ".1";
        filter.orchestrations.push_back({order_name, turn.next->version});
        const commit_answer done = hand_off({turn}, {}, {10, 0});
        REQUIRE(done.turns.front() == commit_outcome::committed);
        CHECK(done.work.orchestrations.empty());
        CHECK(get(work.instance).version == turn.next->version);
    }

    CHECK(get(work.instance).level == newer);
    check_only_newer_has(work.instance);
}

TEST_CASE_METHOD(mixed_ages, "a level never falls", "[LEVEL-1]") {
    new_instance fresh = a_new_instance();
    fresh.level = newer + 1;
    const instance_id id = create(fresh);
    REQUIRE(send(a_newer_message(id)) == send_outcome::accepted);
    const auto work = handed_to(newer + 1);
    REQUIRE(work.size() == 1);
    REQUIRE(commit_one(next_execution_of(work.front())) == commit_outcome::committed);

    CHECK(get(id).level == newer + 1);
    CHECK(handed_to(newer).empty());
}

TEST_CASE_METHOD(mixed_ages,
                 "a speculative turn raises the level as well",
                 "[LEVEL-1][SPECULATIVE-1]") {
    if (lacks(ability::speculative_turns)) {
        return;
    }
    finished_turn turn = speculative_turn(leased_activity());
    turn.level = newer;

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(turn.instance).level == newer);
}

TEST_CASE_METHOD(mixed_ages,
                 "what needs newer code goes back uncounted, and to no older worker again",
                 "[LEVEL-3][GIVE-1]") {
    const orchestration_work work = leased();

    REQUIRE(give_back(held(work), newer) == lease_outcome::done);

    check_only_newer_has(work.instance);
}

TEST_CASE_METHOD(mixed_ages, "a lease that is lost raises no level", "[LEVEL-3][LOCK-2]") {
    const orchestration_work work = leased();
    REQUIRE(give_back(held(work)) == lease_outcome::done);

    CHECK(give_back(held(work), newer) == lease_outcome::lease_lost);
    CHECK(get(work.instance).level == 1);
}

TEST_CASE_METHOD(mixed_ages, "only what is given back gets the level that it needs", "[LEVEL-3]") {
    const held_item item = held(leased());
    return_kind kind{};
    SECTION("and not what is abandoned") {
        kind = return_kind::abandon;
    }
    SECTION("and not what is parked") {
        kind = return_kind::park;
    }

    CHECK(return_to(store, a_request(), {item}, kind, {}, "cannot go on", newer) ==
          std::vector{lease_outcome::done});
    CHECK(get(item.instance).level == 1);
}

TEST_CASE_METHOD(mixed_ages, "what only older workers have is unserved", "[LEVEL-2][STATUS-1]") {
    REQUIRE(store.renew({worker, &filter, 10 * moment, {}}).empty());
    new_instance fresh = a_new_instance();
    fresh.level = newer;
    create(fresh);
    const std::string expected =
        "orchestration " + order_name + " " + order_version + " (feature level 2)";

    CHECK(store.status().unserved == std::vector{expected});
    filter.level = newer;
    REQUIRE(store.renew({worker, &filter, 10 * moment, {}}).empty());
    CHECK(store.status().unserved.empty());
}

TEST_CASE("a level is remembered", "[LEVEL-1]") {
    revisited_hub hub;
    if (!hub.is_possible()) {
        return;
    }
    const instance_id id = hub.before().idle_instance();
    REQUIRE(hub.before().send(a_newer_message(id)) == send_outcome::accepted);

    fixture& again = hub.again();
    CHECK(again.get(id).level == newer);
    CHECK(again.lock({10, 0}).orchestrations.empty());
    again.filter.level = newer;
    CHECK(again.lock({10, 0}).orchestrations.size() == 1);
}

TEST_CASE_METHOD(mixed_ages, "a kind of instance is a part of its definition", "[LOCK-4]") {
    new_instance fresh = a_new_instance();
    fresh.kind = instance_kind::entity;
    const instance_id id = create(fresh);
    const instance_id other = create(a_new_instance());
    instance_filter entities;
    entities.kind = instance_kind::entity;

    CHECK(get(id).kind == instance_kind::entity);
    const instance_page found = store.query(entities, 10, {});
    REQUIRE(found.instances.size() == 1);
    CHECK(found.instances.front().instance == id);
    const auto orchestrations = handed_to(1);
    REQUIRE(orchestrations.size() == 1);
    CHECK(orchestrations.front().instance == other);
    filter.orchestrations = {{order_name, order_version, instance_kind::entity}};
    const auto work = handed_to(1);
    REQUIRE(work.size() == 1);
    CHECK(work.front().instance == id);
    CHECK(work.front().kind == instance_kind::entity);
}

TEST_CASE_METHOD(mixed_ages, "an instance that a turn cancels has ended", "[COMMIT-5]") {
    finished_turn turn = turn_of(leased());
    turn.status = orchestration_status::cancelled;

    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const instance_record ended = get(turn.instance);
    CHECK(ended.status == orchestration_status::cancelled);
    CHECK(ended.completed_at);
    CHECK(send(turn.instance) == send_outcome::instance_is_terminal);
    CHECK(terminate(turn.instance) == terminate_outcome::instance_is_terminal);
    CHECK(waits_for_end(store, turn.instance));
    CHECK(purge(turn.instance) == purge_outcome::purged);
}
