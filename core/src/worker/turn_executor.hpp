#pragma once

#include "worker/engine_log.hpp"
#include "worker/executed.hpp"
#include "worker/frame_cache.hpp"
#include "worker/history_reader.hpp"
#include "worker/served_work.hpp"
#include "worker/store_calls.hpp"
#include "worker/turn_reports.hpp"

#include <perdure/worker.hpp>

#include <atomic>
#include <optional>

namespace perdure::dispatch {

/// Counters behind `worker::statistics`.
struct counters {
    std::atomic<std::uint64_t> turns{0};
    std::atomic<std::uint64_t> activities{0};
    std::atomic<std::uint64_t> events{0};
    std::atomic<std::uint64_t> rebuilds{0};
};

/// Executes turns: finds the live machine or makes one and repeats the history, begins the turn,
/// calls the steps that it wants, and makes the checkpoint. Safe from any thread, for different
/// items.
class turn_executor {
  public:
    turn_executor(backend& store,
                  const served_work& what,
                  const worker_options& options,
                  store_calls& calls,
                  const engine_log& log);

    /// Answers `wait` when the turn goes on without this thread. The item has the machine then, and
    /// when that says so, the turn goes on with `resume`.
    [[nodiscard]] executed execute(const item_ptr& item);
    [[nodiscard]] executed resume(const item_ptr& item);
    /// Adds the turn that follows to the end of an activity, when this worker has the frame and it
    /// waits for nothing else. Leaves the end as it is when there is no such turn, or when it
    /// cannot be committed: the turn is then met again under a lease.
    void execute_speculatively(finished_item& ended);
    /// The turn is durable: its frame may serve the next one.
    void keep_frame(const item_ptr& item);
    void drop_frame(const item_ptr& item);
    void drop_all_frames() { frames_.clear(); }
    [[nodiscard]] bool are_frames_scarce() const { return frames_.is_scarce(); }
    [[nodiscard]] bool has_frame(const instance_id& instance) const {
        return frames_.contains(instance);
    }

    counters totals;

  private:
    using frame_ptr = frame_cache::frame;
    /// A turn that was begun here may be compared with a replay of its history.
    enum class comparison { none, if_wanted };
    struct begun_turn {
        frame_ptr machine;
        timestamp now{};
        comparison check = comparison::none;
    };

    [[nodiscard]] executed begin(const item_ptr& item);
    [[nodiscard]] executed begin_afresh(const item_ptr& item);
    /// From where the turn stands to its end, or to where it waits elsewhere.
    [[nodiscard]] executed go_on(const item_ptr& item, begun_turn turn, replay::turn_state stands);
    [[nodiscard]] executed finish(const item_ptr& item, begun_turn turn);
    [[nodiscard]] executed commit_of(const item_ptr& item, const replay::turn_result& result);
    /// The last turn of an instance that is terminated with its children: terminates the children
    /// first. Under the lease no further turn can start one.
    [[nodiscard]] std::optional<executed> terminate_children(const leased_item& item,
                                                             const replay::turn_result& result);
    [[nodiscard]] std::optional<executed> verify(const leased_item& item,
                                                 timestamp now,
                                                 const replay::turn_result& live);

    backend& store_;
    const served_work& served_;
    const worker_options& options_;
    store_calls& calls_;
    const replay::turn_limits limits_;
    history_reader histories_;
    turn_reports reports_;
    frame_cache frames_;
};

}  // namespace perdure::dispatch
