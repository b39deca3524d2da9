#include "backend.hpp"
#include "private_server.hpp"

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <future>
#include <memory>
#include <string>
#include <vector>

// What is always true, damaged behind the plugin's back: the call is rejected, and nothing happens.

namespace perdure::postgres_test {

namespace {

constexpr const char* another_version =
    "update Instances set history_version = history_version + 1";

/// A hub, and somebody else who writes into its tables.
struct damaged_hub {
    damaged_hub() { store.create_hub(); }

    void damage(const std::string& sql) { test_connection(chosen)->execute_script(sql); }

    std::vector<finished_work> leased_turns(std::size_t count) {
        std::vector<new_instance> fresh;
        for (std::size_t n = 0; n < count; ++n) {
            const instance_id id("order-" + std::to_string(n));
            const std::string event = R"({"kind":"execution_started"})";
            fresh.push_back({id, {random_uuid()}, "Order", "", event, {}, {}, {}, {}, {}});
        }
        static_cast<void>(store.create({random_uuid()}, fresh));
        std::vector<finished_work> turns;
        for (const orchestration_work& work : store.lock(room_for(count)).orchestrations) {
            turns.push_back({.instance = work.instance,
                             .execution = work.execution,
                             .held = work.held,
                             .turn = checkpoint{.history_version = work.history_version,
                                                .last_committed = work.last_committed,
                                                .events = {{1, R"([{"kind":"decided"}])"}}}});
        }
        return turns;
    }
    static lock_request room_for(std::size_t count) {
        lock_request room;
        room.request = {random_uuid()};
        room.worker = {"w1"};
        room.orchestrations = count;
        return room;
    }
    std::vector<std::optional<instance_record>> records(const std::vector<finished_work>& turns) {
        std::vector<instance_id> ids;
        for (const finished_work& item : turns) {
            ids.push_back(item.instance);
        }
        return store.get(ids);
    }

    const postgres::settings chosen = private_server::shared().settings_for();
    postgres::postgres_backend store{chosen};
};

}  // namespace

TEST_CASE("invariants: a turn that does not follow the stored history is rejected", "[VERSION-1]") {
    damaged_hub hub;
    std::vector<finished_work> turns;
    SECTION("alone and plain") {
        turns = hub.leased_turns(1);
        hub.damage(another_version);
    }
    SECTION("alone, with more to write") {
        turns = hub.leased_turns(1);
        turns.front().turn->custom_status = payload("json", "1");
        hub.damage(another_version);
    }
    SECTION("beside others that do") {
        turns = hub.leased_turns(3);
        hub.damage(std::string(another_version) + " where instance_id = 'order-1'");
    }
    const auto before = hub.records(turns);

    const backend_error refusal = failure_of([&] {
        static_cast<void>(hub.store.commit({turns, hub.room_for(1)}));
    });

    CHECK(refusal.code() == store_fault::rejected);
    CHECK_THAT(refusal.what(), Catch::Matchers::Contains("history version"));
    CHECK(hub.records(turns) == before);
    CHECK(before.front()->history_length == 1);
}

namespace {

/// Somebody damages the row of an instance while its turn is executed.
class damaging_backend final : public forwarding_backend {
  public:
    explicit damaging_backend(damaged_hub& hub) : forwarding_backend(hub.store), hub_(hub) {}

    commit_result commit(const commit_request& request) override {
        if (!request.finished.empty() && !is_damaged_) {
            is_damaged_ = true;
            hub_.damage(another_version);
        }
        return forwarding_backend::commit(request);
    }
    std::vector<lease_outcome> return_leases(const lease_return& request) override {
        auto outcomes = forwarding_backend::return_leases(request);
        if (request.kind == return_kind::park) {
            parked_.set_value();
        }
        return outcomes;
    }
    std::future<void> parked() { return parked_.get_future(); }

  private:
    damaged_hub& hub_;
    std::promise<void> parked_;
    bool is_damaged_ = false;
};

orchestration<int> execute_order(context& /*ctx*/, int count) {
    co_return count;
}

}  // namespace

TEST_CASE("invariants: a worker parks the instance whose turn is rejected, with the reason",
          "[VERSION-1]") {
    constexpr orchestrator<int, int> order{"Order"};
    damaged_hub damaged;
    const auto store = std::make_shared<damaging_backend>(damaged);
    const hub opened(store, "damaged");
    std::future<void> parked = store->parked();
    registry orders;
    orders.add(order, execute_order);
    worker working(opened, orders);
    const std::vector<instance_id> id{client(opened).start(order, 12)};

    working.start();

    REQUIRE(parked.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    working.stop();
    CHECK_THAT(damaged.store.get(id).at(0).value().parked_reason,
               Catch::Matchers::Contains("history version 1, but the store has 2"));
}

}  // namespace perdure::postgres_test
