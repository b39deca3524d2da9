#include "due_clock.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace perdure::postgres {

namespace {

/// Beyond so many questions the first due time of all of them stands for each.
constexpr std::size_t questions_apart_max = 64;

duration local_floor(due_clock::steady::time_point at) {
    return std::chrono::floor<duration>(at.time_since_epoch());
}

duration local_ceil(due_clock::steady::time_point at) {
    return std::chrono::ceil<duration>(at.time_since_epoch());
}

}  // namespace

bool due_clock::hear(const reading& answer) {
    const duration least = answer.store_time.time_since_epoch() - local_ceil(answer.answered);
    const duration most = answer.store_time.time_since_epoch() - local_floor(answer.begun);
    if (apart_ && apart_->least <= most && least <= apart_->most) {
        apart_ = {std::max(apart_->least, least), std::min(apart_->most, most)};
        return false;
    }
    apart_ = {least, most};
    return true;
}

timestamp due_clock::store_time(steady::time_point now) const {
    return apart_ ? timestamp(local_floor(now) + apart_->least) : timestamp::min();
}

bool due_clock::add(timestamp due) {
    return due < std::exchange(added_, std::min(added_, due));
}

void due_clock::set(std::uint64_t question, timestamp due) {
    if (due == never) {
        questions_.erase(question);
        return;
    }
    if (questions_.size() >= questions_apart_max && !questions_.contains(question)) {
        added_ = first();
        questions_.clear();
    }
    questions_[question] = due;
}

timestamp due_clock::first() const {
    timestamp due = added_;
    for (const auto& [question, of_question] : questions_) {
        due = std::min(due, of_question);
    }
    return due;
}

due_clock::steady::time_point due_clock::next(steady::time_point now) const {
    const timestamp due = first();
    if (due == never || !apart_) {
        return steady::time_point::max();
    }
    const timestamp here = store_time(now);
    if (due <= here) {
        return now;
    }
    // A day is as good as the truth, and keeps the sum within its range.
    const timestamp tomorrow = here + std::chrono::hours(24);
    return now + (std::min(due, tomorrow) - here);
}

bool due_clock::take_due(steady::time_point now) {
    if (next(now) > now) {
        return false;
    }
    const timestamp here = store_time(now);
    if (added_ <= here) {
        added_ = never;
    }
    std::erase_if(questions_, [here](const auto& each) { return each.second <= here; });
    return true;
}

}  // namespace perdure::postgres
