#pragma once

#include <perdure/backend.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace perdure::postgres {

class store;

/// What a lane holds: a definition of orchestrations, or a name, queue and priority of activities.
struct lane_key {
    bool is_activity = false;
    std::string name;
    /// The version of an orchestration, the queue of an activity.
    std::string variant;
    std::int32_t priority = 0;
    // Of a definition; an instance whose level rises gets another lane.
    instance_kind kind = instance_kind::orchestration;
    feature_level level = 1;

    friend auto operator<=>(const lane_key&, const lane_key&) = default;
};

/// The numbers by which rows name definitions, kinds of activities, and workers. An installation of
/// the schema never changes them, so they are asked for once; another one begins with others, so
/// that an old number is found to be none of its own. Safe from any thread.
class name_cache {
  public:
    /// Asks this store.
    explicit name_cache(store& hub) noexcept : hub_(hub) {}

    /// The lanes with these keys, in the same order; makes those that are missing.
    [[nodiscard]] std::vector<std::int32_t> lanes(std::span<const lane_key> keys);
    /// The key of an orchestration's lane.
    [[nodiscard]] lane_key definition(std::int32_t lane);
    [[nodiscard]] std::int32_t worker(const worker_id& id);
    /// For a schema that may have been installed anew.
    void forget();

  private:
    struct missing_lanes {
        std::vector<lane_key> keys;
        /// Where their numbers belong.
        std::vector<std::size_t> places;
    };
    void learn(const missing_lanes& missing, bool is_activity, std::vector<std::int32_t>& into);

    store& hub_;
    std::mutex mutex_;
    std::map<lane_key, std::int32_t> lanes_;
    std::unordered_map<std::int32_t, lane_key> keys_;
    std::unordered_map<std::string, std::int32_t> workers_;
};

}  // namespace perdure::postgres
