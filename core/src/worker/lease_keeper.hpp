#pragma once

#include "worker/engine_log.hpp"
#include "worker/held_items.hpp"
#include "worker/lock_terms.hpp"
#include "worker/store_calls.hpp"

#include <perdure/worker.hpp>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace perdure::dispatch {

/// Renews the leases of what is under way, and tells the store that the worker lives. Has a thread
/// of its own, because a renewal must not wait for turns, activities or commits.
class PERDURE_EXPORT lease_keeper {
  public:
    struct terms {
        worker_id worker;
        /// What the worker serves now; without it, that is unchanged.
        std::function<filter_ptr()> filter;
        duration lease_duration{};
        duration renew_interval{};
    };

    lease_keeper(
        backend& store, held_items& held, store_calls& calls, const engine_log& log, terms agreed);
    lease_keeper(const lease_keeper&) = delete;
    lease_keeper& operator=(const lease_keeper&) = delete;
    ~lease_keeper();

    /// Begins; `also` is called at every round, several times in a quarter of the lease.
    void start(std::function<void()> also);
    void stop();
    /// One round: renews what is due at `now`, and at the latest after `renew_interval` says that
    /// the worker lives.
    void keep(steady::time_point now);
    /// Renews one item at once; false when its lease is lost, or nothing was heard.
    [[nodiscard]] bool renew_now(const item_ptr& item);

    [[nodiscard]] const terms& agreed() const noexcept { return agreed_; }

  private:
    void keep_on(const std::stop_token& ending);
    /// False when the store did not answer.
    bool renew(const std::vector<item_ptr>& items, steady::time_point now);
    void lose(const item_ptr& item);

    backend& store_;
    held_items& held_;
    store_calls& calls_;
    const engine_log& log_;
    const terms agreed_;
    const duration round_;
    std::function<void()> also_;
    steady::time_point last_sign_{};

    std::mutex mutex_;
    std::condition_variable_any ended_;
    std::jthread thread_;
};

}  // namespace perdure::dispatch
