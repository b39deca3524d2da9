#pragma once

#include <perdure/export.hpp>
#include <perdure/time.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace perdure {
inline namespace v1 {

enum class promotion_state {
    /// The instances are copied while calls go on.
    copying,
    /// What has changed since is copied again, until little is left.
    following,
    /// The hub's calls go to the new store.
    done,
    aborted,
    failed,
};

struct promotion_progress {
    promotion_state state = promotion_state::copying;
    /// Images that were written, repeated ones included.
    std::uint64_t copied = 0;
    std::uint64_t events = 0;
    /// Instances that have changed since they were copied.
    std::uint64_t changed = 0;
    /// For how long calls had to wait when the store was changed.
    duration stall{};
    /// Why it failed, or what it waits for.
    std::string problem{};
};

/// The move of an open hub to another store, which goes on by itself. A handle: copies mean the same
/// move, and none of them has to be kept. Safe from any thread.
class PERDURE_EXPORT promotion {
  public:
    struct course;

    explicit promotion(std::shared_ptr<course> of) noexcept : course_(std::move(of)) {}

    [[nodiscard]] promotion_progress progress() const;
    /// Waits for the end. Throws `backend_error` with the reason when it failed; returns false when it
    /// was aborted.
    bool wait() const;
    /// Ends it, unless it is done already: the hub stays where it is, and the other store is emptied.
    /// Returns when that is so; false when it was done already or has failed.
    bool abort() const;

  private:
    std::shared_ptr<course> course_;
};

}  // namespace v1
}  // namespace perdure
