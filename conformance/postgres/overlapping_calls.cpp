#include "overlapping_calls.hpp"

#include <algorithm>
#include <utility>

namespace perdure::conformance {

namespace {

// Few of each, so that batches overlap.
constexpr std::size_t id_count = 60;
constexpr std::size_t worker_count = 6;
constexpr std::size_t batch_size_max = 12;
constexpr std::size_t held_max = 24;

// Numbers that no other turn of the execution uses.
task_id task_of_turn(std::uint64_t history_length, std::uint64_t n) {
    constexpr std::uint64_t tasks_each = 10;
    return {history_length * tasks_each + n};
}

}  // namespace

overlapping_calls::overlapping_calls(hub where, std::uint64_t seed)
    : where_(std::move(where)), store_(where_.store()), dice_(seed) {}

void overlapping_calls::make_one() {
    using call = void (overlapping_calls::*)();
    // Named as often as it is to be made.
    static constexpr std::array<call, 26> calls{
        &overlapping_calls::create,  &overlapping_calls::create,
        &overlapping_calls::create,  &overlapping_calls::send,
        &overlapping_calls::send,    &overlapping_calls::terminate,
        &overlapping_calls::purge,   &overlapping_calls::unpark,
        &overlapping_calls::lock,    &overlapping_calls::lock,
        &overlapping_calls::lock,    &overlapping_calls::lock,
        &overlapping_calls::commit,  &overlapping_calls::commit,
        &overlapping_calls::commit,  &overlapping_calls::commit,
        &overlapping_calls::commit,  &overlapping_calls::commit,
        &overlapping_calls::renew,   &overlapping_calls::give_back,
        &overlapping_calls::abandon, &overlapping_calls::purge_ended,
        &overlapping_calls::park,    &overlapping_calls::park,
        &overlapping_calls::unpark,  &overlapping_calls::take_over};
    try {
        (this->*calls[number(0, calls.size() - 1)])();
    } catch (const backend_error& wrong) {
        ++errors_[std::string(to_string(wrong.code())) + " " + wrong.sqlstate() + ": " +
                  wrong.what()];
    }
}

void overlapping_calls::create() {
    std::vector<new_instance> batch;
    for (std::size_t n = number(1, batch_size_max); n > 0; --n) {
        batch.push_back(some_instance());
    }
    std::size_t created = 0;
    for (const create_outcome& outcome : store_.create({a_request()}, batch).outcomes) {
        created += outcome.code == create_code::created ? 1 : 0;
    }
    effects_["create"] += created;
}

void overlapping_calls::send() {
    std::vector<new_message> batch;
    for (std::size_t n = number(1, batch_size_max); n > 0; --n) {
        batch.push_back(some_message());
        if (number(0, 1) == 0) {
            batch.back().id = "m" + std::to_string(number(0, 30));
        }
    }
    note("send", store_.send({a_request()}, batch).outcomes, send_outcome::accepted);
}

void overlapping_calls::terminate() {
    std::vector<termination> batch;
    for (const instance_id& id : some_ids()) {
        batch.push_back(a_termination(id));
    }
    note("terminate", store_.terminate(a_request(), batch), terminate_outcome::terminated);
}

void overlapping_calls::purge() {
    purge_request wish;
    wish.request = a_request();
    wish.instances = some_ids();
    wish.force = number(0, 2) == 0;
    wish.parent_event = an_event("child purged");
    note("purge", store_.purge(wish).outcomes, purge_outcome::purged);
}

void overlapping_calls::purge_ended() {
    purge_request wish;
    wish.request = a_request();
    wish.filter.statuses = {orchestration_status::completed, orchestration_status::failed};
    wish.limit = number(1, 20);
    effects_["purge by filter"] += store_.purge(wish).purged;
}

void overlapping_calls::unpark() {
    note("unpark", store_.unpark(a_request(), some_ids()), unpark_outcome::unparked);
}

void overlapping_calls::lock() {
    lock_request wanted = some_request();
    wanted.suspects = number(0, 2) == 0;
    take(store_.lock(wanted));
}

void overlapping_calls::commit() {
    std::vector<finished_turn> turns;
    std::vector<finished_activity> completions;
    for (std::size_t n = number(0, 6); n > 0 && !turns_.empty(); --n) {
        turns.push_back(some_turn(turns_.front()));
        turns_.pop_front();
    }
    for (std::size_t n = number(0, 6); n > 0 && !tasks_.empty(); --n) {
        completions.push_back(completion_of(tasks_.front()));
        tasks_.pop_front();
    }
    commit_answer result = commit_to(store_, turns, completions, some_request());
    note("commit a turn", result.turns, commit_outcome::committed);
    note("lose a lease", result.turns, commit_outcome::lease_lost);
    note("complete an activity", result.activities, commit_outcome::committed);
    take(std::move(result.work));
}

void overlapping_calls::renew() {
    const std::vector<held_item> items = some_held_items();
    const std::chrono::milliseconds lease(number(1, 60));
    note("renew", store_.renew({some_worker(), &filter_, lease, items}), lease_outcome::done);
}

void overlapping_calls::give_back() {
    note("give back",
         return_to(store_, a_request(), some_held_items(), return_kind::give_back),
         lease_outcome::done);
}

void overlapping_calls::abandon() {
    const std::chrono::milliseconds delay(number(0, 5));
    note("abandon",
         return_to(store_, a_request(), some_held_items(), return_kind::abandon, delay),
         lease_outcome::done);
}

void overlapping_calls::park() {
    std::vector<held_item> items;
    for (const orchestration_work& work : turns_) {
        items.push_back(held(work));
    }
    items.resize(std::min(items.size(), number(0, 3)), held_item{instance_id("none"), {}, {}});
    note("park", return_to(store_, a_request(), items, return_kind::park), lease_outcome::done);
}

void overlapping_calls::take_over() {
    const std::vector<worker_id> workers{some_worker(), some_worker()};
    store_.take_over(a_request(), workers);
    ++effects_["take over"];
}

std::size_t overlapping_calls::number(std::size_t least, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(least, most)(dice_);
}

new_message overlapping_calls::some_message() {
    new_message message = a_message(some_id());
    if (number(0, 9) == 0) {
        message.level = static_cast<feature_level>(number(1, level_max));
    }
    return message;
}

instance_id overlapping_calls::some_id() {
    return instance_id("i" + std::to_string(number(1, id_count)));
}

std::vector<instance_id> overlapping_calls::some_ids() {
    std::vector<instance_id> ids;
    for (std::size_t n = number(1, batch_size_max); n > 0; --n) {
        const instance_id id = some_id();
        if (std::ranges::find(ids, id) == ids.end()) {
            ids.push_back(id);
        }
    }
    return ids;
}

worker_id overlapping_calls::some_worker() {
    return {"w" + std::to_string(number(1, worker_count))};
}

new_instance overlapping_calls::some_instance() {
    new_instance fresh = a_new_instance();
    fresh.instance = some_id();
    switch (number(0, 2)) {
        case 0:
            fresh.replaceable = {orchestration_status::pending,
                                 orchestration_status::running,
                                 orchestration_status::completed,
                                 orchestration_status::failed,
                                 orchestration_status::terminated};
            break;
        case 1:
            fresh.replaceable = {orchestration_status::completed,
                                 orchestration_status::failed,
                                 orchestration_status::terminated};
            break;
        default:
            break;
    }
    return fresh;
}

lock_request overlapping_calls::some_request() {
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = some_worker();
    wanted.filter = &filter_;
    wanted.orchestrations = number(0, 8);
    wanted.activities = number(0, 8);
    wanted.lease_duration = std::chrono::milliseconds(number(1, 60));
    return wanted;
}

void overlapping_calls::add_decisions(finished_turn& turn, const orchestration_work& work) {
    std::uint64_t next = 0;
    for (std::size_t n = number(0, 2); n > 0; --n) {
        turn.activities.push_back(an_activity(task_of_turn(work.history_length, next++).value));
    }
    if (number(0, 3) == 0 && work.history_length > 2) {
        turn.cancelled_activities = {task_of_turn(work.history_length - 2, 0)};
    }
    for (std::size_t n = number(0, 2); n > 0; --n) {
        const task_id task = task_of_turn(work.history_length, next++);
        new_child child{some_instance(), an_event("child refused")};
        child.instance.parent = parent_link{work.instance, work.execution, task};
        turn.children.push_back(std::move(child));
    }
    if (number(0, 2) == 0) {
        const task_id task = task_of_turn(work.history_length, next++);
        turn.timers = {a_timer(task.value, timestamp{})};
    }
    for (std::size_t n = number(0, 3); n > 0; --n) {
        turn.messages.push_back(some_message());
    }
}

finished_turn overlapping_calls::some_turn(const orchestration_work& work) {
    switch (number(0, 7)) {
        case 0:
            return last_turn_of(work);
        case 1:
            return next_execution_of(work);
        case 2: {
            finished_turn turn = turn_of(work);
            turn.status = orchestration_status::failed;
            turn.failure = an_event("failure");
            return turn;
        }
        default: {
            finished_turn turn = turn_of(work);
            add_decisions(turn, work);
            return turn;
        }
    }
}

std::vector<held_item> overlapping_calls::some_held_items() {
    std::vector<held_item> items;
    for (const orchestration_work& work : turns_) {
        items.push_back(held(work));
    }
    for (const activity_work& work : tasks_) {
        items.push_back(held(work));
    }
    std::ranges::shuffle(items, dice_);
    items.resize(std::min(items.size(), number(1, batch_size_max)),
                 held_item{instance_id("none"), {}, {}});
    return items;
}

void overlapping_calls::take(work_batch&& batch) {
    effects_["lease a turn"] += batch.orchestrations.size();
    effects_["lease an activity"] += batch.activities.size();
    for (orchestration_work& work : batch.orchestrations) {
        effects_["lease a suspect"] += work.suspect ? 1U : 0U;
        turns_.push_back(std::move(work));
    }
    for (activity_work& work : batch.activities) {
        tasks_.push_back(std::move(work));
    }
    // What is forgotten expires.
    while (turns_.size() > held_max) {
        turns_.pop_front();
    }
    while (tasks_.size() > held_max) {
        tasks_.pop_front();
    }
}

template <class Outcome>
void overlapping_calls::note(const std::string& call,
                             const std::vector<Outcome>& outcomes,
                             Outcome effect) {
    effects_[call] += static_cast<std::size_t>(std::ranges::count(outcomes, effect));
}

}  // namespace perdure::conformance
