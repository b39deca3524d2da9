#include <perdure/kit/commit_steps.hpp>

#include <algorithm>
#include <unordered_map>

namespace perdure {
inline namespace v1 {

namespace {

// How many items of the call each instance has; only counted for speculative turns.
std::unordered_map<instance_id, std::size_t> count_items(std::span<const finished_work> finished) {
    std::unordered_map<instance_id, std::size_t> items;
    if (std::ranges::any_of(finished,
                            [](const auto& item) { return item.turn && item.activity; })) {
        for (const finished_work& item : finished) {
            ++items[item.instance];
        }
    }
    return items;
}

}  // namespace

commit_steps::~commit_steps() = default;

commit_result commit_steps::apply_all(std::span<const finished_work> finished) {
    commit_result result;
    result.outcomes.reserve(finished.size());
    auto items = count_items(finished);
    for (const finished_work& item : finished) {
        const std::size_t count = item.turn && item.activity ? items[item.instance] : 0;
        const auto refused = item.turn ? accept(item, count) : std::nullopt;
        if (item.turn && !refused) {
            accepted_.push_back(&item);
        }
        result.outcomes.push_back(refused.value_or(commit_outcome::committed));
    }
    for (const finished_work* item : accepted_) {
        for (const new_child& child : item->turn->children) {
            start_child(*item, child);
        }
    }
    for (const finished_work* item : accepted_) {
        apply(*item);
    }
    for (std::size_t n = 0; n < finished.size(); ++n) {  // [SPECULATIVE-2] Before the others.
        if (result.outcomes[n] == commit_outcome::turn_declined) {
            const commit_outcome outcome = complete(finished[n]);
            const bool is_done = outcome == commit_outcome::committed;
            result.outcomes[n] = is_done ? commit_outcome::turn_declined : outcome;
        }
    }
    for (std::size_t n = 0; n < finished.size(); ++n) {
        if (!finished[n].turn) {
            result.outcomes[n] = complete(finished[n]);
        }
    }
    for (const finished_work* item : accepted_) {
        for (const new_message& message : item->turn->messages) {
            const send_outcome sent = send(message);
            const bool has_arrived =
                sent == send_outcome::accepted || sent == send_outcome::duplicate;
            result.dropped_messages += has_arrived ? 0U : 1U;
        }
    }
    return result;
}

}  // namespace v1
}  // namespace perdure
