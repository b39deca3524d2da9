#pragma once

#include "printing.hpp"
#include "settings.hpp"
#include "store_calls.hpp"

#include <perdure/adjustable_clock.hpp>

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

// What every scenario starts from: an empty hub, and one word for each thing that tests do with it.

namespace perdure::conformance {

using namespace std::chrono_literals;

[[nodiscard]] request_id a_request();
[[nodiscard]] execution_id an_execution();
/// An id that no other call has given.
[[nodiscard]] instance_id an_id(const std::string& prefix = "i");
/// A start event, message or final event: JSON that a backend never looks into.
[[nodiscard]] std::string an_event(const std::string& kind);
[[nodiscard]] std::chrono::steady_clock::time_point in(duration from_now);

/// The name and version of every instance that a fixture makes, unless a test says otherwise.
inline const std::string order_name = "Order";
inline const std::string order_version = "1";
/// The name of every activity that it schedules.
inline const std::string charge_name = "Charge";

/// How long a test waits for what must happen, as the command line says; reached only when
/// something is wrong, and not because a machine is slow.
inline duration patience = 60s;

[[nodiscard]] new_instance a_new_instance(const std::string& prefix = "i");
[[nodiscard]] new_message a_message(const instance_id& target, const std::string& text = "raised");
[[nodiscard]] termination a_termination(const instance_id& target);
[[nodiscard]] new_activity an_activity(std::uint64_t task);
[[nodiscard]] new_timer a_timer(std::uint64_t task, timestamp fire_at);
[[nodiscard]] new_child a_child(const orchestration_work& parent, std::uint64_t task);

/// A checkpoint that consumes the whole inbox, appends a chunk of two events and goes on running.
[[nodiscard]] finished_turn turn_of(const orchestration_work& work);
/// The same, and the instance completes.
[[nodiscard]] finished_turn last_turn_of(const orchestration_work& work);
/// The same, and it continues as new.
[[nodiscard]] finished_turn next_execution_of(const orchestration_work& work);
[[nodiscard]] finished_activity completion_of(const activity_work& work);
/// What the turn that follows from the activity's end begins with, at this history version, which
/// the turn with that token made: nothing but the activity's lease.
[[nodiscard]] orchestration_work speculative_work_of(const activity_work& ended,
                                                     std::uint64_t history_version,
                                                     lease_token last_committed);
/// The turn itself, a speculative turn; `completion_of` has the same event.
[[nodiscard]] finished_turn speculative_turn_of(const activity_work& ended,
                                                std::uint64_t history_version,
                                                lease_token last_committed);
/// Lets the speculative turn follow this history instead.
void follow(finished_turn& turn, const history_page& history);
[[nodiscard]] held_item held(const orchestration_work& work);
[[nodiscard]] held_item held(const activity_work& work);

[[nodiscard]] std::vector<std::string> events_of(const std::vector<inbox_message>& inbox);
/// All chunks' texts, one after the other.
[[nodiscard]] std::string text_of(const std::vector<history_chunk>& history);

/// Waits as a worker does, until the token changes; false when it never does.
[[nodiscard]] bool wakes(backend& store, wake_token token);
/// Waits until it has ended, again after each early return; false when nothing ends the wait but its
/// deadline.
[[nodiscard]] bool waits_for_end(backend& store, const instance_id& id);

/// How much a worker asks for.
struct room {
    std::size_t orchestrations = 0;
    std::size_t activities = 0;
};

/// An empty hub of the plugin under test, or one that the test has opened, with a worker named "w1"
/// that has every definition used here. Made anew for each test and section.
class fixture {
  public:
    fixture();
    explicit fixture(hub opened);
    fixture(const fixture&) = delete;
    fixture& operator=(const fixture&) = delete;
    /// The hub must be sound then, as far as the store can see.
    virtual ~fixture();

    hub where;
    backend& store;
    worker_id worker{"w1"};
    work_filter filter;
    /// The unit in which tests measure the store's time, leases for example: long with a test
    /// clock, short without.
    duration moment;

    // Time.
    void advance(duration by);
    [[nodiscard]] timestamp now();

    // Arranging.
    /// Creates it; the test ends if that fails.
    instance_id create(const new_instance& fresh);
    instance_id pending_instance() { return create(a_new_instance()); }
    /// Created, and leased by the worker.
    orchestration_work leased();
    /// Leases the one orchestration that is ready, or this one among all that are.
    orchestration_work lease(const instance_id& id);
    /// Has had a turn, which consumed everything and left nothing to do.
    instance_id idle_instance();
    instance_id completed_instance();
    instance_id parked_instance();
    /// Of an instance that is leased by nobody and waits for it.
    activity_work leased_activity();
    /// Of one such instance.
    std::vector<activity_work> two_leased_activities();
    /// A running instance whose activity waits in the queue.
    instance_id instance_with_queued_activity();
    /// The speculative turn that follows from the activity's end, with the instance as it is now.
    finished_turn speculative_turn(const activity_work& ended);
    /// A child of `parent`, which is an idle instance, and pending.
    instance_id pending_child(const instance_id& parent, std::uint64_t task);

    // Acting.
    [[nodiscard]] lock_request request(const room& asked) const;
    /// Leases are for ten moments.
    [[nodiscard]] work_batch lock(const room& asked);
    [[nodiscard]] work_batch lock_suspects();
    send_outcome send(const new_message& message);
    send_outcome send(const instance_id& target, const std::string& text = "raised");
    /// Sends it a message; the test ends if that is not accepted.
    void raise(const instance_id& target, const std::string& text = "raised");
    terminate_outcome terminate(const instance_id& target);
    create_outcome try_create(const new_instance& fresh);
    /// Commits without asking for work.
    commit_answer commit(const std::vector<finished_turn>& checkpoints,
                         const std::vector<finished_activity>& completions = {});
    commit_outcome commit_one(const finished_turn& turn);
    commit_outcome complete(const finished_activity& done);
    /// Commits and asks for work.
    commit_answer hand_off(const std::vector<finished_turn>& checkpoints,
                           const std::vector<finished_activity>& completions,
                           const room& asked);
    lease_outcome renew(const held_item& item, duration lease);
    lease_outcome give_back(const held_item& item, feature_level needed = 1);
    lease_outcome abandon(const held_item& item, duration delay = 0s);
    lease_outcome park(const held_item& item, const std::string& reason = "cannot go on");
    unpark_outcome unpark(const instance_id& id);
    purge_outcome purge(const instance_id& id);
    purge_outcome purge_by_force(const instance_id& id);

    // Looking.
    [[nodiscard]] std::optional<instance_record> find(const instance_id& id);
    /// The test ends if there is none.
    [[nodiscard]] instance_record get(const instance_id& id);
    [[nodiscard]] std::vector<history_chunk> history(const instance_id& id);
    [[nodiscard]] std::uint64_t history_version(const instance_id& id);
    /// What names its history [VERSION-1], with as little of it as a page can have.
    [[nodiscard]] history_page history_head(const instance_id& id);
    /// The events in its inbox that are visible now, seen by a lease that is given back.
    [[nodiscard]] std::vector<std::string> inbox(const instance_id& id);
    [[nodiscard]] bool is_ready(const instance_id& id);
};

}  // namespace perdure::conformance
