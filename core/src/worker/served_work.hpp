#pragma once

#include "replay/definition_source.hpp"
#include "worker/lock_terms.hpp"

#include <perdure/registry.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace perdure::dispatch {

/// What a worker serves: its registry, and beside it perhaps a source whose definitions come and
/// go. Where both have a name, the registry's is executed. Safe from any thread.
class PERDURE_EXPORT served_work {
  public:
    using source_ptr = std::shared_ptr<const replay::definition_source>;

    /// The registry must outlive it; `changing` may be null.
    served_work(const registry& known, source_ptr changing, std::vector<std::string> queues);

    /// Null when nobody has the definition, or nobody any more.
    [[nodiscard]] std::unique_ptr<replay::turn_machine> make(
        const orchestration_work& work, const replay::turn_limits& limits) const;
    /// What is missing now may have been there when the work was asked for.
    [[nodiscard]] bool can_change() const noexcept { return changing_ != nullptr; }

    /// The names to ask the store for; the same object until they change.
    [[nodiscard]] filter_ptr filter();

  private:
    [[nodiscard]] filter_ptr make_filter() const;

    const registry& known_;
    const std::unique_ptr<const replay::definition_source> coroutines_;
    const source_ptr changing_;
    const std::vector<std::string> queues_;

    std::mutex mutex_;
    std::uint64_t revision_ = 0;
    filter_ptr filter_;
};

}  // namespace perdure::dispatch
