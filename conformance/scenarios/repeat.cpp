#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace perdure;
using namespace perdure::conformance;

namespace {

std::set<lease_token> tokens_of(const work_batch& batch) {
    std::set<lease_token> tokens;
    for (const orchestration_work& work : batch.orchestrations) {
        tokens.insert(work.held.token);
    }
    for (const activity_work& work : batch.activities) {
        tokens.insert(work.held.token);
    }
    return tokens;
}

}  // namespace

TEST_CASE_METHOD(fixture, "a create that is repeated gives the same outcomes", "[REPEAT-1]") {
    const request_id request = a_request();
    std::vector<new_instance> fresh{a_new_instance(), a_new_instance(), a_new_instance()};
    fresh[1].instance = idle_instance();
    const auto first = store.create({request}, fresh).outcomes;

    const auto second = store.create({request}, fresh).outcomes;

    REQUIRE(second.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(second[i].code == first[i].code);
        CHECK(second[i].status == first[i].status);
    }
    CHECK(store.query({}, 10, {}).instances.size() == 3);
    CHECK(get(fresh[0].instance).history_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "a send that is repeated is accepted again, and stored once",
                 "[REPEAT-1]") {
    const request_id request = a_request();
    const instance_id id = pending_instance();
    std::vector<new_message> messages{
        a_message(id, "one"), a_message(id, "two"), a_message(id, "three"), a_message(an_id())};
    messages[0].id = "m-1";
    messages[1].id = "m-1";
    const std::vector expected{send_outcome::accepted,
                               send_outcome::duplicate,
                               send_outcome::accepted,
                               send_outcome::no_such_instance};
    REQUIRE(store.send({request}, messages).outcomes == expected);

    CHECK(store.send({request}, messages).outcomes == expected);

    CHECK(get(id).inbox_length == 2);
}

TEST_CASE_METHOD(fixture, "a termination that is repeated has the same outcome", "[REPEAT-1]") {
    const request_id request = a_request();
    const std::vector wishes{
        a_termination(pending_instance()), a_termination(idle_instance()), a_termination(an_id())};
    const auto first = store.terminate(request, wishes);
    REQUIRE(first == std::vector{terminate_outcome::terminated,
                                 terminate_outcome::requested,
                                 terminate_outcome::no_such_instance});

    CHECK(store.terminate(request, wishes) == first);

    CHECK(get(wishes[0].target).history_length == 2);
    CHECK(get(wishes[1].target).inbox_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "a release that is repeated says released, and counts once",
                 "[REPEAT-1]") {
    const request_id request = a_request();
    const instance_id id = parked_instance();
    REQUIRE(store.unpark(request, {&id, 1}) == std::vector{unpark_outcome::unparked});

    CHECK(store.unpark(request, {&id, 1}) == std::vector{unpark_outcome::unparked});

    CHECK(lock({10, 0}).orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "a lock that is repeated hands out the same items with the same tokens",
                 "[REPEAT-1][REPEAT-2]") {
    instance_with_queued_activity();
    instance_with_queued_activity();
    for (int i = 0; i < 4; ++i) {
        pending_instance();
    }
    const lock_request wanted = request({3, 1});
    const work_batch first = store.lock(wanted);
    REQUIRE(first.orchestrations.size() == 3);
    REQUIRE(first.activities.size() == 1);

    const work_batch second = store.lock(wanted);

    CHECK(tokens_of(second) == tokens_of(first));
    REQUIRE(second.orchestrations.size() == 3);
    REQUIRE(second.activities.size() == 1);
    CHECK(second.activities.front().input == first.activities.front().input);
    CHECK(second.orchestrations.front().deliveries == 1);
    CHECK_FALSE(second.orchestrations.front().suspect);
    const work_batch rest = lock({10, 10});
    CHECK(rest.orchestrations.size() == 1);
    CHECK(rest.activities.size() == 1);
    for (const orchestration_work& work : second.orchestrations) {
        CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(fixture,
                 "a repeated lock leaves out what is not leased to it any more",
                 "[REPEAT-1]") {
    const instance_id id = pending_instance();
    pending_instance();
    const lock_request wanted = request({2, 0});
    const work_batch first = store.lock(wanted);
    REQUIRE(first.orchestrations.size() == 2);
    REQUIRE(park(held(first.orchestrations.front())) == lease_outcome::done);

    const work_batch second = store.lock(wanted);

    REQUIRE(second.orchestrations.size() == 1);
    CHECK(second.orchestrations.front().instance == first.orchestrations.back().instance);
    CHECK(second.orchestrations.front().held == first.orchestrations.back().held);
    CHECK(get(id).history_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "a commit whose answer was lost is repeated without further effect",
                 "[REPEAT-1][COMMIT-2]") {
    const activity_work task = leased_activity();
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(5), an_activity(6)};
    turn.messages = {a_message(work.instance, "to itself")};
    const std::vector<finished_turn> turns{turn};
    const std::vector<finished_activity> completions{completion_of(task)};
    const lock_request next = request({10, 10});
    const commit_answer first = commit_to(store, turns, completions, next);
    REQUIRE(first.work.orchestrations.size() == 2);
    REQUIRE(first.work.activities.size() == 2);

    const commit_answer second = commit_to(store, turns, completions, next);

    CHECK(second.turns == std::vector{commit_outcome::committed});
    CHECK(second.activities == std::vector{commit_outcome::committed});
    CHECK(tokens_of(second.work) == tokens_of(first.work));
    CHECK(second.work.orchestrations.size() == 2);
    CHECK(second.work.activities.size() == 2);
    CHECK(get(work.instance).history_length == 3);
    CHECK(get(work.instance).inbox_length == 1);
    CHECK(get(task.instance).inbox_length == 1);
    CHECK(lock({10, 10}).activities.empty());
}

TEST_CASE_METHOD(fixture,
                 "an item given back twice by one call is done, and not taken from others",
                 "[REPEAT-1][GIVE-1]") {
    const request_id request = a_request();
    const orchestration_work work = leased();
    const held_item item = held(work);
    REQUIRE(return_to(store, request, {item}, return_kind::give_back) ==
            std::vector{lease_outcome::done});
    const orchestration_work again = lease(work.instance);

    CHECK(return_to(store, request, {item}, return_kind::give_back) ==
          std::vector{lease_outcome::done});

    CHECK(renew(held(again), 10 * moment) == lease_outcome::done);
}

TEST_CASE_METHOD(fixture,
                 "an abandon that is repeated counts one delivery",
                 "[REPEAT-1][ABANDON-1]") {
    const request_id request = a_request();
    const orchestration_work work = leased();
    const activity_work task = leased_activity();
    const std::vector<held_item> items{held(work), held(task)};
    REQUIRE(return_to(store, request, items, return_kind::abandon, 0s) ==
            std::vector{lease_outcome::done, lease_outcome::done});

    CHECK(return_to(store, request, items, return_kind::abandon, 0s) ==
          std::vector{lease_outcome::done, lease_outcome::done});

    const work_batch again = lock({10, 10});
    REQUIRE(again.orchestrations.size() == 1);
    REQUIRE(again.activities.size() == 1);
    CHECK(again.orchestrations.front().deliveries == 2);
    CHECK(again.activities.front().deliveries == 2);
}

TEST_CASE_METHOD(fixture, "a park that is repeated is done", "[REPEAT-1][PARK-1]") {
    const request_id request = a_request();
    const orchestration_work work = leased();
    const held_item item = held(work);
    const std::string reason = "diverged";
    REQUIRE(return_to(store, request, {item}, return_kind::park, {}, reason) ==
            std::vector{lease_outcome::done});

    CHECK(return_to(store, request, {item}, return_kind::park, {}, reason) ==
          std::vector{lease_outcome::done});

    CHECK(get(work.instance).parked_reason == reason);
    CHECK(store.status().parked == 1);
}

TEST_CASE_METHOD(fixture, "tokens are derived from the request", "[REPEAT-2]") {
    for (int i = 0; i < 3; ++i) {
        instance_with_queued_activity();
    }
    for (int i = 0; i < 3; ++i) {
        pending_instance();
    }
    const lock_request wanted = request({3, 3});
    std::set<lease_token> derived;
    for (std::uint32_t n = 0; n < 6; ++n) {
        derived.insert(derive_token(wanted.request, n));
    }

    CHECK(tokens_of(store.lock(wanted)) == derived);
}

TEST_CASE_METHOD(fixture, "a lock that is repeated leases nothing new", "[REPEAT-1]") {
    const instance_id first = pending_instance();
    const lock_request wanted = request({10, 0});
    REQUIRE(store.lock(wanted).orchestrations.size() == 1);
    const instance_id second = pending_instance();

    const work_batch again = store.lock(wanted);

    REQUIRE(again.orchestrations.size() == 1);
    CHECK(again.orchestrations.front().instance == first);
    CHECK(get(second).leased_by.empty());
    CHECK(is_ready(second));
}

TEST_CASE_METHOD(fixture, "an answer is kept for a minute", "[REPEAT-3]") {
    if (lacks(ability::test_clock)) {
        return;
    }
    const new_message message = a_message(idle_instance());
    const request_id request = a_request();
    REQUIRE(store.send({request}, {&message, 1}).outcomes == std::vector{send_outcome::accepted});
    REQUIRE(advance_clock(store, 59s));
    // A store may look for old answers at some calls only.
    for (int n = 0; n < 100; ++n) {
        raise(pending_instance());
    }

    CHECK(store.send({request}, {&message, 1}).outcomes == std::vector{send_outcome::accepted});

    CHECK(get(message.target).inbox_length == 1);
}
