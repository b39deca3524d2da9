#include "worker/store_calls.hpp"

namespace perdure::dispatch {

bool store_calls::pause(duration length) {
    std::unique_lock guard(mutex_);
    return !pause_ended_.wait_for(guard, length, [this] { return closed_.load(); });
}

void store_calls::close() {
    {
        const std::lock_guard guard(mutex_);
        closed_ = true;
    }
    pause_ended_.notify_all();
}

void store_calls::note_trouble(const backend_error& trouble, std::uint64_t began) {
    // A conflict is the daily life of a store with several writers, not an absence.
    if (trouble.code() == store_fault::conflict || !calls::may_pass(trouble) || was_away(began) ||
        !era_.compare_exchange_strong(began, began + 1)) {
        return;
    }
    if (log_.is_on()) {
        log_.write(
            log_event::store_unavailable,
            log_level::error,
            {},
            std::string("the store does not answer: ") + trouble.what(),
            {{"code", std::string(to_string(trouble.code()))}, {"sqlstate", trouble.sqlstate()}});
    }
}

void store_calls::note_refusal(const char* wanted, const backend_error& refusal) const {
    if (log_.is_on()) {
        log_.write(
            log_event::store_unavailable,
            log_level::error,
            {},
            std::string("the store refuses to ") + wanted + ": " + refusal.what(),
            {{"code", std::string(to_string(refusal.code()))}, {"sqlstate", refusal.sqlstate()}});
    }
}

void store_calls::note_answer(std::uint64_t began) {
    if (was_away(began) && era_.compare_exchange_strong(began, began + 1) && log_.is_on()) {
        log_.write(
            log_event::store_available_again, log_level::info, {}, "the store answers again");
    }
}

}  // namespace perdure::dispatch
