#pragma once

#include "worker/lock_terms.hpp"
#include "worker/outlook.hpp"
#include "worker/work_queue.hpp"

#include <perdure/backend.hpp>

namespace perdure::dispatch {

/// How much work of which kind a worker asks the store for.
///
/// While there is more ready work than the worker has room for, nearly all that it takes was made
/// ready by its own commits, and what others have made ready would wait without end. Therefore one
/// of eight items that it takes then stood first in the store's order: what is missing of that
/// share is the debt, and a lock without a commit pays it.
///
/// Pure: it has no clock, and calls nothing. One thread at a time: the dispatcher's mutex guards
/// it.
class PERDURE_EXPORT admission {
  public:
    /// What is the same in every request.
    struct agreement {
        worker_id worker;
        filter_ptr filter;
        duration lease_duration;
        std::size_t messages_max;
        std::size_t frames_max;
    };

    /// What the worker has in hand.
    struct load {
        work_queue::rooms room;
        /// A further instance is likely to push out a frame that will be needed.
        bool are_frames_scarce = false;
        /// How many items are held or queued; only asked for when frames are scarce.
        std::size_t begun = 0;
    };

    explicit admission(agreement agreed) : agreed_(std::move(agreed)) {}

    /// What is asked for from now on; false when that is what was asked for before.
    bool serve(filter_ptr what) noexcept;
    /// Whether a request asked for what is asked for now.
    [[nodiscard]] bool is_current(const lock_request& asked) const noexcept {
        return asked.filter == agreed_.filter.get();
    }

    /// What a call asks for that is likely to make `expected` ready.
    [[nodiscard]] lock_terms terms(const request_id& request,
                                   const expected_work& expected,
                                   const load& present) const;
    /// Asks for the debt, whatever room there is.
    [[nodiscard]] lock_terms fair_terms(const request_id& request) const;
    [[nodiscard]] lock_terms suspect_terms(const request_id& request) const;
    /// Leaves room for what the call itself makes ready, and no other work.
    static void narrow(lock_request& asked, const expected_work& expected) noexcept;

    /// A lock of regular work begins.
    void note_lock(steady::time_point now) noexcept { locked_at_ = now; }
    /// An answer that says something of work beyond `own`, and what is known by it.
    void note_answer(const expected_work& own,
                     const brought_work& came,
                     const outlook& known) noexcept;
    /// Whether the debt is so large, or so old, that it is to be paid by a lock.
    [[nodiscard]] bool is_fair_lock_due(steady::time_point now) const noexcept;
    /// How many items are missing for one of eight to have come in the store's order.
    [[nodiscard]] std::size_t fair_debt() const noexcept;

  private:
    [[nodiscard]] lock_terms request_of(const request_id& request, work_queue::rooms wanted) const;
    /// How many turns may be asked for beyond the expected ones.
    [[nodiscard]] std::size_t turns_to_begin(const load& present) const noexcept;

    agreement agreed_;
    /// Items taken by saturated calls, and how many of them were surely not what the call itself
    /// had made ready, but what stood first in the store's order.
    std::size_t saturated_items_ = 0;
    std::size_t fair_items_ = 0;
    steady::time_point locked_at_{};
};

}  // namespace perdure::dispatch
