#include <perdure/retry.hpp>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace perdure {
inline namespace v1 {

namespace {

/// "shop::coded" for "shop::coded<int>"; any other name as it is.
std::string_view without_arguments(std::string_view type) {
    if (!type.ends_with('>')) {
        return type;
    }
    std::size_t depth = 0;
    for (std::size_t at = type.size(); at-- > 0;) {
        depth += type[at] == '>' ? 1U : 0U;
        depth -= type[at] == '<' ? 1U : 0U;
        if (depth == 0) {
            return type.substr(0, at);
        }
    }
    return type;
}

/// Whether `name` is the whole of `type`, or its end behind some "::".
bool is_name_of(std::string_view type, std::string_view name) {
    return type == name ||
           (type.ends_with(name) && type.substr(0, type.size() - name.size()).ends_with("::"));
}

/// Not negative.
duration rounded(double micros) {
    // The first number beyond the type, exactly.
    constexpr double too_many = 0x1.0p63;
    return micros < too_many ? duration(static_cast<duration::rep>(micros)) : duration::max();
}

}  // namespace

retry_policy::retry_policy(unsigned attempts_max, any_duration first_interval)
    : attempts_max_(attempts_max), first_interval_(first_interval.value()) {
    if (attempts_max == 0) {
        throw invalid_input("retry policy: the number of attempts is 0, it must be at least 1");
    }
    if (first_interval_ <= duration::zero()) {
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

retry_policy& retry_policy::max_interval(any_duration most) {
    if (most.value() <= duration::zero()) {
        throw invalid_input("retry policy: the maximum interval must be positive");
    }
    max_interval_ = most.value();
    return *this;
}

retry_policy& retry_policy::total_timeout(any_duration most) {
    if (most.value() <= duration::zero()) {
        throw invalid_input("retry policy: the total timeout must be positive");
    }
    total_timeout_ = most.value();
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
    for (const std::string& type : failure_types) {
        if (type.empty() || type.starts_with("::") || type.ends_with("::")) {
            throw invalid_input("retry policy: no failure is of the non-retriable type \"" + type +
                                "\"; a type is written as in \"shop::card_declined\", with or "
                                "without its namespace");
        }
    }
    non_retriable_ = std::move(failure_types);
    return *this;
}

retry_policy& retry_policy::when(bool (*predicate)(const failure&)) {
    predicate_ = predicate;
    return *this;
}

bool retry_policy::allows(const failure& reason) const {
    const auto is_its_type = [&](const std::string& name) {
        return is_name_of(reason.type, name) || is_name_of(without_arguments(reason.type), name);
    };
    if (reason.non_retriable || std::ranges::any_of(non_retriable_, is_its_type)) {
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
    // Bounded before and after the jitter: infinity times nothing is no number.
    double micros = static_cast<double>(first_interval_.count()) *
                    std::pow(coefficient_, static_cast<double>(attempt - 1));
    micros = std::min(micros, static_cast<double>(max_interval_.value_or(duration::max()).count()));
    micros *= 1.0 + jitter_ * (2.0 * dice - 1.0);
    const duration delay = rounded(micros);
    if (total_timeout_ && saturating_add(timestamp(elapsed), delay) > timestamp(*total_timeout_)) {
        return std::nullopt;
    }
    return delay;
}

}  // namespace v1
}  // namespace perdure
