#pragma once

#include "worker/engine_log.hpp"
#include "worker/leased_item.hpp"

#include <perdure/worker.hpp>

#include <deque>
#include <mutex>
#include <set>

namespace perdure::dispatch {

/// The executions whose drift this worker has reported: every rebuild meets it again. Only the
/// newest are remembered. Safe from any thread.
class reported_drifts {
  public:
    /// True the first time.
    [[nodiscard]] bool is_news(const execution_id& execution);

  private:
    std::mutex mutex_;
    std::set<execution_id> known_;
    std::deque<execution_id> order_;
};

/// What the log says of turns. Safe from any thread.
class turn_reports {
  public:
    turn_reports(const worker_options& options, const engine_log& log)
        : options_(options), log_(log) {}

    void begins(const leased_item& item) const;
    /// What the author logs, and what the author should know.
    void write_lines(const orchestration_work& work, const replay::turn_result& result);
    void warn_of_length(const orchestration_work& work, std::size_t added) const;

  private:
    const worker_options& options_;
    const engine_log& log_;
    reported_drifts drifts_;
};

}  // namespace perdure::dispatch
