#include "worker/lease_keeper.hpp"

#include "fake_backend.hpp"

#include <perdure/hub.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;

namespace perdure::dispatch {
namespace {

item_ptr a_held_item(item_kind kind) {
    if (kind == item_kind::turn) {
        return std::make_shared<leased_item>(testing::a_leased_turn("a"));
    }
    return std::make_shared<leased_item>(testing::a_leased_activity("a"));
}

TEST_CASE("leases are renewed when due, and a lost one asks its activity to stop", "[leases]") {
    testing::fake_backend store;
    std::vector<std::size_t> renewed;
    store.on_renew = [&](const renewal& request) {
        renewed.push_back(request.items.size());
        return std::vector<lease_outcome>(request.items.size(), lease_outcome::lease_lost);
    };
    const engine_log log(nullptr);
    store_calls calls(log);
    held_items held;
    lease_keeper keeper(store, held, calls, log, {{"w"}, {}, 15s, 5s});
    const auto item = a_held_item(item_kind::activity);
    item->cancelled = std::stop_source();
    const auto begin = steady::now();
    item->renewed_at = begin;
    held.add(item);

    keeper.keep(begin);
    CHECK(renewed == std::vector<std::size_t>{0});
    keeper.keep(begin + 1s);
    CHECK(renewed.size() == 1);
    CHECK_FALSE(item->cancelled.stop_requested());
    keeper.keep(begin + 5s);

    CHECK(renewed == std::vector<std::size_t>{0, 1});
    CHECK(item->cancelled.stop_requested());
    CHECK_FALSE(held.contains(item));
}

TEST_CASE("a renewal that fails is tried again in the next round", "[leases]") {
    testing::fake_backend store;
    int calls_made = 0;
    store.on_renew = [&](const renewal& request) {
        if (++calls_made == 1) {
            throw backend_error(store_fault::unavailable, "away");
        }
        return std::vector<lease_outcome>(request.items.size(), lease_outcome::done);
    };
    const engine_log log(nullptr);
    store_calls calls(log);
    held_items held;
    lease_keeper keeper(store, held, calls, log, {{"w"}, {}, 15s, 5s});
    const auto item = a_held_item(item_kind::turn);
    const auto begin = steady::now();
    item->renewed_at = begin;
    held.add(item);

    keeper.keep(begin + 5s);
    CHECK(held.contains(item));
    CHECK(item->renewed_at == begin);
    keeper.keep(begin + 6s);

    CHECK(item->renewed_at == begin + 6s);
    CHECK(item->lease_end.load() == begin + 6s + 15s);
}

TEST_CASE("an answer with too few outcomes renews nothing and loses nothing", "[leases]") {
    const auto plugin = std::make_shared<testing::fake_backend>();
    plugin->on_renew = [](const renewal&) { return std::vector<lease_outcome>{}; };
    // The worker's store is always that of a hub, which checks answers.
    const hub where(plugin, "fake:");
    const engine_log log(nullptr);
    store_calls calls(log);
    held_items held;
    lease_keeper keeper(where.store(), held, calls, log, {{"w"}, {}, 15s, 5s});
    const auto item = a_held_item(item_kind::activity);
    item->cancelled = std::stop_source();
    const auto begin = steady::now();
    item->renewed_at = begin;
    held.add(item);

    keeper.keep(begin + 5s);

    CHECK(held.contains(item));
    CHECK(item->renewed_at == begin);
    CHECK_FALSE(item->cancelled.stop_requested());
}

TEST_CASE("the lease keeper survives whatever a plugin throws", "[leases]") {
    testing::fake_backend store;
    std::atomic<int> calls_made{0};
    std::binary_semaphore is_renewed(0);
    store.on_renew = [&](const renewal&) -> std::vector<lease_outcome> {
        if (++calls_made == 1) {
            throw std::out_of_range("a mistake of the plugin");
        }
        is_renewed.release();
        return {};
    };
    const engine_log log(nullptr);
    store_calls calls(log);
    held_items held;
    lease_keeper keeper(store, held, calls, log, {{"w"}, {}, 100ms, 10ms});

    keeper.start([] {});

    CHECK(is_renewed.try_acquire_for(20s));
    keeper.stop();
}

TEST_CASE("items leave the list of held ones in any order", "[leases]") {
    held_items held;
    std::vector<item_ptr> items;
    for (int i = 0; i < 5; ++i) {
        items.push_back(a_held_item(item_kind::turn));
        held.add(items.back());
    }

    CHECK(held.remove(items[1]));
    CHECK(held.remove(items[4]));
    CHECK_FALSE(held.remove(items[1]));
    CHECK(held.remove(items[0]));

    CHECK(held.all().size() == 2);
    CHECK(held.contains(items[2]));
    CHECK(held.contains(items[3]));
}

}  // namespace
}  // namespace perdure::dispatch
