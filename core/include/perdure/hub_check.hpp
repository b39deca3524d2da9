#pragma once

#include <perdure/migration.hpp>
#include <perdure/store_check.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// Whether a hub is as it must be: what the orchestrations, activities and messages of each instance
// say is compared with its history, and the store is asked about what only it can see. The hub may
// be in use.

namespace perdure {
inline namespace v1 {

/// What has been looked at.
struct check_counts {
    std::uint64_t instances = 0;
    std::uint64_t events = 0;
    std::uint64_t messages = 0;
    std::uint64_t activities = 0;
    /// Of the instances, those with events of a newer version, whose tasks are not compared, and
    /// those that have moved on so fast that they could not be read whole.
    std::uint64_t passed_over = 0;
};

/// Checks a hub, part by part. What is found in an instance is looked at twice, and counts when it is
/// there both times. One thread at a time; the backend must outlive it. Throws `backend_error`:
/// (configuration) for a backend that cannot be checked, because it is no `image_store`.
class PERDURE_EXPORT hub_check {
  public:
    explicit hub_check(backend& store, image_limits at_once = {});

    /// What the next part of the hub violates; nothing after the last part.
    [[nodiscard]] std::optional<std::vector<violation>> next();
    [[nodiscard]] const check_counts& counts() const noexcept { return counts_; }
    /// False for a backend that is no `store_check`: what only the store can see remains unchecked.
    [[nodiscard]] bool asks_store() const noexcept { return inside_ != nullptr; }

  private:
    [[nodiscard]] std::vector<violation> check_images();

    backend& store_;
    image_store& images_;
    store_check* inside_;
    image_limits at_once_;
    check_counts counts_;
    bool is_inside_ = false;
    bool is_at_end_ = false;
    std::string after_;
};

/// Repairs those that say how, and that are still so; returns how many. Nothing that turns or
/// messages have done is lost by it. Throws `backend_error`.
[[nodiscard]] PERDURE_EXPORT std::size_t repair(backend& store, std::span<const violation> found);

}  // namespace v1
}  // namespace perdure
