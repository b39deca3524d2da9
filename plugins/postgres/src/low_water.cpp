#include "low_water.hpp"

#include <algorithm>

namespace perdure::postgres {

namespace {

constexpr int longest_pause = 50;  // Times what a poll took.
constexpr duration pause_max = std::chrono::minutes(1);
/// A rescan begins so long before the mark, so often.
constexpr duration depth = std::chrono::seconds(30);
constexpr duration deep_interval = std::chrono::seconds(5);
constexpr std::size_t questions_max = 64;

timestamp deeper(timestamp mark) {
    return mark == timestamp::min() ? mark : mark - depth;
}

}  // namespace

bool low_water::mark::is_from_the_beginning() const noexcept {
    return orchestrations == timestamp::min() && activities == timestamp::min();
}

timestamp low_water::kind::begin(steady::time_point now) const {
    if (now >= from_the_beginning) {
        return timestamp::min();
    }
    return now >= deep ? deeper(mark) : mark;
}

void low_water::kind::end(timestamp from, timestamp next, duration took, steady::time_point now) {
    if (from == timestamp::min()) {
        from_the_beginning = now + std::min<duration>(longest_pause * took, pause_max);
    }
    if (from <= deeper(mark)) {
        // It saw what was left behind the mark, too, for the next ones.
        deep = now + deep_interval;
        mark = next;
    } else if (from == mark) {
        mark = std::max(mark, next);
    }
    // Any other began at an earlier mark, and may have seen less than the poll that moved it.
}

low_water::mark low_water::begin(std::uint64_t question) {
    const std::lock_guard guard(mutex_);
    const auto found = known_.find(question);
    if (found == known_.end()) {
        return {};
    }
    const auto now = clock_();
    return {found->second.orchestrations.begin(now), found->second.activities.begin(now)};
}

void low_water::end(std::uint64_t question, const mark& from, const mark& next, duration took) {
    const std::lock_guard guard(mutex_);
    if (known_.size() == questions_max && !known_.contains(question)) {
        known_.clear();
    }
    const auto now = clock_();
    known& one = known_[question];
    if (next.orchestrations != timestamp::min()) {
        one.orchestrations.end(from.orchestrations, next.orchestrations, took, now);
    }
    if (next.activities != timestamp::min()) {
        one.activities.end(from.activities, next.activities, took, now);
    }
}

void low_water::forget() {
    const std::lock_guard guard(mutex_);
    known_.clear();
}

timestamp low_water::lowest() {
    const std::lock_guard guard(mutex_);
    timestamp least = timestamp::max();
    for (const auto& [question, one] : known_) {
        for (const timestamp each : {one.orchestrations.mark, one.activities.mark}) {
            // Without one this asker never looks for the kind.
            least = each == timestamp::min() ? least : std::min(least, each);
        }
    }
    return least == timestamp::max() ? timestamp::min() : deeper(least);
}

}  // namespace perdure::postgres
