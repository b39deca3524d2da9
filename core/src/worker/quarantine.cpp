#include "worker/quarantine.hpp"

namespace perdure::dispatch {

void quarantine::note_waiting(steady::time_point now) noexcept {
    if (state_ == state::none && now >= next_) {
        state_ = state::draining;
        since_ = now;
    }
}

bool quarantine::must_seek(other_work others, steady::time_point now) const noexcept {
    if (state_ == state::none) {
        return false;
    }
    // What does not end within a lease may go on beside the suspect: an expiry counts only for the
    // suspect itself.
    return others == other_work::none ||
           (state_ == state::draining && now - since_ > lease_duration_);
}

void quarantine::note_found(steady::time_point now) noexcept {
    state_ = state::alone;
    since_ = now;
}

void quarantine::note_none(steady::time_point now) noexcept {
    state_ = state::none;
    since_ = now;
    next_ = now + lease_duration_ / 3;
}

bool quarantine::end_if_overdue(steady::time_point now) noexcept {
    if (state_ != state::alone || now - since_ <= lease_duration_) {
        return false;
    }
    state_ = state::none;
    next_ = now + lease_duration_;
    return true;
}

}  // namespace perdure::dispatch
