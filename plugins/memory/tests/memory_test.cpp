#include <perdure/hub.hpp>

#include <catch2/catch.hpp>

#include <future>
#include <string>
#include <vector>

// The main clauses, quickly, on the reference backend; the conformance suite has all of them.

using namespace perdure;
using namespace std::chrono_literals;

namespace {

request_id fresh_request() {
    return {random_uuid()};
}

struct memory_hub {
    hub opened = open("memory:?test_clock=on");
    backend& store = opened.store();
    work_filter filter{{{"Order", ""}, {"Child", ""}}, {"Charge"}, {""}};

    new_instance order(const std::string& id) const {
        return {
            instance_id(id), {random_uuid()}, "Order", "", "start", {}, {}, {}, {}, "replaced"};
    }

    create_outcome create(const new_instance& fresh) {
        return store.create(fresh_request(), {&fresh, 1}).at(0);
    }

    lock_request room(std::size_t count, const std::string& worker = "w1") const {
        lock_request request;
        request.request = fresh_request();
        request.worker = {worker};
        request.filter = &filter;
        request.orchestrations = count;
        request.activities = count;
        return request;
    }

    work_batch lock(std::size_t count = 1, const std::string& worker = "w1") {
        return store.lock(room(count, worker));
    }

    orchestration_work locked(const std::string& id) {
        create(order(id));
        return lock().orchestrations.at(0);
    }

    static checkpoint turn(const orchestration_work& work) {
        checkpoint result{work.instance,
                          work.execution,
                          work.held,
                          {},
                          {},
                          orchestration_status::running,
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {}};
        result.events = {{1, "[turn]"}};
        for (const inbox_message& arrival : work.inbox) {
            result.consumed.push_back(arrival.sequence);
        }
        return result;
    }

    commit_result commit(std::vector<checkpoint> turns,
                         std::vector<completion> done = {},
                         std::size_t count = 0) {
        return store.commit({turns, done, room(count)});
    }

    commit_outcome commit_one(const checkpoint& turn) { return commit({turn}).checkpoints.at(0); }

    send_outcome send(const std::string& id,
                      const std::string& event,
                      const std::string& key = "") {
        const new_message arrival{instance_id(id), event, key, {}, {}, {}};
        return store.send(fresh_request(), {&arrival, 1}).at(0);
    }

    instance_record get(const std::string& id) {
        const instance_id wanted(id);
        return store.get({&wanted, 1}).at(0).value();
    }

    void advance(duration by) { REQUIRE(store.advance_clock(by)); }
};

held_item held(const orchestration_work& work) {
    return {work.instance, {}, work.held};
}

completion completed(const activity_work& work) {
    return {work.instance, work.execution, work.task, work.held, "charged"};
}

new_activity charge(std::uint64_t task) {
    return {task_id{task}, "Charge", "", "", 0, payload("json", "1"), ""};
}

}  // namespace

TEST_CASE("a created instance is pending and is handed out once", "[create][lock][LOCK-1]") {
    memory_hub hub;
    REQUIRE(hub.create(hub.order("a")).code == create_code::created);

    const auto first = hub.lock();
    const auto second = hub.lock(1, "w2");

    REQUIRE(first.orchestrations.size() == 1);
    CHECK(first.orchestrations[0].status == orchestration_status::pending);
    CHECK(first.orchestrations[0].history == std::vector<history_chunk>{{0, 1, "[start]"}});
    CHECK(second.orchestrations.empty());
    CHECK(hub.get("a").leased_by == "w1");
}

TEST_CASE("an id that is taken is refused, the same creation is not", "[CREATE-1][CREATE-3]") {
    memory_hub hub;
    const auto fresh = hub.order("a");
    hub.create(fresh);

    CHECK(hub.create(hub.order("a")).code == create_code::already_exists);
    CHECK(hub.create(fresh).code == create_code::created);
}

TEST_CASE("a replaced instance loses its lease and its parent hears of it", "[CREATE-2]") {
    memory_hub hub;
    const auto parent = hub.locked("parent");
    auto child = hub.order("child");
    child.parent = parent_link{parent.instance, parent.execution, task_id{4}};
    hub.create(child);
    const auto old = hub.lock().orchestrations.at(0);
    auto replacement = hub.order("child");
    replacement.replaceable = {orchestration_status::pending};

    REQUIRE(hub.create(replacement).code == create_code::created);

    CHECK(hub.commit_one(hub.turn(old)) == commit_outcome::lease_lost);
    CHECK(hub.get("child").execution == replacement.execution);
    CHECK(hub.get("parent").inbox_length == 1);
}

TEST_CASE("a message reaches only a live instance, once per id", "[SEND-1][SEND-2][SEND-4]") {
    memory_hub hub;
    hub.create(hub.order("a"));

    CHECK(hub.send("nobody", "e") == send_outcome::no_such_instance);
    CHECK(hub.send("a", "e", "m1") == send_outcome::accepted);
    CHECK(hub.send("a", "e", "m1") == send_outcome::duplicate);
    const new_message late{instance_id("a"), "e", "", {random_uuid()}, {}, {}};
    CHECK(hub.store.send(fresh_request(), {&late, 1}).at(0) == send_outcome::accepted);
    CHECK(hub.get("a").inbox_length == 1);
}

TEST_CASE("a repeated send gives the same outcome and stores nothing", "[REPEAT-1]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    const auto request = fresh_request();
    const new_message arrival{instance_id("a"), "e", "", {}, {}, {}};

    CHECK(hub.store.send(request, {&arrival, 1}).at(0) == send_outcome::accepted);
    CHECK(hub.store.send(request, {&arrival, 1}).at(0) == send_outcome::accepted);

    CHECK(hub.get("a").inbox_length == 1);
}

TEST_CASE("a pending instance is terminated at once, a running one by its turn",
          "[TERM-1][TERM-2]") {
    memory_hub hub;
    hub.create(hub.order("pending"));
    const termination wish{instance_id("pending"), "terminate", "[final]", {"json", "1"}, ""};

    CHECK(hub.store.terminate(fresh_request(), {&wish, 1}).at(0) == terminate_outcome::terminated);
    CHECK(hub.get("pending").status == orchestration_status::terminated);
    CHECK(hub.get("pending").output == payload("json", "1"));

    const auto work = hub.locked("running");
    const termination other{instance_id("running"), "terminate", "[final]", {}, ""};
    CHECK(hub.store.terminate(fresh_request(), {&other, 1}).at(0) == terminate_outcome::requested);
    CHECK(hub.get("running").inbox_length == 1);
    CHECK(hub.commit_one(hub.turn(work)) == commit_outcome::committed);
    CHECK(hub.lock().orchestrations.at(0).inbox.at(0).event == "terminate");
}

TEST_CASE("a repeated termination gives the same outcome", "[REPEAT-1]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    const auto request = fresh_request();
    const termination wish{instance_id("a"), "terminate", "[final]", {}, ""};

    CHECK(hub.store.terminate(request, {&wish, 1}).at(0) == terminate_outcome::terminated);
    CHECK(hub.store.terminate(request, {&wish, 1}).at(0) == terminate_outcome::terminated);
    CHECK(hub.store.terminate(fresh_request(), {&wish, 1}).at(0) ==
          terminate_outcome::instance_is_terminal);
}

TEST_CASE("a delayed start waits for its time", "[TIME-2][LOCK-4]") {
    memory_hub hub;
    auto fresh = hub.order("a");
    fresh.start_at = hub.store.status().store_time + 1h;
    hub.create(fresh);

    CHECK(hub.lock().orchestrations.empty());
    hub.advance(1h);
    CHECK(hub.lock().orchestrations.size() == 1);
}

TEST_CASE("work that the filter does not name is not handed out", "[LOCK-4]") {
    memory_hub hub;
    auto fresh = hub.order("a");
    fresh.version = "2";
    hub.create(fresh);

    CHECK(hub.lock().orchestrations.empty());
    CHECK(hub.store.status().unserved == std::vector<std::string>{"orchestration Order 2"});
}

TEST_CASE("a worker that renews is live and serves its names", "[RENEW-1]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    REQUIRE(hub.store.renew({{"w1"}, &hub.filter, 15s, {}}).empty());

    CHECK(hub.store.status().live_workers == std::vector<worker_id>{{"w1"}});
    CHECK(hub.store.status().unserved.empty());
    hub.advance(15s);
    CHECK(hub.store.status().live_workers.empty());
}

TEST_CASE("the inbox comes by visibility, then sequence, and only a prefix", "[LOCK-5]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    const auto now = hub.store.status().store_time;
    const std::vector<new_message> messages{
        {instance_id("a"), "late", "", {}, {}, now + 2s},
        {instance_id("a"), "first", "", {}, {}, {}},
        {instance_id("a"), "second", "", {}, {}, {}},
    };
    REQUIRE(hub.store.send(fresh_request(), messages).size() == 3);
    hub.advance(3s);
    auto request = hub.room(1);
    request.messages = 2;

    const auto work = hub.store.lock(request).orchestrations.at(0);

    REQUIRE(work.inbox.size() == 2);
    CHECK(work.inbox[0].event == "first");
    CHECK(work.inbox[1].event == "second");
}

TEST_CASE("the longest ready instance goes first", "[LOCK-6]") {
    memory_hub hub;
    hub.create(hub.order("z"));
    hub.advance(1s);
    hub.create(hub.order("a"));

    CHECK(hub.lock().orchestrations.at(0).instance == instance_id("z"));
}

TEST_CASE("history is left out for the worker that committed last", "[LOCK-7]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    REQUIRE(hub.commit_one(hub.turn(work)) == commit_outcome::committed);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);

    const auto mine = hub.lock().orchestrations.at(0);
    REQUIRE(hub.store.give_back(fresh_request(), std::vector{held(mine)}).size() == 1);
    const auto theirs = hub.lock(1, "w2").orchestrations.at(0);

    CHECK(mine.history.empty());
    CHECK(mine.history_length == 2);
    CHECK(theirs.history.size() == 2);
}

TEST_CASE("an expired lease that nobody took still commits", "[LOCK-3]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    hub.advance(1min);
    CHECK(hub.lock(1, "w2").suspects_waiting);

    CHECK(hub.commit_one(hub.turn(work)) == commit_outcome::committed);
}

TEST_CASE("a suspect is handed out only when asked for, and its expiries count",
          "[SUSPECT-1][SUSPECT-2]") {
    memory_hub hub;
    const auto old = hub.locked("a");
    hub.advance(1min);
    auto ask = hub.room(1, "w2");
    ask.suspects = true;

    CHECK(hub.lock(1, "w2").orchestrations.empty());
    const auto first = hub.store.lock(ask).orchestrations.at(0);
    hub.advance(1min);
    ask.request = fresh_request();
    const auto second = hub.store.lock(ask).orchestrations.at(0);

    CHECK(first.suspect);
    CHECK(first.attempt == 1);
    CHECK(second.attempt == 2);
    CHECK(hub.commit_one(hub.turn(old)) == commit_outcome::lease_lost);
}

TEST_CASE("work of a dead worker becomes suspect at once", "[TAKEOVER-1]") {
    memory_hub hub;
    hub.locked("a");

    hub.store.take_over(fresh_request(), std::vector{worker_id{"w1"}});

    CHECK(hub.lock(1, "w2").suspects_waiting);
}

TEST_CASE("the same checkpoint again is committed and changes nothing", "[COMMIT-2]") {
    memory_hub hub;
    const auto turn = hub.turn(hub.locked("a"));

    CHECK(hub.commit_one(turn) == commit_outcome::committed);
    CHECK(hub.commit_one(turn) == commit_outcome::committed);

    CHECK(hub.get("a").history_length == 2);
}

TEST_CASE("a repeated commit hands out the same leases", "[REPEAT-1][REPEAT-2]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.activities = {charge(1), charge(2)};
    const commit_request request{{&turn, 1}, {}, hub.room(2)};

    const auto first = hub.store.commit(request);
    const auto again = hub.store.commit(request);

    REQUIRE(first.work.activities.size() == 2);
    REQUIRE(again.work.activities.size() == 2);
    CHECK(again.work.activities[0].held == first.work.activities[0].held);
    CHECK(again.work.activities[1].held == first.work.activities[1].held);
    CHECK(first.work.activities[0].held.token == derive_token(request.next.request, 0));
}

TEST_CASE("a completion reaches the inbox once and hands back the orchestration",
          "[COMMIT-2][COMMIT-7][HANDOFF-1]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.activities = {charge(1)};
    const auto work = hub.commit({turn}, {}, 1).work.activities.at(0);
    const auto done = completed(work);

    const auto result = hub.commit({}, {done}, 1);

    CHECK(result.completions.at(0) == commit_outcome::committed);
    const auto next = result.work.orchestrations.at(0);
    REQUIRE(next.inbox.size() == 1);
    CHECK(next.inbox[0].event == "charged");
    CHECK(next.inbox[0].task == task_id{1});
    CHECK(hub.commit({}, {done}).completions.at(0) == commit_outcome::committed);
    CHECK(hub.get("a").inbox_length == 1);
}

TEST_CASE("the end of an instance removes what waits and refuses what comes", "[COMMIT-5]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.activities = {charge(1), charge(2)};
    turn.timers = {{task_id{3}, hub.store.status().store_time + 1h, "fired"}};
    const auto running = hub.commit({turn}, {}, 1).work.activities.at(0);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);
    auto last = hub.turn(hub.lock().orchestrations.at(0));
    last.status = orchestration_status::completed;
    last.output = payload("json", "7");

    REQUIRE(hub.commit_one(last) == commit_outcome::committed);

    CHECK(hub.lock(5).activities.empty());
    CHECK(hub.commit({}, {completed(running)}).completions.at(0) ==
          commit_outcome::instance_is_terminal);
    CHECK(hub.send("a", "e") == send_outcome::instance_is_terminal);
    CHECK(hub.get("a").inbox_length == 0);
    CHECK(hub.get("a").output == payload("json", "7"));
}

TEST_CASE("continue-as-new keeps messages for any execution and begins anew", "[COMMIT-6]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    REQUIRE(hub.send("a", "kept") == send_outcome::accepted);
    auto turn = hub.turn(work);
    turn.next = next_execution{{random_uuid()}, "", "again", {}, {2, "[x,y]"}};

    const auto next = hub.commit({turn}, {}, 1).work.orchestrations.at(0);

    CHECK(next.execution == turn.next->execution);
    CHECK(next.history_length == 3);
    REQUIRE(next.history.size() == 2);
    CHECK(next.history[0] == history_chunk{0, 1, "[again]"});
    REQUIRE(next.inbox.size() == 1);
    CHECK(next.inbox[0].event == "kept");
}

TEST_CASE("a child whose id is taken is refused in the parent's inbox", "[COMMIT-4]") {
    memory_hub hub;
    const auto work = hub.locked("parent");
    hub.create(hub.order("taken"));
    auto turn = hub.turn(work);
    for (const char* id : {"taken", "free"}) {
        auto child = hub.order(id);
        child.parent = parent_link{work.instance, work.execution, task_id{9}};
        turn.children.push_back({child, "refused"});
    }

    const auto result = hub.commit({turn}, {}, 3);

    REQUIRE(result.work.orchestrations.size() == 3);
    CHECK(result.work.orchestrations[0].instance == work.instance);
    REQUIRE(result.work.orchestrations[0].inbox.size() == 1);
    CHECK(result.work.orchestrations[0].inbox[0].event == "refused");
    CHECK(result.work.orchestrations[0].inbox[0].task == task_id{9});
    CHECK(result.work.orchestrations[1].instance == instance_id("free"));
}

TEST_CASE("a cancelled activity is not queued, or is lost to its holder", "[COMMIT-8]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.activities = {charge(1), charge(2)};
    turn.cancelled_activities = {task_id{2}};
    const auto result = hub.commit({turn}, {}, 5);
    REQUIRE(result.work.activities.size() == 1);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);
    auto cancel = hub.turn(hub.lock().orchestrations.at(0));
    cancel.cancelled_activities = {task_id{1}};

    REQUIRE(hub.commit_one(cancel) == commit_outcome::committed);

    CHECK(hub.commit({}, {completed(result.work.activities[0])}).completions.at(0) ==
          commit_outcome::lease_lost);
}

TEST_CASE("a timer fires at its time, unless it is cancelled", "[COMMIT-1][TIME-2]") {
    memory_hub hub;
    const auto now = hub.store.status().store_time;
    auto turn = hub.turn(hub.locked("a"));
    turn.timers = {{task_id{1}, now + 1h, "one"}, {task_id{2}, now + 2h, "two"}};
    turn.cancelled_timers = {task_id{2}};
    REQUIRE(hub.commit_one(turn) == commit_outcome::committed);

    CHECK(hub.lock().orchestrations.empty());
    hub.advance(3h);
    const auto work = hub.lock().orchestrations.at(0);
    REQUIRE(work.inbox.size() == 1);
    CHECK(work.inbox[0].event == "one");
    CHECK(work.inbox[0].visible_at == now + 1h);
}

TEST_CASE("a timer that a later turn cancels does not fire", "[COMMIT-1]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.timers = {{task_id{1}, hub.store.status().store_time + 1h, "one"}};
    REQUIRE(hub.commit_one(turn) == commit_outcome::committed);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);
    auto cancel = hub.turn(hub.lock().orchestrations.at(0));
    cancel.cancelled_timers = {task_id{1}};

    REQUIRE(hub.commit_one(cancel) == commit_outcome::committed);
    hub.advance(2h);

    CHECK(hub.lock().orchestrations.empty());
    CHECK(hub.get("a").inbox_length == 0);
}

TEST_CASE("a termination overrides the delay of an abandon", "[TERM-2][TIME-2]") {
    memory_hub hub;
    REQUIRE(hub.commit_one(hub.turn(hub.locked("a"))) == commit_outcome::committed);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);
    const std::vector item{held(hub.lock().orchestrations.at(0))};
    REQUIRE(hub.store.abandon(fresh_request(), item, 1h).at(0) == lease_outcome::done);
    REQUIRE(hub.lock().orchestrations.empty());
    const termination wish{instance_id("a"), "terminate", "[final]", {}, ""};

    REQUIRE(hub.store.terminate(fresh_request(), {&wish, 1}).at(0) == terminate_outcome::requested);

    CHECK(hub.lock().orchestrations.at(0).inbox.size() == 2);
}

TEST_CASE("a late renewal keeps an expired item that nobody took", "[LOCK-1][LOCK-3]") {
    memory_hub hub;
    const std::vector item{held(hub.locked("a"))};
    hub.advance(1min);
    REQUIRE(hub.lock(1, "w2").suspects_waiting);

    REQUIRE(hub.store.renew({{"w1"}, nullptr, 15s, item}).at(0) == lease_outcome::done);

    auto ask = hub.room(1, "w2");
    ask.suspects = true;
    CHECK(hub.store.lock(ask).orchestrations.empty());
}

TEST_CASE("an abandoned item waits and counts, one given back does neither",
          "[GIVE-1][ABANDON-1]") {
    memory_hub hub;
    const auto first = hub.locked("a");
    const auto request = fresh_request();
    const std::vector item{held(first)};
    CHECK(hub.store.abandon(request, item, 10s).at(0) == lease_outcome::done);
    CHECK(hub.store.abandon(request, item, 10s).at(0) == lease_outcome::done);
    CHECK(hub.store.abandon(fresh_request(), item, 10s).at(0) == lease_outcome::lease_lost);

    CHECK(hub.lock().orchestrations.empty());
    hub.advance(10s);
    const auto second = hub.lock().orchestrations.at(0);
    CHECK(second.attempt == 2);
    REQUIRE(hub.store.give_back(fresh_request(), std::vector{held(second)}).size() == 1);
    CHECK(hub.lock().orchestrations.at(0).attempt == 2);
}

TEST_CASE("a parked instance keeps messages and waits for its release", "[PARK-1][PARK-3]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    const std::vector<std::string> reasons{"diverged"};
    REQUIRE(hub.store.park(fresh_request(), std::vector{held(work)}, reasons).at(0) ==
            lease_outcome::done);
    CHECK(hub.send("a", "e") == send_outcome::accepted);
    CHECK(hub.lock().orchestrations.empty());
    CHECK(hub.get("a").parked_reason == "diverged");

    CHECK(hub.store.release(fresh_request(), std::vector{work.instance}).at(0) ==
          release_outcome::released);
    CHECK(hub.lock().orchestrations.at(0).inbox.size() == 1);
}

TEST_CASE("purge refuses a live instance unless forced", "[PURGE-1][PURGE-2]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    purge_request request;
    request.instances = {work.instance};

    CHECK(hub.store.purge(request).outcomes.at(0) == purge_outcome::not_terminal);
    request.request = fresh_request();
    request.force = true;
    CHECK(hub.store.purge(request).outcomes.at(0) == purge_outcome::purged);
    CHECK(hub.commit_one(hub.turn(work)) == commit_outcome::lease_lost);
    CHECK(hub.create(hub.order("a")).code == create_code::created);
}

TEST_CASE("pages of a query follow each other without gap or repetition", "[READ-2]") {
    memory_hub hub;
    for (const char* id : {"c", "a", "b", "x1", "x2"}) {
        hub.create(hub.order(id));
    }

    const auto first = hub.store.query({}, 3, "");
    const auto rest = hub.store.query({}, 3, first.next);
    instance_filter prefix;
    prefix.id_prefix = "x";

    REQUIRE(first.instances.size() == 3);
    CHECK(first.instances[0].instance == instance_id("a"));
    REQUIRE(rest.instances.size() == 2);
    CHECK(rest.next.empty());
    CHECK(hub.store.query(prefix, 10, "").instances.size() == 2);
}

TEST_CASE("history is read in whole chunks from an event on", "[READ-3]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.events = {{2, "[a,b]"}, {1, "[c]"}};
    REQUIRE(hub.commit_one(turn) == commit_outcome::committed);

    const auto page = hub.store.read_history(instance_id("a"), 2, 1).value();

    CHECK(page.history_length == 4);
    REQUIRE(page.chunks.size() == 1);
    CHECK(page.chunks[0] == history_chunk{1, 2, "[a,b]"});
}

TEST_CASE("whoever waits for work wakes when an instance is created", "[WAKE-1]") {
    memory_hub hub;
    const auto token = hub.lock().token;
    auto waiting = std::async(std::launch::async, [&] {
        return hub.store.wait_for_work(token, std::chrono::steady_clock::now() + 1min);
    });

    hub.create(hub.order("a"));

    CHECK(waiting.get().value != token.value);
}

TEST_CASE("whoever waits for work wakes when the clock reaches a timer", "[WAKE-2]") {
    memory_hub hub;
    auto fresh = hub.order("a");
    fresh.start_at = hub.store.status().store_time + 1h;
    hub.create(fresh);
    const auto token = hub.lock().token;
    auto waiting = std::async(std::launch::async, [&] {
        return hub.store.wait_for_work(token, std::chrono::steady_clock::now() + 1min);
    });

    hub.advance(1h);

    CHECK(waiting.get().value != token.value);
}

TEST_CASE("waits end at once after an interruption", "[WAKE-1]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    const auto token = hub.lock().token;
    const auto deadline = std::chrono::steady_clock::now() + 1min;

    hub.store.interrupt_waits();

    CHECK(hub.store.wait_for_work(token, deadline).value == token.value);
    CHECK_FALSE(hub.store.wait(std::vector{instance_id("a")}, deadline));
    CHECK(std::chrono::steady_clock::now() < deadline);
}

TEST_CASE("a client's wait ends with the instance", "[wait]") {
    memory_hub hub;
    auto last = hub.turn(hub.locked("a"));
    last.status = orchestration_status::completed;
    auto waiting = std::async(std::launch::async, [&] {
        return hub.store.wait(std::vector{instance_id("a")},
                              std::chrono::steady_clock::now() + 1min);
    });

    REQUIRE(hub.commit_one(last) == commit_outcome::committed);

    CHECK(waiting.get());
}

TEST_CASE("a name is shared within the process, no name is private", "[memory]") {
    const auto one = open("memory:shop");
    const auto other = open("memory:shop");
    const auto anonymous = open("memory:");
    memory_hub source;
    const auto fresh = source.order("a");
    REQUIRE(one.store().create(fresh_request(), {&fresh, 1}).size() == 1);

    CHECK(other.store().get(std::vector{fresh.instance}).at(0).has_value());
    CHECK_FALSE(anonymous.store().get(std::vector{fresh.instance}).at(0).has_value());
    CHECK_FALSE(anonymous.store().advance_clock(1s));
}

TEST_CASE("what cannot be accepted is refused as a whole", "[BATCH-3]") {
    memory_hub hub;
    auto turn = hub.turn(hub.locked("a"));
    turn.activities = {charge(1), charge(1)};

    CHECK_THROWS_AS(hub.commit({turn}), backend_error);

    CHECK(hub.get("a").history_length == 1);
}
