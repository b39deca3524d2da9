#pragma once

#include <chrono>
#include <cstdint>
#include <ratio>
#include <type_traits>

namespace perdure {
inline namespace v1 {

/// A length of time. Microseconds are what every backend can store exactly.
using duration = std::chrono::microseconds;

/// A point of the store's time, in microseconds of UTC since 1970-01-01. The store's clock is the
/// only one that decides anything; a worker's wall clock never does. `timestamp::max()` never
/// comes.
using timestamp = std::chrono::sys_time<duration>;

// For ever means for ever: a sum or conversion of times that is beyond its type ends at the type's
// edge and never comes back from the other side. Times that somebody chose are added and converted
// with the functions below and with nothing else.

/// `value` in units of `To`, or the nearest length that `To` has.
template <class To, class Rep, class Period>
[[nodiscard]] constexpr To saturating_cast(std::chrono::duration<Rep, Period> value) noexcept {
    using ratio = std::ratio_divide<Period, typename To::period>;
    static_assert(std::is_integral_v<Rep> && std::is_same_v<typename To::rep, std::int64_t> &&
                  (ratio::num == 1 || ratio::den == 1));
    if constexpr (ratio::num > 1) {
        using from = std::chrono::duration<std::int64_t, Period>;
        if (value > std::chrono::duration_cast<from>(To::max())) {
            return To::max();
        }
        if (value < std::chrono::duration_cast<from>(To::min())) {
            return To::min();
        }
    }
    return std::chrono::duration_cast<To>(value);
}

/// `since + by` on any clock, or the nearest moment that the clock has.
template <class Clock, class Unit, class Rep, class Period>
[[nodiscard]] constexpr std::chrono::time_point<Clock, Unit> saturating_add(
    std::chrono::time_point<Clock, Unit> since, std::chrono::duration<Rep, Period> by) noexcept {
    using moment = std::chrono::time_point<Clock, Unit>;
    const Unit step = saturating_cast<Unit>(by);
    if (step > Unit::zero() && since > moment::max() - step) {
        return moment::max();
    }
    if (step < Unit::zero() && since < moment::min() - step) {
        return moment::min();
    }
    return since + step;
}

/// How a parameter takes a length of time in any whole unit: `std::chrono::hours::max()` is for
/// ever and does not overflow on its way to microseconds.
class any_duration {
  public:
    template <class Rep, class Period>
    requires std::is_convertible_v<std::chrono::duration<Rep, Period>, duration>
    constexpr any_duration(  // NOLINT(google-explicit-constructor): a parameter's type
        std::chrono::duration<Rep, Period> value) noexcept
        : value_(saturating_cast<duration>(value)) {}

    [[nodiscard]] constexpr duration value() const noexcept { return value_; }

  private:
    duration value_;
};

}  // namespace v1
}  // namespace perdure
