#pragma once

#include <perdure/adjustable_clock.hpp>
#include <perdure/backend.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace perdure::postgres_test {

/// Does with a hub, which has a clock for tests, whatever clients and workers do, at random, so that its
/// instances come to be in all states that there are.
class random_hub {
  public:
    random_hub(backend& store, adjustable_clock& clock, std::uint64_t seed)
        : store_(store), clock_(clock), chance_(seed) {}

    void act(int steps);
    /// Leaves leases that hold, and such that are over without that a call has noticed it.
    void leave_leases();
    /// By how much the clock was moved.
    [[nodiscard]] duration moved() const { return moved_; }

  private:
    [[nodiscard]] bool happens(unsigned percent) { return chance_() % 100 < percent; }
    [[nodiscard]] std::size_t any_of(std::size_t count) { return chance_() % count; }
    [[nodiscard]] instance_id any_instance();
    [[nodiscard]] std::string text_of_events(unsigned count);
    template <class Work>
    [[nodiscard]] Work take(std::vector<Work>& from);

    void create();
    void send();
    void lock(bool suspects, duration lease_duration);
    void commit();
    void finish_activity();
    void return_some();
    void renew();
    void terminate();
    void move_clock();

    [[nodiscard]] checkpoint decide(const orchestration_work& work);
    void commit(const finished_work& finished);

    backend& store_;
    adjustable_clock& clock_;
    std::mt19937_64 chance_;
    duration moved_{};
    std::size_t instances_ = 0;
    std::size_t messages_ = 0;
    std::uint64_t last_task_ = 0;
    std::vector<orchestration_work> turns_;
    std::vector<activity_work> tasks_;
};

}  // namespace perdure::postgres_test
