#pragma once

#include "replay/turn_machine.hpp"

#include <perdure/backend.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <variant>

namespace perdure::dispatch {

using steady = std::chrono::steady_clock;

enum class item_kind { turn, activity };

/// A leased orchestration or activity on its way through the worker: queued, executed, waiting for
/// its commit. One place at a time works on it; the lease keeper looks at `held()` and `lease_end`
/// and may ask it to stop.
struct leased_item {
    std::variant<orchestration_work, activity_work> work;
    /// When the batch that brought it was heard of, on both clocks.
    steady::time_point heard_at{};
    timestamp store_time{};
    /// Until when nobody else may take it, as far as this worker can tell.
    std::atomic<steady::time_point> lease_end{};
    /// Asked to stop when the lease is lost or the worker stops; only activities have one.
    std::stop_source cancelled{std::nostopstate};
    /// What it ends with counts also after that.
    std::atomic<bool> keeps_result{false};

    /// What a turn leaves for the time after its commit, and the machine of one that waits.
    std::unique_ptr<replay::turn_machine> frame;
    replay::turn_end end{};
    std::size_t events = 0;
    /// Of a turn that waits elsewhere: its machine can go on. The dispatcher's mutex guards it.
    bool is_woken = false;
    /// Of an activity: the completion says that the store refused the first one.
    bool is_substitute = false;
    /// Of an activity: the speculative turn that is committed with its end.
    std::shared_ptr<leased_item> speculative;

    [[nodiscard]] item_kind kind() const noexcept {
        return work.index() == 0 ? item_kind::turn : item_kind::activity;
    }
    [[nodiscard]] orchestration_work& turn() { return std::get<0>(work); }
    [[nodiscard]] activity_work& activity() { return std::get<1>(work); }
    [[nodiscard]] const instance_id& instance() const {
        return work.index() == 0 ? std::get<0>(work).instance : std::get<1>(work).instance;
    }
    [[nodiscard]] bool is_suspect() const {
        return work.index() == 0 ? std::get<0>(work).suspect : std::get<1>(work).suspect;
    }
    /// The deliveries that the store counts, this one included.
    [[nodiscard]] std::uint32_t counted_deliveries() const {
        return work.index() == 0 ? std::get<0>(work).deliveries : std::get<1>(work).deliveries;
    }
    /// Which delivery this is, from 1. The one that made a suspect of it does not count
    /// [SUSPECT-2], but it took place.
    [[nodiscard]] std::uint32_t delivery() const {
        return counted_deliveries() + (is_suspect() ? 1 : 0);
    }
    /// It has been delivered as often as it may be. The expiry that made a suspect of it was
    /// perhaps a neighbour's fault, and condemns nothing as long as it is the only one.
    [[nodiscard]] bool is_exhausted(std::uint32_t deliveries_max) const {
        return counted_deliveries() > 1 && delivery() > deliveries_max;
    }
    /// What it ends with now is thrown away.
    [[nodiscard]] bool is_given_up() const {
        return cancelled.stop_requested() && !keeps_result.load();
    }
    [[nodiscard]] held_item held() const {
        if (const auto* turn = std::get_if<0>(&work)) {
            return {turn->instance, task_id{}, turn->held};
        }
        const auto& activity = std::get<1>(work);
        return {activity.instance, activity.task, activity.held};
    }

    /// The place in the lease keeper's list; that list's mutex guards it.
    std::size_t keeper_place = SIZE_MAX;
    steady::time_point renewed_at{};
};

using item_ptr = std::shared_ptr<leased_item>;

/// How many items of each kind a commit is likely to make ready.
struct expected_work {
    std::size_t turns = 0;
    std::size_t activities = 0;
    /// How many instances may be ready again: what came to their inboxes during the turn waits.
    std::size_t again = 0;
};

/// An item that has been executed, and what is to be committed for it.
struct finished_item {
    finished_work what;
    item_ptr item;
    std::size_t bytes = 0;
};

}  // namespace perdure::dispatch
