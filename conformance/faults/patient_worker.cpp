#include "faults/patient_worker.hpp"

#include <algorithm>

namespace perdure::conformance {

namespace {

constexpr std::uint64_t activities_each = 3;

// What the code of an orchestration would decide, from lengths alone.
finished_turn decided(const orchestration_work& work) {
    finished_turn turn = turn_of(work);
    const auto consumed = static_cast<std::uint32_t>(work.inbox.size());
    const bool is_first = work.history_length == 1;
    const std::uint64_t length = work.history_length + consumed + (is_first ? 1 : 0);
    turn.events.clear();
    if (length != work.history_length) {
        turn.events.push_back({static_cast<std::uint32_t>(length - work.history_length), "[]"});
    }
    if (is_first) {
        for (std::uint64_t task = 1; task <= activities_each; ++task) {
            turn.activities.push_back(an_activity(task));
        }
    }
    // The message to itself follows the last answer of an activity, in the turn that gets it.
    const std::uint64_t all_answered = patient_worker::finished_length - 1;
    if (length == all_answered && work.history_length < all_answered) {
        turn.messages.push_back(a_message(work.instance, "to itself"));
    }
    if (length >= patient_worker::finished_length) {
        turn.status = orchestration_status::completed;
    }
    return turn;
}

}  // namespace

patient_worker::patient_worker(backend& store, const work_filter& filter)
    : store_(store), filter_(filter) {}

template <class Call>
auto patient_worker::insist(Call call) {
    while (true) {
        try {
            ++calls_;
            return call();
        } catch (const backend_error& wrong) {
            const bool is_repeatable =
                wrong.retryable() || wrong.code() == store_fault::outcome_unknown;
            if (!is_repeatable) {
                throw;
            }
        }
    }
}

lock_request patient_worker::request() {
    lock_request wanted;
    wanted.request = a_request();
    wanted.worker = {"patient"};
    wanted.filter = &filter_;
    wanted.orchestrations = 3;
    wanted.activities = 3;
    wanted.lease_duration = std::chrono::hours(1);
    return wanted;
}

void patient_worker::create(const std::vector<new_instance>& instances) {
    const request_id request = a_request();
    static_cast<void>(insist([&] { return store_.create({request}, instances).outcomes; }));
}

void patient_worker::take(work_batch&& batch) {
    std::ranges::move(batch.orchestrations, std::back_inserter(turns_));
    std::ranges::move(batch.activities, std::back_inserter(tasks_));
    suspects_waiting_ = batch.suspects_waiting;
}

bool patient_worker::look_for_work() {
    lock_request wanted = request();
    wanted.suspects = suspects_waiting_;
    take(insist([&] { return store_.lock(wanted); }));
    return !turns_.empty() || !tasks_.empty();
}

void patient_worker::commit_some() {
    std::vector<finished_work> finished;
    while (finished.size() < 2 && !turns_.empty()) {
        finished.emplace_back(decided(turns_.front()));
        turns_.pop_front();
    }
    for (std::size_t n = 0; n < 2 && !tasks_.empty(); ++n) {
        finished.emplace_back(completion_of(tasks_.front()));
        tasks_.pop_front();
    }
    const commit_request work{finished, request()};
    take(insist([&] { return store_.commit(work); }).work);
}

bool patient_worker::all_ended(const std::vector<instance_id>& instances) {
    return std::ranges::all_of(
        insist([&] { return store_.get(instances); }),
        [](const auto& found) { return found && is_terminal(found->status); });
}

bool patient_worker::finish(const std::vector<instance_id>& instances, std::size_t calls_max) {
    while (calls_ < calls_max) {
        if (!turns_.empty() || !tasks_.empty() || look_for_work()) {
            commit_some();
        } else if (all_ended(instances)) {
            return true;
        }
    }
    return false;
}

}  // namespace perdure::conformance
