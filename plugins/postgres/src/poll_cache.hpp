#pragma once

#include <perdure/time.hpp>
#include <perdure/work_item.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace perdure::postgres {

/// A poll at the store: what was known when it began.
struct store_poll {
    std::uint64_t number = 0;
    std::uint64_t question = 0;
    /// The token of its answer: what is announced from now on wakes whoever waits with it.
    wake_token token{};
    std::chrono::steady_clock::time_point begun{};
};

/// Numbers the polls, and knows which questions the store has answered with "nothing" of late, so
/// that they need not be asked again. Reads no clock. Not safe from several threads: the notifier's
/// mutex guards it.
class poll_cache {
  public:
    using steady = std::chrono::steady_clock;

    /// An empty answer is good for less than `bound`.
    explicit poll_cache(duration bound) : bound_(bound) {}

    /// Question 0 is none.
    [[nodiscard]] store_poll begin(std::uint64_t question,
                                   wake_token token,
                                   steady::time_point now) {
        const store_poll begun{++last_, question, token, now};
        if (question != 0) {
            if (questions_.size() >= questions_max && !questions_.contains(question)) {
                questions_.clear();
            }
            questions_[question].last_begun = begun.number;
        }
        return begun;
    }
    /// Of a poll that fails, nothing is said here. False when its question is none, or forgotten.
    bool end(const store_poll& begun, bool is_empty) {
        const auto found = questions_.find(begun.question);
        if (found == questions_.end()) {
            return false;
        }
        found->second.empty = is_empty ? std::optional(begun) : std::nullopt;
        return true;
    }

    /// Whether the last poll with this question has found nothing, and nothing was announced since:
    /// then it had today's token. One that has begun and not ended may have been given something.
    [[nodiscard]] bool is_empty(std::uint64_t question,
                                wake_token token,
                                steady::time_point now) const {
        const auto found = questions_.find(question);
        if (found == questions_.end() || !found->second.empty) {
            return false;
        }
        const auto& [last_begun, empty] = found->second;
        return empty->number == last_begun && empty->token.value == token.value &&
               now - empty->begun < bound_;
    }
    /// The number of the last poll.
    [[nodiscard]] std::uint64_t last() const { return last_; }

  private:
    /// A process asks a handful.
    static constexpr std::size_t questions_max = 64;

    struct asked {
        std::uint64_t last_begun = 0;
        /// The last that ended, if it found nothing.
        std::optional<store_poll> empty;
    };

    const duration bound_;
    std::uint64_t last_ = 0;
    std::map<std::uint64_t, asked> questions_;
};

}  // namespace perdure::postgres
