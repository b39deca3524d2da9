#pragma once

#include "worker/engine_log.hpp"
#include "worker/frame_cache.hpp"
#include "worker/leased_item.hpp"
#include "worker/store_calls.hpp"

#include <perdure/worker.hpp>

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace perdure::dispatch {

/// What is to be done with an item after its execution.
struct executed {
    enum class then {
        commit,
        /// Set the instance aside, for this reason.
        park,
        /// Return it, counted, for this reason.
        abandon,
        /// Return it, not counted, for a worker with newer code, for this reason.
        leave_to_newer,
        /// Forget it: the lease is lost or over.
        drop,
        /// Throw away what it ended with: it was asked to stop, and its lease is lost or will be
        /// given back.
        give_up,
        /// Its end comes later, from another thread.
        wait,
    };
    then what{};
    std::optional<finished_item> finished;
    std::string reason;

    [[nodiscard]] static executed parked(std::string reason) {
        return {then::park, std::nullopt, std::move(reason)};
    }
};

/// Counters behind `worker::statistics`.
struct counters {
    std::atomic<std::uint64_t> turns{0};
    std::atomic<std::uint64_t> activities{0};
    std::atomic<std::uint64_t> events{0};
    std::atomic<std::uint64_t> rebuilds{0};
};

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

/// Executes turns: finds the live frame or repeats the history, advances, and makes the checkpoint.
/// Safe from any thread, for different items.
class turn_executor {
  public:
    turn_executor(backend& store,
                  const registry& what,
                  const worker_options& options,
                  store_calls& calls,
                  const engine_log& log);

    [[nodiscard]] executed execute(const item_ptr& item);
    /// Adds the turn that follows to the end of an activity, when this worker has the frame and it
    /// waits for nothing else. Leaves the end as it is when there is no such turn, or when it
    /// cannot be committed: the turn is then met again under a lease.
    void execute_speculatively(finished_item& ended);
    /// The turn is durable: its frame may serve the next one.
    void keep_frame(const item_ptr& item);
    void drop_frame(const item_ptr& item);
    void drop_all_frames() { frames_.clear(); }
    [[nodiscard]] bool are_frames_scarce() const { return frames_.is_scarce(); }

    counters totals;

  private:
    [[nodiscard]] executed advance(const item_ptr& item,
                                   const orchestration_definition& definition);
    [[nodiscard]] executed advance_frame(const item_ptr& item,
                                         const orchestration_definition& definition,
                                         frame_cache::frame frame,
                                         bool is_live);
    /// Repeats the whole history in a fresh frame; says what to do with the item when that cannot
    /// be done.
    [[nodiscard]] std::optional<executed> rebuild(const leased_item& item,
                                                  replay::live_instance& frame);
    /// Calls the store for one page of the history, from this event on; as above, and also when the
    /// history is not that of the lease.
    [[nodiscard]] std::optional<executed> read_page(const leased_item& item,
                                                    std::uint64_t from,
                                                    std::vector<history_event>& events);
    /// The last turn of an instance that is terminated with its children: terminates the children
    /// first. Under the lease no further turn can start one.
    [[nodiscard]] std::optional<executed> terminate_children(const leased_item& item,
                                                             const replay::turn_result& result);
    [[nodiscard]] std::optional<executed> verify(const leased_item& item,
                                                 const orchestration_definition& definition,
                                                 timestamp now,
                                                 const replay::turn_result& live);
    void log_begin(const leased_item& item) const;
    void write_lines(const orchestration_work& work, const replay::turn_result& result);
    void warn_of_length(const orchestration_work& work, std::size_t added) const;

    backend& store_;
    const registry& registry_;
    const worker_options& options_;
    store_calls& calls_;
    const engine_log& log_;
    const replay::turn_limits limits_;
    frame_cache frames_;
    reported_drifts drifts_;
};

}  // namespace perdure::dispatch
