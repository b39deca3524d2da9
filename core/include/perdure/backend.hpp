#pragma once

#include <perdure/backend_error.hpp>
#include <perdure/checkpoint.hpp>
#include <perdure/export.hpp>
#include <perdure/history.hpp>
#include <perdure/ids.hpp>
#include <perdure/payload.hpp>
#include <perdure/time.hpp>
#include <perdure/work_item.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

// The contract between the engine and a backend. A backend is a durable store with opinions about
// time, leases and atomicity, and with none about orchestrations: it never reads an event or a
// payload, makes no id but sequence numbers, and decides nothing that a column of these structs
// does not tell it. Each rule stands here once, with an id in brackets; a test of the conformance
// suite carries the same id.
//
// Threads. Every method may be called from many threads at once.
//
// [FORK-1] The object belongs to the process that made it. The child of a fork() must not call or
// destroy it; as long as the child does neither, the parent goes on as if nothing had happened.
//
// Outcomes and errors. What a caller must expect is a return value. When the store fails, a method
// throws `backend_error` and nothing else; unless its code is `outcome_unknown`, nothing happened.
//
// [BATCH-1] Items of one call are independent: the outcome of one never changes that of another, but
// that a speculative turn wants to be alone with its instance [SPECULATIVE-1].
// [BATCH-2] A call answers with one outcome an item, in the order of the items.
// [BATCH-3] A call is one transaction: after a crash all of it happened, or nothing.
// [BATCH-4] Items of one call may touch the same instance; they take effect in the order creates,
// turns, ended activities, messages, and within a kind in the order given.
// [BATCH-5] No transaction stays open between calls, so that a paused process blocks nobody.
//
// [REPEAT-1] A mutating call carries a request id made by the caller. Repeated with the same
// request id and content, it changes nothing further, gives the same outcomes, and hands out again
// the items that it leased before, as far as they are still leased to it. A `lock` that leased
// nothing may be answered anew. The caller repeats only until it has an answer.
// [REPEAT-3] An answer is kept in the transaction of its call: it is found by every process, and
// outlives the process where the effects of the call do. It is kept for a minute or longer by the
// store's clock; a store in the memory of its callers, where no answer gets lost, may instead keep
// the last 10,000.
// [REPEAT-2] Every lease token that a call hands out is `derive_token(request, n)`, with a
// different n for each item.
//
// Time. [TIME-1] Only the store's clock decides, and it is one for all processes. [TIME-2] A message
// is not seen before its `visible_at`, nor an instance before its `start_at` or the delay of an
// abandon; only a termination overrides the latter two.
// [TIME-3] The clock does not go back: it never says less than it has said to a call that changed
// something, in whatever process, even when the clock of the machine is set back. So what was ready
// stays ready, and a lease ends in its time. (The clock of a database server is its administrator's;
// such a store says in its documents what happens when that is set back.)
// [TIME-4] Every time and duration can be stored. `timestamp::max()` never comes, and a sum that is
// beyond what the store can say is as good as for ever: it never wraps, and is no error.
// [TIME-5] A call reads the clock when it holds what it changes: of two calls that change one
// instance, the later one has the same time or a later one.
//
// Sizes. [LIMIT-1] A store keeps whatever is within the limits of <perdure/limits.hpp>, byte for
// byte; core lets nothing else through.
//
// Versions. Workers of different ages share a hub, and none may skip what it does not understand.
// [LEVEL-1] An instance has a feature level: the highest that came with its creation, with a
// message that it accepted, with a checkpoint, or with its return. It never falls, not even with the
// next execution.
// [LEVEL-2] An instance is handed out only to a worker whose filter has its level or a higher one;
// for all others it is like a definition that they do not have [LOCK-4].
// [LEVEL-3] An instance that is given back with a higher level has that level from then on.
//
// Lost commits. A store may lose what it has acknowledged, if its owner set it up so: by a crash of
// a server that does not wait for its disk, by a standby that takes over and was behind. It loses
// the end of what happened, never something before it, and other things happen instead.
// [VERSION-1] So a history is named by its version together with the token of the last committed
// turn, none before the first. The store tells both wherever it tells one. Other commits can lead
// to the same version again, but not by the same token.

namespace perdure {
inline namespace v1 {

/// What a backend lacks or offers; a test is skipped by capability and by nothing else.
struct capabilities {
    /// State outlives the process.
    bool durable = true;
    /// Several processes may open the same hub.
    bool multi_process = true;
    /// The backend is an `adjustable_clock` whose hubs can be opened with the option `test_clock=on`.
    bool test_clock = false;
    /// How many calls of `commit` make sense at once.
    unsigned commit_lanes = 1;
    /// `commit` takes speculative turns (`finished_work`); a backend without it is sent none.
    bool speculative_turns = false;
};

/// How much one call may carry; core splits what is larger.
inline constexpr std::size_t batch_items_max = 500;
inline constexpr std::size_t batch_bytes_max = std::size_t{8} << 20U;

enum class [[nodiscard]] create_code { created, already_exists };

struct create_outcome {
    create_code code{};
    /// The status found, with already_exists; otherwise pending.
    orchestration_status status = orchestration_status::pending;

    friend bool operator==(const create_outcome&, const create_outcome&) = default;
};

enum class [[nodiscard]] send_outcome {
    accepted,
    /// A message with this id was accepted before.
    duplicate,
    no_such_instance,
    instance_is_terminal,
};

enum class [[nodiscard]] terminate_outcome {
    /// Ended by the store, at once.
    terminated,
    /// Its next turn ends it.
    requested,
    no_such_instance,
    instance_is_terminal,
};

enum class [[nodiscard]] lease_outcome { done, lease_lost };

enum class [[nodiscard]] commit_outcome {
    committed,
    /// Somebody else holds the instance or task now, or it is gone. Nothing of the item was done.
    lease_lost,
    /// Of an activity: the instance has ended or is in a later execution; the task is removed.
    instance_is_terminal,
    /// Of a speculative turn: the activity has ended and its event is in the inbox; the turn has not
    /// happened.
    turn_declined,
};

enum class [[nodiscard]] unpark_outcome { unparked, not_parked, no_such_instance };

enum class [[nodiscard]] purge_outcome { purged, not_terminal, no_such_instance };

/// Everything that a query can tell about an instance.
struct instance_record {
    instance_id instance;
    execution_id execution{};
    std::string name{};
    std::string version{};
    orchestration_status status = orchestration_status::pending;
    timestamp created_at{};
    timestamp updated_at{};
    std::optional<timestamp> completed_at{};
    /// Not before; unset when it may run at once.
    std::optional<timestamp> start_at{};
    payload custom_status{};
    /// The result, or the reason of a termination.
    payload output{};
    /// The failure in its stored form; empty unless failed.
    std::string failure{};
    tag_map tags{};
    std::optional<parent_link> parent{};
    /// Why it is parked; empty when it is not.
    std::string parked_reason{};
    std::uint64_t history_length = 0;
    std::uint64_t inbox_length = 0;
    /// The worker that holds it; empty when nobody does.
    std::string leased_by{};
    instance_kind kind = instance_kind::orchestration;
    /// What a worker must support to be handed this instance [LEVEL-1].
    feature_level level = 1;

    friend bool operator==(const instance_record&, const instance_record&) = default;
};

/// Which instances a query or purge means; unset members do not filter.
struct instance_filter {
    std::vector<orchestration_status> statuses{};
    std::optional<std::string> name{};
    std::optional<std::string> version{};
    std::optional<std::pair<std::string, std::string>> tag{};
    std::optional<instance_id> parent{};
    std::optional<bool> parked{};
    /// Bytes that the id begins with; no character is special.
    std::string id_prefix{};
    std::optional<timestamp> created_from{};
    std::optional<timestamp> created_to{};
    std::optional<timestamp> completed_from{};
    std::optional<timestamp> completed_to{};
    std::optional<instance_kind> kind{};
};

/// A page of a query, in the order of instance ids.
struct instance_page {
    std::vector<instance_record> instances{};
    /// The id of the page's last instance, to be passed on for those that follow; empty when there are
    /// none.
    std::string next{};
};

struct history_page {
    execution_id execution{};
    std::uint64_t history_version = 0;
    /// The token of the last committed turn; none before the first.
    lease_token last_committed{};
    std::uint64_t history_length = 0;
    /// Whole chunks from the one that contains the first event asked for.
    std::vector<history_chunk> chunks{};
};

struct purge_request {
    request_id request{};
    /// These instances; when empty, the filter's.
    std::vector<instance_id> instances{};
    instance_filter filter{};
    /// At most so many instances in this call.
    std::size_t limit = batch_items_max;
    /// Also instances that have not ended.
    bool force = false;
    /// The event that the parent of an instance purged by force gets.
    std::string parent_event{};
};

struct purge_result {
    std::size_t purged = 0;
    /// The limit was reached; call again.
    bool more = false;
    /// One for each instance given by id.
    std::vector<purge_outcome> outcomes{};
};

/// The orchestrations and activities that a worker has.
struct work_filter {
    struct definition {
        std::string name{};
        std::string version{};
        instance_kind kind = instance_kind::orchestration;
        friend auto operator<=>(const definition&, const definition&) = default;
    };
    /// Exact triples.
    std::vector<definition> orchestrations{};
    /// Activities are found by name alone.
    std::vector<std::string> activities{};
    /// Queues of activities; the default queue is the empty name.
    std::vector<std::string> queues = {std::string()};
    /// Of the worker's code: instances of this level and of those below [LEVEL-2].
    feature_level level = 1;
};

/// How much work a worker can begin now, and on which terms.
struct lock_request {
    request_id request{};
    worker_id worker{};
    /// Without one, everything is asked for.
    const work_filter* filter = nullptr;
    std::size_t orchestrations = 0;
    std::size_t activities = 0;
    duration lease_duration = std::chrono::seconds(15);
    /// The longest inbox prefix that an orchestration comes with.
    std::size_t messages = 1000;
    /// What the answer may weigh, roughly; at least one item is given if there is one.
    std::size_t bytes = batch_bytes_max;
    /// Asks for one suspect instead of regular work.
    bool suspects = false;
};

/// The answer to `create`; the work is what the call hands out [HANDOFF-3], and so of `send`.
struct create_result {
    std::vector<create_outcome> outcomes{};
    work_batch work{};
};

struct send_result {
    std::vector<send_outcome> outcomes{};
    work_batch work{};
};

struct commit_request {
    std::span<const finished_work> finished{};
    /// Carries the request id of the whole call.
    lock_request next{};
};

struct commit_result {
    std::vector<commit_outcome> outcomes{};
    /// Messages of turns whose target was missing or terminal.
    std::size_t dropped_messages = 0;
    work_batch work{};
};

/// A leased item of either kind.
struct held_item {
    instance_id instance;
    /// None for an orchestration.
    task_id task{};
    lease held{};
};

/// What becomes of items that a worker returns without having finished them.
enum class return_kind {
    /// The execution does not count: it has not begun, or the worker gives it up because it stops or
    /// does not implement an event.
    give_back,
    /// They could not be finished.
    abandon,
    /// They cannot go on; only orchestrations.
    park,
};

struct lease_return {
    request_id request{};
    std::span<const held_item> items{};
    return_kind kind = return_kind::give_back;
    /// Of abandoned items: when they may be tried again.
    duration delay{};
    /// Of parked items: why, readable by a person and not empty.
    std::string reason{};
    /// Of orchestrations that are given back because of an event that the worker does not implement:
    /// the level that they need at least [LEVEL-3].
    feature_level needed = 1;
};

struct renewal {
    worker_id worker{};
    /// Also tells the store that the worker lives, and what it has; without one, that is unchanged.
    const work_filter* filter = nullptr;
    duration lease_duration = std::chrono::seconds(15);
    std::span<const held_item> items{};
};

/// The state of a hub as its operator sees it.
struct hub_status {
    std::string schema_version{};
    timestamp store_time{};
    std::vector<worker_id> live_workers{};
    /// Orchestrations ready and not leased, and activities queued and not leased; exact up to
    /// 10,000, then "at least".
    std::size_t ready_orchestrations = 0;
    std::size_t ready_activities = 0;
    /// Leftovers [STATUS-1] that are queued and not leased, counted like these.
    std::size_t leftover_activities = 0;
    std::size_t parked = 0;
    /// "orchestration NAME VERSION" (with another kind its word, and from level 2 on " (feature
    /// level N)" behind it) or "activity NAME" of ready work that no live worker has.
    std::vector<std::string> unserved{};
    /// "activity NAME" of leftovers that no live worker has.
    std::vector<std::string> unserved_leftovers{};
};

/// A durable store for one task hub.
///
/// Ownership: the caller owns the backend and must not use it after destroying it; destruction
/// waits for nobody and gives back nothing. Lifetime: leases outlive the object and end by expiry.
class PERDURE_EXPORT backend {
  public:
    backend() = default;
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;
    virtual ~backend();

    // ------------------------------------------------------------------------------------ the hub

    [[nodiscard]] virtual capabilities abilities() const noexcept = 0;

    /// Creates the hub unless it exists, and brings its schema up to date.
    /// [HUB-1] Many processes may do so at once; all succeed, one creates.
    /// [HUB-2] A schema newer than the plugin is refused with `store_fault::schema` and left alone, by
    /// this method and by all others.
    /// [HUB-5] Before the first `create_hub`, a method finds the hub empty, or fails with
    /// `store_fault::schema` or `configuration`; it creates nothing.
    virtual void create_hub() = 0;

    /// [HUB-4] Deletes everything that the hub holds; the next call of any other method finds it
    /// empty, or fails with `store_fault::schema` until `create_hub`.
    virtual void delete_hub() = 0;

    /// [STATUS-1] An activity of an instance that has ended, or of an execution that is not current
    /// any more, is a leftover: it is counted and listed as one, and not as ready or unserved work.
    [[nodiscard]] virtual hub_status status() = 0;

    /// A text that stands for the hub on this machine, for what is kept beside the store, as the
    /// life signs of workers. [HUB-3] It is the same in every process and by every address, relative
    /// or not, and no two hubs have the same, nor has a copy of the store. Empty when the backend
    /// cannot tell; then nothing is kept. A backend need not override it.
    [[nodiscard]] virtual std::string identity();

    // -------------------------------------------------------------------------------- client side

    // A call that creates or sends is asked like a commit: `next` has the request id of the whole
    // call, and the room of a worker for whom the call may take along what it makes ready.

    /// Creates instances; each is pending, with its start event as event 0, and ready from
    /// `start_at` on.
    /// [CREATE-1] An id that is taken is `already_exists`, with the status found, and nothing
    /// changes; of two creates at once exactly one wins.
    /// [CREATE-2] When the status found is listed in `replaceable`, the instance is replaced: its
    /// lease is lost, its inbox, timers, tasks and history are gone, and, unless it had ended, its
    /// parent gets `replaced_event`, in the same transaction.
    /// [CREATE-3] The same (instance, execution) again is `created`, whatever has become of it.
    [[nodiscard]] virtual create_result create(const lock_request& next,
                                               std::span<const new_instance> instances) = 0;

    /// Puts messages into inboxes.
    /// [SEND-1] A message to a missing or terminal instance is not stored, and the outcome says so.
    /// [SEND-2] A message with an id that the instance has accepted is `duplicate`, also across
    /// continue-as-new. An id may be forgotten when the instance has accepted 10,000 later ones and
    /// 24 hours have passed since.
    /// [SEND-3] An accepted message is kept, once, until a turn consumes it or the instance ends:
    /// while the instance is pending, leased, suspended, parked, or continues as new.
    /// [SEND-4] A message for an execution that is not current, and that is not nil, is dropped; the
    /// outcome is `accepted`.
    /// [SEND-5] Each message gets a sequence that no other message of the hub ever has, whichever
    /// process stores it; of two messages to one instance, the later one has the higher sequence.
    [[nodiscard]] virtual send_result send(const lock_request& next,
                                           std::span<const new_message> messages) = 0;

    /// Ends instances.
    /// [TERM-1] An instance that is pending, or parked, and not leased, ends at once: final event
    /// appended, status terminated, output set, inbox and unleased activities removed, parent told.
    /// An activity whose lease has expired is not leased.
    /// [TERM-2] Any other live instance gets `event` into its inbox, visible at once, and is ready
    /// whatever its delays.
    [[nodiscard]] virtual std::vector<terminate_outcome> terminate(
        const request_id& request, std::span<const termination> terminations) = 0;

    /// The instances with these ids, in the same order; nothing for an unknown id.
    /// [READ-1] A reader sees each instance before or after a transaction, never in between.
    [[nodiscard]] virtual std::vector<std::optional<instance_record>> get(
        std::span<const instance_id> instances) = 0;

    /// A page of instances. [READ-2] Pages follow the byte order of ids; an instance that exists
    /// throughout the paging appears exactly once. Bounds of time ranges are inclusive.
    [[nodiscard]] virtual instance_page query(const instance_filter& filter,
                                              std::size_t limit,
                                              const std::string& after) = 0;

    /// Reads history from event `from` on, whole chunks, until `bytes` are reached, at least one.
    /// Nothing for an unknown instance. [READ-3] The start event is a chunk of its own.
    [[nodiscard]] virtual std::optional<history_page> read_history(const instance_id& instance,
                                                                   std::uint64_t from,
                                                                   std::size_t bytes) = 0;

    /// Waits until the instance is terminal or missing, or the deadline has passed on the steady
    /// clock, and returns what `get` says of it. May return early: call it again when the instance
    /// has not ended yet.
    /// [READ-4] The record is of the moment at which the instance ended, or of a later one.
    [[nodiscard]] virtual std::optional<instance_record> wait(
        const instance_id& instance, std::chrono::steady_clock::time_point deadline) = 0;

    /// Deletes instances with everything that belongs to them.
    /// [PURGE-1] An instance that has not ended is refused, unless forced; then its lease is lost
    /// and its parent gets `parent_event`.
    /// [PURGE-2] Afterwards the store holds nothing of it; the id can be created anew.
    [[nodiscard]] virtual purge_result purge(const purge_request& request) = 0;

    /// [PARK-3] Makes parked instances ready again, with a fresh count of deliveries.
    [[nodiscard]] virtual std::vector<unpark_outcome> unpark(
        const request_id& request, std::span<const instance_id> instances) = 0;

    // -------------------------------------------------------------------------------- worker side

    /// Leases work that is ready: orchestrations that are pending or have a visible message, and
    /// queued activities.
    /// [LOCK-1] An item has at most one holder; a leased item is not handed out until its lease
    /// expires by the store's clock.
    /// [LOCK-2] Every lease has a fresh token. A call with another token changes nothing and is
    /// `lease_lost`, also when the row is gone.
    /// [LOCK-3] Expiry only lets others take over: until somebody takes the item, its lease commits,
    /// is renewed and is returned as if it had not expired, whether a call has noticed that or not.
    /// [LOCK-4] Only names and versions of the filter are handed out; others are neither leased nor
    /// counted as deliveries. Parked, terminal, and not yet visible items are not handed out.
    /// [LOCK-5] The inbox comes in the order (greater of visible-at and arrival, sequence), and is a
    /// prefix of it; what one sender sent stays in order.
    /// [LOCK-6] Among the visible items of a kind: higher priority first, then longest ready; a
    /// suspect has been ready since a call noticed the expiry. Equal instances go in the order of
    /// their creation, and equal activities of one execution in that of their task ids.
    /// [LOCK-7] History is left out when the last commit came from this worker; otherwise it comes
    /// from event 0 on.
    /// [LOCK-8] Never more items than asked for. An empty answer without `contended` means that
    /// nothing was ready.
    /// [LOCK-9] A lease is known by its instance, task and token. The row only helps to find it: with
    /// row 0 every call does the same.
    /// [SUSPECT-1] An item whose last lease expired is a suspect. It is handed out only when asked
    /// for, one a call, and stays a suspect until it commits or is released.
    /// [SUSPECT-2] An expiry counts as a delivery only if the item was leased as a suspect.
    [[nodiscard]] virtual work_batch lock(const lock_request& request) = 0;

    /// Commits finished work, and hands out the work that it made possible. Here a checkpoint is an
    /// item with a turn, and a completion one with an ended activity only.
    /// [COMMIT-1] A checkpoint happens as a whole: history, consumed messages, timers, tasks,
    /// messages, children, status; or, with `lease_lost`, not at all.
    /// [COMMIT-2] The same checkpoint again (same token) is `committed`; the same completion again,
    /// while its message has not been consumed, too.
    /// [COMMIT-3] Exactly the consumed messages are removed; later ones stay.
    /// [COMMIT-4] A child whose id is taken by anything but this very parent link puts
    /// `refused_event` into the parent's inbox, for the link's task. A child without a parent link
    /// is detached: nobody is told.
    /// [COMMIT-5] When the instance completes, fails, or continues, its timers are removed;
    /// activities that it scheduled are still handed out, and their completion is
    /// `instance_is_terminal`. When it is terminated, unleased activities are removed as well.
    /// [COMMIT-6] Continue-as-new begins the next execution: new execution id, history of the start
    /// event and the kept events, same creation time and parent; it is ready at once. Messages for
    /// any execution stay in the inbox; those for the old one are removed.
    /// [COMMIT-7] A completion removes its task and puts its event into the inbox of that execution.
    /// [COMMIT-8] An activity scheduled and cancelled by one checkpoint is never queued. A leased
    /// one that is cancelled is removed: its holder hears `lease_lost`.
    /// [COMMIT-9] The history version begins at 1. A committed checkpoint raises it by exactly one,
    /// also when it continues as new, and so does an end by the store [TERM-1]; nothing else does.
    /// [SPECULATIVE-1] A speculative turn ends its activity and commits what follows from that, if nothing
    /// else can have come first: the instance is in that execution, its history is the one that the
    /// turn began with [VERSION-1], it is neither leased, ready nor parked, its inbox is empty, timers
    /// included, and no other item of the call is of the same instance. The activity's event never
    /// enters the inbox.
    /// The instance's last commit is then that of the activity's holder, with the activity's token.
    /// [SPECULATIVE-2] Otherwise the turn is declined: the item counts as a completion that stands before
    /// the others. Its outcome is that of the completion, with `turn_declined` for
    /// `committed`.
    /// [HANDOFF-1] Hands out, within the room and the filter: first checkpointed instances that are
    /// ready again, then instances that this call made ready, then activities that it scheduled,
    /// then what `lock` would. Suspects never.
    /// [HANDOFF-2] What it made ready and did not hand out is announced like any other work.
    /// [HANDOFF-3] `create` and `send` may do the same with instances that they created, sent to, or
    /// told of a replacement, when these are ready, and with nothing else. How many of them a backend
    /// hands out, or whether any, is its own choice. A `lock` with `next`, when the call was given up,
    /// hands out again what is still leased by it, as a repeat of the call does [REPEAT-1].
    [[nodiscard]] virtual commit_result commit(const commit_request& request) = 0;

    /// Extends leases to `lease_duration` from the store's now, and keeps the worker listed as live
    /// for as long. [RENEW-1] A lost lease is never won back. [RENEW-3] Live workers, and what they
    /// have, are known to every process. Never waits behind a commit for longer than the store needs
    /// for one.
    /// [RENEW-2] It removes a bounded part of what nobody needs any more, so that one idle worker
    /// is enough for a hub to come to rest: answers too old to be repeated, and what is known of
    /// workers whose life ended an hour ago or earlier.
    [[nodiscard]] virtual std::vector<lease_outcome> renew(const renewal& request) = 0;

    /// Returns items that are not finished.
    /// [GIVE-1] What is given back is ready at once, and no delivery counts.
    /// [ABANDON-1] What is abandoned is ready after the delay, and it counts as a delivery.
    /// [PARK-1] A parked instance is never handed out, consumes nothing, and keeps accepting
    /// messages. [PARK-2] Terminate, purge and replacement work on it.
    [[nodiscard]] virtual std::vector<lease_outcome> return_leases(const lease_return& request) = 0;

    /// Lets every lease of these workers, which the caller knows to be dead or to have stopped,
    /// expire now. [TAKEOVER-1] Their items become suspects as with any other expiry.
    /// [TAKEOVER-2] They are not listed as live from then on. A worker that stops names itself.
    virtual void take_over(const request_id& request, std::span<const worker_id> workers) = 0;

    /// Waits until something may have become ready since the token was given, or until the deadline
    /// has passed on the steady clock. The answer is the token to use next.
    /// [WAKE-1] A change that leaves something ready and unleased is announced, by whichever call
    /// made it; a caller that got its token before the change returns at once.
    /// [WAKE-2] Timers and delays that fall due wake it as well.
    /// [WAKE-3] A change made by another process is noticed, by this wait and by those for an end,
    /// within the poll interval: a second, unless the backend has an option for it.
    [[nodiscard]] virtual wake_token wait_for_work(
        wake_token token, std::chrono::steady_clock::time_point deadline) = 0;

    /// Makes all present and future waits of this object return at once, for shutdown.
    virtual void interrupt_waits() noexcept = 0;
};

}  // namespace v1
}  // namespace perdure
