#include "backoff.hpp"

#include <perdure/ids.hpp>

#include <algorithm>

namespace perdure::calls {

backoff::backoff(duration least, duration most)
    : least_(std::max(least, duration(1))),
      most_(std::max(most, least_)),
      bound_(least_),
      dice_(random_uuid().low) {}

duration backoff::next() {
    // SplitMix64: small, and good enough to keep the callers apart.
    dice_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = dice_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    mixed ^= mixed >> 29U;
    const duration half = bound_ / 2;
    const auto spread = static_cast<std::uint64_t>((bound_ - half).count()) + 1;
    const duration pause = half + duration(static_cast<duration::rep>(mixed % spread));
    bound_ = bound_ <= most_ / 2 ? bound_ * 2 : most_;
    return std::max(pause, duration(1));
}

bool may_pass(const backend_error& trouble) noexcept {
    switch (trouble.code()) {
        case store_fault::rejected:
        case store_fault::corrupt:
            return false;
        case store_fault::unavailable:
        case store_fault::timeout:
        case store_fault::conflict:
        case store_fault::outcome_unknown:
        case store_fault::full:
        case store_fault::read_only:
        case store_fault::schema:
        case store_fault::configuration:
        case store_fault::moved:
            break;
    }
    return true;
}

}  // namespace perdure::calls
