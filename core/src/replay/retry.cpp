#include <perdure/retry.hpp>

#include <algorithm>
#include <cmath>

namespace perdure {
inline namespace v1 {

retry_policy::retry_policy(unsigned attempts_max, duration first_interval)
    : attempts_max_(attempts_max), first_interval_(first_interval) {
    if (attempts_max == 0) {
        throw invalid_input("retry policy: the number of attempts is 0, it must be at least 1");
    }
    if (first_interval <= duration::zero()) {
        throw invalid_input("retry policy: the first interval must be positive");
    }
}

retry_policy& retry_policy::coefficient(double factor) {
    if (!(factor >= 1.0) || !std::isfinite(factor)) {
        throw invalid_input("retry policy: the coefficient must be a number of at least 1");
    }
    coefficient_ = factor;
    return *this;
}

retry_policy& retry_policy::max_interval(duration most) {
    if (most <= duration::zero()) {
        throw invalid_input("retry policy: the maximum interval must be positive");
    }
    max_interval_ = most;
    return *this;
}

retry_policy& retry_policy::total_timeout(duration most) {
    if (most <= duration::zero()) {
        throw invalid_input("retry policy: the total timeout must be positive");
    }
    total_timeout_ = most;
    return *this;
}

retry_policy& retry_policy::jitter(double part) {
    if (!(part >= 0.0 && part <= 1.0)) {
        throw invalid_input("retry policy: the jitter must be from 0 to 1");
    }
    jitter_ = part;
    return *this;
}

retry_policy& retry_policy::non_retriable(std::vector<std::string> failure_types) {
    non_retriable_ = std::move(failure_types);
    return *this;
}

retry_policy& retry_policy::when(bool (*predicate)(const failure&)) {
    predicate_ = predicate;
    return *this;
}

bool retry_policy::allows(const failure& reason) const {
    if (reason.non_retriable ||
        std::find(non_retriable_.begin(), non_retriable_.end(), reason.type) !=
            non_retriable_.end()) {
        return false;
    }
    return predicate_ == nullptr || predicate_(reason);
}

std::optional<duration> retry_policy::next_delay(unsigned attempt,
                                                 const failure& reason,
                                                 duration elapsed,
                                                 double dice) const {
    if (attempt >= attempts_max_ || !allows(reason)) {
        return std::nullopt;
    }
    // A year is longer than any sensible interval and keeps the arithmetic within its type.
    constexpr double micros_max = 365.0 * 24 * 3600 * 1e6;
    double micros = static_cast<double>(first_interval_.count()) *
                    std::pow(coefficient_, static_cast<double>(attempt - 1));
    if (max_interval_) {
        micros = std::min(micros, static_cast<double>(max_interval_->count()));
    }
    micros *= 1.0 + jitter_ * (2.0 * dice - 1.0);
    const auto delay = duration(static_cast<duration::rep>(std::clamp(micros, 0.0, micros_max)));
    if (total_timeout_ && elapsed + delay > *total_timeout_) {
        return std::nullopt;
    }
    return delay;
}

}  // namespace v1
}  // namespace perdure
