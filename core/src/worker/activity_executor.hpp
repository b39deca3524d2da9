#pragma once

#include "worker/engine_log.hpp"
#include "worker/executed.hpp"
#include "worker/leased_item.hpp"

#include <perdure/worker.hpp>

#include <functional>
#include <memory>
#include <optional>

namespace perdure::dispatch {

/// Executes activities. Safe from any thread, for different items.
class PERDURE_EXPORT activity_executor {
  public:
    /// Takes the end of an activity that came after `execute` had returned, on any thread; nothing
    /// when the author dropped `activity_done` without an answer.
    using late_end = std::function<void(const item_ptr&, std::optional<activity_result>)>;

    activity_executor(const registry& what, const worker_options& options, const engine_log& log)
        : registry_(what), options_(options), log_(log) {}

    /// Answers `wait` when the activity goes on without this thread; then `later` is called once,
    /// unless the activity never ends. What ends after it was asked to stop is given up.
    [[nodiscard]] executed execute(const item_ptr& item, late_end later);
    [[nodiscard]] executed finish(const item_ptr& item, activity_result result) const;
    /// What is committed in place of a completion that the store refused.
    [[nodiscard]] static finished_item substitute(const item_ptr& item, const std::string& reason);

  private:
    class call;
    [[nodiscard]] activity_result bounded(activity_result result) const;
    [[nodiscard]] executed refuse(const item_ptr& item) const;

    const registry& registry_;
    const worker_options& options_;
    const engine_log& log_;
};

}  // namespace perdure::dispatch
