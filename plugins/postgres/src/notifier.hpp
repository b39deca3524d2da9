#pragma once

#include "recent_starts.hpp"

#include <perdure/backend.hpp>
#include <perdure/ids.hpp>
#include <perdure/time.hpp>
#include <perdure/work_item.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace perdure::postgres {

/// The time of what never happens.
inline constexpr timestamp never = timestamp::max();

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
    std::vector<std::string> ended = {};
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
    std::vector<std::string> ended;
    /// More instances have ended than are named.
    bool others_ended = false;
    /// So many calls had something to tell.
    std::size_t calls = 0;

    [[nodiscard]] bool is_empty() const { return !work && !others_ended && ended.empty(); }
    void add(const unsent_news& more);
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

/// A poll at the store: what was known when it began.
struct store_poll {
    std::uint64_t number = 0;
    std::uint64_t question = 0;
    /// The token of its answer: what is announced from now on wakes whoever waits with it.
    wake_token token{};
    std::chrono::steady_clock::time_point begun{};
};

/// Where callers wait, and where changes are announced. Changes of this process are announced by
/// the call that made them, after its transaction; those of other processes come from a listener,
/// or are looked for at intervals while nobody listens. Knows nothing of SQL and has no thread of
/// its own. Safe from any thread. Files: notifier.cpp, and notifier_ends.cpp for the end of
/// instances.
///
/// How a backend uses it, in `lock` and in any other call:
///
///     const std::uint64_t question = hash of worker, filter and the kinds that there is room for;
///     if (const auto cached = notifier_.cached_empty_poll(question)) { answer nothing, with its
///     token and time } const store_poll begun = notifier_.begin_poll(question);    const
///     store_poll begun = notifier_.begin_poll();
///     ... the statement ...                             ... the statement ...
///     notifier_.end_poll(begun, {time, next_due, empty});   notifier_.hear_time(begun, time);
///     batch.token = begun.token;                        notifier_.announce(news);
class notifier {
  public:
    using steady = std::chrono::steady_clock;
    /// Which of these instances are terminal or missing. Called without a lock by one of the
    /// threads that wait, on behalf of all of them; what it throws leaves `wait`.
    using end_query = std::function<std::vector<std::string>(const std::vector<std::string>&)>;

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
    [[nodiscard]] std::vector<std::string> awaited();

    /// From now on all that others announce to these is heard here. What happened before that, but
    /// after the last poll, has been told by the methods below.
    void set_listening(sleepers heard);
    [[nodiscard]] sleepers listening();
    /// Something may be ready.
    void hear_of_work();
    /// Something will be ready then.
    void hear_of_due(timestamp next_due);
    void hear_of_ends(std::span<const std::string> ended);
    /// Any instance may have ended.
    void hear_of_some_ends();

  private:
    struct end_waiter;
    class end_registration;
    struct answered_question {
        std::uint64_t last_begun = 0;
        /// The poll that found nothing; 0 when the last one that ended found something.
        std::uint64_t last_empty = 0;
        std::uint64_t generation = 0;
        steady::time_point begun{};
        timestamp next_due = never;
    };

    void wake_workers();
    void tell_of_due(timestamp next_due);
    void learn_time(const store_poll& begun, timestamp store_time);
    [[nodiscard]] timestamp store_time(steady::time_point now) const;
    [[nodiscard]] steady::time_point due_moment(steady::time_point now) const;
    void signal_what_is_due(steady::time_point now);

    [[nodiscard]] bool await(end_waiter& self, steady::time_point deadline);
    void signal(std::string_view id, const changes& news = {});
    void suspect_all_ends();
    void poll_for_ends(std::unique_lock<std::mutex>& lock);
    void hand_on_polling();
    void wake_end_waiters();
    [[nodiscard]] steady::time_point next_end_poll(steady::time_point now);
    void poll_ends_soon();

    const terms terms_;
    const end_query ends_;

    std::mutex mutex_;
    carrier* carrier_ = nullptr;
    sleepers listening_;
    /// Whom the listener knows to sleep.
    sleepers known_sleepers_;
    unsent_news news_;
    bool interrupted_ = false;

    // Work.
    std::condition_variable changed_;
    std::uint64_t generation_ = 1;
    std::size_t work_waiters_ = 0;
    std::optional<steady::time_point> last_work_wait_;
    duration work_poll_interval_;
    std::uint64_t polls_ = 0;
    std::map<std::uint64_t, answered_question> questions_;

    // What falls due. Store time minus local time lies between the two of `clock_`.
    std::optional<std::pair<duration, duration>> clock_;
    /// The first of what calls have put down since something last fell due.
    timestamp told_due_ = never;

    // Ends.
    std::set<end_waiter*> end_waiters_;
    std::unordered_multimap<std::string_view, end_waiter*> awaited_;
    recent_starts fresh_;
    bool somebody_polls_ = false;
    std::optional<steady::time_point> last_end_wait_;
    std::optional<steady::time_point> next_end_poll_;
    duration end_poll_interval_;
};

}  // namespace perdure::postgres
