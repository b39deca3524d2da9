#pragma once

#include "replay/turn_machine.hpp"

#include <perdure/export.hpp>
#include <perdure/registry.hpp>
#include <perdure/work_item.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace perdure::replay {

struct definition_name {
    std::string name;
    std::string version;
};

/// Orchestrations that a worker can execute, and where their turn machines come from. Definitions
/// may come and go while workers run; a worker asks for their names again when `revision` has
/// changed, and its next call of the store says so.
///
/// Safe from any thread. Calls no worker.
class PERDURE_EXPORT definition_source {
  public:
    definition_source(const definition_source&) = delete;
    definition_source& operator=(const definition_source&) = delete;
    virtual ~definition_source() = default;

    /// Another number whenever the names have changed.
    [[nodiscard]] virtual std::uint64_t revision() const noexcept = 0;
    /// What there is now. A definition is taken out before its machines say that they are lost:
    /// otherwise what is given back would come again at once.
    [[nodiscard]] virtual std::vector<definition_name> orchestrations() const = 0;
    /// A fresh machine for this execution, at event 0. Null when there is no such definition, or
    /// none any more.
    [[nodiscard]] virtual std::unique_ptr<turn_machine> make(const orchestration_work& work,
                                                             const turn_limits& limits) const = 0;

  protected:
    definition_source() = default;
};

/// The coroutines of a registry, which must outlive the source and not change.
[[nodiscard]] PERDURE_EXPORT std::unique_ptr<const definition_source> coroutines_of(
    const registry& known);

}  // namespace perdure::replay
