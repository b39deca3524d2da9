#pragma once

#include <perdure/backend_error.hpp>
#include <perdure/time.hpp>

#include <cstdint>

// How core calls a store that may be away: repeat, with growing pauses. Shared by worker and
// client.

namespace perdure::calls {

/// Growing pauses with jitter: each is between half and all of a bound that doubles from `least` up
/// to `most`. One thread at a time.
class PERDURE_EXPORT backoff {
  public:
    backoff(duration least, duration most);

    /// The pause to make now.
    [[nodiscard]] duration next();
    /// Something went well: begin anew.
    void reset() noexcept { bound_ = least_; }

  private:
    duration least_;
    duration most_;
    duration bound_;
    std::uint64_t dice_;
};

/// True when the same call, repeated with the same request id, may be answered later: trouble that
/// passes by itself, or that an operator ends.
[[nodiscard]] PERDURE_EXPORT bool may_pass(const backend_error& trouble) noexcept;

}  // namespace perdure::calls
