#pragma once

#include <perdure/backend.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

// For the tests of the plugins whose client's calls hand out work. The suite cannot demand it,
// because a backend need not [HANDOFF-3].

namespace perdure::testing {

/// A worker "w1" that has the definition "Order", version "1", and calls that bring its room.
class client_hand_out {
  public:
    explicit client_hand_out(backend& store) : store_(store) {}

    static new_instance an_order(const std::string& id, const std::string& name = "Order") {
        return {.instance = instance_id(id),
                .execution = {random_uuid()},
                .name = name,
                .version = "1",
                .start_event = R"({"kind":"execution_started"})"};
    }

    work_batch created(const std::vector<new_instance>& fresh, std::size_t orders) {
        return store_.create(room_for(orders), fresh).work;
    }
    work_batch sent(const std::vector<std::string>& targets, std::size_t orders) {
        std::vector<new_message> messages;
        for (const std::string& target : targets) {
            messages.push_back({.target = instance_id(target), .event = "{}"});
        }
        return store_.send(room_for(orders), messages).work;
    }
    /// Commits a turn of each that leaves nothing to do.
    void finish(const work_batch& work) {
        for (const orchestration_work& each : work.orchestrations) {
            finished_work done{.instance = each.instance,
                               .execution = each.execution,
                               .held = each.held,
                               .turn = checkpoint()};
            done.turn->history_version = each.history_version;
            done.turn->last_committed = each.last_committed;
            done.turn->status = orchestration_status::running;
            for (const inbox_message& message : each.inbox) {
                done.turn->consumed.push_back(message.sequence);
            }
            const commit_request request{{&done, 1}, {.request = {random_uuid()}}};
            CHECK(store_.commit(request).outcomes.front() == commit_outcome::committed);
        }
    }
    [[nodiscard]] lock_request room_for(std::size_t orders) const {
        return {.request = {random_uuid()},
                .worker = {"w1"},
                .filter = &filter_,
                .orchestrations = orders};
    }

    /// All of it, in turn.
    void check() {
        work_batch one = created({an_order("one")}, 3);
        REQUIRE(one.orchestrations.size() == 1);
        CHECK(one.orchestrations.front().instance.text() == "one");
        finish(one);

        work_batch some =
            created({an_order("two"), an_order("other", "Refund"), an_order("three")}, 3);
        CHECK(names_in(some) == std::vector<std::string>{"three", "two"});
        finish(some);

        const work_batch first = created({an_order("four"), an_order("five")}, 1);
        CHECK(first.orchestrations.size() == 1);
        finish(first);
        finish(store_.lock(room_for(10)));

        work_batch told = sent({"one", "nobody", "three", "two"}, 2);
        CHECK(told.orchestrations.size() == 2);
        for (const orchestration_work& each : told.orchestrations) {
            CHECK(each.inbox.size() == 1);
        }
        finish(told);
        CHECK(store_.lock(room_for(10)).orchestrations.size() == 1);
    }

  private:
    static std::vector<std::string> names_in(const work_batch& batch) {
        std::vector<std::string> names;
        for (const orchestration_work& work : batch.orchestrations) {
            names.push_back(work.instance.text());
        }
        std::ranges::sort(names);
        return names;
    }

    backend& store_;
    const work_filter filter_{{{"Order", "1"}}, {}, {}};
};

}  // namespace perdure::testing
