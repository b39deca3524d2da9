#pragma once

#include <perdure/client.hpp>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace perdure::conformance {

/// Clients that start orchestrations, wait for their ends and start more, until they are told to
/// finish. The methods belong to one thread; each client has another.
class load {
  public:
    enum class kind {
        /// Whose result is known beforehand.
        sequences,
        /// Whose result only the history knows; and an instance may get lost.
        words,
    };
    load(const hub& where, std::size_t clients, kind what = kind::sequences);
    load(const load&) = delete;
    load& operator=(const load&) = delete;
    ~load() = default;

    /// Waits until so many more have been started and have ended; false when patience is over.
    [[nodiscard]] bool goes_on(std::size_t count);
    /// Starts no more, and returns when every call of a client has returned.
    void finish();

    /// Every start that a client was told of.
    [[nodiscard]] const std::vector<instance_id>& acknowledged() const { return acknowledged_; }
    /// What clients were told that is no answer.
    [[nodiscard]] const std::vector<std::string>& refusals() const { return refusals_; }

    /// How many activities an orchestration calls, one after the other.
    static constexpr int steps = 10;

  private:
    void work_until(const std::stop_token& stop);
    void start_some(client& through);
    void wait_for_end(client& through, const instance_id& id) const;

    hub where_;
    const kind what_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<instance_id> acknowledged_;
    std::vector<std::string> refusals_;
    std::size_t ended_ = 0;
    std::vector<std::jthread> clients_;
};

/// How long a test waits for the end of one of many instances, which advance side by side.
[[nodiscard]] duration patience_with_many();

/// Checks that these instances, and no others, exist in the hub, with the right result, each of
/// their activities scheduled and completed once. Prints how many there are.
void check_exactly_once(const hub& where, const std::vector<instance_id>& started);
/// Checks that every instance of the hub ends, with the random words that its history has.
void check_random_words(const hub& where);
/// Finishes the load, and checks what it has started.
void check_exactly_once(const hub& where, load& clients);

}  // namespace perdure::conformance
