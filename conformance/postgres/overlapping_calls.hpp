#pragma once

#include "fixture.hpp"

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace perdure::conformance {

/// Makes random calls, in batches, of random instances among a few, as a worker and a client do;
/// leases are so short that many expire. Several of them on one hub are in each other's way all the
/// time. One thread.
class overlapping_calls {
  public:
    overlapping_calls(hub where, std::uint64_t seed);

    /// One call. Counts it, or its error.
    void make_one();

    /// How often each call did what it is for, by its name.
    [[nodiscard]] const std::map<std::string, std::size_t>& effects() const { return effects_; }
    /// How often calls failed, by the kind of trouble and its SQLSTATE.
    [[nodiscard]] const std::map<std::string, std::size_t>& errors() const { return errors_; }

  private:
    void create();
    void send();
    void terminate();
    void purge();
    void purge_ended();
    void unpark();
    void lock();
    void commit();
    void renew();
    void give_back();
    void abandon();
    void park();
    void take_over();

    [[nodiscard]] std::size_t number(std::size_t least, std::size_t most);
    [[nodiscard]] instance_id some_id();
    /// One of ten raises the level of its target [LEVEL-1].
    [[nodiscard]] new_message some_message();
    [[nodiscard]] std::vector<instance_id> some_ids();
    [[nodiscard]] worker_id some_worker();
    [[nodiscard]] new_instance some_instance();
    [[nodiscard]] lock_request some_request();
    [[nodiscard]] finished_turn some_turn(const orchestration_work& work);
    void add_decisions(finished_turn& turn, const orchestration_work& work);
    [[nodiscard]] std::vector<held_item> some_held_items();
    void take(work_batch&& batch);
    /// Counts the outcomes that are this one.
    template <class Outcome>
    void note(const std::string& call, const std::vector<Outcome>& outcomes, Outcome effect);

    hub where_;
    backend& store_;
    std::mt19937_64 dice_;
    static constexpr feature_level level_max = 3;
    work_filter filter_{{{order_name, order_version}}, {charge_name}, {std::string()}, level_max};
    std::deque<orchestration_work> turns_;
    std::deque<activity_work> tasks_;
    std::map<std::string, std::size_t> effects_;
    std::map<std::string, std::size_t> errors_;
};

}  // namespace perdure::conformance
