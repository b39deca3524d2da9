#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

namespace {

new_instance another(const instance_id& id) {
    new_instance fresh = a_new_instance();
    fresh.instance = id;
    fresh.start_event = an_event("started again");
    return fresh;
}

new_instance replacement(const instance_id& id, orchestration_status replaceable) {
    new_instance fresh = another(id);
    fresh.replaceable = {replaceable};
    return fresh;
}

}  // namespace

TEST_CASE_METHOD(fixture,
                 "a created instance is pending, with its start event as event 0",
                 "[CREATE-1]") {
    new_instance fresh = a_new_instance();
    fresh.tags = {{"customer", "O'Brien %_@"}, {"empty", ""}};
    const timestamp before = now();

    const create_outcome outcome = try_create(fresh);

    CHECK(outcome.code == create_code::created);
    CHECK(outcome.status == orchestration_status::pending);
    const instance_record found = get(fresh.instance);
    CHECK(found.instance == fresh.instance);
    CHECK(found.execution == fresh.execution);
    CHECK(found.name == order_name);
    CHECK(found.version == order_version);
    CHECK(found.status == orchestration_status::pending);
    CHECK(found.tags == fresh.tags);
    CHECK_FALSE(found.parent);
    CHECK(found.created_at >= before);
    CHECK(found.created_at <= now());
    CHECK(found.updated_at == found.created_at);
    CHECK_FALSE(found.completed_at);
    CHECK_FALSE(found.start_at);
    CHECK(found.custom_status.is_none());
    CHECK(found.output.is_none());
    CHECK(found.failure.empty());
    CHECK(found.history_length == 1);
    CHECK(found.inbox_length == 0);
    CHECK(found.leased_by.empty());
    CHECK(history(fresh.instance) ==
          std::vector<history_chunk>{{0, 1, "[" + fresh.start_event + "]"}});
}

TEST_CASE_METHOD(fixture,
                 "ids, names and texts are kept byte for byte, whatever they contain",
                 "[CREATE-1]") {
    const std::string odd = "Ä'\"\\%_@;--/*\xF0\x9F\x98\x80 \xE2\x80\xA8 x";
    new_instance fresh = a_new_instance();
    fresh.instance = instance_id(odd + std::string(id_bytes_max - odd.size(), 'z'));
    fresh.name = odd;
    fresh.version = odd;
    fresh.start_event = R"({"kind":"execution_started","name":"\u0000 '' \" )" + odd + "\"}";
    fresh.tags = {{odd, odd}};
    create(fresh);
    new_instance lower = a_new_instance();
    lower.instance = instance_id("case");
    create(lower);
    new_instance upper = a_new_instance();
    upper.instance = instance_id("CASE");

    CHECK(try_create(upper).code == create_code::created);
    const instance_record found = get(fresh.instance);
    CHECK(found.instance == fresh.instance);
    CHECK(found.name == odd);
    CHECK(found.version == odd);
    CHECK(found.tags == fresh.tags);
    CHECK(text_of(history(fresh.instance)) == "[" + fresh.start_event + "]");
}

TEST_CASE_METHOD(fixture,
                 "an id that is taken is refused with the status found, and not touched",
                 "[CREATE-1]") {
    const auto [id, status] = GENERATE_COPY(std::pair(0, orchestration_status::pending),
                                            std::pair(1, orchestration_status::running),
                                            std::pair(2, orchestration_status::completed),
                                            std::pair(3, orchestration_status::terminated),
                                            std::pair(4, orchestration_status::failed),
                                            std::pair(5, orchestration_status::suspended));
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.status = status;
    if (status == orchestration_status::pending) {
        REQUIRE(give_back(held(work)) == lease_outcome::done);
    } else {
        REQUIRE(commit_one(turn) == commit_outcome::committed);
    }
    const instance_record before = get(work.instance);

    const create_outcome outcome = try_create(another(work.instance));

    CHECK(outcome.code == create_code::already_exists);
    CHECK(outcome.status == status);
    const instance_record after = get(work.instance);
    CHECK(after.execution == before.execution);
    CHECK(after.status == status);
    CHECK(after.history_length == before.history_length);
    CHECK(text_of(history(work.instance)).find("started again") == std::string::npos);
}

TEST_CASE_METHOD(fixture, "of many creates of one id at once exactly one wins", "[CREATE-1]") {
    constexpr std::size_t rounds = 10;
    for (std::size_t round = 0; round < rounds; ++round) {
        const instance_id id = an_id();
        std::vector<new_instance> attempts(4, another(id));
        std::atomic<int> created{0};
        std::atomic<int> refused{0};
        {
            std::vector<std::jthread> threads;
            for (new_instance& attempt : attempts) {
                attempt.execution = an_execution();
                threads.emplace_back([&] {
                    const auto outcomes = store.create({a_request()}, {&attempt, 1}).outcomes;
                    created += outcomes.front().code == create_code::created ? 1 : 0;
                    refused += outcomes.front().code == create_code::already_exists ? 1 : 0;
                });
            }
        }
        REQUIRE(created == 1);
        REQUIRE(refused == 3);
        CHECK(get(id).history_length == 1);
    }
}

TEST_CASE_METHOD(fixture, "an instance whose status is not listed is not replaced", "[CREATE-2]") {
    const instance_id id = completed_instance();

    const create_outcome outcome = try_create(replacement(id, orchestration_status::failed));

    CHECK(outcome.code == create_code::already_exists);
    CHECK(outcome.status == orchestration_status::completed);
    CHECK(get(id).status == orchestration_status::completed);
}

TEST_CASE_METHOD(fixture,
                 "a replaced instance begins anew, without history and output",
                 "[CREATE-2]") {
    const instance_id id = completed_instance();
    new_instance fresh = replacement(id, orchestration_status::completed);
    fresh.name = "Order";
    fresh.tags = {{"second", "yes"}};

    REQUIRE(try_create(fresh).code == create_code::created);

    const instance_record found = get(id);
    CHECK(found.status == orchestration_status::pending);
    CHECK(found.execution == fresh.execution);
    CHECK(found.tags == fresh.tags);
    CHECK(found.output.is_none());
    CHECK_FALSE(found.completed_at);
    CHECK(found.history_length == 1);
    CHECK(text_of(history(id)) == "[" + fresh.start_event + "]");
    const orchestration_work work = lease(id);
    CHECK(work.execution == fresh.execution);
    CHECK(work.deliveries == 1);
    CHECK(work.history_length == 1);
    REQUIRE(work.history.size() == 1);
    CHECK(work.history.front().text == "[" + fresh.start_event + "]");
}

TEST_CASE_METHOD(fixture, "the lease of a replaced instance is lost", "[CREATE-2][LOCK-2]") {
    const orchestration_work work = leased();

    REQUIRE(try_create(replacement(work.instance, orchestration_status::pending)).code ==
            create_code::created);

    CHECK(renew(held(work), 10 * moment) == lease_outcome::lease_lost);
    CHECK(commit_one(last_turn_of(work)) == commit_outcome::lease_lost);
    CHECK(give_back(held(work)) == lease_outcome::lease_lost);
    CHECK(get(work.instance).status == orchestration_status::pending);
    CHECK(get(work.instance).history_length == 1);
    CHECK(is_ready(work.instance));
}

TEST_CASE_METHOD(fixture, "inbox, timers and tasks of a replaced instance are gone", "[CREATE-2]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2)};
    turn.timers = {a_timer(3, now() + 2 * moment)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    raise(work.instance);
    const work_batch leased_one = lock({0, 1});
    REQUIRE(leased_one.activities.size() == 1);

    REQUIRE(try_create(replacement(work.instance, orchestration_status::running)).code ==
            create_code::created);

    CHECK(get(work.instance).inbox_length == 0);
    CHECK(lock({0, 10}).activities.empty());
    CHECK(complete(completion_of(leased_one.activities.front())) == commit_outcome::lease_lost);
    REQUIRE(commit_one(turn_of(lease(work.instance))) == commit_outcome::committed);
    advance(3 * moment);
    CHECK_FALSE(is_ready(work.instance));
    CHECK(get(work.instance).inbox_length == 0);
}

TEST_CASE_METHOD(fixture,
                 "the parent of an instance replaced before its end hears of it",
                 "[CREATE-2]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 4);
    new_instance fresh = replacement(child, orchestration_status::pending);

    REQUIRE(try_create(fresh).code == create_code::created);

    const orchestration_work work = lease(parent);
    REQUIRE(work.inbox.size() == 1);
    CHECK(work.inbox.front().event == fresh.replaced_event);
    CHECK(work.inbox.front().task == task_id{4});
    CHECK_FALSE(get(child).parent);
}

TEST_CASE_METHOD(fixture,
                 "the parent of an instance replaced after its end hears nothing",
                 "[CREATE-2]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 4);
    REQUIRE(commit_one(last_turn_of(lease(child))) == commit_outcome::committed);

    REQUIRE(try_create(replacement(child, orchestration_status::completed)).code ==
            create_code::created);

    CHECK(get(parent).inbox_length == 0);
}

TEST_CASE_METHOD(fixture,
                 "the same creation again is created, while its instance is pending",
                 "[CREATE-3][REPEAT-1]") {
    const new_instance fresh = a_new_instance();
    create(fresh);

    const create_outcome again = try_create(fresh);

    CHECK(again.code == create_code::created);
    CHECK(get(fresh.instance).history_length == 1);
    CHECK(lock({10, 0}).orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "the same creation again is created, and revives nothing that has ended",
                 "[CREATE-3][REPEAT-1]") {
    const new_instance fresh = a_new_instance();
    create(fresh);
    REQUIRE(commit_one(last_turn_of(lease(fresh.instance))) == commit_outcome::committed);
    new_instance again = fresh;
    again.replaceable = {orchestration_status::completed};

    CHECK(try_create(again).code == create_code::created);

    CHECK(get(fresh.instance).status == orchestration_status::completed);
    CHECK_FALSE(is_ready(fresh.instance));
}

TEST_CASE_METHOD(fixture,
                 "the same creation again is created, after it has continued as new",
                 "[CREATE-3]") {
    const new_instance fresh = a_new_instance();
    create(fresh);
    const finished_turn turn = next_execution_of(lease(fresh.instance));
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(try_create(fresh).code == create_code::created);

    CHECK(get(fresh.instance).execution == turn.next->execution);
}

TEST_CASE_METHOD(fixture,
                 "an instance with a start time is not handed out before it",
                 "[TIME-2][LOCK-4]") {
    new_instance fresh = a_new_instance();
    fresh.start_at = now() + 2 * moment;
    create(fresh);

    CHECK(get(fresh.instance).start_at == fresh.start_at);
    CHECK_FALSE(is_ready(fresh.instance));
    raise(fresh.instance);
    CHECK_FALSE(is_ready(fresh.instance));
    advance(3 * moment);
    const orchestration_work work = lease(fresh.instance);
    CHECK(events_of(work.inbox) == std::vector<std::string>{an_event("raised")});
}

TEST_CASE_METHOD(fixture, "an instance whose start time has passed is ready at once", "[TIME-2]") {
    new_instance fresh = a_new_instance();
    fresh.start_at = now() - moment;

    create(fresh);

    CHECK(is_ready(fresh.instance));
}
