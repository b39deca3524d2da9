#include "moving/recent_leases.hpp"

#include <utility>

namespace perdure::moving {

namespace {

// More than a worker holds at a time; who held one that is forgotten is only found more slowly.
constexpr std::size_t size_max = 50'000;

}  // namespace

void recent_leases::add(lease_token token) {
    if (newer_.size() == size_max) {
        older_ = std::exchange(newer_, {});
    }
    newer_.insert(token.value);
}

void recent_leases::add(const work_batch& handed_out) {
    const std::lock_guard guard(mutex_);
    for (const orchestration_work& work : handed_out.orchestrations) {
        add(work.held.token);
    }
    for (const activity_work& work : handed_out.activities) {
        add(work.held.token);
    }
}

bool recent_leases::contains(lease_token token) {
    const std::lock_guard guard(mutex_);
    return newer_.contains(token.value) || older_.contains(token.value);
}

void recent_leases::clear() {
    const std::lock_guard guard(mutex_);
    newer_.clear();
    older_.clear();
}

}  // namespace perdure::moving
