#pragma once

#include "doubtful_calls.hpp"
#include "held_leases.hpp"
#include "listener.hpp"
#include "low_water.hpp"
#include "names.hpp"
#include "notifier.hpp"
#include "pool.hpp"
#include "settings.hpp"

#include <perdure/backend.hpp>
#include <perdure/backend_statistics.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace perdure::postgres {

/// What the methods of an opened hub share: connections, names, and where waiters wait. Safe from
/// any thread.
class store {
  public:
    explicit store(settings chosen);

    [[nodiscard]] const settings& chosen() const noexcept { return settings_; }
    [[nodiscard]] name_cache& names() noexcept { return names_; }
    [[nodiscard]] notifier& shared_notifier() noexcept { return notifier_; }
    [[nodiscard]] low_water& low_water_marks() noexcept { return low_water_; }
    [[nodiscard]] held_leases& held() noexcept { return held_; }
    [[nodiscard]] doubtful_calls& doubtful() noexcept { return doubtful_; }

    /// Makes schema and hub, or checks them where the login may not.
    void create();

    /// One call on any connection. One that lost against another is repeated a few times: nothing
    /// of it has happened.
    [[nodiscard]] answer call(const statement& what, const parameters& values);
    /// The same through SOCI; soci_calls.hpp has the functions for that.
    void with_session(const statement& what, const session_work& work);

    /// What `action` returns. When a number that it sends is of an earlier installation of the
    /// schema, nothing has happened, and it is repeated with names that are looked up again.
    template <class Action>
    [[nodiscard]] auto with_names(const Action& action) {
        try {
            return action();
        } catch (const backend_error& error) {
            if (error.sqlstate() != sqlstate_old_number) {
                throw;
            }
        }
        names_.forget();
        return action();
    }

    /// Throws `backend_error` (configuration) in a process that fork() made: the connections and
    /// the thread belong to the one that opened the hub.
    void require_opener() const;
    [[nodiscard]] bool is_opener() const noexcept;

    /// What calls and the listener have done since the hub was opened.
    [[nodiscard]] backend_statistics statistics() const noexcept;

    /// Whether this call should look for leases that are over: each does so for a test, otherwise
    /// one a second, and more when there is much to tell of those that ended.
    [[nodiscard]] bool should_expire(bool asks_for_suspects);

  private:
    using steady = std::chrono::steady_clock;

    /// What the work returns on any connection, after as many repetitions as a lost race is worth.
    template <class Work>
    auto repeat(const Work& what, durability kept);
    /// The same, once.
    template <class Work>
    auto act_once(const Work& what, durability kept);
    /// Connects as `pool::take` does, and waits as long as a statement may take for a server that
    /// is starting up.
    [[nodiscard]] borrowed take_patiently();
    [[nodiscard]] std::vector<instance_id> ended_of(const std::vector<instance_id>& awaited);
    void start_listening();
    /// At the first use: whether this server, this way to it, and this login can serve the hub.
    void check(connection& server);
    /// With TaskHubMode 1 the login says the hub, and nothing may be done in it when the URI says
    /// another one.
    void refuse_other_hub(connection& server);

    const pid_t opener_;
    settings settings_;
    counters counts_;
    pool pool_;
    name_cache names_;
    notifier notifier_;
    low_water low_water_;
    held_leases held_;
    doubtful_calls doubtful_;
    std::atomic<steady::rep> next_expiry_{0};
    std::atomic<bool> is_checked_{false};
    /// Last, so that its thread ends before what it uses.
    std::unique_ptr<listener> listener_;
};

/// What a mutating call changed for others, and the bookkeeping of the notifier around it.
class announcing_call {
  public:
    explicit announcing_call(store& hub) : hub_(hub), begun_(hub.shared_notifier().begin_poll()) {}
    announcing_call(const announcing_call&) = delete;
    announcing_call& operator=(const announcing_call&) = delete;
    /// A call that was not finished has failed, and may have happened.
    ~announcing_call();

    changes news;

    /// Tells who waits; `time` is the store's clock during the call, null when the answer is that
    /// of an earlier call.
    void finish(const field& time, const field& left_ready, const field& next_due);
    void finish(std::optional<timestamp> time, bool left_ready, std::optional<timestamp> next_due);
    [[nodiscard]] const store_poll& begun() const noexcept { return begun_; }

  private:
    store& hub_;
    store_poll begun_;
    bool is_finished_ = false;
};

}  // namespace perdure::postgres
