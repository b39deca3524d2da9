#pragma once

#include <perdure/orchestration.hpp>
#include <perdure/registry.hpp>

#include <cstdint>

// The orchestrations that a bench measures. Worker processes register the same ones.

namespace perdure::tool {

// So many activities that do nothing, one after the other.
inline constexpr perdure::orchestrator<std::uint32_t, void> in_sequence{"perdure.bench.Sequence"};
// So many at once.
inline constexpr perdure::orchestrator<std::uint32_t, void> in_parallel{"perdure.bench.FanOut"};
// Waits for an event that never comes, at most a year: for even inputs; for odd ones, for a timer.
inline constexpr perdure::orchestrator<std::uint32_t, void> waiting{"perdure.bench.Waiting"};

[[nodiscard]] registry bench_definitions();

}  // namespace perdure::tool
