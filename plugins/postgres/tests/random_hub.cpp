#include "random_hub.hpp"

#include <chrono>
#include <iterator>
#include <utility>

namespace perdure::postgres_test {

namespace {

using namespace std::chrono_literals;

const char* const hostile = R"(O'Brien "x" \ {a,b}, größer)";

lock_request request_of(const std::string& worker) {
    lock_request wanted;
    wanted.request = {random_uuid()};
    wanted.worker = {worker};
    return wanted;
}

}  // namespace

instance_id random_hub::any_instance() {
    return instance_id("order-" + std::to_string(any_of(instances_ + 1)));
}

std::string random_hub::text_of_events(unsigned count) {
    std::string text = "[";
    for (unsigned n = 0; n < count; ++n) {
        text += (n == 0 ? "" : ",") + std::string(R"({"kind":"decided","data":")") +
                std::string(any_of(100), 'x') + "\"}";
    }
    return text + "]";
}

template <class Work>
Work random_hub::take(std::vector<Work>& from) {
    const std::size_t place = any_of(from.size());
    Work taken = std::move(from[place]);
    from.erase(std::next(from.begin(), static_cast<std::ptrdiff_t>(place)));
    return taken;
}

void random_hub::create() {
    const timestamp now = store_.status().store_time;
    new_instance fresh{.instance = instance_id("order-" + std::to_string(instances_++)),
                       .execution = {random_uuid()},
                       .name = happens(20) ? hostile : "Order",
                       .version = happens(50) ? "1" : "",
                       .start_event = R"({"kind":"execution_started"})",
                       .level = static_cast<feature_level>(happens(20) ? 2 : 1)};
    if (happens(30)) {
        fresh.parent = parent_link{any_instance(), {random_uuid()}, {any_of(9) + 1}};
    }
    if (happens(30)) {
        fresh.tags = {{"colour", "blue"}, {hostile, hostile}};
    }
    if (happens(30)) {
        fresh.start_at = now + std::chrono::seconds(any_of(60));
    }
    if (happens(10)) {
        fresh.kind = instance_kind::entity;
    }
    static_cast<void>(store_.create({.request = {random_uuid()}}, {&fresh, 1}));
}

void random_hub::send() {
    new_message message{.target = any_instance(), .event = R"({"kind":"raised"})"};
    if (happens(60)) {
        message.id = "message-" + std::to_string(messages_++);
    }
    if (happens(30)) {
        message.visible_at = store_.status().store_time + std::chrono::seconds(any_of(60));
    }
    message.level = static_cast<feature_level>(happens(10) ? 2 : 1);
    static_cast<void>(store_.send({.request = {random_uuid()}}, {&message, 1}));
}

void random_hub::lock(bool suspects, duration lease_duration) {
    lock_request wanted = request_of(happens(50) ? "w1" : "w2");
    wanted.orchestrations = 2;
    wanted.activities = 2;
    wanted.suspects = suspects;
    wanted.lease_duration = lease_duration;
    work_batch batch = store_.lock(wanted);
    turns_.insert(turns_.end(), batch.orchestrations.begin(), batch.orchestrations.end());
    tasks_.insert(tasks_.end(), batch.activities.begin(), batch.activities.end());
}

checkpoint random_hub::decide(const orchestration_work& work) {
    const timestamp now = store_.status().store_time;
    checkpoint turn{.history_version = work.history_version, .last_committed = work.last_committed};
    for (const inbox_message& message : work.inbox) {
        if (happens(80)) {
            turn.consumed.push_back(message.sequence);
        }
    }
    for (std::size_t n = any_of(3); n > 0; --n) {
        const auto count = static_cast<unsigned>(any_of(4) + 1);
        turn.events.push_back({count, text_of_events(count)});
    }
    if (happens(30)) {
        turn.custom_status = happens(80) ? payload("json", R"("half \ done")") : payload();
    }
    for (std::size_t n = any_of(4); n > 0; --n) {
        turn.activities.push_back(
            {.task = {++last_task_},
             .name = happens(30) ? hostile : "charge",
             .version = happens(30) ? "2" : "",
             .queue = happens(30) ? "slow" : "",
             .priority = static_cast<std::int32_t>(any_of(3)) - 1,
             .input = happens(80) ? payload("raw", std::string("\0\xff", 2)) : payload(),
             .details = "{}"});
    }
    for (std::size_t n = any_of(3); n > 0; --n) {
        turn.timers.push_back(
            {{++last_task_}, now + std::chrono::seconds(any_of(90)), R"({"kind":"timer_fired"})"});
    }
    turn.level = static_cast<feature_level>(happens(10) ? 2 : 1);
    if (happens(15)) {
        turn.status = orchestration_status::completed;
        turn.output = payload("json", "12");
        if (happens(50)) {
            turn.next = next_execution{.execution = {random_uuid()},
                                       .version = "3",
                                       .start_event = R"({"kind":"execution_started"})",
                                       .tags = {{"round", "next"}},
                                       .kept = {}};
        }
    } else if (happens(10)) {
        turn.status = orchestration_status::failed;
        turn.failure = R"({"type":"x","message":"y"})";
    } else if (happens(10)) {
        turn.status = orchestration_status::suspended;
    }
    return turn;
}

void random_hub::commit(const finished_work& finished) {
    static_cast<void>(store_.commit({{&finished, 1}, request_of(happens(50) ? "w1" : "w2")}));
}

void random_hub::commit() {
    if (!turns_.empty()) {
        const orchestration_work work = take(turns_);
        commit({.instance = work.instance,
                .execution = work.execution,
                .held = work.held,
                .activity = {},
                .turn = decide(work)});
    }
}

void random_hub::finish_activity() {
    if (!tasks_.empty()) {
        const activity_work work = take(tasks_);
        commit({.instance = work.instance,
                .execution = work.execution,
                .held = work.held,
                .activity = ended_activity{work.task, R"({"kind":"task_completed"})"},
                .turn = {}});
    }
}

void random_hub::return_some() {
    const bool is_turn = happens(60);
    if (is_turn ? turns_.empty() : tasks_.empty()) {
        return;
    }
    held_item item{instance_id("x"), {}, {}};
    if (is_turn) {
        const orchestration_work work = take(turns_);
        item = {work.instance, {}, work.held};
    } else {
        const activity_work work = take(tasks_);
        item = {work.instance, work.task, work.held};
    }
    lease_return given{.request = {random_uuid()}, .items = {&item, 1}};
    if (is_turn && happens(30)) {
        given.kind = return_kind::park;
        given.reason = "it's \"broken\"";
    } else if (happens(60)) {
        given.kind = return_kind::abandon;
        given.delay = std::chrono::seconds(any_of(40));
    }
    static_cast<void>(store_.return_leases(given));
}

void random_hub::renew() {
    if (!turns_.empty()) {
        const orchestration_work& work = turns_[any_of(turns_.size())];
        const held_item item{work.instance, {}, work.held};
        static_cast<void>(store_.renew({{"w1"}, nullptr, 60s, {&item, 1}}));
    }
}

void random_hub::terminate() {
    const termination wish{.target = any_instance(),
                           .event = R"({"kind":"terminated"})",
                           .final_event = R"({"kind":"terminated"})",
                           .output = payload("json", R"("enough")"),
                           .parent_event = R"({"kind":"child_failed"})"};
    static_cast<void>(store_.terminate({random_uuid()}, {&wish, 1}));
}

void random_hub::move_clock() {
    const duration by = std::chrono::milliseconds(500 + 1000 * any_of(20));
    moved_ += by;
    static_cast<void>(clock_.advance_clock(by));
}

void random_hub::act(int steps) {
    for (int step = 0; step < steps; ++step) {
        const std::size_t what = any_of(100);
        if (what < 15) {
            create();
        } else if (what < 30) {
            send();
        } else if (what < 60) {
            lock(happens(40), std::chrono::seconds(5 + any_of(30)));
        } else if (what < 78) {
            commit();
        } else if (what < 86) {
            finish_activity();
        } else if (what < 92) {
            return_some();
        } else if (what < 94) {
            renew();
        } else if (what < 95) {
            terminate();
        } else {
            move_clock();
        }
    }
}

void random_hub::leave_leases() {
    for (int n = 0; n < 6; ++n) {
        create();
    }
    for (const bool suspects : {false, true}) {
        lock(suspects, 1h);
        lock(suspects, 100ms);
    }
    moved_ += 1s;
    static_cast<void>(clock_.advance_clock(1s));
}

}  // namespace perdure::postgres_test
