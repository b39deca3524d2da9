#include "held_leases.hpp"

#include <algorithm>

namespace perdure::postgres {

namespace {

// Beyond that many leases, or calls to tell of, all are forgotten.
constexpr std::size_t most = 100'000;
constexpr std::size_t told_at_once = 200;
constexpr std::size_t many = 100;

}  // namespace

void held_leases::note_given(const request_id& call, const work_batch& given) {
    if (given.orchestrations.empty() && given.activities.empty()) {
        return;
    }
    const std::lock_guard guard(mutex_);
    if (call_of_.size() > most) {
        calls_.clear();
        call_of_.clear();
    }
    given_by& giver = calls_[++last_number_];
    giver.call = call.value;
    const auto add = [&](const lease& held) {
        giver.leases += call_of_.try_emplace(held.token.value, last_number_).second ? 1 : 0;
    };
    for (const orchestration_work& work : given.orchestrations) {
        add(work.held);
    }
    for (const activity_work& work : given.activities) {
        add(work.held);
    }
    if (giver.leases == 0) {
        calls_.erase(last_number_);
    }
}

void held_leases::note_ended(const lease& one) {
    const std::lock_guard guard(mutex_);
    const auto found = call_of_.find(one.token.value);
    if (found == call_of_.end()) {
        return;
    }
    const auto giver = calls_.find(found->second);
    call_of_.erase(found);
    if (--giver->second.leases > 0) {
        return;
    }
    if (ended_.size() > most) {
        ended_.clear();
    }
    ended_.push_back(giver->second.call);
    ++ended_count_;
    calls_.erase(giver);
}

std::uint64_t held_leases::ended_so_far() const {
    const std::lock_guard guard(mutex_);
    return ended_count_;
}

void held_leases::confirm(std::uint64_t ended_then, const request_id& call) {
    const std::lock_guard guard(mutex_);
    if (ended_then >= confirmed_count_) {
        confirmed_count_ = ended_then;
        confirmed_by_ = call.value;
    }
}

// How many of those at the front of `ended_` can be told.
std::size_t held_leases::confirmed() const {
    const std::uint64_t first = ended_count_ - ended_.size();
    return confirmed_count_ > first ? static_cast<std::size_t>(confirmed_count_ - first) : 0;
}

held_leases::ended held_leases::take_ended() {
    const std::lock_guard guard(mutex_);
    const auto end =
        ended_.begin() + static_cast<std::ptrdiff_t>(std::min(confirmed(), told_at_once));
    ended told{{ended_.begin(), end}, confirmed_by_};
    ended_.erase(ended_.begin(), end);
    return told;
}

bool held_leases::has_many_ended() const {
    const std::lock_guard guard(mutex_);
    return confirmed() >= many;
}

}  // namespace perdure::postgres
