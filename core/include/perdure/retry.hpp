#pragma once

#include <perdure/export.hpp>
#include <perdure/failure.hpp>
#include <perdure/time.hpp>

#include <optional>
#include <string>
#include <vector>

namespace perdure {
inline namespace v1 {

/// When and how often a failed call is tried again. The waits between attempts are durable timers:
/// they survive the process and cost nothing while they last.
///
/// The delay before attempt n + 1 is first interval * coefficient^(n-1), at most `max_interval`,
/// moved by up to `jitter` in either direction; what is beyond `duration::max()` is for ever. Trying
/// ends with the attempts, with the total timeout, or with a failure that is not retriable: by its
/// own flag, its type, or the predicate.
class PERDURE_EXPORT retry_policy {
  public:
    /// `attempts_max` counts the first attempt, so 1 means no retry; throws `invalid_input` unless
    /// it is at least 1 and the interval is positive.
    retry_policy(unsigned attempts_max, any_duration first_interval);

    /// At least 1; the default is 1, a constant interval.
    retry_policy& coefficient(double factor);
    retry_policy& max_interval(any_duration most);
    /// No attempt begins later than this after the first.
    retry_policy& total_timeout(any_duration most);
    /// 0 to 1: which part of the delay is random. Deterministic within an execution.
    retry_policy& jitter(double part);
    /// Types of failures after which nothing is tried again. "shop::card_declined", "card_declined"
    /// and, of a template, "shop::coded" without its arguments name a type. Throws `invalid_input`
    /// for a text that names none.
    retry_policy& non_retriable(std::vector<std::string> failure_types);
    /// Asked last; it must be a pure function of the failure. If it throws, nothing is tried again,
    /// and property "perdure.retry_predicate" of the failure says what it threw.
    retry_policy& when(bool (*predicate)(const failure&));

    [[nodiscard]] unsigned attempts_max() const noexcept { return attempts_max_; }

    /// The delay after the failed attempt `attempt` (from 1), or nothing when that was the last.
    /// `elapsed` is the time since the first attempt began, `dice` a number from 0 up to 1.
    [[nodiscard]] std::optional<duration> next_delay(unsigned attempt,
                                                     const failure& reason,
                                                     duration elapsed,
                                                     double dice) const;

  private:
    [[nodiscard]] bool allows(const failure& reason) const;

    unsigned attempts_max_;
    duration first_interval_;
    double coefficient_ = 1.0;
    double jitter_ = 0.0;
    std::optional<duration> max_interval_;
    std::optional<duration> total_timeout_;
    std::vector<std::string> non_retriable_;
    bool (*predicate_)(const failure&) = nullptr;
};

}  // namespace v1
}  // namespace perdure
