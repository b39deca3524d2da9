#pragma once

#include <perdure/export.hpp>
#include <perdure/ids.hpp>
#include <perdure/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What is always true of a hub, and what a backend may implement beside the contract so that it can
// be checked where only the store can see it: in tables that belong to an instance, in the places
// where work waits, and in what is counted. `hub_check` asks for it, and checks all else by itself.

namespace perdure {
inline namespace v1 {

/// What a hub is checked for.
enum class invariant {
    /// The events of a history are numbered from 0 to its length, each once.
    history_gapless,
    /// Every event can be read, and tasks are numbered as they were scheduled.
    history_readable,
    /// The history is that of the execution that the instance is in.
    one_execution,
    /// The status says what the history says.
    status_follows_history,
    /// What has ended has nothing to do any more, and no turn begins after the end.
    nothing_after_end,
    /// A scheduled task ends at most once.
    task_ends_once,
    /// An activity that its orchestration awaits is queued, leased, or its end is in the inbox.
    activity_can_end,
    /// An activity that is queued or leased is awaited by its execution.
    activity_is_awaited,
    /// A timer that its orchestration awaits is in the inbox.
    timer_can_fire,
    /// The parent of a child that has ended was told.
    child_end_told,
    /// A message that a turn has consumed is not in the inbox.
    consumed_once,
    /// Ids and sequences of messages are there once, and below what the hub has given.
    messages_distinct,
    /// What has a reason to be handed out is found by whoever looks for work, and nothing else is.
    work_is_found,
    /// A lease is found by whoever looks for leases that have ended.
    lease_can_end,
    /// What is counted is as many.
    counted_right,
    /// Every row belongs to something.
    no_orphans,
    /// What one column says of an instance, no other column denies.
    no_contradiction,
};

/// The stored name, for example "history_gapless".
[[nodiscard]] PERDURE_EXPORT std::string_view to_string(invariant what) noexcept;

/// Something in a hub that is not as it must be.
struct violation {
    invariant broken{};
    /// Whose; unset of a row that belongs to nobody.
    std::optional<instance_id> instance{};
    /// Of a task.
    execution_id execution{};
    /// The task, or the sequence of the message; zero for neither.
    std::uint64_t number = 0;
    /// When a timer is due.
    timestamp at{};
    /// The child that it is about, or, of a row of the store, where it stands, in the store's words.
    std::string place{};
    /// What was found, in a sentence. It may hold what others wrote into the hub.
    std::string found{};
    /// What a repair does; empty when none is known that is safe.
    std::string repair{};

    friend bool operator==(const violation&, const violation&) = default;
};

/// What was found in a part of a hub.
struct check_page {
    std::vector<violation> violations{};
    /// To be passed on for the part that follows; empty when there is none.
    std::string next{};
};

/// What a backend implements so that the inside of its hub can be checked; found by `interface_of`.
/// Safe from any thread, and while others work on the hub. Throws `backend_error`.
class PERDURE_EXPORT store_check {
  public:
    store_check() = default;
    store_check(const store_check&) = delete;
    store_check& operator=(const store_check&) = delete;
    virtual ~store_check();

    /// Looks at about so many instances, and at what should be theirs, from after `after` on.
    /// [CHECK-1] A page is of one moment [READ-1]: what another call is about to do is no violation.
    /// Of each kind at most `limit` are listed. It changes nothing, and works while the hub is
    /// closed.
    [[nodiscard]] virtual check_page check(const std::string& after, std::size_t limit) = 0;

    /// Repairs, in one transaction, what `check` or `hub_check` has found and what is still so;
    /// returns how many of them.
    /// [CHECK-2] Nothing that turns or messages have done is lost by it: an instance is put where
    /// work is found, a count is made right, a lease is ended that could not end, rows of nothing
    /// are deleted, and what stands twice is deleted once.
    [[nodiscard]] virtual std::size_t repair(std::span<const violation> found) = 0;
};

}  // namespace v1
}  // namespace perdure
