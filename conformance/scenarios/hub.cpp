#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "second_process/second_process.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "create_hub on an existing hub leaves what is in it", "[HUB-1]") {
    const instance_id id = pending_instance();

    store.create_hub();

    CHECK(get(id).status == orchestration_status::pending);
}

TEST_CASE("many openings of one hub at once all succeed, and find the same hub", "[HUB-1]") {
    if (lacks(ability::multi_process)) {
        return;
    }
    const backend_config config = a_hub_config();
    constexpr std::size_t count = 6;
    std::vector<std::shared_ptr<backend>> opened(count);
    std::vector<std::string> problems(count);
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < count; ++i) {
            threads.emplace_back([&, i] {
                try {
                    opened[i] = plugin_under_test().create(config);
                    opened[i]->create_hub();
                } catch (const backend_error& wrong) {
                    problems[i] = wrong.what();
                }
            });
        }
    }

    for (const std::string& problem : problems) {
        REQUIRE(problem.empty());
    }
    const new_instance fresh = a_new_instance();
    REQUIRE(opened.front()->create({a_request()}, {&fresh, 1}).outcomes.front().code ==
            create_code::created);
    for (const auto& store : opened) {
        CHECK(store->get({&fresh.instance, 1}).front());
    }
}

TEST_CASE("a hub that is opened again has what was committed before", "[HUB-1]") {
    if (lacks(ability::durable)) {
        return;
    }
    const backend_config config = a_hub_config();
    const new_instance fresh = a_new_instance();
    {
        const hub before = open_hub(config);
        REQUIRE(before.store().create({a_request()}, {&fresh, 1}).outcomes.front().code ==
                create_code::created);
    }

    const hub after = open_hub(config);

    const auto found = after.store().get({&fresh.instance, 1}).front();
    REQUIRE(found);
    CHECK(found->execution == fresh.execution);
    CHECK(after.store().read_history(fresh.instance, 0, 1000)->chunks.front().text ==
          "[" + fresh.start_event + "]");
}

TEST_CASE("hubs at two places do not see each other's instances", "[HUB-1]") {
    fixture one;
    fixture other;
    const new_instance fresh = a_new_instance();
    one.create(fresh);

    CHECK_FALSE(other.find(fresh.instance));
    CHECK(other.lock({10, 10}).orchestrations.empty());
    new_instance same_id = fresh;
    same_id.execution = an_execution();
    CHECK(other.try_create(same_id).code == create_code::created);
    CHECK(one.get(fresh.instance).execution == fresh.execution);
}

TEST_CASE("every opening of a hub finds the same identity, and no other hub has it", "[HUB-3]") {
    const backend_config config = a_hub_config();
    const hub one = open_hub(config);
    const hub other = a_hub();
    const std::string identity = one.store().identity();
    if (identity.empty()) {
        // Then it promises nothing, and nothing is kept beside the store.
        CHECK(other.store().identity().empty());
        return;
    }

    CHECK(open_hub(config).store().identity() == identity);
    if (abilities_under_test().multi_process) {
        CHECK(open_in_another_process(config).store().identity() == identity);
    }
    CHECK(other.store().identity() != identity);
}

TEST_CASE_METHOD(fixture,
                 "a deleted hub is empty or refused as a schema fault, until created anew",
                 "[HUB-4]") {
    const instance_id id = pending_instance();

    store.delete_hub();

    try {
        CHECK_FALSE(find(id));
    } catch (const backend_error& wrong) {
        CHECK(wrong.code() == store_fault::schema);
    }
    store.create_hub();
    CHECK_FALSE(find(id));
    CHECK(lock({10, 10}).orchestrations.empty());
    CHECK(get(pending_instance()).status == orchestration_status::pending);
}

TEST_CASE_METHOD(fixture,
                 "deleting a hub takes its running instances, inboxes and activities",
                 "[HUB-4]") {
    const activity_work work = leased_activity();
    raise(work.instance);

    store.delete_hub();
    store.create_hub();

    CHECK(complete(completion_of(work)) == commit_outcome::lease_lost);
    CHECK(renew(held(work), 10 * moment) == lease_outcome::lease_lost);
    CHECK(store.query({}, 10, {}).instances.empty());
    const hub_status found = store.status();
    CHECK(found.ready_orchestrations == 0);
    CHECK(found.ready_activities == 0);
}

TEST_CASE_METHOD(fixture,
                 "the status tells the store's time and the schema's version",
                 "[TIME-1]") {
    const hub_status before = store.status();

    advance(moment);

    const hub_status after = store.status();
    CHECK_FALSE(after.schema_version.empty());
    CHECK(after.store_time >= before.store_time + moment);
}

TEST_CASE_METHOD(fixture, "the status counts what is ready and not leased", "[LOCK-1]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2), an_activity(3)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    pending_instance();
    parked_instance();
    completed_instance();
    new_instance later = a_new_instance();
    later.start_at = now() + 5 * moment;
    create(later);
    REQUIRE(lock({0, 1}).activities.size() == 1);

    const hub_status found = store.status();

    CHECK(found.ready_orchestrations == 1);
    CHECK(found.ready_activities == 2);
    CHECK(found.parked == 1);
}

TEST_CASE_METHOD(fixture, "a worker that renews is live until its lease is over", "[TIME-1]") {
    REQUIRE(store.renew({worker, &filter, 2 * moment, {}}).empty());
    CHECK(store.status().live_workers == std::vector<worker_id>{worker});

    advance(3 * moment);

    CHECK(store.status().live_workers.empty());
}

TEST_CASE_METHOD(fixture, "the status names ready work that no live worker has", "[LOCK-4]") {
    REQUIRE(store.renew({worker, &filter, 10 * moment, {}}).empty());
    pending_instance();
    instance_with_queued_activity();
    CHECK(store.status().unserved.empty());

    new_instance unknown = a_new_instance();
    unknown.name = "Unknown";
    unknown.version = "9";
    create(unknown);
    const orchestration_work work = lease(pending_instance());
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(7)};
    turn.activities.front().name = "Vanished";
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    std::vector<std::string> unserved = store.status().unserved;
    std::ranges::sort(unserved);
    CHECK(unserved == std::vector<std::string>{"activity Vanished", "orchestration Unknown 9"});
}

TEST_CASE_METHOD(fixture,
                 "activities of instances that have ended or continued are counted apart",
                 "[STATUS-1][COMMIT-5]") {
    REQUIRE(store.renew({worker, &filter, 50 * moment, {}}).empty());
    instance_with_queued_activity();
    const orchestration_work ending = lease(pending_instance());
    finished_turn last = last_turn_of(ending);
    last.activities = {an_activity(1), an_activity(2)};
    last.activities.front().name = "Vanished";
    const orchestration_work continuing = lease(pending_instance());
    finished_turn next = next_execution_of(continuing);
    next.activities = {an_activity(1)};
    REQUIRE(commit_one(last) == commit_outcome::committed);
    REQUIRE(commit_one(next) == commit_outcome::committed);

    CHECK(store.status().ready_activities == 1);
    CHECK(store.status().leftover_activities == 3);
    CHECK(store.status().unserved.empty());
    CHECK(store.status().unserved_leftovers == std::vector<std::string>{"activity Vanished"});
    REQUIRE(lock({0, 3}).activities.size() == 3);
    CHECK(store.status().ready_activities == 0);
    CHECK(store.status().leftover_activities == 1);
    advance(11 * moment);
    CHECK(store.status().ready_activities == 1);
    CHECK(store.status().leftover_activities == 3);
    CHECK(store.status().unserved.empty());
    REQUIRE(purge(ending.instance) == purge_outcome::purged);
    CHECK(store.status().leftover_activities == 1);
    CHECK(store.status().unserved_leftovers.empty());
}

TEST_CASE_METHOD(fixture, "interrupted waits return at once, now and later", "[WAKE-1]") {
    const wake_token token = lock({1, 1}).token;
    const instance_id id = pending_instance();
    REQUIRE(lock({1, 0}).orchestrations.size() == 1);
    const auto begun = std::chrono::steady_clock::now();
    {
        const std::jthread waiting(
            [&] { static_cast<void>(waits_to_end(store, id, in(patience))); });
        store.interrupt_waits();
    }

    static_cast<void>(wait_for_change(store, token, in(patience)));
    static_cast<void>(waits_to_end(store, id, in(patience)));

    CHECK(std::chrono::steady_clock::now() - begun < patience);
}

TEST_CASE("a hub that was never created is empty or refused", "[HUB-5]") {
    const std::shared_ptr<backend> store = plugin_under_test().create(a_hub_config());
    const instance_id id = an_id();

    try {
        const bool has_found_it = store->get({&id, 1}).front().has_value();
        CHECK_FALSE(has_found_it);
    } catch (const backend_error& refused) {
        const bool is_told_apart =
            refused.code() == store_fault::schema || refused.code() == store_fault::configuration;
        INFO(refused.what());
        CHECK(is_told_apart);
    }
    store->create_hub();
    CHECK_FALSE(store->get({&id, 1}).front());
}

TEST_CASE_METHOD(fixture, "a child that fork() made leaves the parent alone", "[FORK-1]") {
    const orchestration_work work = leased();
    const pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    REQUIRE(child > 0);
    REQUIRE(waitpid(child, nullptr, 0) == child);

    CHECK(get(work.instance).leased_by == worker.text);
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
}

TEST_CASE("a hub with a newer schema is refused, and left alone", "[HUB-2]") {
    if (!can_make_newer()) {
        return;
    }
    const backend_config config = a_hub_config();
    const new_instance fresh = a_new_instance();
    REQUIRE(open_hub(config).store().create({a_request()}, {&fresh, 1}).outcomes.front().code ==
            create_code::created);
    make_newer(config);

    const std::shared_ptr<backend> store = plugin_under_test().create(config);
    const auto fault_of = [&](auto call) {
        try {
            call();
        } catch (const backend_error& refused) {
            return std::optional(refused.code());
        }
        return std::optional<store_fault>();
    };

    CHECK(fault_of([&] { store->create_hub(); }) == store_fault::schema);
    CHECK(fault_of([&] {
              static_cast<void>(store->get({&fresh.instance, 1}));
          }) == store_fault::schema);
    CHECK(fault_of([&] {
              static_cast<void>(store->create({a_request()}, {&fresh, 1}));
          }) == store_fault::schema);
}
