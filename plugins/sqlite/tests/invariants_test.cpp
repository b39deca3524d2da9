#include "hub_file.hpp"

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <future>
#include <memory>

// What is always true, damaged behind the plugin's back: the call is rejected, and nothing happens.

namespace perdure::sqlite_test {

namespace {

/// A hub with one instance, and somebody else who writes into its file.
struct damaged_hub {
    damaged_hub() { store.create_hub(); }

    orchestration_work leased_order() {
        CHECK(create(store, "order") == create_code::created);
        return store.lock(room_for(1)).orchestrations.at(0);
    }
    void damage(const char* sql) {
        sqlite::counters counts;
        sqlite::database(file.string(), sqlite::open_mode::existing, {}, counts).execute(sql);
    }
    backend_error refusal_of(const finished_work& item, const request_id& request) {
        lock_request next = room_for(1);
        next.request = request;
        return failure_of([&] { static_cast<void>(store.commit({{&item, 1}, next})); });
    }
    std::optional<instance_record> record() {
        const instance_id order("order");
        return store.get({&order, 1}).at(0);
    }

    const scratch_directory folder;
    const std::filesystem::path file = folder / "hub.db";
    sqlite::sqlite_backend store{settings_for(file)};
};

}  // namespace

TEST_CASE("a turn that does not follow the stored history is rejected", "[VERSION-1]") {
    damaged_hub hub;
    const orchestration_work work = hub.leased_order();
    const finished_work turn = the_end_of(work);
    const auto before = hub.record();
    SECTION("by its version") {
        hub.damage("update instances set history_version = history_version + 1");
    }
    SECTION("by its last commit") {
        hub.damage("update instances set last_committed = 12");
    }

    CHECK(hub.refusal_of(turn, {random_uuid()}).code() == store_fault::rejected);
    CHECK(hub.record() == before);
    CHECK(hub.store.read_history(work.instance, 0, 1 << 20)->history_length == 1);
}

TEST_CASE("a kept answer that does not fit its call is rejected", "[REPEAT-1]") {
    damaged_hub hub;
    const finished_work turn = the_end_of(hub.leased_order());
    lock_request next = room_for(1);
    CHECK(hub.store.commit({{&turn, 1}, next}).outcomes.at(0) == commit_outcome::committed);
    hub.damage("update requests set outcomes = '00,0'");

    CHECK(hub.refusal_of(turn, next.request).code() == store_fault::rejected);
}

namespace {

/// Somebody damages the row of an instance while its turn is executed.
class damaging_backend final : public forwarding_backend {
  public:
    explicit damaging_backend(damaged_hub& hub) : forwarding_backend(hub.store), hub_(hub) {}

    commit_result commit(const commit_request& request) override {
        if (!request.finished.empty() && !is_damaged_) {
            is_damaged_ = true;
            hub_.damage("update instances set history_version = history_version + 1");
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

inline constexpr orchestrator<int, int> order_of{"Order"};

orchestration<int> execute_order(context& /*ctx*/, int count) {
    co_return count;
}

}  // namespace

TEST_CASE("a worker parks the instance whose turn is rejected, with the reason", "[VERSION-1]") {
    damaged_hub damaged;
    const auto store = std::make_shared<damaging_backend>(damaged);
    const hub opened(store, "damaged");
    std::future<void> parked = store->parked();
    registry orders_only;
    orders_only.add(order_of, execute_order);
    worker working(opened, orders_only);
    const std::vector<instance_id> id{client(opened).start(order_of, 12)};

    working.start();

    REQUIRE(parked.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    working.stop();
    CHECK_THAT(damaged.store.get(id).at(0).value().parked_reason,
               Catch::Matchers::Contains("history version 1, but the store has 2"));
}

}  // namespace perdure::sqlite_test
