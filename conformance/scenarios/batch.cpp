#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "processes.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <map>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture,
                 "a lost lease changes nothing for the checkpoints beside it",
                 "[BATCH-1][BATCH-2]") {
    const orchestration_work first = leased();
    const orchestration_work lost = leased();
    const orchestration_work last = leased();
    REQUIRE(park(held(lost)) == lease_outcome::done);

    const commit_answer result = commit({turn_of(first), turn_of(lost), last_turn_of(last)});

    CHECK(result.turns == std::vector{commit_outcome::committed,
                                      commit_outcome::lease_lost,
                                      commit_outcome::committed});
    CHECK(get(first.instance).history_length == 3);
    CHECK(get(lost.instance).history_length == 1);
    CHECK(get(last.instance).status == orchestration_status::completed);
}

TEST_CASE_METHOD(fixture,
                 "the outcomes of completions are independent, and in their order",
                 "[BATCH-1][BATCH-2]") {
    const activity_work good = leased_activity();
    const activity_work lost = leased_activity();
    const activity_work orphan = leased_activity();
    REQUIRE(give_back(held(lost)) == lease_outcome::done);
    raise(orphan.instance);
    REQUIRE(commit_one(last_turn_of(lease(orphan.instance))) == commit_outcome::committed);

    const commit_answer result =
        commit({}, {completion_of(lost), completion_of(good), completion_of(orphan)});

    CHECK(result.activities == std::vector{commit_outcome::lease_lost,
                                           commit_outcome::committed,
                                           commit_outcome::instance_is_terminal});
    CHECK(get(good.instance).inbox_length == 1);
    CHECK(get(lost.instance).inbox_length == 0);
}

TEST_CASE_METHOD(fixture,
                 "creates, sends and terminations answer one outcome an item, in order",
                 "[BATCH-1][BATCH-2]") {
    const instance_id taken = pending_instance();
    std::vector<new_instance> fresh{a_new_instance(), a_new_instance(), a_new_instance()};
    fresh[1].instance = taken;
    const auto created = store.create({a_request()}, fresh).outcomes;
    REQUIRE(created.size() == 3);
    CHECK(created[0].code == create_code::created);
    CHECK(created[1].code == create_code::already_exists);
    CHECK(created[2].code == create_code::created);

    const std::vector<new_message> messages{
        a_message(fresh[2].instance), a_message(an_id()), a_message(fresh[0].instance)};
    CHECK(store.send({a_request()}, messages).outcomes ==
          std::vector{
              send_outcome::accepted, send_outcome::no_such_instance, send_outcome::accepted});

    const std::vector<termination> wishes{a_termination(an_id()), a_termination(taken)};
    CHECK(store.terminate(a_request(), wishes) ==
          std::vector{terminate_outcome::no_such_instance, terminate_outcome::terminated});

    const std::vector<instance_id> ids{taken, an_id()};
    CHECK(store.unpark(a_request(), ids) ==
          std::vector{unpark_outcome::not_parked, unpark_outcome::no_such_instance});
}

TEST_CASE_METHOD(fixture, "a call without items answers without outcomes", "[BATCH-2]") {
    CHECK(store.create({a_request()}, {}).outcomes.empty());
    CHECK(store.send({a_request()}, {}).outcomes.empty());
    CHECK(store.terminate(a_request(), {}).empty());
    CHECK(store.unpark(a_request(), {}).empty());
    CHECK(return_to(store, a_request(), {}, return_kind::give_back).empty());
    CHECK(return_to(store, a_request(), {}, return_kind::abandon, 1s).empty());
    CHECK(return_to(store, a_request(), {}, return_kind::park).empty());
    CHECK(commit({}).turns.empty());
    store.take_over(a_request(), {});
}

TEST_CASE_METHOD(fixture, "five hundred items of each kind fit into one call", "[BATCH-2]") {
    std::vector<new_instance> fresh;
    for (std::size_t i = 0; i < batch_items_max; ++i) {
        fresh.push_back(a_new_instance());
    }
    REQUIRE(store.create({a_request()}, fresh).outcomes.size() == batch_items_max);
    const work_batch batch = lock({batch_items_max, 0});
    REQUIRE(batch.orchestrations.size() == batch_items_max);
    std::vector<finished_turn> turns;
    for (const orchestration_work& work : batch.orchestrations) {
        turns.push_back(turn_of(work));
        turns.back().activities = {an_activity(1)};
    }
    const commit_answer committed = hand_off(turns, {}, {0, batch_items_max});
    REQUIRE(committed.work.activities.size() == batch_items_max);
    std::vector<finished_activity> completions;
    for (const activity_work& task : committed.work.activities) {
        completions.push_back(completion_of(task));
    }

    const commit_answer completed = hand_off({}, completions, {batch_items_max, 0});

    CHECK(std::ranges::count(completed.activities, commit_outcome::committed) == 500);
    CHECK(completed.work.orchestrations.size() == batch_items_max);
}

TEST_CASE_METHOD(fixture,
                 "items of one create that name one id take effect in their order",
                 "[BATCH-4]") {
    std::vector<new_instance> fresh{a_new_instance(), a_new_instance()};
    fresh[1].instance = fresh[0].instance;

    const auto outcomes = store.create({a_request()}, fresh).outcomes;

    CHECK(outcomes[0].code == create_code::created);
    CHECK(outcomes[1].code == create_code::already_exists);
    CHECK(get(fresh[0].instance).execution == fresh[0].execution);
}

TEST_CASE_METHOD(fixture,
                 "a checkpoint takes effect before a completion for its instance",
                 "[BATCH-4]") {
    const activity_work task = leased_activity();
    raise(task.instance);
    const orchestration_work work = lease(task.instance);
    const auto how = GENERATE(arrangement::turns_first, arrangement::activities_first);
    const auto commit_both = [&](const finished_turn& turn) {
        return commit_to(store, {turn}, {completion_of(task)}, request({}), how);
    };

    SECTION("whose answer comes too late for an instance that ends") {
        const commit_answer result = commit_both(last_turn_of(work));
        CHECK(result.turns == std::vector{commit_outcome::committed});
        CHECK(result.activities == std::vector{commit_outcome::instance_is_terminal});
        CHECK(get(task.instance).inbox_length == 0);
    }
    SECTION("whose answer waits for an instance that goes on") {
        const commit_answer result = commit_both(turn_of(work));
        CHECK(result.activities == std::vector{commit_outcome::committed});
        CHECK(get(task.instance).inbox_length == 1);
    }
    SECTION("that it has cancelled") {
        finished_turn turn = turn_of(work);
        turn.cancelled_activities = {task.task};
        const commit_answer result = commit_both(turn);
        CHECK(result.activities == std::vector{commit_outcome::lease_lost});
        CHECK(get(task.instance).inbox_length == 0);
    }
}

TEST_CASE_METHOD(fixture,
                 "a list of both kinds is answered in its own order",
                 "[BATCH-1][BATCH-2]") {
    const activity_work good = leased_activity();
    const activity_work lost = leased_activity();
    const orchestration_work first = leased();
    const orchestration_work parked = leased();
    REQUIRE(give_back(held(lost)) == lease_outcome::done);
    REQUIRE(park(held(parked)) == lease_outcome::done);
    const std::vector<finished_work> finished{
        completion_of(lost), turn_of(first), completion_of(good), turn_of(parked)};
    const commit_request wish{finished, request({})};

    const commit_result result = store.commit(wish);

    const std::vector expected{commit_outcome::lease_lost,
                               commit_outcome::committed,
                               commit_outcome::committed,
                               commit_outcome::lease_lost};
    CHECK(result.outcomes == expected);
    CHECK(store.commit(wish).outcomes == expected);
}

TEST_CASE_METHOD(fixture,
                 "a message of one checkpoint meets what another of the call did",
                 "[BATCH-4]") {
    const orchestration_work sender = leased();
    const orchestration_work ending = leased();
    const orchestration_work staying = leased();
    finished_turn turn = turn_of(sender);
    turn.messages = {a_message(ending.instance),
                     a_message(staying.instance, "from the first"),
                     a_message(staying.instance, "and the second")};

    const commit_answer result = commit({turn, last_turn_of(ending), turn_of(staying)});

    CHECK(result.dropped_messages == 1);
    CHECK(get(ending.instance).inbox_length == 0);
    CHECK(inbox(staying.instance) ==
          std::vector<std::string>{an_event("from the first"), an_event("and the second")});
}

TEST_CASE_METHOD(fixture,
                 "a message to a child of another checkpoint of the call arrives",
                 "[BATCH-4]") {
    const orchestration_work sender = leased();
    const orchestration_work parent = leased();
    finished_turn with_child = turn_of(parent);
    with_child.children = {a_child(parent, 1)};
    const instance_id child = with_child.children.front().instance.instance;
    finished_turn turn = turn_of(sender);
    turn.messages = {a_message(child, "welcome")};

    const commit_answer result = commit({turn, with_child});

    CHECK(result.dropped_messages == 0);
    CHECK(get(child).inbox_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "instances that send to each other at once never block each other",
                 "[BATCH-5]") {
    const std::vector<instance_id> ids{idle_instance(), idle_instance(), idle_instance()};
    const std::size_t rounds = budgeted({30, 300, 3000});
    std::size_t failures = 0;
    {
        std::vector<std::jthread> threads;
        std::vector<std::size_t> failed(ids.size());
        for (std::size_t n = 0; n < ids.size(); ++n) {
            threads.emplace_back([&, n] {
                for (std::size_t i = 0; i < rounds; ++i) {
                    std::vector<new_message> messages;
                    for (std::size_t k = 0; k < ids.size(); ++k) {
                        messages.push_back(a_message(ids[(n + k) % ids.size()]));
                    }
                    const auto outcomes = store.send({a_request()}, messages).outcomes;
                    const auto accepted = std::ranges::count(outcomes, send_outcome::accepted);
                    failed[n] += accepted == 3 ? 0U : 1U;
                }
            });
        }
        threads.clear();
        for (const std::size_t count : failed) {
            failures += count;
        }
    }

    CHECK(failures == 0);
    for (const instance_id& id : ids) {
        CHECK(get(id).inbox_length == 3 * rounds);
    }
}

TEST_CASE("a stopped process that used the hub blocks nobody", "[BATCH-5]") {
    if (lacks(ability::multi_process) || lacks(ability::durable)) {
        return;
    }
    const backend_config config = a_hub_config();
    const hub where = open_hub(config);
    const test_process other(config, "stops-between-calls");
    other.wait_until_stopped();

    const new_instance fresh = a_new_instance("ours");
    const auto outcomes = where.store().create({a_request()}, {&fresh, 1}).outcomes;

    CHECK(outcomes.front().code == create_code::created);
    CHECK(where.store().query({}, 10, {}).instances.size() == 3);
}

namespace {

// Makes ten instances a call until it is killed.
void write_endlessly() {
    const hub where = open_hub(hub_config_as_given());
    while (true) {
        const std::string call = to_string(random_uuid());
        std::vector<new_instance> fresh;
        for (int i = 0; i < 10; ++i) {
            fresh.push_back(a_new_instance(call));
            fresh.back().tags = {{"call", call}};
        }
        static_cast<void>(where.store().create({a_request()}, fresh));
    }
}

// Calls most methods and stops itself.
void stop_between_calls() {
    const hub where = open_hub(hub_config_as_given());
    const std::vector<new_instance> fresh{a_new_instance("theirs"), a_new_instance("theirs")};
    static_cast<void>(where.store().create({a_request()}, fresh));
    const work_filter filter{{{order_name, order_version}}, {}, {""}};
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = {"stopped"};
    wanted.filter = &filter;
    wanted.orchestrations = 1;
    const work_batch batch = where.store().lock(wanted);
    static_cast<void>(where.store().read_history(fresh.front().instance, 0, 1));
    static_cast<void>(where.store().query({}, 1, {}));
    static_cast<void>(where.store().get({&fresh.front().instance, 1}));
    static_cast<void>(wait_for_change(where.store(), batch.token, in(1ms)));
    static_cast<void>(std::raise(SIGSTOP));
}

const process_role endless_writer("endless-writer", write_endlessly);
const process_role stops_between_calls("stops-between-calls", stop_between_calls);

// The endless writer's instances tell which call has made them. How many there are of each call.
std::map<std::string, std::size_t> calls_seen(backend& store) {
    std::map<std::string, std::size_t> made;
    std::string after;
    do {
        const instance_page page = store.query({}, 500, after);
        for (const instance_record& record : page.instances) {
            ++made[record.tags.at("call")];
        }
        after = page.next;
    } while (!after.empty());
    return made;
}

}  // namespace

TEST_CASE("a process killed at random leaves each call done as a whole or not at all",
          "[BATCH-3]") {
    if (lacks(ability::multi_process) || lacks(ability::durable)) {
        return;
    }
    const std::size_t rounds = budgeted({5, 25, 100});
    for (std::size_t round = 0; round < rounds; ++round) {
        const backend_config config = a_hub_config();
        const hub where = open_hub(config);
        test_process writer(config, "endless-writer");
        const auto deadline = in(patience);
        while (calls_seen(where.store()).size() < 3) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
        }

        writer.kill();

        CHECK(std::ranges::all_of(calls_seen(where.store()),
                                  [](const auto& entry) { return entry.second == 10; }));
    }
}
