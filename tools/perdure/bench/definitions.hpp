#pragma once

#include <perdure/orchestration.hpp>
#include <perdure/registry.hpp>

#include <cstdint>
#include <string_view>

// The orchestrations that a bench measures. Worker processes register the same ones.

namespace perdure::tool {

// What their names begin with.
inline constexpr std::string_view bench_prefix = "perdure.bench.";

// So many activities that do nothing, one after the other.
inline constexpr perdure::orchestrator<std::uint32_t, void> in_sequence{"perdure.bench.Sequence"};
// So many at once.
inline constexpr perdure::orchestrator<std::uint32_t, void> in_parallel{"perdure.bench.FanOut"};
// Waits for an event that never comes, at most a year: for even inputs; for odd ones, for a timer.
inline constexpr perdure::orchestrator<std::uint32_t, void> waiting{"perdure.bench.Waiting"};

[[nodiscard]] registry bench_definitions();

}  // namespace perdure::tool
