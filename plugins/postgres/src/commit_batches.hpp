#pragma once

#include "work.hpp"

#include <perdure/backend.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// A commit as the composite values that _Commit takes.

namespace perdure::postgres {

/// Some of the items of a call.
using work_items = std::vector<const finished_work*>;

/// The items of a call as the store takes them: turns, and ended activities without a turn.
struct commit_items {
    explicit commit_items(std::span<const finished_work> finished);

    work_items turns;
    work_items completions;
};

/// An activity to be queued, with the lease that hands it to the caller, if there is room.
struct scheduled {
    of_turn<new_activity> added;
    std::int32_t work_key = 0;
    std::optional<std::uint64_t> token;
};

/// The activities of these turns that are to be queued. Those that the caller takes himself use up
/// room.
[[nodiscard]] std::vector<scheduled> schedule(store& hub, const work_items& turns, room& given);

/// What the caller has of an activity that it takes without the store telling it again.
[[nodiscard]] activity_work handed_activity(const scheduled& item);

/// The attributes of a commit_batch, each as a parameter of its own, because records do not nest.
void add_commit(parameters& values,
                store& hub,
                const commit_items& items,
                const std::vector<scheduled>& tasks);

}  // namespace perdure::postgres
