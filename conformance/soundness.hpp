#pragma once

#include <perdure/hub.hpp>

#include <string>

namespace perdure::conformance {

/// What a hub violates of all that `hub_check` knows, a line for each; empty of a sound one, and of
/// one whose backend cannot be checked. The histories must be those of orchestrations.
[[nodiscard]] std::string faults_of(const hub& where);
/// The same of what only the store can see, whatever the histories are.
[[nodiscard]] std::string faults_inside(backend& store);

}  // namespace perdure::conformance
