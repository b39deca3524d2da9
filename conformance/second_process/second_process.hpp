#pragma once

#include <perdure/hub.hpp>

namespace perdure::conformance {

/// An existing hub as a process of its own has it open: every call is executed over there, one at a
/// time, by the plugin under test. The process ends with the hub's last owner.
///
/// Safe from any thread; a call that waits holds up the others, `interrupt_waits` included.
[[nodiscard]] hub open_in_another_process(const backend_config& config);

}  // namespace perdure::conformance
