#pragma once

#include "idle_workers.hpp"
#include "worker/activity_executor.hpp"
#include "worker/admission.hpp"
#include "worker/commit_pipeline.hpp"
#include "worker/crew.hpp"
#include "worker/held_items.hpp"
#include "worker/late_turns.hpp"
#include "worker/lease_keeper.hpp"
#include "worker/outlook.hpp"
#include "worker/quarantine.hpp"
#include "worker/served_work.hpp"
#include "worker/sign_exchange.hpp"
#include "worker/store_calls.hpp"
#include "worker/turn_executor.hpp"
#include "worker/work_queue.hpp"

#include <perdure/worker.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace perdure::dispatch {

/// The worker's threads, and what each does next. All of them are alike: whoever is free leads a
/// commit, executes an item, polls the store, or sleeps. A thread goes on with what its own commit
/// brought, so that a single orchestration never waits for another core; others are woken only for
/// work that is left over.
///
/// Files: dispatcher.cpp has the choice of the next step; dispatcher_work.cpp what becomes of an
/// item; dispatcher_late.cpp how what ends late goes on; dispatcher_poll.cpp how work is found;
/// dispatcher_threads.cpp start, stop, and the watch.
class dispatcher final : public commit_listener,
                         public detail::idle_workers::member,
                         public std::enable_shared_from_this<dispatcher> {
  public:
    /// `changing` may be null.
    dispatcher(hub where,
               registry what,
               worker_options options,
               served_work::source_ptr changing = nullptr);
    dispatcher(const dispatcher&) = delete;
    dispatcher& operator=(const dispatcher&) = delete;
    ~dispatcher() override;

    void start();
    void stop();

    [[nodiscard]] const worker_id& id() const noexcept { return keeper_.agreed().worker; }
    [[nodiscard]] worker_statistics statistics() const;

    // What the commit pipeline tells.
    lock_terms next_terms(const expected_work& expected) override;
    void committed(const item_ptr& item) override;
    void lost(const item_ptr& item, commit_outcome outcome) override;
    void refused_speculative(const item_ptr& item) override;
    void refused(const item_ptr& item, const backend_error& reason) override;
    void given_up(const item_ptr& item) override;
    void handed_out(commit_result answer,
                    const lock_request& asked,
                    const expected_work& expected) override;

    // What a client's call asks, and brings.
    std::optional<detail::idle_workers::room> offer() override;
    bool has_frame(const instance_id& instance) const override {
        return turns_.has_frame(instance);
    }
    void take(work_batch work) override;
    void ask_again(detail::idle_workers::room brought) override;

  private:
    enum class phase { made, started, stopped };
    enum class step {
        lead,
        execute,
        resume,
        abandon_dropped,
        poll,
        lock_fairly,
        seek_suspect,
        leave,
    };

    using slot = crew::slot;

    void work(slot& me);
    void take_step(slot& me, step next);
    [[nodiscard]] step choose(slot& me);
    [[nodiscard]] std::optional<step> next_step(slot& me);
    [[nodiscard]] bool can_begin() const;
    [[nodiscard]] bool should_lead(steady::time_point now) const;
    [[nodiscard]] bool may_poll(steady::time_point now);
    [[nodiscard]] bool is_drained() const;
    [[nodiscard]] bool must_seek_suspect(steady::time_point now) const;
    [[nodiscard]] bool is_fair_lock_due(steady::time_point now) const;
    void end_current(slot& me, steady::time_point now);
    /// Wakes a thread for what this one leaves in the queue, unless every core has one.
    void wake_for_rest();
    void stir_watch();

    void execute(slot& me);
    void conclude_turn(slot& me, executed result);
    void leave_turn(const item_ptr& item);
    void leave_late_turns();
    void resume(slot& me);
    void wake_turn(const item_ptr& item);
    /// Those whose lease is lost.
    void wake_lost_turns();
    void end_late(const item_ptr& item, std::optional<activity_result> result);
    void abandon_dropped();
    void conclude(const item_ptr& item, executed result);
    /// Returns them on these terms; the outcomes of the calls that were answered.
    std::vector<lease_outcome> return_leases(const std::vector<item_ptr>& items,
                                             const lease_return& terms);
    void park(const item_ptr& item, const std::string& reason);
    void abandon(const std::vector<item_ptr>& items, const std::string& reason, duration delay);
    void give_back(const std::vector<item_ptr>& items);
    void give_back_turn(const item_ptr& item, const std::string& reason);
    /// Gives an instance back that has an event which this version does not implement [LEVEL-3].
    void leave_to_newer(const item_ptr& item, const std::string& reason);
    void give_back_stale();
    [[nodiscard]] bool is_worth_calling(const std::vector<item_ptr>& items) const;
    void keep_turn(const item_ptr& item);
    void log_end(const item_ptr& item) const;

    void poll();
    void lock_fairly();
    void seek_suspect();
    [[nodiscard]] bool takes_work() const;
    /// What the worker serves may have changed; then what is known of ready work is in doubt.
    bool note_definitions();
    [[nodiscard]] lock_terms terms(const expected_work& expected);
    /// How many items came; nothing when there was no answer.
    std::optional<std::size_t> lock_regular(const lock_request& asked);
    std::optional<std::size_t> lock_work(const lock_request& asked);
    void receive(work_batch batch, const lock_request& asked, const expected_work& own);
    /// Asks for what calls of clients that failed may have leased; how many items came.
    std::size_t lock_doubtful();
    void wait_for_work();

    void watch();
    void watch_once(steady::time_point now);
    [[nodiscard]] bool is_busy() const;
    void end_threads();
    void return_unfinished();

    const hub hub_;
    backend& store_;
    const registry registry_;
    const worker_options options_;
    served_work served_;
    const engine_log log_;
    store_calls calls_;
    held_items held_;
    lease_keeper keeper_;
    turn_executor turns_;
    activity_executor activities_;
    commit_pipeline pipeline_;
    /// First `start`, then the keeper's thread, then `stop` uses it.
    sign_exchange signs_;

    std::mutex phase_mutex_;
    phase phase_ = phase::made;

    /// Guards everything below.
    mutable std::mutex mutex_;
    work_queue queue_;
    crew crew_;
    /// Activities that nobody is left to end.
    std::vector<item_ptr> dropped_;
    late_turns late_;
    std::atomic<bool> is_stopping_{false};
    /// Nobody goes on with a turn that waits: it is held until the worker returns what it holds.
    bool leaves_late_turns_ = false;
    std::vector<item_ptr> left_late_;
    std::condition_variable drained_;

    admission admission_;
    outlook outlook_;
    quarantine quarantine_;
    /// What calls of clients brought that have failed.
    std::vector<detail::idle_workers::room> doubtful_;
    bool is_polling_ = false;
    bool is_locking_ = false;
    calls::backoff poll_pauses_;
    unsigned empty_polls_ = 0;

    /// How long an item takes, in nanoseconds, as a moving average.
    std::int64_t item_time_ = 0;

    std::condition_variable watch_due_;
    bool is_watch_slow_ = false;
    std::jthread watch_;
};

}  // namespace perdure::dispatch
