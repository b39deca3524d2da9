#pragma once

#include <perdure/time.hpp>

#include <chrono>
#include <cstdint>
#include <limits>

namespace perdure::sqlite {

/// The time of what never happens, in microseconds.
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

/// `at + by` in microseconds, where `never` is the end of all times.
[[nodiscard]] constexpr std::int64_t later(std::int64_t at, duration by) noexcept {
    return saturating_add(timestamp(duration(at)), by).time_since_epoch().count();
}
/// The end of a lease that begins now. A lease has an end, however long it is.
[[nodiscard]] constexpr std::int64_t lease_end(std::int64_t now, duration length) noexcept {
    return later(now, length) == never ? never - 1 : later(now, length);
}

/// The clock of a hub, as the hub's row keeps it: the machine's, but never behind what it has said
/// [TIME-3]. In microseconds.
struct hub_clock {
    /// By which tests have moved the machine's clock.
    std::int64_t offset = 0;
    /// By which the hub is ahead of the machine, whose clock was set back.
    std::int64_t ahead = 0;
    /// What it has said, up to a second.
    std::int64_t said = 0;

    [[nodiscard]] std::int64_t now() const { return now(machine()); }

    /// The machine's clock was set back so far that this one must not wait for it.
    [[nodiscard]] bool is_set_back() const { return is_set_back(machine()); }

    /// The clock as it is from now on, which it says.
    [[nodiscard]] hub_clock going_on() const {
        const std::int64_t here = machine();
        hub_clock next = *this;
        if (here >= said) {
            next.ahead = 0;
        } else if (is_set_back(here)) {
            next.ahead = said - here;
        }
        next.said = next.now(here);
        return next;
    }

  private:
    // A clock that is put right by less, as happens every day, is waited for: the hub would
    // otherwise gain that much each time.
    static constexpr std::int64_t wait_max = 10'000'000;

    [[nodiscard]] std::int64_t machine() const {
        const auto here = std::chrono::system_clock::now().time_since_epoch();
        return later(std::chrono::floor<duration>(here).count(), duration(offset));
    }
    [[nodiscard]] std::int64_t now(std::int64_t here) const {
        if (here >= said) {
            return here;
        }
        return here + ahead > said ? here + ahead : said;
    }
    [[nodiscard]] bool is_set_back(std::int64_t here) const {
        return here + ahead < said - wait_max;
    }
};

}  // namespace perdure::sqlite
