#include "held_leases.hpp"

#include <set>

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
    giver.at = clock_();
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

void held_leases::note_ended(const lease& one, const request_id& by) {
    const std::lock_guard guard(mutex_);
    const auto found = call_of_.find(one.token.value);
    if (found == call_of_.end()) {
        return;
    }
    const auto giver = calls_.find(found->second);
    call_of_.erase(found);
    std::vector<uuid>& ended_by = giver->second.ended_by;
    if (ended_by.empty() || ended_by.back() != by.value) {
        ended_by.push_back(by.value);
    }
    if (--giver->second.leases > 0) {
        return;
    }
    if (ended_.size() > most) {
        ended_.clear();
    }
    ended_.push_back(std::move(giver->second));
    calls_.erase(giver);
}

held_leases::ended held_leases::take_ended() {
    ended told;
    std::set<uuid> by;
    const std::lock_guard guard(mutex_);
    const auto oldest = clock_() - age_max;
    while (!ended_.empty() && told.calls.size() < told_at_once && by.size() < told_at_once) {
        const given_by& one = ended_.front();
        if (one.at >= oldest) {
            told.calls.push_back(one.call);
            by.insert(one.ended_by.begin(), one.ended_by.end());
        }
        ended_.pop_front();
    }
    for (const uuid& call : told.calls) {
        by.erase(call);
    }
    told.by.assign(by.begin(), by.end());
    return told;
}

bool held_leases::has_many_ended() const {
    const std::lock_guard guard(mutex_);
    return ended_.size() >= many;
}

}  // namespace perdure::postgres
