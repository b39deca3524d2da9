#define CATCH_CONFIG_FAST_COMPILE
#include "mutated_history.hpp"

#include "sample_orchestrations.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace perdure;
using namespace perdure::test;

TEST_CASE("20,000 mutated histories each give an answer or a fault, never anything else",
          "[replay]") {
    const registry known = sample_orchestrations();
    const auto histories = recorded_histories(known, std::string(PERDURE_TEST_DATA) + "/histories");
    const auto seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937 dice(seed);

    int faults = 0;
    constexpr int count = 20'000;
    for (int i = 0; i < count; ++i) {
        std::vector<std::uint8_t> bytes(1 + dice() % 24);
        for (auto& byte : bytes) {
            byte = static_cast<std::uint8_t>(dice());
        }
        faults += replay_mutated(known, histories, bytes) ? 1 : 0;
    }

    // Most changes are divergences; some hit what replay must tolerate, like a doubled answer.
    CHECK(faults > count / 4);
    CHECK(faults < count);
}
