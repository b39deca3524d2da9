#include "low_water.hpp"

#include <algorithm>

namespace perdure::postgres {

namespace {

constexpr int longest_pause = 50;  // Times what a look took.
constexpr duration pause_max = std::chrono::minutes(1);
/// A deep look begins so long before the mark, so often.
constexpr duration depth = std::chrono::seconds(30);
constexpr duration deep_interval = std::chrono::seconds(5);
constexpr std::size_t questions_max = 64;

timestamp deeper(timestamp mark) {
    return mark == timestamp::min() ? mark : mark - depth;
}

/// Where the next look for a kind begins.
timestamp moved(timestamp mark, timestamp from, timestamp next) {
    const bool was_looked_for = next != timestamp::min();
    if (!was_looked_for) {
        return mark;
    }
    if (from == mark) {
        return std::max(mark, next);
    }
    // A deep look, or one from the beginning, saw what was left behind the mark, too, for the next
    // ones. Another look from a mark may have seen less than this one.
    return from <= deeper(mark) ? next : mark;
}

}  // namespace

bool low_water::mark::is_from_the_beginning() const noexcept {
    return orchestrations == timestamp::min() && activities == timestamp::min();
}

low_water::mark low_water::begin(std::uint64_t question) {
    const std::lock_guard guard(mutex_);
    const auto found = known_.find(question);
    if (found == known_.end()) {
        return {};
    }
    known& one = found->second;
    const auto now = clock_();
    // What it looks for now others need not look for beside it.
    if (now >= one.from_the_beginning) {
        one.from_the_beginning = one.deep = now + deep_interval;
        return {};
    }
    if (now >= one.deep) {
        one.deep = now + deep_interval;
        return {deeper(one.next.orchestrations), deeper(one.next.activities)};
    }
    return one.next;
}

timestamp low_water::lowest() {
    const std::lock_guard guard(mutex_);
    timestamp least = timestamp::max();
    for (const auto& [question, one] : known_) {
        for (const timestamp each : {one.next.orchestrations, one.next.activities}) {
            // Without one this asker never looks for the kind.
            least = each == timestamp::min() ? least : std::min(least, each);
        }
    }
    return least == timestamp::max() ? timestamp::min() : deeper(least);
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
        const auto now = clock_();
        one.from_the_beginning = now + std::min<duration>(longest_pause * took, pause_max);
        one.deep = now + deep_interval;
    }
}

}  // namespace perdure::postgres
