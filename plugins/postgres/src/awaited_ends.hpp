#pragma once

#include "recent_starts.hpp"

#include <perdure/backend.hpp>
#include <perdure/ids.hpp>
#include <perdure/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace perdure::postgres {

/// Who waits for the end of instances. One of the waiting threads polls on behalf of all whether
/// theirs have ended already; after that somebody tells of each end, or else they poll again at
/// growing intervals.
///
/// Guarded by the mutex of its owner, the notifier: every call is made with it held, and `wait`
/// gives it up only to sleep and to poll.
class awaited_ends {
  public:
    using steady = std::chrono::steady_clock;
    /// Which of these instances are terminal or missing. Called without the mutex, by a thread in
    /// `wait`, which also gets what it throws.
    using query = std::function<std::vector<instance_id>(const std::vector<instance_id>&)>;
    /// How often it is polled while nobody tells, at first and at last.
    struct pace {
        duration first{};
        duration last{};
    };

    awaited_ends(const pace& chosen, query ends);
    awaited_ends(const awaited_ends&) = delete;
    awaited_ends& operator=(const awaited_ends&) = delete;
    ~awaited_ends() = default;

    struct wish {
        /// One of them is enough.
        std::span<const instance_id> instances;
        steady::time_point deadline{};
        /// Set by whoever wants the record of the only one: as news of a poll after this one.
        std::optional<std::uint64_t> record_after = {};
    };
    struct answer {
        bool has_ended = false;
        std::optional<instance_record> record = {};
    };
    /// `held` holds the mutex, at the end as well.
    [[nodiscard]] answer wait(std::unique_lock<std::mutex>& held, const wish& wanted);
    /// Ends all waits, present and future, without an end.
    void interrupt();

    /// From now on somebody tells of every end, or nobody does any more.
    void set_told(bool is_told);
    /// This one has ended or is gone; its record, if that is known, and the poll that it is of.
    void tell(const instance_id& id,
              const std::optional<instance_record>& record = {},
              std::uint64_t poll_number = 0);
    /// Any instance may have ended.
    void suspect_all();

    /// These are about to be created: while somebody tells of ends, a wait knows that they run,
    /// until one of the two below says that they may not.
    void begin_starts(std::span<const instance_id> instances);
    void forget_start(const instance_id& instance);
    void forget_starts() { fresh_.clear(); }

    /// Each instance that is waited for, once.
    [[nodiscard]] std::vector<instance_id> instances() const;
    [[nodiscard]] bool is_record_wanted(const instance_id& instance) const;
    [[nodiscard]] std::size_t waiters() const { return waiters_.size(); }
    /// When a wait last ended.
    [[nodiscard]] std::optional<steady::time_point> last_wait() const { return last_wait_; }

  private:
    struct waiter;

    void poll(std::unique_lock<std::mutex>& held);
    void hand_on_polling();
    void poll_soon();
    [[nodiscard]] steady::time_point next_poll(steady::time_point now);

    const pace pace_;
    const query ends_;
    bool is_told_ = false;
    bool is_interrupted_ = false;

    std::set<waiter*> waiters_;
    /// By instance; the ids are those of the waiters.
    std::unordered_multimap<std::string_view, waiter*> by_instance_;
    recent_starts fresh_;
    std::optional<steady::time_point> last_wait_;

    bool somebody_polls_ = false;
    std::optional<steady::time_point> next_poll_;
    duration interval_;
};

}  // namespace perdure::postgres
