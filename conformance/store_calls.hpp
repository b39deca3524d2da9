#pragma once

#include <perdure/backend.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Calls of a store as tests write them: finished work with its parts side by side, and requests
// without names for what a test leaves out.

namespace perdure::conformance {

/// Finished work with a turn; with an activity, too, the turn is speculative.
struct finished_turn : checkpoint {
    finished_turn(const instance_id& id, const execution_id& one, const lease& right)
        : instance(id), execution(one), held(right) {}

    instance_id instance;
    execution_id execution{};
    lease held{};
    std::optional<ended_activity> activity{};

    // NOLINTNEXTLINE(google-explicit-constructor): tests write lists of both kinds.
    operator finished_work() const { return {instance, execution, held, activity, *this}; }
};

/// Finished work that is an ended activity and nothing else.
struct finished_activity {
    instance_id instance;
    execution_id execution{};
    task_id task{};
    lease held{};
    std::string event{};

    // NOLINTNEXTLINE(google-explicit-constructor): as above.
    operator finished_work() const {
        return {instance, execution, held, ended_activity{task, event}, std::nullopt};
    }
};

/// How the items of both kinds stand in the list of a call; each kind keeps its own order.
enum class arrangement { turns_first, activities_first, alternating };

/// The answer to a commit, by kind.
struct commit_answer {
    std::vector<commit_outcome> turns{};
    std::vector<commit_outcome> activities{};
    std::size_t dropped_messages = 0;
    work_batch work{};
};
[[nodiscard]] commit_answer commit_to(backend& store,
                                      const std::vector<finished_turn>& turns,
                                      const std::vector<finished_activity>& ended,
                                      const lock_request& next,
                                      arrangement how = arrangement::turns_first);

[[nodiscard]] std::vector<lease_outcome> return_to(backend& store,
                                                   const request_id& request,
                                                   const std::vector<held_item>& items,
                                                   return_kind kind,
                                                   duration delay = {},
                                                   const std::string& reason = "cannot go on",
                                                   feature_level needed = 1);

/// Waits as a worker without room does, and returns the token to use next.
[[nodiscard]] wake_token wait_for_change(backend& store,
                                         wake_token token,
                                         std::chrono::steady_clock::time_point deadline);

/// Waits once; true when the instance has ended or is missing.
[[nodiscard]] bool waits_to_end(backend& store,
                                const instance_id& instance,
                                std::chrono::steady_clock::time_point deadline);

}  // namespace perdure::conformance
