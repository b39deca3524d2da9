#pragma once

#include "backoff.hpp"
#include "worker/engine_log.hpp"

#include <perdure/backend_error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace perdure::dispatch {

/// Calls to a store that may be away for a while: repeated as they are, with pauses. Says once that
/// the store is away, and once that it is back. Safe from any thread.
class PERDURE_EXPORT store_calls {
  public:
    explicit store_calls(const engine_log& log) : log_(log) {}

    /// Calls until there is an answer, and returns true; or false when `is_worth_it()` says no
    /// after a failure, or calls were closed. Throws the error when a repetition cannot help.
    template <class Call, class Condition>
    bool repeat(Call&& call, Condition&& is_worth_it) {
        calls::backoff pauses(std::chrono::milliseconds(5), std::chrono::seconds(1));
        for (;;) {
            try {
                call();
                note_answer();
                return true;
            } catch (const backend_error& trouble) {
                note_trouble(trouble);
                if (!calls::may_pass(trouble)) {
                    throw;
                }
            }
            if (!is_worth_it() || !pause(pauses.next())) {
                return false;
            }
        }
    }

    /// Waits; returns false at once when closed.
    [[nodiscard]] bool pause(duration length);
    /// Ends all pauses, present and future.
    void close();
    [[nodiscard]] bool is_closed() const noexcept { return closed_.load(); }

    void note_trouble(const backend_error& trouble);
    void note_answer();
    /// The store refuses, for good, what the worker wanted to do.
    void note_refusal(const char* wanted, const backend_error& refusal) const;

  private:
    const engine_log& log_;
    std::atomic<bool> away_{false};
    std::atomic<bool> closed_{false};
    std::mutex mutex_;
    std::condition_variable pause_ended_;
};

}  // namespace perdure::dispatch
