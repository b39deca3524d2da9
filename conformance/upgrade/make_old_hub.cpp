// make_old_hub HUB: fills a hub with instances in every state and dies with two leases in its
// hands. Is built with the library of commit 023f470 by the script make_old_hubs, not with this
// tree.

#include "orchestrations.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <unistd.h>

using namespace perdure;
using namespace std::chrono_literals;

namespace {

std::atomic<bool> is_held{false};

void wait_until(const std::function<bool()>& done) {
    for (int n = 0; n < 600; ++n) {
        if (done()) {
            return;
        }
        std::this_thread::sleep_for(100ms);
    }
    throw std::runtime_error("the hub does not become what it is to be");
}

void start(client& by, const orchestrator<std::string, std::string>& what, const std::string& id) {
    start_options options;
    options.id = instance_id(id);
    options.tags = {{"made", "by 023f470"}};
    by.start(what, id, options);
}

std::size_t history_length(client& of, const std::string& id) {
    const auto found = of.get(instance_id(id));
    return found ? found->history_length : 0;
}

void make(const hub& where) {
    client people(where);
    start(people, upgrade::letter, "event");
    start(people, upgrade::letter, "suspended");
    start(people, upgrade::letter, "completed");
    start(people, upgrade::draft, "parked");
    start(people, upgrade::alarm_clock, "timer");
    start(people, upgrade::parcel, "queued");
    start(people, upgrade::family, "family");
    start(people, upgrade::broken, "failed");
    {
        worker first(where, upgrade::definitions({}));
        first.start();
        // Their activity has been noted, and they wait for the reply.
        for (const char* id :
             {"event", "suspended", "completed", "parked", "family-1", "family-2"}) {
            wait_until([&] { return history_length(people, id) >= 5; });
        }
        wait_until([&] { return history_length(people, "timer") >= 3; });
        wait_until([&] { return history_length(people, "queued") >= 3; });
        people.suspend(instance_id("suspended"), "until the upgrade");
        wait_until([&] {
            return people.get(instance_id("suspended"))->status == orchestration_status::suspended;
        });
        for (const char* id : {"suspended", "completed", "family-1"}) {
            people.raise_event(instance_id(id), "reply", std::string("thanks"));
        }
        for (const char* id : {"completed", "family-1", "failed"}) {
            people.wait_for_end(instance_id(id), 1min, false);
        }
        wait_until([&] { return history_length(people, "family") >= 6; });
    }
    upgrade::hooks second_hooks;
    second_hooks.draft_is_right = false;
    second_hooks.in_hold = [] {
        is_held = true;
        std::this_thread::sleep_for(1h);
    };
    // A turn and an activity are under way, and their leases held, when the process dies.
    second_hooks.in_turn = [] {
        if (is_held) {
            static_cast<void>(kill(getpid(), SIGKILL));
        }
    };
    worker second(where, upgrade::definitions(second_hooks));
    second.start();
    people.raise_event(instance_id("parked"), "reply", std::string("thanks"));
    wait_until([&] { return !people.get(instance_id("parked"))->parked_reason.empty(); });
    start(people, upgrade::keeper, "held");
    wait_until([] { return is_held.load(); });
    start(people, upgrade::brink, "turn");
    std::this_thread::sleep_for(1min);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc == 2) {
            make(open(argv[1]));
        }
        std::cerr << "make_old_hub HUB\n";
    } catch (const std::exception& problem) {
        std::cerr << "make_old_hub: " << problem.what() << '\n';
    }
    return 1;
}
