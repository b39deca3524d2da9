#pragma once

#include "fixture.hpp"

#include <optional>

namespace perdure::conformance {

/// A hub that is left and found again, in two ways, one run of the test for each: this process
/// opens it anew, or a process that has had it open all the time looks at it.
class revisited_hub {
  public:
    revisited_hub();

    /// False where the backend cannot do that; the test is skipped then, and returns.
    [[nodiscard]] bool is_possible() const;
    [[nodiscard]] fixture& before() { return *before_; }
    /// As it is found again. Where it is opened anew, `before` is gone.
    [[nodiscard]] fixture& again();

  private:
    enum class way { opened_anew, another_process };

    way way_;
    backend_config config_;
    std::optional<fixture> before_;
    std::optional<fixture> again_;
};

}  // namespace perdure::conformance
