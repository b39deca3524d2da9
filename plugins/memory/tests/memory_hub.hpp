#pragma once

#include <perdure/adjustable_clock.hpp>
#include <perdure/hub.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

// What the tests of the reference backend start from: a hub with a test clock, and one word for
// each thing that they do with it.

namespace perdure::memory_tests {

using namespace std::chrono_literals;

inline request_id fresh_request() {
    return {random_uuid()};
}

struct memory_hub {
    hub opened = open("memory:?test_clock=on");
    backend& store = opened.store();
    work_filter filter{{{"Order", ""}, {"Child", ""}}, {"Charge"}, {""}};

    new_instance order(const std::string& id) const {
        return {instance_id(id), {random_uuid()}, "Order", "", "start", {}, {}, {}, {}, "replaced"};
    }

    create_outcome create(const new_instance& fresh) {
        return store.create({fresh_request()}, {&fresh, 1}).outcomes.at(0);
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

    static finished_work turn(const orchestration_work& work) {
        checkpoint effect{.history_version = work.history_version,
                          .last_committed = work.last_committed,
                          .events = {{1, "[turn]"}}};
        for (const inbox_message& arrival : work.inbox) {
            effect.consumed.push_back(arrival.sequence);
        }
        return {.instance = work.instance,
                .execution = work.execution,
                .held = work.held,
                .turn = std::move(effect)};
    }

    commit_result commit(std::vector<finished_work> finished, std::size_t count = 0) {
        return store.commit({finished, room(count)});
    }

    commit_outcome commit_one(const finished_work& item) { return commit({item}).outcomes.at(0); }

    send_outcome send(const std::string& id,
                      const std::string& event,
                      const std::string& key = "") {
        const new_message arrival{instance_id(id), event, key, {}, {}, {}};
        return store.send({fresh_request()}, {&arrival, 1}).outcomes.at(0);
    }

    instance_record get(const std::string& id) {
        const instance_id wanted(id);
        return store.get({&wanted, 1}).at(0).value();
    }

    lease_outcome returned(const request_id& request,
                           const held_item& item,
                           return_kind kind = return_kind::give_back,
                           duration delay = {}) {
        return store
            .return_leases({.request = request,
                            .items = {&item, 1},
                            .kind = kind,
                            .delay = delay,
                            .reason = "diverged"})
            .at(0);
    }

    void advance(duration by) { REQUIRE(advance_clock(store, by)); }
};

inline held_item held(const orchestration_work& work) {
    return {work.instance, {}, work.held};
}

inline finished_work completed(const activity_work& work) {
    return {.instance = work.instance,
            .execution = work.execution,
            .held = work.held,
            .activity = ended_activity{work.task, "charged"}};
}

inline new_activity charge(std::uint64_t task) {
    return {task_id{task}, "Charge", "", "", 0, payload("json", "1"), ""};
}

}  // namespace perdure::memory_tests
