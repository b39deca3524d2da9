#pragma once

#include "commit_batches.hpp"

#include <optional>
#include <vector>

// The commit of one turn and nothing else: what an idle system waits for.

namespace perdure::postgres {

/// Whether the request is one turn, with no more than _CommitLoneTurn knows of, whose activity the
/// caller takes.
[[nodiscard]] bool is_lone_turn(const commit_items& items, const std::vector<scheduled>& tasks);

/// Commits it by itself. Nothing has happened when the answer is empty: then it is for _Commit.
[[nodiscard]] std::optional<commit_result> commit_lone_turn(store& hub,
                                                            announcing_call& work,
                                                            const finished_work& item,
                                                            const room& given,
                                                            const std::vector<scheduled>& tasks);

}  // namespace perdure::postgres
