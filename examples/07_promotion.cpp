// 07 promotion: a program outgrows its store and moves to another one while its orchestrations run;
// and back again. Nothing is stopped, and no live coroutine is lost.
//
//     07_promotion [HUB [OTHER_HUB]]      for example sqlite:shop.db postgres://user@host/database

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;

inline constexpr perdure::activity<std::int64_t, std::int64_t> add_one{"AddOne"};
inline constexpr perdure::orchestrator<std::int64_t, std::int64_t> count_up{"CountUp"};

perdure::orchestration<std::int64_t> count(perdure::context& ctx, std::int64_t steps) {
    std::int64_t reached = 0;
    while (reached < steps) {
        reached = co_await ctx.call(add_one, reached);
    }
    co_return reached;
}

void move(const perdure::hub& hub, const std::string& where) {
    const perdure::promotion moving = hub.promote(where);
    moving.wait();
    const auto result = moving.progress();
    std::cout << "moved to " << hub.description() << ": " << result.copied
              << " copies of instances, and calls waited for " << result.stall.count() << " us\n";
}

int main(int argc, char** argv) {
    try {
        const std::string home = argc > 1 ? argv[1] : "memory:home";
        const std::string elsewhere = argc > 2 ? argv[2] : "memory:elsewhere";
        auto hub = perdure::open(home);

        perdure::registry registry;
        registry.add(count_up, count).add(add_one, [](std::int64_t n) { return n + 1; });
        perdure::worker worker(hub, registry);
        worker.start();

        perdure::client client(hub);
        constexpr std::int64_t steps = 200;
        std::vector<perdure::instance_id> counters;
        for (int n = 0; n < 50; ++n) {
            counters.push_back(client.start(count_up, steps));
        }
        move(hub, elsewhere);
        // What stayed behind is a copy that refuses everybody. It is emptied before we return.
        perdure::open(home).store().delete_hub();
        move(hub, home);

        bool right = true;
        for (const auto& counter : counters) {
            right = right && client.wait<std::int64_t>(counter, 2min) == steps;
        }
        std::cout << counters.size() << " orchestrations have counted to " << steps << '\n';
        return right ? 0 : 1;
    } catch (const std::exception& problem) {
        std::cerr << "07_promotion: " << problem.what() << '\n';
        return 1;
    }
}
