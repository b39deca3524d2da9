#pragma once

#include "store.hpp"

namespace perdure::memory {

/// One call of the contract: it holds the mutex from beginning to end, so it is the transaction of
/// [BATCH-3], and announces at its end what it left ready [HANDOFF-2] [WAKE-1].
class call {
  public:
    explicit call(store& opened);
    ~call();

    store& hub;
    timestamp now{};
    /// What became ready during this call, in that order.
    std::vector<item_key> made_ready;

    // Pointers stay valid until the item is erased.
    instance* find(const instance_id& id);
    leasable* find(const item_key& key);
    /// The item that this lease is for; nothing when the lease is lost [LOCK-2].
    std::optional<item_key> holder(const held_item& item);

    /// Lets an item wait where its state says, unless it is leased or has nothing to do.
    void settle(const item_key& key);
    void enqueue(const item_key& key, lane which, timestamp since);
    /// Ends the lease, and takes the item out of its lane.
    void detach(leasable& item);
    void expire_leases();

    void insert(const new_instance& fresh);
    send_outcome send(const new_message& arrival);
    void post(instance& target, message arrival);
    terminate_outcome terminate(const termination& wish);
    void end(instance& target);
    /// An instance is erased with its activities.
    void erase(item_key key);
    /// Its parent hears of it, unless it has ended before.
    void erase_and_tell(const instance& target, const std::string& event);

    /// The wake token, after announcing what this call has left ready.
    std::uint64_t generation();
    /// When the next delay, timer or lease is over, or was [WAKE-2].
    std::optional<timestamp> next_due();
    void wait_until(steady_time deadline);

  private:
    void read_clock();
    void unqueue(leasable& item);
    void tell(const std::optional<parent_link>& parent, const std::string& event);

    std::unique_lock<std::mutex> lock_;
};

// What changes the hub throws nothing: want of memory, which would leave a call half done, ends the
// process.

/// Hands out first `preferred`, then what waits in the lanes.
work_batch hand_out(call& work,
                    const lock_request& request,
                    std::span<const item_key> preferred) noexcept;
commit_result commit(call& work, const commit_request& request) noexcept;

/// Whether a worker with this filter has the code for the item; without a filter it has all.
bool serves(const work_filter* filter, const item_key& key, const leasable& item);

}  // namespace perdure::memory
