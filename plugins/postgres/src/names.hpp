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

/// What a worker serves: a definition of orchestrations, or a name, queue and priority of
/// activities.
struct work_key {
    bool is_activity = false;
    std::string name;
    /// The version of an orchestration, the queue of an activity.
    std::string variant;
    std::int32_t priority = 0;
    // Of a definition; an instance whose level rises gets another one.
    instance_kind kind = instance_kind::orchestration;
    feature_level level = 1;

    friend auto operator<=>(const work_key&, const work_key&) = default;
};

/// The numbers by which rows name definitions, kinds of activities, and workers. An installation of
/// the schema never changes them, so they are asked for once; another one begins with others, so
/// that an old number is found to be none of its own. Safe from any thread.
class name_cache {
  public:
    /// Asks this store.
    explicit name_cache(store& hub) noexcept : hub_(hub) {}

    /// The numbers of these keys, in the same order; makes those that are missing.
    [[nodiscard]] std::vector<std::int32_t> work_keys(std::span<const work_key> keys);
    /// The key of an orchestration by its number.
    [[nodiscard]] work_key definition(std::int32_t number);
    [[nodiscard]] std::int32_t worker(const worker_id& id);
    /// For a schema that may have been installed anew.
    void forget();

  private:
    struct missing_work_keys {
        std::vector<work_key> keys;
        /// Where their numbers belong.
        std::vector<std::size_t> places;
    };
    void learn(const missing_work_keys& missing, bool is_activity, std::vector<std::int32_t>& into);

    store& hub_;
    std::mutex mutex_;
    std::map<work_key, std::int32_t> numbers_;
    std::unordered_map<std::int32_t, work_key> keys_;
    std::unordered_map<std::string, std::int32_t> workers_;
};

}  // namespace perdure::postgres
