// record_shop HUB [COPIES]: executes some orders of the shop and ends: two that are sold, `waiting`
// and `parked`, which wait for an event. With COPIES, so many copies of a sold one are put there.

#include "shop.hpp"

#include <perdure/client.hpp>
#include <perdure/migration.hpp>
#include <perdure/worker.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

perdure::start_options named(const std::string& id) {
    perdure::start_options options;
    options.id = perdure::instance_id(id);
    return options;
}

void record(const perdure::hub& hub) {
    perdure::registry known;
    add_shop(known);
    perdure::worker worker(hub, known);
    worker.start();
    perdure::client client(hub);
    for (const std::string id : {"sold-1", "sold-2"}) {
        client.start(sell, "a bicycle", named(id));
        static_cast<void>(client.wait_for_end(perdure::instance_id(id), 1min));
    }
    for (const std::string id : {"waiting", "parked"}) {
        client.start(approve, "a bicycle", named(id));
        // Until its first turn is stored.
        while (client.get(perdure::instance_id(id))->history_length < 2) {
            std::this_thread::yield();
        }
    }
}

void copy(const perdure::hub& hub, std::size_t count) {
    perdure::image_reader reads(hub.store());
    const perdure::instance_id sold("sold-1");
    const auto found = reads.get(std::span(&sold, 1)).front();
    perdure::image_writer writes(hub.store());
    std::vector<perdure::instance_image> images;
    for (std::size_t n = 1; n <= count; ++n) {
        perdure::instance_image& made = images.emplace_back(*found);
        made.record.instance = perdure::instance_id("copy-" + std::to_string(n));
        made.record.execution = {{n, n}};
        made.created_as = {{n, n}};
        if (images.size() == 500 || n == count) {
            if (!writes.write(images, reads.last_sequence()).empty()) {
                throw perdure::invalid_input("there is a copy already");
            }
            images.clear();
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const std::vector<std::string> words(argv + 1, argv + argc);
        const auto hub = perdure::open(words.at(0));
        record(hub);
        if (words.size() > 1) {
            copy(hub, std::stoul(words[1]));
        }
        return 0;
    } catch (const std::exception& problem) {
        std::cerr << "record_shop: " << problem.what() << '\n';
        return 1;
    }
}
