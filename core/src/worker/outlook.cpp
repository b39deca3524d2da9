#include "worker/outlook.hpp"

namespace perdure::dispatch {

namespace {
constexpr auto fresh_age_max = std::chrono::milliseconds(5);
constexpr auto age_max = std::chrono::milliseconds(10);
}  // namespace

bool outlook::learn(const lock_request& asked,
                    const expected_work& own,
                    const brought_work& came,
                    steady::time_point now) noexcept {
    if (asked.orchestrations + asked.activities == 0 || asked.suspects) {
        return false;
    }
    // Room for its own work alone says nothing of other work, and what was known stays known.
    if (is_complete_ && asked.orchestrations <= own.turns + own.again &&
        asked.activities <= own.activities) {
        return false;
    }
    token_ = came.token;
    is_complete_ =
        !came.contended && came.turns < asked.orchestrations && came.activities < asked.activities;
    at_ = now;
    return true;
}

void outlook::doubt(wake_token token) noexcept {
    token_ = token;
    is_complete_ = false;
}

bool outlook::is_fresh(steady::time_point now) const noexcept {
    return is_complete_ && now - at_ < fresh_age_max;
}

bool outlook::is_old(steady::time_point now) const noexcept {
    return now - at_ > age_max;
}

}  // namespace perdure::dispatch
