#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace perdure::moving {

/// How much may be left to copy when a hub is closed for its cut: little enough that all calls can
/// wait for it. A hub that changes as fast as it is copied never has so little left, so each
/// attempt allows for more.
struct cut_limits {
    std::size_t attempt = 1;

    [[nodiscard]] std::size_t instances() const {
        return std::min<std::size_t>(100 * attempt, 3'000);
    }
    /// For the copy before it, which shows how long the last one will take.
    [[nodiscard]] std::chrono::milliseconds pass() const {
        return std::chrono::milliseconds(std::min<std::size_t>(20 * attempt, 150));
    }
};

}  // namespace perdure::moving
