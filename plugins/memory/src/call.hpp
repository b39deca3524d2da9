#pragma once

#include "store.hpp"

namespace perdure::memory {

/// One call of the contract: it holds the mutex from beginning to end, so it is the transaction of
/// [BATCH-3], and announces at its end what it left ready [HANDOFF-2] [WAKE-1].
///
/// Refuse what cannot be accepted before making one: an exception that leaves a call half done,
/// which can only be lack of memory, ends the process.
class call {
  public:
    explicit call(store& opened);
    call(const call&) = delete;
    call& operator=(const call&) = delete;
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
    bool is_leased(const leasable& item) const { return item.held && item.lease_until > now; }

    /// Puts the item where its state says: into a lane, or into none.
    void settle(const item_key& key);
    void unqueue(leasable& item);
    /// Ends the lease and takes the item out of its lane.
    void detach(leasable& item);
    void find_expired_leases();

    void insert(const new_instance& fresh);
    void post(instance& target, message arrival);
    /// Puts an event into the inbox of the parent, if it is still the same execution of it.
    void tell_parent(const std::optional<parent_link>& parent, const std::string& event);
    /// Without `repeatable` it is part of a checkpoint, which its lease protects from a repeat.
    send_outcome send(const new_message& arrival, const call_item* repeatable);
    terminate_outcome terminate(const termination& wish, const call_item* repeatable);
    void end(instance& target);
    enum class which { all, unleased };
    void erase_activities(const instance_id& id, which chosen);
    void erase_activity(item_key key);
    void erase(instance_id id);

    /// The wake token, after announcing what this call has left ready.
    std::uint64_t generation();
    /// When the next delay, timer or lease is over; announces the leases that are [WAKE-2].
    std::optional<timestamp> next_due();
    void wait_until(std::condition_variable& change, steady_time deadline);
    void advance_clock(duration by);

  private:
    void read_clock();
    void enqueue(place where, leasable& item);

    std::unique_lock<std::mutex> lock_;
    int exceptions_before_ = std::uncaught_exceptions();
    bool due_found_ = false;
    bool ended_ = false;
};

}  // namespace perdure::memory
