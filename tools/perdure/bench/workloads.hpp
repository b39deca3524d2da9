#pragma once

#include "laboratory.hpp"

// The workloads of `perdure bench`; each fills in what it measures.

namespace perdure::tool {

// Many orchestrations of five activities each, started in bulk.
[[nodiscard]] measurement measure_sequence(laboratory& lab);
// Many orchestrations that end at once.
[[nodiscard]] measurement measure_noop(laboratory& lab);
// One orchestration of five activities at a time, from the start to the result.
[[nodiscard]] measurement measure_latency(laboratory& lab);
// One orchestration with many activities at once.
[[nodiscard]] measurement measure_fan_out(laboratory& lab);
// One orchestration with many activities, one after the other.
[[nodiscard]] measurement measure_long(laboratory& lab);
// Many instances that wait, and what that costs.
[[nodiscard]] measurement measure_idle(laboratory& lab);
// From stored history to a live frame.
[[nodiscard]] measurement measure_replay(laboratory& lab);

// How many orchestrations a second the plugin's own floor program reaches with so many, on a fresh
// file or schema beside the hub; nothing when the backend has none. Throws `error` when it fails.
[[nodiscard]] std::optional<double> measure_floor(const std::string& hub_uri, std::size_t count);

}  // namespace perdure::tool
