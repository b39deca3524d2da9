#pragma once

#include "fixture.hpp"

#include <deque>
#include <functional>
#include <vector>

namespace perdure::conformance {

/// A worker of the smallest kind, for stores that go wrong: each of its instances calls three
/// activities, then sends a message to itself, and completes when everything was answered. It
/// keeps the caller's side of the contract: a call without an answer is repeated as it was.
/// One thread.
class patient_worker {
  public:
    patient_worker(backend& store, const work_filter& filter);

    /// How many events an instance has when each of its answers was consumed exactly once.
    static constexpr std::uint64_t finished_length = 6;

    void create(const std::vector<new_instance>& instances);
    /// Works until all of these have ended; false when that takes more than `calls_max` calls.
    [[nodiscard]] bool finish(const std::vector<instance_id>& instances, std::size_t calls_max);

  private:
    /// Repeats the call until it has an answer.
    template <class Call>
    auto insist(Call call);
    [[nodiscard]] lock_request request();
    [[nodiscard]] bool look_for_work();
    void commit_some();
    void take(work_batch&& batch);
    [[nodiscard]] bool all_ended(const std::vector<instance_id>& instances);

    backend& store_;
    const work_filter& filter_;
    std::size_t calls_ = 0;
    bool suspects_waiting_ = false;
    std::deque<orchestration_work> turns_;
    std::deque<activity_work> tasks_;
};

}  // namespace perdure::conformance
