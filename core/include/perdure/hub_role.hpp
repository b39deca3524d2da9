#pragma once

#include <perdure/backend.hpp>
#include <perdure/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

// How a hub moves to another store while workers and clients of many processes use it: what a backend
// may implement beside `image_store`. One hub, the source, is open; another one, the target, follows
// it as a closed copy. Then the source closes for a moment, the rest is copied, and one change of the
// source's role decides that the target has the hub.
//
// [ROLE-1] A hub is plain at first, and when `delete_hub` has emptied it. A role is kept in the store:
// every handle in every process sees the same.
// [ROLE-2] A role changes by compare-and-set on its era, for all calls at once: what a method of the
// contract, or a call of the same meaning in a user's own transaction, does to an instance is done
// before the change or sees it.
// [ROLE-3] A hub with a reason is closed for it [CLOSED-1], and one without is open. Waits end when a
// hub closes, in whatever process: `wait_for_work` returns and `wait` throws (moved).
// [ROLE-4] While a hub is tracked or closing, each transaction that changes anything of which an image
// speaks adds the instances to the changes, whoever made it: an instance that was removed, too. The
// transaction in which a lease was only renewed may do so.
// [ROLE-5] The images of a target are written and removed only through the handle that changed its
// role last; others are rejected. So who was taken for dead does not put an old image over a new one.
// [ROLE-6] A closed hub answers a call that it has on record [REPEAT-3], and refuses others.

namespace perdure {
inline namespace v1 {

enum class move_role : std::uint8_t {
    /// Open, and takes part in no move; or it is where a hub has moved, and may go back.
    plain,
    /// A source, open; its changes are noted.
    tracked,
    /// A source, closed for a moment. Who finds it so for too long makes it tracked again.
    closing,
    /// A source, closed: the other hub has its instances.
    moved,
    /// A target, closed: the instances of the other hub are copied to it.
    standby,
    /// A target, closed: it has all instances of the other hub but for the latest changes.
    following,
    /// A target, closed: it is what the other hub was when it was closing. Who sees that one moved
    /// makes this one plain.
    sealed,
};

/// Whether a hub with this role has the instances that move, and notes what changes.
[[nodiscard]] constexpr bool is_source(move_role role) noexcept {
    return role == move_role::tracked || role == move_role::closing;
}

/// Whether a hub with this role is filled by a mover.
[[nodiscard]] constexpr bool is_target(move_role role) noexcept {
    return role == move_role::standby || role == move_role::following ||
           role == move_role::sealed;
}

/// Of the text by which the other hub is opened.
inline constexpr std::size_t other_bytes_max = 1'024;

/// The part of a hub in a move.
struct hub_role {
    move_role role = move_role::plain;
    /// The same on both sides; zero without a move.
    uuid move{};
    /// Of the target: which closing of the source it is sealed for. 0 otherwise.
    std::uint64_t sealed_for = 0;
    /// How the other hub is opened, without secrets; empty without a move. At most
    /// `other_bytes_max`.
    std::string other{};
    /// Why the hub is closed; empty when it is open.
    std::string reason{};
    /// Counts the changes of the role. Given by the store, as the next one.
    std::uint64_t era = 0;
    /// When it changed, by the store's clock. Given by the store.
    timestamp since{};

    friend bool operator==(const hub_role&, const hub_role&) = default;
};

/// That an instance has changed.
struct instance_change {
    /// Of this change, at least 1. Later ones may become visible before earlier ones.
    std::uint64_t number = 0;
    instance_id instance;

    friend bool operator==(const instance_change&, const instance_change&) = default;
};

/// What a backend implements so that its hub can be the source or the target of a live move; found by
/// `interface_of`. Safe from any thread. Throws `backend_error`, as the contract says.
class PERDURE_EXPORT role_store {
  public:
    role_store() = default;
    role_store(const role_store&) = delete;
    role_store& operator=(const role_store&) = delete;
    virtual ~role_store();

    [[nodiscard]] virtual hub_role role() = 0;

    /// Changes the role if its era is this one still; false when it is not. Waits 200 ms at most for
    /// calls that are under way; then throws (unavailable) and nothing has happened, and the text names
    /// who is in the way as far as the store knows.
    [[nodiscard]] virtual bool change_role(std::uint64_t era, const hub_role& next) = 0;

    /// At most `limit` changes, in the order of their numbers.
    [[nodiscard]] virtual std::vector<instance_change> changes(std::size_t limit) = 0;
    /// How many there are, counted no further than `limit`.
    [[nodiscard]] virtual std::size_t count_changes(std::size_t limit) = 0;
    /// Takes these away, when what they stand for has been copied. Unknown numbers are ignored.
    virtual void forget_changes(std::span<const instance_change> changes) = 0;
};

}  // namespace v1
}  // namespace perdure
