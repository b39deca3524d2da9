#pragma once

#include "awaited_ends.hpp"
#include "due_clock.hpp"
#include "poll_cache.hpp"

#include <perdure/backend.hpp>
#include <perdure/ids.hpp>
#include <perdure/time.hpp>
#include <perdure/work_item.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace perdure::postgres {

/// What a call of this process changed that somebody may wait for.
struct changes {
    /// Something is ready and nobody holds it.
    bool ready = false;
    /// Something that the call put down will be ready then.
    timestamp next_due = never;
    /// Other processes should hear of `next_due`: set it for what a client puts down, because no
    /// worker of this process need be there to see to it.
    bool due_is_news = false;
    /// Instances that ended or are gone.
    std::vector<instance_id> ended = {};
    /// What the store says of the only one that ended, as of that moment, if that is known, and the
    /// number of the poll that is its call: who has begun to wait since may mean a later instance.
    std::optional<instance_record> ended_record = {};
    std::uint64_t poll_number = 0;
    /// Any instance may have ended: the hub was emptied, or whoever repeats a call does not learn
    /// what has ended by it.
    bool any_may_have_ended = false;
};

/// The two things that somebody can sleep for.
struct sleepers {
    bool work = false;
    bool ends = false;

    friend bool operator==(const sleepers&, const sleepers&) = default;
};

/// What other processes have not been told yet.
struct unsent_news {
    bool work = false;
    std::vector<instance_id> ended;
    /// More instances have ended than are named.
    bool others_ended = false;
    /// So many calls had something to tell.
    std::size_t calls = 0;

    [[nodiscard]] bool is_empty() const { return !work && !others_ended && ended.empty(); }
    void add(unsent_news more);
};

/// Carries news between this process and the others.
class carrier {
  public:
    carrier() = default;
    carrier(const carrier&) = delete;
    carrier& operator=(const carrier&) = delete;
    virtual ~carrier() = default;

    /// Somebody new sleeps, or there are news. Called from any thread; must not wait.
    virtual void stir() noexcept = 0;
};

/// Where callers wait, and where changes are announced. Changes of this process are announced by
/// the call that made them, after its transaction; those of other processes come from a listener,
/// or are looked for at intervals while nobody listens. Knows nothing of SQL and has no thread of
/// its own. Safe from any thread: one mutex guards it and its parts, which are the due clock, the
/// poll cache and the awaited ends.
///
/// How a backend uses it in `lock`:
///
///     if (const auto cached = notifier_.cached_empty_poll(question)) {
///         answer nothing, with its token and time
///     }
///     const store_poll begun = notifier_.begin_poll(question);
///     ... the statement ...
///     notifier_.end_poll(begun, {time, next_due, is_empty});
///     batch.token = begun.token;
///
/// where the question is a hash of worker, filter and the kinds that there is room for; and in any
/// other call:
///
///     const store_poll begun = notifier_.begin_poll();
///     ... the statement ...
///     notifier_.hear_time(begun, time);
///     notifier_.announce(news);
class notifier {
  public:
    using steady = std::chrono::steady_clock;
    using end_query = awaited_ends::query;

    struct terms {
        /// While nobody listens: how often callers look themselves, at first and at last.
        duration poll_min = std::chrono::milliseconds(50);
        duration poll_max = std::chrono::seconds(1);
        /// While the listener is well: how long an empty answer of the store is good for.
        duration poll_bound = std::chrono::seconds(2);
        /// For so long a process that no longer sleeps is taken for a sleeper.
        duration linger = std::chrono::milliseconds(250);
    };

    notifier(const terms& chosen, end_query ends);
    notifier(const notifier&) = delete;
    notifier& operator=(const notifier&) = delete;
    ~notifier() = default;

    // ------------------------------------------------------------------ what a backend's calls do

    /// Call it before the statement is sent. `question` says what a lock asks for; 0 is no
    /// question.
    [[nodiscard]] store_poll begin_poll(std::uint64_t question = 0);

    struct finding {
        timestamp store_time{};
        /// When something that the question asks for falls due next, as far as the store knows.
        timestamp next_due = never;
        /// Nothing was ready: no item, not contended, no suspects.
        bool is_empty = false;
    };
    /// What a lock found. A poll that fails is not ended; then `cached_empty_poll` says nothing
    /// until the same question is answered, so that the store sees a repeated lock [REPEAT-1].
    void end_poll(const store_poll& begun, const finding& found);
    /// The store's clock, as any other call found it.
    void hear_time(const store_poll& begun, timestamp store_time);

    /// Announces what a call changed, after it was committed: waiters of this process wake at once,
    /// those of others through the carrier. When a test has moved the clock: `ready`.
    void announce(const changes& news);

    /// Call it before the statement that creates these: until somebody tells of their end, or a
    /// start turns out not to have happened, a wait knows that they run.
    void begin_starts(std::span<const instance_id> instances);
    /// The start of this one has not happened, or perhaps not, or long ago.
    void forget_start(const instance_id& instance);
    /// An end may have happened that nobody tells of, because its call has failed.
    void forget_starts();

    struct empty_poll {
        wake_token token{};
        /// By the local clock since the store's time was last heard.
        timestamp store_time{};
    };
    /// An answer in the store's place: the last poll with this question found nothing; since then
    /// nothing was announced and nothing fell due; the listener is well; and the poll is younger
    /// than `poll_bound`. Otherwise nothing: ask the store. Never use it for suspects.
    [[nodiscard]] std::optional<empty_poll> cached_empty_poll(std::uint64_t question);

    // ------------------------------------------------------------------------------------- waiting

    [[nodiscard]] wake_token wait_for_work(wake_token token, steady::time_point deadline);
    [[nodiscard]] bool wait(std::span<const instance_id> instances, steady::time_point deadline);
    /// The same for one instance, for somebody who wants its record; nothing when the record did
    /// not come with the news of the end, or there were no news.
    [[nodiscard]] std::optional<instance_record> wait_for_record(const instance_id& instance,
                                                                 steady::time_point deadline);
    /// Whether somebody wants the record of this instance when it ends.
    [[nodiscard]] bool is_record_wanted(const instance_id& instance);
    void interrupt();

    // ---------------------------------------------------------------------- what the listener does

    /// Without a carrier nobody listens and nobody else is told. Null ends its service.
    void attach(carrier* carrier);

    struct wishes {
        sleepers wanted;
        /// When one of them ends by itself, because nobody has slept since.
        steady::time_point until = steady::time_point::max();
    };
    /// Who sleeps, or slept a moment ago.
    [[nodiscard]] wishes wanted();
    [[nodiscard]] bool has_news();
    [[nodiscard]] unsent_news take_news();
    /// The instances whose end is waited for.
    [[nodiscard]] std::vector<instance_id> awaited();

    /// From now on all that others announce to these is heard here. What happened before that, but
    /// after the last poll, has been told by the methods below.
    void set_listening(sleepers heard);
    [[nodiscard]] sleepers listening();
    /// Something may be ready.
    void hear_of_work();
    /// Something will be ready then.
    void hear_of_due(timestamp next_due);
    void hear_of_ends(std::span<const instance_id> ended);
    /// Any instance may have ended.
    void hear_of_some_ends();

  private:
    void wake_workers();
    void stir_unless(bool is_known);

    const terms terms_;

    std::mutex mutex_;
    due_clock clock_;
    poll_cache polls_;
    awaited_ends ends_;

    carrier* carrier_ = nullptr;
    sleepers listening_;
    /// Whom the listener knows to sleep.
    sleepers known_sleepers_;
    unsent_news news_;
    bool interrupted_ = false;

    std::condition_variable changed_;
    /// Rises with all that is announced.
    wake_token token_{1};
    std::size_t work_waiters_ = 0;
    std::optional<steady::time_point> last_work_wait_;
    duration work_poll_interval_;
};

}  // namespace perdure::postgres
