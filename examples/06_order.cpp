// 06 order: the demo. Starting an order and working on it are two programs that share a file, and
// the working one may die at any moment; tools/demo.sh plays that.
//
//     06_order [--hub HUB] [--ledger FILE] start ORDER
//     06_order [--hub HUB] [--ledger FILE] [--crash-after ACTIVITY] work
//     06_order [HUB]        start one order and work on it, in one process
//
// The ledger stands for the world outside: a line for everything that was really done. It knows the
// idempotency key of each line, as a payment service would, and does nothing twice under one key.
// The orchestration is in fulfil_order.cpp.

#include "fulfil_order.hpp"
#include "order.hpp"

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;

perdure::registry everything(outside_world& world) {
    const auto doing = [&world](const perdure::activity_context& ctx, const order& wanted) {
        world.effect(ctx, wanted);
    };
    perdure::registry known;
    known.add(fulfil_order, fulfil)
        .add(reserve, doing)
        .add(charge, doing)
        .add(pack, doing)
        .add(ship, doing)
        .add(notify, doing);
    return known;
}

void start_order(const perdure::hub& hub, const std::string& number) {
    perdure::client client(hub);
    perdure::start_options options;
    options.id = perdure::instance_id(number);
    client.start(fulfil_order, {number, "a red bicycle", 34'900}, options);
    std::cout << "order " << number << " is stored in " << hub.description() << '\n';
}

// Works until every order in the hub is done.
bool work(const perdure::hub& hub, outside_world& world) {
    perdure::worker worker(hub, everything(world));
    worker.start();

    perdure::client client(hub);
    perdure::instance_filter orders;
    orders.name = fulfil_order.name;
    bool all_done = true;
    for (const auto& found : client.query(orders).instances) {
        const auto ended = client.wait_for_end(found.instance, 2min, false);
        all_done = all_done && ended.status == perdure::orchestration_status::completed;
        std::cout << ended.instance.text() << ": " << ended.output.bytes << '\n';
    }
    return all_done;
}

int main(int argc, char** argv) {
    try {
        const order_arguments given(std::vector<std::string>(argv + 1, argv + argc));
        outside_world world(given.ledger, given.crash_after);
        const auto hub = perdure::open(given.hub);
        if (given.verb == "start") {
            start_order(hub, given.number);
            return 0;
        }
        if (given.verb == "work") {
            return work(hub, world) ? 0 : 1;
        }
        start_order(hub, given.number);
        return work(hub, world) && world.effects() == 5 ? 0 : 1;
    } catch (const std::exception& problem) {
        std::cerr << "06_order: " << problem.what() << '\n';
        return 1;
    }
}
