#pragma once

#include <perdure/backend.hpp>

#include <array>
#include <condition_variable>
#include <deque>
#include <exception>
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

/// Where items wait, one queue each; what is not ready yet waits in `later`, ordered by time.
enum class lane : std::size_t { orchestrations, activities, suspects, later };
inline constexpr std::size_t lane_count = 4;

/// A place in a lane, in the order of [LOCK-6]; the ticket keeps the order of equal times.
struct place {
    /// The priority, negated, because what is smaller goes first.
    std::int64_t rank = 0;
    timestamp ready_since{};
    std::uint64_t ticket = 0;
    item_key item;
    lane in{};

    friend auto operator<=>(const place&, const place&) = default;
};

/// What an orchestration and an activity have in common: a lease, or a place in a lane.
struct leasable {
    lease_token held{};
    worker_id holder;
    timestamp lease_until{};
    bool leased_as_suspect = false;
    /// Somebody noticed the expiry: the item waits, although its token is good until the next lease
    /// [LOCK-3].
    bool expiry_found = false;
    bool suspect = false;
    std::uint32_t attempt = 1;
    std::int32_t priority = 0;
    /// The start time, or the end of the delay of an abandon [TIME-2].
    timestamp not_before{};
    /// Unset while it is leased or has nothing to do.
    std::optional<place> queued;
    /// The lease given up last, and the call that did it, to know a repeat [REPEAT-1].
    lease_token returned{};
    request_id returned_by{};

    [[nodiscard]] bool is_ready() const { return queued && queued->in != lane::later; }
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

/// An item of a call, which a repeat of the call has again [REPEAT-1].
struct call_item {
    request_id request{};
    std::size_t ordinal = 0;

    friend bool operator==(const call_item&, const call_item&) = default;
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
    std::map<std::string, call_item> accepted;
    std::deque<std::pair<timestamp, std::string>> accepted_order;
    /// Whose commit was the last, if that worker may have the frame [LOCK-7].
    worker_id last_committer;
    lease_token last_committed{};
    std::string terminated_as;
    request_id released_by{};

    explicit instance(const instance_id& id)
        : record{id, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, 0, 0, {}} {
        record.status = orchestration_status::pending;
    }
    /// A chunk of one event.
    void append_event(const std::string& event) { append_history({1, "[" + event + "]"}); }
    void append_history(const new_events& added) {
        history.push_back({record.history_length, added.count, added.text});
        record.history_length += added.count;
    }
};

struct activity : leasable {
    /// As it is handed out, apart from lease and attempt.
    activity_work work;
};

/// A worker that has renewed, and what it said it has.
struct live_worker {
    timestamp until{};
    work_filter filter;
};

/// The answers of the last calls of one kind, for a caller that repeats one [REPEAT-1].
template <class Answer>
class recent_answers {
  public:
    [[nodiscard]] const Answer* find(const request_id& request) const {
        const auto found = kept_.find(request);
        return found == kept_.end() ? nullptr : &found->second;
    }
    void keep(const request_id& request, Answer answer) {
        constexpr std::size_t kept_max = 1000;
        if (kept_.emplace(request, std::move(answer)).second) {
            order_.push_back(request);
        }
        if (order_.size() > kept_max) {
            kept_.erase(order_.front());
            order_.pop_front();
        }
    }

  private:
    std::map<request_id, Answer> kept_;
    std::deque<request_id> order_;
};

/// One task hub. The mutex guards everything; `call` takes it.
struct store {
    std::mutex mutex;
    /// The generation, the next due time or the clock has changed.
    std::condition_variable work_changed;
    /// An instance has ended or is gone.
    std::condition_variable instance_ended;

    std::map<instance_id, instance> instances;
    std::map<item_key, activity> activities;
    std::map<lease_token, item_key> leases;
    std::map<worker_id, live_worker> workers;
    std::array<std::set<place>, lane_count> lanes;
    /// Without the work, which is found by its tokens.
    recent_answers<commit_result> commits;
    recent_answers<purge_result> purges;
    recent_answers<std::vector<send_outcome>> sends;

    std::uint64_t last_sequence = 0;
    std::uint64_t last_ticket = 0;
    /// Counts announcements; it is the wake token [WAKE-1].
    std::uint64_t generation = 1;

    const steady_time opened_steady = std::chrono::steady_clock::now();
    const timestamp opened_at = std::chrono::floor<duration>(std::chrono::system_clock::now());
    duration clock_advanced{};

    [[nodiscard]] std::set<place>& in(lane which) {
        return lanes.at(static_cast<std::size_t>(which));
    }
};

}  // namespace perdure::memory
