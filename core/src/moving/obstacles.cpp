#include "moving/obstacles.hpp"

#include "moving/images_of.hpp"

#include <perdure/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto clocks_apart_max = std::chrono::seconds(1);

}  // namespace

void refuse(const std::string& why) {
    throw backend_error(store_fault::rejected, why);
}

void refuse_for(const std::string& obstacle) {
    if (!obstacle.empty()) {
        refuse(obstacle);
    }
}

std::string same_hub(named_store from, named_store to) {
    const std::string identity = from.store.identity();
    const bool is_same =
        &from.store == &to.store || (!identity.empty() && identity == to.store.identity());
    return is_same ? fmt::format("{} and {} are the same hub", from.name, to.name) : std::string();
}

// The middle of three probes: a slow call proves nothing.
std::string clocks_apart(named_store from, named_store to) {
    std::vector<duration> apart;
    for (int n = 0; n < 3; ++n) {
        const auto began = steady::now();
        const timestamp here = from.store.status().store_time;
        const timestamp there = to.store.status().store_time;
        const auto took = std::chrono::duration_cast<duration>(steady::now() - began);
        apart.push_back(there - here - took / 2);
    }
    std::ranges::sort(apart);
    if (std::chrono::abs(apart[1]) <= clocks_apart_max) {
        return {};
    }
    return fmt::format(
        "the clock of {} is {} ms away from that of {}: timers and leases would end "
        "at another time",
        to.name,
        apart[1] / std::chrono::milliseconds(1),
        from.name);
}

std::string lesser_abilities(named_store from, named_store to) {
    if (!from.store.abilities().speculative_turns || to.store.abilities().speculative_turns) {
        return {};
    }
    return fmt::format("the backend of {} takes no speculative turns, which workers may have begun",
                       to.name);
}

std::string not_empty(named_store where) {
    return images_of(where.store).read_images({}, 1, 1).images.empty()
               ? std::string()
               : where.name + " is not empty";
}

std::string live_worker(named_store where) {
    const auto workers = where.store.status().live_workers;
    return workers.empty()
               ? std::string()
               : fmt::format(
                     "worker \"{}\" lives on {}", printable(workers.front().text), where.name);
}

}  // namespace perdure::moving
