#define CATCH_CONFIG_FAST_COMPILE
#include "scenarios/handed_out.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture, "a leased instance stays invisible until its lease expires", "[LOCK-1]") {
    const orchestration_work work = leased();

    CHECK(lock({10, 0}).orchestrations.empty());
    CHECK(lock_suspects().orchestrations.empty());
    advance(9 * moment);
    CHECK(lock_suspects().orchestrations.empty());
    advance(2 * moment);
    const work_batch after = lock_suspects();
    REQUIRE(after.orchestrations.size() == 1);
    CHECK(after.orchestrations.front().instance == work.instance);
    CHECK(after.orchestrations.front().held.token != work.held.token);
}

TEST_CASE_METHOD(fixture, "a leased activity stays invisible until its lease expires", "[LOCK-1]") {
    const activity_work work = leased_activity();

    CHECK(lock({0, 10}).activities.empty());
    advance(11 * moment);
    const work_batch after = lock_suspects();
    REQUIRE(after.activities.size() == 1);
    CHECK(after.activities.front().task == work.task);
}

TEST_CASE_METHOD(fixture,
                 "threads that lock 200 instances at once get each exactly once",
                 "[LOCK-1][LOCK-8]") {
    constexpr std::size_t count = 200;
    std::vector<new_instance> fresh;
    for (std::size_t i = 0; i < count; ++i) {
        fresh.push_back(a_new_instance());
    }
    REQUIRE(store.create({a_request()}, fresh).outcomes.size() == count);
    std::mutex mutex;
    std::map<instance_id, int> times;
    std::set<lease_token> tokens;
    {
        std::vector<std::jthread> threads;
        for (int n = 0; n < 4; ++n) {
            threads.emplace_back([&, n] {
                lock_request wanted = request({7, 0});
                wanted.worker = worker_id{"w" + std::to_string(n)};
                while (true) {
                    wanted.request = a_request();
                    const work_batch batch = store.lock(wanted);
                    const std::lock_guard guard(mutex);
                    for (const orchestration_work& work : batch.orchestrations) {
                        ++times[work.instance];
                        tokens.insert(work.held.token);
                    }
                    if (batch.orchestrations.empty() && !batch.contended) {
                        return;
                    }
                }
            });
        }
    }

    CHECK(times.size() == count);
    CHECK(tokens.size() == count);
    CHECK(std::ranges::all_of(times, [](const auto& entry) { return entry.second == 1; }));
}

TEST_CASE_METHOD(fixture,
                 "messages that arrive during a lease do not make the instance ready",
                 "[LOCK-1]") {
    const orchestration_work work = leased();

    raise(work.instance);

    CHECK(lock({10, 0}).orchestrations.empty());
    CHECK(get(work.instance).leased_by == worker.text);
}

TEST_CASE_METHOD(fixture, "every lease has a fresh token", "[LOCK-2]") {
    const instance_id id = pending_instance();
    std::set<lease_token> tokens;
    for (int i = 0; i < 5; ++i) {
        const orchestration_work work = lease(id);
        CHECK(work.held.token);
        tokens.insert(work.held.token);
        REQUIRE(give_back(held(work)) == lease_outcome::done);
    }

    CHECK(tokens.size() == 5);
}

TEST_CASE_METHOD(fixture, "a call with another token is refused, and changes nothing", "[LOCK-2]") {
    const orchestration_work work = leased();
    raise(work.instance);
    const auto token = GENERATE(std::uint64_t{0}, std::uint64_t{4711});
    orchestration_work other = work;
    other.held.token = {token};
    finished_turn turn = last_turn_of(other);
    turn.activities = {an_activity(1)};
    turn.messages = {a_message(work.instance, "to itself")};
    turn.children = {a_child(work, 2)};

    CHECK(commit_one(turn) == commit_outcome::lease_lost);
    CHECK(renew(held(other), 100 * moment) == lease_outcome::lease_lost);
    CHECK(give_back(held(other)) == lease_outcome::lease_lost);
    CHECK(abandon(held(other)) == lease_outcome::lease_lost);
    CHECK(park(held(other)) == lease_outcome::lease_lost);

    const instance_record found = get(work.instance);
    CHECK(found.status == orchestration_status::pending);
    CHECK(found.history_length == 1);
    CHECK(found.inbox_length == 1);
    CHECK(found.leased_by == worker.text);
    CHECK(found.parked_reason.empty());
    CHECK_FALSE(find(turn.children.front().instance.instance));
    CHECK(lock({10, 10}).activities.empty());
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture,
                 "an activity's calls with another token are refused, and change nothing",
                 "[LOCK-2]") {
    const activity_work work = leased_activity();
    activity_work other = work;
    other.held.token = {4711};

    CHECK(complete(completion_of(other)) == commit_outcome::lease_lost);
    CHECK(renew(held(other), 100 * moment) == lease_outcome::lease_lost);
    CHECK(give_back(held(other)) == lease_outcome::lease_lost);
    CHECK(abandon(held(other)) == lease_outcome::lease_lost);

    CHECK(get(work.instance).inbox_length == 0);
    CHECK(lock({0, 10}).activities.empty());
    CHECK(complete(completion_of(work)) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture,
                 "calls about rows that are gone hear that the lease is lost",
                 "[LOCK-2]") {
    const activity_work work = leased_activity();
    raise(work.instance);
    const orchestration_work turn = lease(work.instance);
    REQUIRE(purge_by_force(work.instance) == purge_outcome::purged);

    CHECK(commit_one(turn_of(turn)) == commit_outcome::lease_lost);
    CHECK(complete(completion_of(work)) == commit_outcome::lease_lost);
    CHECK(renew(held(turn), moment) == lease_outcome::lease_lost);
    CHECK(renew(held(work), moment) == lease_outcome::lease_lost);
    CHECK(give_back(held(work)) == lease_outcome::lease_lost);
    CHECK(abandon(held(turn)) == lease_outcome::lease_lost);
    CHECK(park(held(turn)) == lease_outcome::lease_lost);
    CHECK_FALSE(find(work.instance));
}

TEST_CASE_METHOD(fixture, "a token of one instance does nothing to another", "[LOCK-2]") {
    const orchestration_work mine = leased();
    const orchestration_work other = leased();
    orchestration_work mixed = other;
    mixed.held = mine.held;

    CHECK(commit_one(last_turn_of(mixed)) == commit_outcome::lease_lost);
    CHECK(renew(held(mixed), moment) == lease_outcome::lease_lost);

    CHECK(get(other.instance).history_length == 1);
    CHECK(get(mine.instance).history_length == 1);
    CHECK(commit_one(turn_of(mine)) == commit_outcome::committed);
    CHECK(commit_one(turn_of(other)) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture, "an expired lease that nobody took commits", "[LOCK-3]") {
    const orchestration_work work = leased();
    advance(11 * moment);
    REQUIRE(lock({10, 10}).orchestrations.empty());

    CHECK(commit_one(last_turn_of(work)) == commit_outcome::committed);
    CHECK(get(work.instance).status == orchestration_status::completed);
}

TEST_CASE_METHOD(fixture,
                 "an expired lease that nobody took renews, and hides the item again",
                 "[LOCK-3]") {
    const orchestration_work work = leased();
    advance(11 * moment);

    CHECK(renew(held(work), 10 * moment) == lease_outcome::done);

    CHECK(lock_suspects().orchestrations.empty());
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture, "an expired activity lease that nobody took completes", "[LOCK-3]") {
    const activity_work work = leased_activity();
    advance(11 * moment);

    CHECK(complete(completion_of(work)) == commit_outcome::committed);

    CHECK(get(work.instance).inbox_length == 1);
    CHECK(lock_suspects().activities.empty());
}

TEST_CASE_METHOD(fixture,
                 "an expired lease that somebody took commits nothing",
                 "[LOCK-2][LOCK-3]") {
    const orchestration_work work = leased();
    advance(11 * moment);
    const work_batch taken = lock_suspects();
    REQUIRE(taken.orchestrations.size() == 1);

    CHECK(commit_one(last_turn_of(work)) == commit_outcome::lease_lost);
    CHECK(renew(held(work), 10 * moment) == lease_outcome::lease_lost);
    CHECK(get(work.instance).status == orchestration_status::pending);
    CHECK(get(work.instance).history_length == 1);
    CHECK(commit_one(turn_of(taken.orchestrations.front())) == commit_outcome::committed);
}

TEST_CASE_METHOD(fixture, "only names and versions of the filter are handed out", "[LOCK-4]") {
    new_instance other_name = a_new_instance();
    other_name.name = "Other";
    new_instance other_version = a_new_instance();
    other_version.version = "2";
    create(other_name);
    create(other_version);
    const instance_id wanted = pending_instance();

    CHECK(ids_of(lock({10, 10})) == std::vector<instance_id>{wanted});

    CHECK(get(other_name.instance).leased_by.empty());
    filter.orchestrations = {{"Other", "1"}, {order_name, "2"}};
    const work_batch others = lock({10, 10});
    REQUIRE(others.orchestrations.size() == 2);
    CHECK(others.orchestrations.front().deliveries == 1);
    CHECK(others.orchestrations.back().deliveries == 1);
}

TEST_CASE_METHOD(fixture, "only activities and queues of the filter are handed out", "[LOCK-4]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2), an_activity(3)};
    turn.activities[1].name = "Other";
    turn.activities[2].queue = "slow";
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const work_batch mine = lock({0, 10});
    CHECK(tasks_of(mine) == std::vector<std::uint64_t>{1});

    filter.queues = {"slow"};
    const work_batch slow = lock({0, 10});
    REQUIRE(tasks_of(slow) == std::vector<std::uint64_t>{3});
    CHECK(slow.activities.front().queue == "slow");
    filter.activities = {"Other"};
    filter.queues = {"", "slow"};
    CHECK(tasks_of(lock({0, 10})) == std::vector<std::uint64_t>{2});
}

TEST_CASE_METHOD(fixture, "an activity is found by its name whatever its version", "[LOCK-4]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1)};
    turn.activities.front().version = "77";
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const work_batch batch = lock({0, 10});

    REQUIRE(tasks_of(batch) == std::vector<std::uint64_t>{1});
    CHECK(batch.activities.front().version == "77");
}

TEST_CASE_METHOD(fixture, "an empty filter gets nothing, and counts nothing", "[LOCK-4]") {
    const instance_id id = pending_instance();
    instance_with_queued_activity();
    const work_filter everything = filter;
    filter = {{}, {}, {""}};

    const work_batch nothing = lock({10, 10});
    CHECK(nothing.orchestrations.empty());
    CHECK(nothing.activities.empty());

    filter = everything;
    CHECK(lease(id).deliveries == 1);
}

TEST_CASE_METHOD(fixture, "terminal and idle instances are not handed out", "[LOCK-4]") {
    completed_instance();
    idle_instance();

    CHECK(lock({10, 10}).orchestrations.empty());
    CHECK(store.status().ready_orchestrations == 0);
}

TEST_CASE_METHOD(fixture,
                 "history is left out for the worker of the last commit only",
                 "[LOCK-7]") {
    const instance_id id = idle_instance();
    raise(id);

    const orchestration_work mine = lease(id);
    CHECK(mine.history.empty());
    CHECK(mine.history_length == 3);
    REQUIRE(give_back(held(mine)) == lease_outcome::done);

    worker = {"w2"};
    const orchestration_work others = lease(id);
    CHECK(others.history_version == mine.history_version);
    REQUIRE(others.history.size() == 2);
    CHECK(others.history.front().first == 0);
    CHECK(others.history.back().first == 1);
    CHECK(others.history.back().count == 2);
    CHECK(text_of(others.history) == text_of(history(id)));
    REQUIRE(commit_one(turn_of(others)) == commit_outcome::committed);
    raise(id);
    worker = {"w1"};
    CHECK(lease(id).history.size() == 3);
}

TEST_CASE_METHOD(fixture, "history comes with the first lease of an instance", "[LOCK-7]") {
    const orchestration_work work = leased();

    REQUIRE(work.history.size() == 1);
    CHECK(work.history.front().first == 0);
    CHECK(work.history.front().count == 1);
    CHECK(work.history_length == 1);
    CHECK(work.status == orchestration_status::pending);
    CHECK(work.name == order_name);
    CHECK(work.version == order_version);
}

TEST_CASE_METHOD(fixture,
                 "the history version rises with every change of the history",
                 "[LOCK-7]") {
    const orchestration_work first = leased();
    REQUIRE(commit_one(turn_of(first)) == commit_outcome::committed);
    raise(first.instance);
    const orchestration_work second = lease(first.instance);
    REQUIRE(commit_one(next_execution_of(second)) == commit_outcome::committed);
    const orchestration_work third = lease(first.instance);

    CHECK(second.history_version > first.history_version);
    CHECK(third.history_version > second.history_version);
    CHECK(store.read_history(first.instance, 0, 1)->history_version == third.history_version);
}

TEST_CASE_METHOD(fixture, "no more items are handed out than were asked for", "[LOCK-8]") {
    for (int i = 0; i < 5; ++i) {
        instance_with_queued_activity();
    }
    for (int i = 0; i < 5; ++i) {
        pending_instance();
    }

    const work_batch batch = lock({2, 3});
    CHECK(batch.orchestrations.size() == 2);
    CHECK(batch.activities.size() == 3);
    const work_batch nothing = lock({0, 0});
    CHECK(nothing.orchestrations.empty());
    CHECK(nothing.activities.empty());
    const work_batch rest = lock({10, 10});
    CHECK(rest.orchestrations.size() == 3);
    CHECK(rest.activities.size() == 2);
}

TEST_CASE_METHOD(fixture, "a tight limit of bytes still hands out one item", "[LOCK-8]") {
    for (int i = 0; i < 3; ++i) {
        new_instance fresh = a_new_instance();
        fresh.start_event = an_event(std::string(10'000, 'x'));
        create(fresh);
    }
    lock_request wanted = request({10, 0});
    wanted.bytes = 1;

    CHECK(store.lock(wanted).orchestrations.size() == 1);
}

TEST_CASE_METHOD(fixture, "an activity comes as it was scheduled", "[LOCK-7][COMMIT-1]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(9)};
    turn.activities.front().queue = "slow";
    turn.activities.front().input = {"bytes", std::string("\0\xFF'\"\n", 5)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    filter.queues = {"slow"};

    const work_batch batch = lock({0, 1});

    REQUIRE(batch.activities.size() == 1);
    const activity_work& found = batch.activities.front();
    CHECK(found.instance == work.instance);
    CHECK(found.execution == work.execution);
    CHECK(found.task == task_id{9});
    CHECK(found.name == charge_name);
    CHECK(found.version == "1");
    CHECK(found.queue == "slow");
    CHECK(found.input == turn.activities.front().input);
    CHECK(found.details == turn.activities.front().details);
    CHECK(found.deliveries == 1);
    CHECK_FALSE(found.suspect);
}

TEST_CASE_METHOD(fixture, "an activity without input waits, and comes without one", "[COMMIT-1]") {
    finished_turn turn = turn_of(leased());
    turn.activities = {an_activity(1), an_activity(2), an_activity(3)};
    turn.activities[0].input = {};
    turn.activities[1].input = {"bytes", {}};
    turn.activities[0].details = {};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    REQUIRE(store.status().ready_activities == 3);

    const work_batch batch = lock({0, 3});

    REQUIRE(batch.activities.size() == 3);
    for (const activity_work& found : batch.activities) {
        const new_activity& added = turn.activities.at(found.task.value - 1);
        CHECK(found.input == added.input);
        CHECK(found.details == added.details);
        CHECK(complete(completion_of(found)) == commit_outcome::committed);
    }
}
