#include "store_calls.hpp"

namespace perdure::conformance {

commit_answer commit_to(backend& store,
                        const std::vector<finished_turn>& turns,
                        const std::vector<finished_activity>& ended,
                        const lock_request& next,
                        arrangement how) {
    std::vector<finished_work> finished;
    std::size_t turn = 0;
    std::size_t activity = 0;
    while (turn < turns.size() || activity < ended.size()) {
        const bool is_turns_place =
            how == arrangement::turns_first || (how == arrangement::alternating && turn < activity);
        if (activity == ended.size() || (turn < turns.size() && is_turns_place)) {
            finished.emplace_back(turns[turn++]);
        } else {
            finished.emplace_back(ended[activity++]);
        }
    }
    commit_result result = store.commit({finished, next});
    commit_answer answer{.dropped_messages = result.dropped_messages,
                         .work = std::move(result.work)};
    for (std::size_t n = 0; n < finished.size(); ++n) {
        (finished[n].turn ? answer.turns : answer.activities).push_back(result.outcomes.at(n));
    }
    return answer;
}

std::vector<lease_outcome> return_to(backend& store,
                                     const request_id& request,
                                     const std::vector<held_item>& items,
                                     return_kind kind,
                                     duration delay,
                                     const std::string& reason,
                                     feature_level needed) {
    return store.return_leases({.request = request,
                                .items = items,
                                .kind = kind,
                                .delay = delay,
                                .reason = reason,
                                .needed = needed});
}

wake_token wait_for_change(backend& store,
                           wake_token token,
                           std::chrono::steady_clock::time_point deadline) {
    return store.wait_for_work(token, deadline);
}

bool waits_to_end(backend& store,
                  const instance_id& instance,
                  std::chrono::steady_clock::time_point deadline) {
    const auto found = store.wait(instance, deadline);
    return !found || is_terminal(found->status);
}

}  // namespace perdure::conformance
