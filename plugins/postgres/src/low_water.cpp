#include "low_water.hpp"

#include <algorithm>

namespace perdure::postgres {

namespace {

constexpr int longest_pause = 50;  // Times what a look took.
constexpr duration pause_max = std::chrono::seconds(5);
constexpr std::size_t questions_max = 64;

/// Where the next look for a kind begins.
timestamp moved(timestamp mark, timestamp from, timestamp next) {
    const bool was_looked_for = next != timestamp::min();
    if (was_looked_for && from == timestamp::min()) {
        // It saw everything: older work than the mark says is left, too, for the next ones.
        return next;
    }
    // Another look may have seen more meanwhile.
    return from == mark ? std::max(mark, next) : mark;
}

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
    one.next.orchestrations =
        moved(one.next.orchestrations, from.orchestrations, next.orchestrations);
    one.next.activities = moved(one.next.activities, from.activities, next.activities);
    if (from.is_from_the_beginning()) {
        one.from_the_beginning =
            steady::now() + std::min<duration>(longest_pause * took, pause_max);
    }
}

}  // namespace perdure::postgres
