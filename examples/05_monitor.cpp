// 05 monitor: look at something again and again, perhaps for years. An orchestration that only
// looped would get a longer history with every look; continue-as-new begins a fresh execution with
// a short one and hands its state on as input.
//
//     05_monitor [HUB]

#include <perdure/client.hpp>
#include <perdure/codec_cereal.hpp>
#include <perdure/worker.hpp>

#include <chrono>
#include <exception>
#include <iostream>

using namespace std::chrono_literals;

struct watch {
    int looks = 0;
    int degrees_max = 0;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(looks), CEREAL_NVP(degrees_max));
    }
};

inline constexpr perdure::activity<int, int> read_thermometer{"ReadThermometer"};
inline constexpr perdure::orchestrator<watch, int> watch_oven{"WatchOven"};

int degrees_at(int look) {
    return 20 + 15 * look;
}

// One execution is one look; the result is the number of looks until the oven was hot.
perdure::orchestration<int> look_once(perdure::context& ctx, watch state) {
    const int degrees = co_await ctx.call(read_thermometer, state.looks);
    ctx.set_custom_status(degrees);
    state.looks += 1;
    if (degrees >= state.degrees_max) {
        co_return state.looks;
    }
    co_await ctx.create_timer(5ms);
    co_return ctx.continue_as_new(state);
}

int main(int argc, char** argv) {
    try {
        auto hub = perdure::open(argc > 1 ? argv[1] : "memory:");

        perdure::registry registry;
        registry.add(watch_oven, look_once).add(read_thermometer, degrees_at);
        perdure::worker worker(hub, registry);
        worker.start();

        perdure::client client(hub);
        const auto id = client.start(watch_oven, {0, 180});
        const int looks = client.wait<int>(id, 1min);
        const auto events = client.history(id).size();

        std::cout << "hot after " << looks << " looks; the history of the last execution has "
                  << events << " events\n";
        return looks == 12 && events < 15 ? 0 : 1;
    } catch (const std::exception& problem) {
        std::cerr << "05_monitor: " << problem.what() << '\n';
        return 1;
    }
}
