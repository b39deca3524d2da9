#include "low_water.hpp"

#include <algorithm>

namespace perdure::postgres {

namespace {

constexpr int longest_pause = 50;  // Times what a look took.
constexpr std::size_t questions_max = 64;

}  // namespace

bool low_water::mark::is_from_the_beginning() const noexcept {
    return orchestrations == timestamp::min() && activities == timestamp::min();
}

low_water::mark low_water::begin(std::uint64_t question) {
    const std::lock_guard guard(mutex_);
    const auto found = known_.find(question);
    if (found == known_.end() || steady::now() >= found->second.from_the_beginning) {
        return {};
    }
    return found->second.next;
}

void low_water::end(std::uint64_t question, const mark& from, const mark& next, duration took) {
    const std::lock_guard guard(mutex_);
    if (known_.size() == questions_max && !known_.contains(question)) {
        known_.clear();
    }
    known& one = known_[question];
    one.next.orchestrations = std::max(one.next.orchestrations, next.orchestrations);
    one.next.activities = std::max(one.next.activities, next.activities);
    if (from.is_from_the_beginning()) {
        one.from_the_beginning = steady::now() + longest_pause * took;
    }
}

}  // namespace perdure::postgres
