#pragma once

#include "report.hpp"

namespace perdure::conformance {

/// What the tests have found until now.
[[nodiscard]] test_results results_until_now();

/// The table, and the certificate where the command line asks for one; false when that cannot be
/// written.
[[nodiscard]] bool report_results();

}  // namespace perdure::conformance
