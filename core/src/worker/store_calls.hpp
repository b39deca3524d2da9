#pragma once

#include "backoff.hpp"
#include "worker/engine_log.hpp"

#include <perdure/backend_error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
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
            const std::uint64_t began = era();
            try {
                call();
                note_answer(began);
                return true;
            } catch (const backend_error& trouble) {
                note_trouble(trouble, began);
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

    /// Take it before a call: what the call tells counts only if nothing has changed since, because
    /// an answer that was under way when the store went away proves nothing, nor does a late error.
    [[nodiscard]] std::uint64_t era() const noexcept {
        return era_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] static bool was_away(std::uint64_t era) noexcept { return era % 2 == 1; }
    void note_trouble(const backend_error& trouble, std::uint64_t began);
    void note_answer(std::uint64_t began);
    /// The store refuses, for good, what the worker wanted to do.
    void note_refusal(const char* wanted, const backend_error& refusal) const;

  private:
    const engine_log& log_;
    /// Counts the store's goings and comings: even while it is there, odd while it is away.
    std::atomic<std::uint64_t> era_{0};
    std::atomic<bool> closed_{false};
    std::mutex mutex_;
    std::condition_variable pause_ended_;
};

}  // namespace perdure::dispatch
