#pragma once

#include "store.hpp"

#include <perdure/backend.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace perdure::sqlite {

/// What a transaction changed that somebody may wait for.
struct changes {
    /// Something is ready and nobody holds it.
    bool ready = false;
    /// Something will be ready then.
    std::int64_t next_due = never;
    /// Instances that ended or are gone.
    std::vector<std::string> ended;
    /// The hub was emptied.
    bool everything_ended = false;

    /// Whether other processes should look. A lease is no news: its end is found by the clock.
    bool due_is_news = false;

    [[nodiscard]] bool is_news() const {
        return ready || due_is_news || everything_ended || !ended.empty();
    }
};

/// Where callers wait, and where changes are announced. Changes of this process are announced by
/// whoever made them; those of other processes are looked for while somebody waits, by one of the
/// waiting threads. Safe from any thread.
class notifier {
  public:
    explicit notifier(store& hub);

    /// The position of the last announcement [WAKE-1].
    [[nodiscard]] std::uint64_t generation();
    /// Announces a transaction, and returns the position after it. Call it in the order of the
    /// transactions. `before` is what the transaction found, `after` what it left.
    std::uint64_t announce(const changes& news, hub_state before, hub_state after);
    /// Hears of the state that a reader saw after it had asked for the generation: what is known
    /// then is no news later.
    void hear_of_state(hub_state seen);
    void interrupt();

    [[nodiscard]] wake_token wait_for_work(wake_token token,
                                           std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] bool wait(std::span<const instance_id> instances,
                            std::chrono::steady_clock::time_point deadline);

  private:
    using steady = std::chrono::steady_clock;
    struct end_waiter {
        /// Those of its instances that were heard to have ended.
        std::vector<instance_id> signalled;
    };
    class registration;
    class poller;

    [[nodiscard]] bool any_ended(std::span<const instance_id> instances);
    void poll_for_changes(std::unique_lock<std::mutex>& lock);
    void poll_for_due(std::unique_lock<std::mutex>& lock);
    [[nodiscard]] std::int64_t earliest_due(std::int64_t after);
    void hear_of_foreign_change();
    [[nodiscard]] steady::time_point due_moment() const;
    /// Waits until something changes, and does what one of the waiting threads has to do meanwhile.
    void rest(std::unique_lock<std::mutex>& lock, steady::time_point deadline);

    store& hub_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t generation_ = 1;
    /// Rises with every change of another process.
    std::uint64_t foreign_generation_ = 1;
    bool interrupted_ = false;
    std::unordered_multimap<std::string, end_waiter*> waiting_for_end_;

    /// Not later than the next time at which something falls due.
    std::int64_t next_due_ = 0;
    /// What fell due until then has been announced.
    std::int64_t due_announced_ = 0;
    hub_clock clock_;

    /// One waiting thread looks for other processes' changes and for what falls due.
    bool somebody_polls_ = false;
    steady::time_point next_poll_{};
    duration poll_interval_;
    /// Used by the thread that looks.
    std::unique_ptr<reader> reader_;
    std::int64_t data_version_ = 0;
    std::int64_t known_changes_ = -1;
};

}  // namespace perdure::sqlite
