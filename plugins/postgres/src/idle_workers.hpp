#pragma once

#include "notifier.hpp"

#include <perdure/ids.hpp>
#include <perdure/time.hpp>
#include <perdure/work_item.hpp>

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace perdure::postgres {

/// The workers of this process that wait for work. Whoever creates an instance leases it to one of
/// them in the same statement, so that it need not be looked for [WAKE-4]. Safe from any thread.
class idle_workers {
    struct place;

  public:
    /// In whose name an instance is leased, and which ones.
    struct assignee {
        request_id request{};
        lease_token token{};
        std::int32_t worker = 0;
        duration lease_duration{};
        /// By work key; nothing when any will do.
        std::optional<std::vector<std::int32_t>> definitions;
    };

    explicit idle_workers(notifier& shared_notifier) : notifier_(shared_notifier) {}

    /// What a call may have leased to this worker after it had left: the request that a `lock` has
    /// to repeat.
    [[nodiscard]] std::optional<request_id> take_unconfirmed(std::int32_t worker);
    /// Nobody could tell yet.
    void return_unconfirmed(std::int32_t worker, const request_id& request);

    /// A worker that waits, as long as this exists. The owner of the locks must outlive it.
    class presence {
      public:
        presence(idle_workers& where, assignee who);
        presence(const presence&) = delete;
        presence& operator=(const presence&) = delete;
        ~presence();

        /// It was given something, or may have been.
        [[nodiscard]] bool is_over() const;

        struct parting {
            std::optional<work_batch> given;
            /// Only a `lock` with the same request id can tell whether something was leased.
            bool is_in_doubt = false;
        };
        /// Ends the waiting. What comes later goes back.
        [[nodiscard]] parting leave();

      private:
        idle_workers& where_;
        const std::shared_ptr<place> place_;
    };

    /// What a call that creates has of a waiting worker: nothing, or the duty to give it something.
    class reservation {
      public:
        reservation(idle_workers& where, std::int32_t work_key);
        reservation(const reservation&) = delete;
        reservation& operator=(const reservation&) = delete;
        /// Leaves the worker in doubt, unless one of the methods below was called.
        ~reservation();

        /// Null when nobody waits for such an instance.
        [[nodiscard]] const assignee* who() const noexcept;
        /// False when it waits no longer, so that the caller has to give the lease back.
        [[nodiscard]] bool give(work_batch work);
        /// Surely nothing was leased; it goes on waiting.
        void release();

      private:
        idle_workers& where_;
        std::shared_ptr<place> place_;
    };

  private:
    enum class state { waits, reserved, given, in_doubt, left };

    struct place {
        assignee who;
        state now = state::waits;
        work_batch given;
    };

    notifier& notifier_;
    mutable std::mutex mutex_;
    /// Who waits and is not reserved, the longest waiting first.
    std::list<std::shared_ptr<place>> free_;
    std::multimap<std::int32_t, request_id> unconfirmed_;
};

}  // namespace perdure::postgres
