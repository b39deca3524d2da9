#pragma once

#include <perdure/time.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

namespace perdure::postgres {

/// The time of what never happens.
inline constexpr timestamp never = timestamp::max();

/// When, by the local clock, something falls due by the store's. The two need not agree; how far
/// they are apart is known from the store's answers, within limits. Reads no clock itself, and
/// wakes nobody. Not safe from several threads: the notifier's mutex guards it.
class due_clock {
  public:
    using steady = std::chrono::steady_clock;

    /// The store has read its clock between these two moments.
    struct reading {
        timestamp store_time{};
        steady::time_point begun{};
        steady::time_point answered{};
    };
    /// True when moments that were computed before no longer hold: it is the first reading, or
    /// somebody has moved a clock.
    bool hear(const reading& answer);
    /// Never ahead of the store, so that what is due here is due there; the smallest time before
    /// the first reading.
    [[nodiscard]] timestamp store_time(steady::time_point now) const;

    /// Something falls due then. True when it is the first of what was added since something last
    /// fell due.
    bool add(timestamp due);
    /// When the first of what this question asks for falls due, as its last answer says.
    void set(std::uint64_t question, timestamp due);

    /// When the first of all falls due: `now` when it has, and the greatest moment when nothing
    /// does, or before the first reading. A moment more than a day away is only a day away.
    [[nodiscard]] steady::time_point next(steady::time_point now) const;
    /// Whether something has fallen due. It is forgotten with this call: what falls due later is
    /// heard of again from the polls that follow.
    [[nodiscard]] bool take_due(steady::time_point now);

  private:
    /// Store time minus local time lies between these.
    struct limits {
        duration least{};
        duration most{};
    };

    [[nodiscard]] timestamp first() const;

    std::optional<limits> apart_;
    timestamp added_ = never;
    std::map<std::uint64_t, timestamp> questions_;
};

}  // namespace perdure::postgres
