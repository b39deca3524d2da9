#pragma once

#include <perdure/backend.hpp>
#include <perdure/checkpoint.hpp>
#include <perdure/export.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// How instances move from one store to another: what a backend may implement beside the contract. An
// image is all that a store has of an instance, in words that every store understands. It is taken
// from a hub and written into another one while no worker lives on the latter; who moves a hub sees
// to that.
//
// Not in an image, because it belongs to a hub: its workers, its clock, and the answers of recent
// calls [REPEAT-3]. So a call whose answer was lost is repeated where it was made.
//
// [IMAGE-1] An image is complete: written into a hub whose clock says the same, the instance goes on
// as it would have done where the image was taken, leases, timers, deliveries and the order of its
// messages included. `lease::row` is none of the target's; with row 0 its holder goes on there
// [LOCK-9].
// [IMAGE-2] Images of one call are of one moment [READ-1].
//
// [CLOSED-1] A hub can be closed, for a reason that says where its instances are: while it fills up,
// and when it has moved. Every method of the contract that begins after that, in whatever process,
// throws `backend_error` (moved) with the reason, until the hub is opened again; but `abilities`,
// `identity`, `create_hub`, `delete_hub` (which opens it), `status`, `read_history`,
// `interrupt_waits` and those of `image_store` work, and `wait_for_work` returns. Where hubs have
// roles, a call that is on record is answered as before [ROLE-6].

namespace perdure {
inline namespace v1 {

/// How an orchestration or an activity stands with the workers.
struct lease_image {
    /// Of the last lease, until it is returned or committed, or somebody else takes the item; also
    /// when it has expired [LOCK-3].
    lease_token token{};
    worker_id holder{};
    /// When the lease ends, before `timestamp::max()`. Unset without a lease, and when a call has
    /// noticed that it has ended.
    std::optional<timestamp> until{};
    /// With a token: it was leased as a suspect. Without: it is one.
    bool suspect = false;
    /// The deliveries that count, without that of this lease [SUSPECT-2].
    std::uint32_t deliveries = 0;
    /// Since when it waits for a worker, or from when on it will. Unset while it is leased; and of an
    /// orchestration that has nothing to do, or not before `timestamp::max()`.
    std::optional<timestamp> ready_at{};

    friend bool operator==(const lease_image&, const lease_image&) = default;
};

/// A message in an inbox.
struct message_image {
    inbox_message message{};
    /// The greater of visible-at and arrival [LOCK-5].
    timestamp due{};
    /// It is for the current execution only.
    bool for_execution = false;
    bool is_timer = false;
    /// The lease of the completion that it came from [COMMIT-2].
    lease_token completed_by{};

    friend bool operator==(const message_image&, const message_image&) = default;
};

/// The id of a message that the instance has accepted [SEND-2].
struct accepted_message {
    std::string id{};
    timestamp at{};

    friend bool operator==(const accepted_message&, const accepted_message&) = default;
};

/// An activity that is queued or leased.
struct activity_image {
    new_activity scheduled{};
    /// Which scheduled it; an earlier one for a leftover [STATUS-1].
    execution_id execution{};
    lease_image held{};

    friend bool operator==(const activity_image&, const activity_image&) = default;
};

/// Everything that a store has of an instance.
struct instance_image {
    /// What a query shows. Who writes an image ignores `inbox_length` and `leased_by`, which follow
    /// from the rest.
    instance_record record;
    /// The identity of its creation [CREATE-3].
    execution_id created_as{};
    std::uint64_t history_version = 1;
    lease_token last_committed{};
    /// Who may have its frame [LOCK-7]; empty for nobody.
    worker_id last_committer{};
    /// Its execution has not begun, so it is ready without any message.
    bool needs_turn = true;
    /// The start time, or the end of the delay of an abandon [TIME-2].
    timestamp not_before{};
    lease_image held{};
    /// Consecutive chunks; of a long history a part, see below.
    std::vector<history_chunk> history{};
    /// In the order in which turns see them.
    std::vector<message_image> inbox{};
    /// In the order in which they were accepted.
    std::vector<accepted_message> accepted{};
    /// In the order of executions and tasks.
    std::vector<activity_image> activities{};

    friend bool operator==(const instance_image&, const instance_image&) = default;
};

/// Some of a hub's images, in the order in which the instances were created.
struct image_page {
    std::vector<instance_image> images{};
    /// To be passed on for those that follow; empty when there are none.
    std::string next{};
    /// No message of the hub has a higher sequence, consumed ones included [SEND-5].
    std::uint64_t last_sequence = 0;
};

/// What becomes of an instance that has the id of an image.
enum class write_mode { keep, replace };

enum class [[nodiscard]] write_outcome {
    written,
    /// There is an instance with this id, or none that the image continues. Nothing happened.
    refused,
};

/// What a backend implements so that its instances can move; found by `interface_of`. Safe from any
/// thread. Throws `backend_error`, as the contract says.
class PERDURE_EXPORT image_store {
  public:
    image_store() = default;
    image_store(const image_store&) = delete;
    image_store& operator=(const image_store&) = delete;
    virtual ~image_store();

    /// Images of instances from after `after` on, in the order of their creation, at most `limit` and
    /// until they weigh `bytes`, at least one if there is one. [IMAGE-3] An instance that exists
    /// throughout the paging appears exactly once. Only the last image of a page may lack the end of
    /// its history, but never the first chunk; the rest is read with `read_history`.
    [[nodiscard]] virtual image_page read_images(const std::string& after,
                                                 std::size_t limit,
                                                 std::size_t bytes) = 0;

    /// The images of these instances, in the same order; nothing for an unknown id. Each history
    /// is cut after `bytes`, as above.
    [[nodiscard]] virtual std::vector<std::optional<instance_image>> read_images(
        std::span<const instance_id> instances, std::size_t bytes) = 0;

    /// Writes images, all in one transaction, and sees to it that sequences that the hub gives from
    /// now on are higher than `last_sequence`.
    /// [IMAGE-4] An image without the end of its history is kept incomplete: the instance is parked
    /// for the reason `incomplete_image`, its history version is 0, and `unpark` says not_parked.
    /// Images that differ in nothing but that they hold the following chunks complete it.
    /// [IMAGE-5] With `keep`, an id that is taken by anything else is left alone.
    /// [IMAGE-6] An image that contradicts itself is rejected, and nothing of the call happens.
    /// [IMAGE-7] With `replace`, what is there with the image's id is replaced, and keeps its place
    /// in the order of creation; nobody is told. An image that lacks the beginning of its history
    /// keeps that of the same creation and execution, if it has a chunk that ends there; otherwise
    /// it is refused.
    [[nodiscard]] virtual std::vector<write_outcome> write_images(
        std::span<const instance_image> images, std::uint64_t last_sequence, write_mode mode) = 0;

    /// [IMAGE-8] Removes instances as if they had never been: nobody is told. Unknown ids are
    /// ignored.
    virtual void remove_images(std::span<const instance_id> instances) = 0;

    /// Closes the hub for this reason, or opens it when that is empty [CLOSED-1]. Throws
    /// (unavailable), and nothing has happened, when calls under way take too long.
    virtual void set_closed(const std::string& reason) = 0;
    /// The reason; empty when the hub is open.
    [[nodiscard]] virtual std::string closed_reason() = 0;
};

/// Why an instance is parked whose image is not complete.
inline constexpr std::string_view incomplete_image =
    "the end of its history is missing: the import was not completed";

/// Whether the image holds its history to the end.
[[nodiscard]] PERDURE_EXPORT bool has_end(const instance_image& image) noexcept;

}  // namespace v1
}  // namespace perdure
