#pragma once

#include <perdure/backend.hpp>

#include <any>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

// What the memory backend keeps: plain structs in maps. In another backend these are tables, the
// maps' keys their primary keys, and the lanes an index.

namespace perdure::memory {

using steady_time = std::chrono::steady_clock::time_point;

/// Addresses what can be leased: an orchestration (no task, no execution) or an activity.
struct item_key {
    instance_id instance;
    task_id task{};
    execution_id execution{};

    friend auto operator<=>(const item_key&, const item_key&) = default;
};

/// Where items wait: in the first three for a worker; in the others, ordered by time, until they
/// are ready or until their lease is over.
enum class lane { orchestrations, activities, suspects, later, leased };

/// A place in a lane, in the order of [LOCK-6]; the ticket keeps the order of equal times.
struct place {
    /// The priority, negated, because what is smaller goes first.
    std::int64_t rank = 0;
    timestamp since{};
    std::uint64_t ticket = 0;
    item_key item;
    lane in{};

    bool is_by_time() const { return in == lane::later || in == lane::leased; }
    friend auto operator<=>(const place&, const place&) = default;
};

/// What an orchestration and an activity have in common.
struct leasable {
    /// Good until the next lease, even when the expiry was noticed and the item waits again
    /// [LOCK-3].
    lease_token held{};
    worker_id holder;
    bool leased_as_suspect = false;
    bool suspect = false;
    std::uint32_t attempt = 1;
    std::int32_t priority = 0;
    /// The start time, or the end of the delay of an abandon [TIME-2].
    timestamp not_before{};
    /// Unset while it has nothing to do.
    std::optional<place> queued;

    bool is_in(lane which) const { return queued && queued->in == which; }
    bool is_ready() const { return queued && !queued->is_by_time(); }
    bool is_leased(timestamp now) const { return is_in(lane::leased) && queued->since > now; }
};

/// A message in an inbox; timers are messages as well.
struct message {
    std::uint64_t sequence = 0;
    timestamp visible_at{};
    /// The only execution that may see it; nil for any.
    execution_id execution{};
    task_id task{};
    std::string event;
    bool is_timer = false;
    /// The lease of the completion that it came from, to know a repeat [COMMIT-2].
    lease_token completed_by{};
};

struct activity : leasable {
    new_activity scheduled;
};

struct instance : leasable {
    /// What a query shows, apart from the length of the inbox and the holder.
    instance_record record;
    /// The identity of its creation [CREATE-3].
    execution_id created_as{};
    std::vector<history_chunk> history;
    std::uint64_t history_version = 1;
    /// By (greater of visible-at and arrival, sequence) [LOCK-5].
    std::map<std::pair<timestamp, std::uint64_t>, message> inbox;
    /// An execution that has not begun is ready without any message.
    bool needs_turn = true;
    bool parked = false;
    /// The ids of [SEND-2], and in which order they came when.
    std::set<std::string> accepted;
    std::deque<std::pair<timestamp, std::string>> accepted_order;
    /// Whose commit was the last, if that worker may have the frame [LOCK-7].
    worker_id last_committer;
    lease_token last_committed{};
    /// What it has scheduled, in this execution or in earlier ones.
    std::map<item_key, activity> activities;

    explicit instance(const instance_id& id)
        : record{id, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, 0, 0, {}} {}
    void append(const new_events& added) {
        history.push_back({record.history_length, added.count, added.text});
        record.history_length += added.count;
    }
    // [SEND-2]
    void remember(const std::string& id, timestamp now) {
        accepted.insert(id);
        accepted_order.emplace_back(now, id);
        while (accepted_order.size() > 10'000 &&
               accepted_order.front().first < now - std::chrono::hours(24)) {
            accepted.erase(accepted_order.front().second);
            accepted_order.pop_front();
        }
    }
};

/// A worker that has renewed, and what it said it has.
struct live_worker {
    timestamp until{};
    work_filter filter;
};

/// The answers of the last calls, for a caller that repeats one [REPEAT-1].
class recent_answers {
  public:
    /// What the call with this request id was answered, or else what `act` answers now.
    template <class Act>
    auto once(const request_id& request, Act act) {
        constexpr std::size_t kept_max = 10'000;
        const auto known = kept_.find(request);
        using answer_type = decltype(act());
        if (known != kept_.end() && known->second.type() == typeid(answer_type)) {
            return std::any_cast<answer_type>(known->second);
        }
        auto answer = act();
        kept_.emplace(request, answer);
        order_.push_back(request);
        if (order_.size() > kept_max) {
            kept_.erase(order_.front());
            order_.pop_front();
        }
        return answer;
    }

  private:
    std::map<request_id, std::any> kept_;
    std::deque<request_id> order_;
};

/// One task hub. The mutex guards everything; `call` takes it.
struct store {
    std::mutex mutex;
    /// The generation, the next due time or the clock has changed, or an instance has ended.
    std::condition_variable changed;

    std::map<instance_id, instance> instances;
    std::map<lease_token, item_key> leases;
    std::map<worker_id, live_worker> workers;
    std::map<lane, std::set<place>> lanes;
    recent_answers answers;
    /// How many items each call has handed out; they are found by their tokens [REPEAT-2].
    recent_answers hand_outs;

    std::uint64_t last_sequence = 0;
    std::uint64_t last_ticket = 0;
    /// Counts announcements; it is the wake token [WAKE-1].
    std::uint64_t generation = 1;

    const steady_time opened_steady = std::chrono::steady_clock::now();
    const timestamp opened_at = std::chrono::floor<duration>(std::chrono::system_clock::now());
    duration clock_advanced{};
};

}  // namespace perdure::memory
