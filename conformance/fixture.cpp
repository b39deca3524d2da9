#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "soundness.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

namespace perdure::conformance {

namespace {

// Most leases of tests must not expire by themselves.
constexpr int lease_moments = 10;

template <class T>
T only(std::vector<T> items) {
    REQUIRE(items.size() == 1);
    return std::move(items.front());
}

work_batch noted(const char* call, work_batch batch) {
    note(std::string(call) + " handed out " + text_of(batch));
    return batch;
}

}  // namespace

request_id a_request() {
    return {random_uuid()};
}

execution_id an_execution() {
    return {random_uuid()};
}

instance_id an_id(const std::string& prefix) {
    static std::atomic<unsigned> count{0};
    return instance_id(prefix + "-" + std::to_string(++count));
}

std::string an_event(const std::string& kind) {
    return R"({"kind":")" + kind + R"("})";
}

std::chrono::steady_clock::time_point in(duration from_now) {
    return std::chrono::steady_clock::now() + from_now;
}

new_instance a_new_instance(const std::string& prefix) {
    return {an_id(prefix),
            an_execution(),
            order_name,
            order_version,
            an_event("started"),
            {},
            {},
            {},
            {},
            an_event("parent hears of replacement")};
}

new_message a_message(const instance_id& target, const std::string& text) {
    return {target, an_event(text), {}, {}, {}, {}};
}

termination a_termination(const instance_id& target) {
    return {target,
            an_event("terminate"),
            an_event("terminated"),
            {"json", R"("enough")"},
            an_event("child terminated")};
}

new_activity an_activity(std::uint64_t task) {
    return {{task}, charge_name, "1", {}, 0, {"json", std::to_string(task)}, R"({"policy":1})"};
}

new_timer a_timer(std::uint64_t task, timestamp fire_at) {
    return {{task}, fire_at, an_event("timer fired " + std::to_string(task))};
}

new_child a_child(const orchestration_work& parent, std::uint64_t task) {
    new_child child{a_new_instance("child"), an_event("child refused")};
    child.instance.parent = parent_link{parent.instance, parent.execution, {task}};
    return child;
}

finished_turn turn_of(const orchestration_work& work) {
    finished_turn turn(work.instance, work.execution, work.held);
    turn.history_version = work.history_version;
    turn.last_committed = work.last_committed;
    for (const inbox_message& message : work.inbox) {
        turn.consumed.push_back(message.sequence);
    }
    turn.events = {{2, "[" + an_event("turn started") + "," + an_event("decided") + "]"}};
    return turn;
}

finished_turn last_turn_of(const orchestration_work& work) {
    finished_turn turn = turn_of(work);
    turn.status = orchestration_status::completed;
    turn.output = {"json", R"("done")"};
    return turn;
}

finished_turn next_execution_of(const orchestration_work& work) {
    finished_turn turn = turn_of(work);
    turn.next = next_execution{an_execution(), work.version, an_event("started anew"), {}, {}};
    return turn;
}

finished_activity completion_of(const activity_work& work) {
    return {work.instance, work.execution, work.task, work.held, an_event("task completed")};
}

orchestration_work speculative_work_of(const activity_work& ended,
                                       std::uint64_t history_version,
                                       lease_token last_committed) {
    return {ended.instance,
            ended.execution,
            ended.held,
            order_name,
            order_version,
            orchestration_status::running,
            history_version,
            last_committed,
            0,
            {},
            {}};
}

finished_turn speculative_turn_of(const activity_work& ended,
                                  std::uint64_t history_version,
                                  lease_token last_committed) {
    finished_turn turn = turn_of(speculative_work_of(ended, history_version, last_committed));
    turn.activity = ended_activity{ended.task, completion_of(ended).event};
    return turn;
}

void follow(finished_turn& turn, const history_page& history) {
    turn.history_version = history.history_version;
    turn.last_committed = history.last_committed;
}

held_item held(const orchestration_work& work) {
    return {work.instance, {}, work.held};
}

held_item held(const activity_work& work) {
    return {work.instance, work.task, work.held};
}

std::vector<std::string> events_of(const std::vector<inbox_message>& inbox) {
    std::vector<std::string> events;
    for (const inbox_message& message : inbox) {
        events.push_back(message.event);
    }
    return events;
}

std::string text_of(const std::vector<history_chunk>& history) {
    std::string text;
    for (const history_chunk& chunk : history) {
        text += chunk.text;
    }
    return text;
}

bool wakes(backend& store, wake_token token) {
    const auto deadline = in(patience);
    while (wait_for_change(store, token, deadline).value == token.value) {
        if (std::chrono::steady_clock::now() >= deadline) {
            return false;
        }
    }
    return true;
}

bool waits_for_end(backend& store, const instance_id& id) {
    const auto deadline = in(patience);
    bool has_ended = false;
    do {
        has_ended = waits_to_end(store, id, deadline);
    } while (!has_ended && std::chrono::steady_clock::now() < deadline);
    // At its deadline a wait tells of the end as well, but then nothing has woken it.
    return has_ended && std::chrono::steady_clock::now() < deadline;
}

fixture::fixture() : fixture(a_hub()) {}

fixture::fixture(hub opened)
    : where(std::move(opened)),
      store(where.store()),
      filter{{{order_name, order_version}}, {charge_name}, {std::string()}},
      moment(abilities_under_test().test_clock ? duration(60s) : duration(300ms)) {}

fixture::~fixture() {
    if (std::uncaught_exceptions() != 0) {
        return;
    }
    try {
        CHECK(faults_inside(store) == "");
    } catch (const backend_error&) {
        // The test has left a hub that nobody can look into.
    }
}

void fixture::advance(duration by) {
    if (abilities_under_test().test_clock) {
        REQUIRE(advance_clock(store, by));
        return;
    }
    // Without a test clock the store's own time has to pass; nothing else shows that it has.
    const timestamp until = now() + by;
    wake_token token;
    while (now() < until) {
        token = wait_for_change(store, token, in(std::min<duration>(until - now(), 20ms)));
    }
}

timestamp fixture::now() {
    return store.status().store_time;
}

instance_id fixture::create(const new_instance& fresh) {
    REQUIRE(try_create(fresh).code == create_code::created);
    return fresh.instance;
}

create_outcome fixture::try_create(const new_instance& fresh) {
    return only(store.create({a_request()}, {&fresh, 1}).outcomes);
}

orchestration_work fixture::leased() {
    return lease(pending_instance());
}

orchestration_work fixture::lease(const instance_id& id) {
    work_batch batch = lock({100, 0});
    std::optional<orchestration_work> wanted;
    for (orchestration_work& work : batch.orchestrations) {
        if (work.instance == id) {
            wanted = std::move(work);
        } else {
            REQUIRE(give_back(held(work)) == lease_outcome::done);
        }
    }
    INFO("instance " << id.text());
    REQUIRE(wanted);
    return *wanted;
}

instance_id fixture::idle_instance() {
    const orchestration_work work = leased();
    REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
    return work.instance;
}

instance_id fixture::completed_instance() {
    const orchestration_work work = leased();
    REQUIRE(commit_one(last_turn_of(work)) == commit_outcome::committed);
    return work.instance;
}

instance_id fixture::parked_instance() {
    const orchestration_work work = leased();
    REQUIRE(park(held(work)) == lease_outcome::done);
    return work.instance;
}

instance_id fixture::instance_with_queued_activity() {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    return work.instance;
}

activity_work fixture::leased_activity() {
    const instance_id id = instance_with_queued_activity();
    activity_work work = only(lock({0, 1}).activities);
    REQUIRE(work.instance == id);
    return work;
}

std::vector<activity_work> fixture::two_leased_activities() {
    finished_turn turn = turn_of(leased());
    turn.activities = {an_activity(1), an_activity(2)};
    std::vector<activity_work> tasks = hand_off({turn}, {}, {0, 2}).work.activities;
    REQUIRE(tasks.size() == 2);
    return tasks;
}

finished_turn fixture::speculative_turn(const activity_work& ended) {
    const history_page head = history_head(ended.instance);
    return speculative_turn_of(ended, head.history_version, head.last_committed);
}

instance_id fixture::pending_child(const instance_id& parent, std::uint64_t task) {
    raise(parent, "start a child");
    const orchestration_work work = lease(parent);
    finished_turn turn = turn_of(work);
    turn.children = {a_child(work, task)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    return turn.children.front().instance.instance;
}

lock_request fixture::request(const room& asked) const {
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = worker;
    wanted.filter = &filter;
    wanted.orchestrations = asked.orchestrations;
    wanted.activities = asked.activities;
    wanted.lease_duration = lease_moments * moment;
    return wanted;
}

work_batch fixture::lock(const room& asked) {
    return noted("lock", store.lock(request(asked)));
}

work_batch fixture::lock_suspects() {
    lock_request wanted = request({100, 100});
    wanted.suspects = true;
    return noted("lock of suspects", store.lock(wanted));
}

send_outcome fixture::send(const new_message& message) {
    return only(store.send({a_request()}, {&message, 1}).outcomes);
}

send_outcome fixture::send(const instance_id& target, const std::string& text) {
    return send(a_message(target, text));
}

void fixture::raise(const instance_id& target, const std::string& text) {
    REQUIRE(send(target, text) == send_outcome::accepted);
}

terminate_outcome fixture::terminate(const instance_id& target) {
    const termination wish = a_termination(target);
    return only(store.terminate(a_request(), {&wish, 1}));
}

commit_answer fixture::commit(const std::vector<finished_turn>& turns,
                              const std::vector<finished_activity>& ended) {
    return hand_off(turns, ended, {});
}

commit_outcome fixture::commit_one(const finished_turn& turn) {
    return only(commit({turn}).turns);
}

commit_outcome fixture::complete(const finished_activity& done) {
    return only(commit({}, {done}).activities);
}

commit_answer fixture::hand_off(const std::vector<finished_turn>& turns,
                                const std::vector<finished_activity>& ended,
                                const room& asked) {
    commit_answer result = commit_to(store, turns, ended, request(asked));
    result.work = noted("commit", std::move(result.work));
    return result;
}

lease_outcome fixture::renew(const held_item& item, duration lease) {
    return only(store.renew({worker, &filter, lease, {&item, 1}}));
}

lease_outcome fixture::give_back(const held_item& item, feature_level needed) {
    return only(return_to(store, a_request(), {item}, return_kind::give_back, {}, {}, needed));
}

lease_outcome fixture::abandon(const held_item& item, duration delay) {
    return only(return_to(store, a_request(), {item}, return_kind::abandon, delay));
}

lease_outcome fixture::park(const held_item& item, const std::string& reason) {
    return only(return_to(store, a_request(), {item}, return_kind::park, {}, reason));
}

unpark_outcome fixture::unpark(const instance_id& id) {
    return only(store.unpark(a_request(), {&id, 1}));
}

purge_outcome fixture::purge(const instance_id& id) {
    purge_request wish;
    wish.request = a_request();
    wish.instances = {id};
    return only(store.purge(wish).outcomes);
}

purge_outcome fixture::purge_by_force(const instance_id& id) {
    purge_request wish;
    wish.request = a_request();
    wish.instances = {id};
    wish.force = true;
    wish.parent_event = an_event("child purged");
    return only(store.purge(wish).outcomes);
}

std::optional<instance_record> fixture::find(const instance_id& id) {
    return only(store.get({&id, 1}));
}

instance_record fixture::get(const instance_id& id) {
    INFO("instance " << id.text());
    const auto found = find(id);
    REQUIRE(found);
    return *found;
}

std::vector<history_chunk> fixture::history(const instance_id& id) {
    const auto page = store.read_history(id, 0, batch_bytes_max);
    REQUIRE(page);
    return page->chunks;
}

std::uint64_t fixture::history_version(const instance_id& id) {
    return history_head(id).history_version;
}

history_page fixture::history_head(const instance_id& id) {
    const auto page = store.read_history(id, 0, 1);
    REQUIRE(page);
    return *page;
}

std::vector<std::string> fixture::inbox(const instance_id& id) {
    const orchestration_work work = lease(id);
    REQUIRE(give_back(held(work)) == lease_outcome::done);
    return events_of(work.inbox);
}

bool fixture::is_ready(const instance_id& id) {
    bool found = false;
    for (const orchestration_work& work : lock({100, 0}).orchestrations) {
        found = found || work.instance == id;
        REQUIRE(give_back(held(work)) == lease_outcome::done);
    }
    return found;
}

}  // namespace perdure::conformance
