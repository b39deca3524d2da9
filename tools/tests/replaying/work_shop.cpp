// work_shop HUB ID: raises the event that the instance waits for, works with the code that this was
// built with, and ends when the instance is parked.

#include "shop.hpp"

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
    try {
        const std::vector<std::string> words(argv + 1, argv + argc);
        const auto hub = perdure::open(words.at(0));
        const perdure::instance_id id(words.at(1));
        perdure::client client(hub);
        client.raise_event(id, "Answer", std::string("yes"));
        perdure::registry known;
        add_shop(known);
        perdure::worker worker(hub, known);
        worker.start();
        while (client.get(id)->parked_reason.empty()) {
            std::this_thread::yield();
        }
        return 0;
    } catch (const std::exception& problem) {
        std::cerr << "work_shop: " << problem.what() << '\n';
        return 1;
    }
}
