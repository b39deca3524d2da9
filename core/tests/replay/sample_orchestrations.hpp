#pragma once

#include <perdure/registry.hpp>

namespace perdure::test {

/// The orchestrations that the transcripts in histories/ are about.
[[nodiscard]] registry sample_orchestrations();

}  // namespace perdure::test
