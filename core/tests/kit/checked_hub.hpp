#pragma once

#include <perdure/client.hpp>
#include <perdure/hub_check.hpp>
#include <perdure/worker.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// For the tests of every plugin: a hub with something of everything, which somebody damages behind the
// plugin's back, and what a check says of it.

namespace perdure::testing {

inline constexpr orchestrator<int, int> shipping{"Shipping"};
inline constexpr orchestrator<int, int> waiting{"Waiting"};
inline constexpr orchestrator<int, int> adding{"Adding"};
inline constexpr activity<int, int> ship{"Ship"};
inline constexpr activity<int, int> add_one{"AddOne"};

/// Its tasks: 1 an activity that nobody has, 2 a timer, 3 a child.
inline orchestration<int> ship_something(context& ctx, int n) {
    auto shipped = ctx.call(ship, n);
    static_cast<void>(ctx.create_timer(std::chrono::hours(1)));
    static_cast<void>(ctx.call(waiting, n, child_options().id(instance_id("child"))));
    co_return co_await shipped;
}

inline orchestration<int> wait_for_somebody(context& ctx, int n) {
    co_await ctx.wait_for_event<void>("go");
    co_return n;
}

inline orchestration<int> add_several(context& ctx, int n) {
    for (int step = 0; step < 5; ++step) {
        auto more = ctx.call(add_one, n);
        n = co_await more;
    }
    co_return n;
}

inline registry shipping_registry() {
    registry known;
    known.add(shipping, ship_something);
    known.add(waiting, wait_for_somebody);
    known.add(adding, add_several);
    known.add(add_one, [](int n) { return n + 1; });
    return known;
}

[[nodiscard]] inline std::vector<violation> violations_of(backend& store) {
    std::vector<violation> all;
    // Small pages, so that histories and the paging are in parts.
    hub_check checking(store, {.instances = 2, .bytes = 64});
    while (auto part = checking.next()) {
        std::ranges::move(*part, std::back_inserter(all));
    }
    return all;
}

[[nodiscard]] inline std::set<std::string> names_of(const std::vector<violation>& found) {
    std::set<std::string> names;
    for (const violation& each : found) {
        names.emplace(to_string(each.broken));
    }
    return names;
}

/// What a hub violates, and what it violates after up to three repairs.
struct check_result {
    std::set<std::string> found;
    std::set<std::string> left;
};

[[nodiscard]] inline check_result check_and_repair(backend& store) {
    check_result result;
    auto violations = violations_of(store);
    result.found = names_of(violations);
    for (int round = 0; round < 3 && !violations.empty(); ++round) {
        static_cast<void>(repair(store, violations));
        violations = violations_of(store);
    }
    result.left = names_of(violations);
    return result;
}

/// "order" runs and waits for its activity, its timer and "child"; "done" has ended.
inline void fill_checked_hub(backend& store) {
    // The store is somebody else's.
    const hub opened(std::shared_ptr<backend>(std::shared_ptr<void>(), &store), "checked");
    worker working(opened, shipping_registry());
    client clients(opened);
    start_options named;
    named.id = instance_id("done");
    static_cast<void>(clients.start(adding, 1, named));
    named.id = instance_id("order");
    static_cast<void>(clients.start(shipping, 1, named));
    working.start();
    static_cast<void>(clients.wait<int>(instance_id("done"), std::chrono::seconds(60)));
    for (const char* id : {"order", "child"}) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (std::chrono::steady_clock::now() < deadline) {
            const auto found = clients.get(instance_id(id));
            if (found && found->status == orchestration_status::running) {
                break;
            }
            static_cast<void>(store.wait(
                instance_id(id), std::chrono::steady_clock::now() + std::chrono::milliseconds(5)));
        }
    }
    working.stop();
}

/// What checks find while a worker is busy, all of them; `checks` is how many there were.
[[nodiscard]] inline std::set<std::string> found_under_load(backend& store, int& checks) {
    const hub opened(std::shared_ptr<backend>(std::shared_ptr<void>(), &store), "checked");
    worker working(opened, shipping_registry());
    client clients(opened);
    const std::vector<int> inputs(300, 1);
    const auto ids = clients.start_many(adding, std::span(inputs));
    working.start();
    std::atomic<bool> is_over = false;
    std::jthread patient([&] {
        for (const instance_id& id : ids) {
            static_cast<void>(clients.wait<int>(id, std::chrono::seconds(60)));
        }
        is_over = true;
    });
    std::set<std::string> found;
    checks = 0;
    do {
        found.merge(names_of(violations_of(store)));
        ++checks;
    } while (!is_over);
    working.stop();
    return found;
}

}  // namespace perdure::testing
