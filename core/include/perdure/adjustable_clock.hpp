#pragma once

#include <perdure/backend.hpp>
#include <perdure/export.hpp>
#include <perdure/time.hpp>

namespace perdure {
inline namespace v1 {

/// What a backend derives from besides, to let tests move its store's clock.
class PERDURE_EXPORT adjustable_clock {
  public:
    adjustable_clock() = default;
    adjustable_clock(const adjustable_clock&) = delete;
    adjustable_clock& operator=(const adjustable_clock&) = delete;
    virtual ~adjustable_clock();

    /// Moves the clock forward. Returns false where the hub was not opened for it.
    [[nodiscard]] virtual bool advance_clock(duration by) = 0;
};

/// Moves the clock of the backend forward; false when it cannot. For tests. Throws `backend_error` for
/// a negative duration.
[[nodiscard]] PERDURE_EXPORT bool advance_clock(backend& store, duration by);

}  // namespace v1
}  // namespace perdure
