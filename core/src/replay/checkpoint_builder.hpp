#pragma once

#include "replay/turn_result.hpp"

#include <perdure/checkpoint.hpp>
#include <perdure/work_item.hpp>

#include <cstddef>

namespace perdure::replay {

/// The checkpoint that makes a turn's result durable. `next_execution` is the id to use if the
/// instance continues as new; children get ids derived from the parent's execution and their task.
/// Throws `broken_invariant` when the result does not follow from this work item.
[[nodiscard]] PERDURE_EXPORT checkpoint build_checkpoint(const orchestration_work& work,
                                                         const turn_result& result,
                                                         execution_id next_execution);

/// What a store must take for it, in bytes, roughly.
[[nodiscard]] PERDURE_EXPORT std::size_t stored_bytes(const checkpoint& made) noexcept;

/// What core writes beside the input of an activity, and reads again in the worker.
struct activity_details {
    task_id first_task{};
    unsigned attempt = 1;
    tag_map tags;
};
[[nodiscard]] PERDURE_EXPORT std::string encode_details(const activity_details& details);
[[nodiscard]] PERDURE_EXPORT activity_details decode_details(const std::string& text, task_id task);

}  // namespace perdure::replay
