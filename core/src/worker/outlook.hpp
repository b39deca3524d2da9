#pragma once

#include "worker/leased_item.hpp"

#include <perdure/backend.hpp>

namespace perdure::dispatch {

/// What an answer of the store brought, in numbers.
struct brought_work {
    std::size_t turns = 0;
    std::size_t activities = 0;
    wake_token token{};
    /// Another call held something that may be ready.
    bool contended = false;
};

/// What a worker knows of the store's ready work. Pure: it has no clock, and calls nothing. One
/// thread at a time: the dispatcher's mutex guards it.
class PERDURE_EXPORT outlook {
  public:
    /// True when the answer says something of ready work beyond `own`, which the call itself has
    /// made ready.
    bool learn(const lock_request& asked,
               const expected_work& own,
               const brought_work& came,
               steady::time_point now) noexcept;
    /// Something may have become ready.
    void doubt() noexcept { is_complete_ = false; }
    /// The same, and a next wait begins at this token.
    void doubt(wake_token token) noexcept;

    /// Everything that was ready before the token has been handed out.
    [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }
    /// It is complete, and so young that it is taken for true that nothing else is ready.
    [[nodiscard]] bool is_fresh(steady::time_point now) const noexcept;
    /// So old that a thread polls the store though others are busy.
    [[nodiscard]] bool is_old(steady::time_point now) const noexcept;
    [[nodiscard]] wake_token token() const noexcept { return token_; }

  private:
    wake_token token_{};
    bool is_complete_ = false;
    /// When the last answer came that counts.
    steady::time_point at_{};
};

}  // namespace perdure::dispatch
