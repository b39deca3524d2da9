#pragma once

#include <perdure/backend.hpp>
#include <perdure/kit/recent_answers.hpp>
#include <perdure/kit/wake_ups.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

// What the memory backend keeps: plain structs in maps. In another backend these are tables, the
// maps' keys their primary keys, and the lists an index.

namespace perdure::memory {

using steady_time = std::chrono::steady_clock::time_point;

/// Addresses what can be leased: an orchestration (no task, no execution) or an activity.
struct item_key {
    instance_id instance;
    task_id task{};
    execution_id execution{};

    friend auto operator<=>(const item_key&, const item_key&) = default;
};

/// Where items wait: for a worker, or by time: `later` to become ready, `leased` to expire.
enum class list { orchestrations, activities, suspects, later, leased };

struct leasable;

/// A place in a list, in the order of [LOCK-6]; the ticket keeps the order of equal times.
struct place {
    /// The priority, negated, because what is smaller goes first.
    std::int64_t rank = 0;
    timestamp since{};
    std::uint64_t ticket = 0;
    leasable* item = nullptr;
    list in{};

    friend auto operator<=>(const place&, const place&) = default;
};

/// What an orchestration and an activity have in common.
struct leasable {
    const item_key key;
    /// Its number, in the order of creation.
    const std::uint64_t ticket = 0;
    const std::int32_t priority = 0;
    /// Good until the next lease, also when the item waits again after its expiry [LOCK-3].
    lease_token held{};
    worker_id holder{};
    bool suspect = false;  // When it was leased; what it is now tells `is_suspect`.
    std::uint32_t deliveries = 1;
    /// The start time, or the end of the delay of an abandon [TIME-2].
    timestamp not_before{};
    /// Unset while it has nothing to do.
    std::optional<place> queued{};

    bool is_in(list which) const { return queued && queued->in == which; }
    bool is_ready() const { return queued && queued->in < list::later; }
    bool is_leased(timestamp now) const { return is_in(list::leased) && queued->since > now; }
    bool has_expired() const { return held && !is_in(list::leased); }
    bool is_suspect() const { return suspect || has_expired(); }  // [SUSPECT-1]
};

/// A message in an inbox; timers are messages as well.
struct message : inbox_message {
    /// The only execution that may see it; nil for any.
    execution_id execution{};
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
    /// The ids of [SEND-2], and in which order they came when.
    std::set<std::string> accepted;
    std::deque<std::pair<timestamp, std::string>> accepted_order;
    /// Whose commit was the last, if that worker may have the frame [LOCK-7].
    worker_id last_committer;
    lease_token last_committed{};
    /// What it has scheduled, in this execution or in earlier ones.
    std::map<item_key, activity> activities;

    instance(const instance_id& id, std::uint64_t number)
        : leasable{{id}, number}, record{.instance = id} {}
    bool is_parked() const { return !record.parked_reason.empty(); }
    /// False for leftovers [STATUS-1].
    bool awaits(const item_key& item) const {
        return !item.task || (record.execution == item.execution && !is_terminal(record.status));
    }
    void append(const new_events& added) {
        history.push_back({record.history_length, added.count, added.text});
        record.history_length += added.count;
    }
    void raise_level(feature_level to) { record.level = std::max(record.level, to); }  // [LEVEL-1]
    void remember(const std::string& id, timestamp now) {                              // [SEND-2]
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

/// One task hub. The mutex guards everything; `call` takes it.
struct store {
    std::mutex mutex;

    std::map<instance_id, instance> instances;
    std::map<lease_token, leasable*> leases;
    std::map<worker_id, live_worker> workers;
    std::map<list, std::set<place>> lists;
    recent_answers answers;

    std::uint64_t last_sequence = 0;
    std::uint64_t last_ticket = 0;
    /// Why it is closed; empty while it is open [CLOSED-1].
    std::string closed_reason;
    wake_ups waiting;

    const steady_time opened_steady = std::chrono::steady_clock::now();
    const timestamp opened_at = std::chrono::floor<duration>(std::chrono::system_clock::now());
    duration clock_advanced{};
};

/// One call of the contract: it holds the mutex from beginning to end, so it is the transaction of
/// [BATCH-3], and announces at its end what it left ready [HANDOFF-2] [WAKE-1].
class call {
  public:
    enum class in_closed_hub { refused, allowed };

    explicit call(store& opened, in_closed_hub use = in_closed_hub::refused)
        : hub(opened), lock_(opened.mutex) {
        if (use == in_closed_hub::refused && !hub.closed_reason.empty()) {
            throw backend_error(store_fault::moved, hub.closed_reason);
        }
        read_clock();
    }
    ~call() { static_cast<void>(announce()); }

    store& hub;
    timestamp now{};
    /// What became ready during this call, in that order.
    std::vector<item_key> made_ready;

    // Pointers stay valid until the item is erased.
    instance* find(const instance_id& id);
    leasable* find(const item_key& key);
    /// The item that this lease is for; nothing when the lease is lost [LOCK-2].
    leasable* holder(const held_item& item);

    /// Lets an item wait where its state says, unless it is leased or has nothing to do.
    void settle(leasable& item, std::optional<timestamp> ready_from = {});
    void enqueue(leasable& item, list which, timestamp since);
    /// Ends the lease, and takes the item out of its list.
    void detach(leasable& item);
    void expire_leases() { pass_by(list::leased); }

    void insert(const new_instance& fresh);
    send_outcome send(const new_message& arrival);
    void post(instance& target, message arrival);
    terminate_outcome terminate(const termination& wish);
    void end(instance& target);
    /// An instance is erased with its activities.
    void erase(leasable& item);
    /// Its parent hears of it, unless it has ended before.
    void erase_and_tell(instance& target, const std::string& event);

    /// The wake token, after announcing what this call has left ready.
    wake_token announce();

  private:
    void read_clock();
    void pass_by(list by_time);
    void unqueue(leasable& item);
    void tell(const std::optional<parent_link>& parent, const std::string& event);

    const std::lock_guard<std::mutex> lock_;
};

// It throws nothing: want of memory, which would leave a call half done, ends the process.
commit_result commit(call& work, const commit_request& request) noexcept;
bool serves(const work_filter* filter, const leasable& item);

}  // namespace perdure::memory
