#pragma once

#include "checking/history_scan.hpp"

#include <perdure/instance_image.hpp>

#include <cstdint>
#include <set>
#include <vector>

namespace perdure::checking {

/// What was found in one instance.
struct findings {
    std::vector<violation> violations{};
    /// Open children whose end is not in the inbox: whether they have ended is seen where they are.
    std::vector<violation> children{};
};

/// Compares what a store has of an instance, its history apart, with what its history says. `scan` has
/// read it up to `history_length`; no message of the hub has a sequence above `last_sequence`.
[[nodiscard]] findings check_image(const instance_image& image,
                                   history_scan& scan,
                                   std::uint64_t last_sequence);

}  // namespace perdure::checking
