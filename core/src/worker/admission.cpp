#include "worker/admission.hpp"

#include "worker/frame_cache.hpp"

#include <algorithm>

namespace perdure::dispatch {

namespace {

constexpr std::size_t fair_share = 8;
/// A lock for the sake of fairness takes at least so many items, or comes this late.
constexpr std::size_t fair_lock_size = 64;
constexpr auto fair_lock_interval = std::chrono::milliseconds(100);

}  // namespace

lock_terms admission::request_of(const request_id& request, work_queue::rooms wanted) const {
    lock_terms next;
    next.request = request;
    next.worker = agreed_.worker;
    next.serve(agreed_.filter);
    next.orchestrations = wanted.turns;
    next.activities = wanted.activities;
    next.lease_duration = agreed_.lease_duration;
    next.messages = agreed_.messages_max;
    return next;
}

bool admission::serve(filter_ptr what) noexcept {
    if (what == agreed_.filter) {
        return false;
    }
    agreed_.filter = std::move(what);
    return true;
}

// What has begun goes first: when more is under way than there are frames, each turn reads and
// repeats a history. Frames of what only waits do not count, because nothing of it is held.
std::size_t admission::turns_to_begin(const load& present) const noexcept {
    if (!present.are_frames_scarce) {
        return batch_items_max;
    }
    const std::size_t most = agreed_.frames_max / frame_cache::scarce_part;
    return std::max(std::size_t{1}, most - std::min(most, present.begun));
}

lock_terms admission::terms(const request_id& request,
                            const expected_work& expected,
                            const load& present) const {
    work_queue::rooms wanted = present.room;
    wanted.turns = std::min(wanted.turns, expected.turns + turns_to_begin(present));
    return request_of(request, wanted);
}

lock_terms admission::fair_terms(const request_id& request) const {
    const std::size_t share = std::clamp<std::size_t>(fair_debt(), 1, batch_items_max);
    return request_of(request, {share, share});
}

lock_terms admission::suspect_terms(const request_id& request) const {
    lock_terms asked = request_of(request, {1, 1});
    asked.suspects = true;
    return asked;
}

void admission::narrow(lock_request& asked, const expected_work& expected) noexcept {
    asked.orchestrations = std::min(asked.orchestrations, expected.turns + expected.again);
    asked.activities = std::min(asked.activities, expected.activities);
}

void admission::note_answer(const expected_work& own,
                            const brought_work& came,
                            const outlook& known) noexcept {
    if (known.is_complete()) {
        saturated_items_ = 0;
        fair_items_ = 0;
        return;
    }
    saturated_items_ += came.turns + came.activities;
    fair_items_ += came.turns - std::min(came.turns, own.turns) + came.activities -
                   std::min(came.activities, own.activities);
}

bool admission::is_fair_lock_due(steady::time_point now) const noexcept {
    const std::size_t debt = fair_debt();
    return debt >= fair_lock_size || (debt > 0 && now - locked_at_ > fair_lock_interval);
}

std::size_t admission::fair_debt() const noexcept {
    const std::size_t due = saturated_items_ / fair_share;
    return due - std::min(due, fair_items_);
}

}  // namespace perdure::dispatch
