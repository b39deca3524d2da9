#pragma once

#include "alarm.hpp"
#include "notifier.hpp"

#include <perdure/time.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace perdure::postgres {

/// The one thread that an opened hub owns. On a connection of its own it hears what other processes
/// announce, and announces to them what its notifier has to tell. It begins with the first wait or
/// the first piece of news, and ends with the object. It never throws: while its connection is
/// down, the notifier lets callers poll, and it tries again with growing pauses as long as somebody
/// needs it.
class listener final : public carrier {
  public:
    struct options {
        /// What libpq connects with: one after the other is tried, until one does.
        std::vector<std::string> connections;
        /// What makes a session of a server of this version what the functions assume; nothing
        /// where it is not ours.
        std::function<std::string(int)> session_setup;
        /// The same for each transaction, instead.
        std::vector<std::string> transaction_setup;
        /// False where a session's state is not ours (pooler=transaction): then it only announces.
        bool listens = true;
        /// From when on work that is ready counts as missed by somebody who begins to sleep.
        std::function<timestamp()> polls_from = [] { return timestamp::min(); };
        /// How often the connection is tried while somebody sleeps; that is also a poll for ends.
        duration watch_interval = std::chrono::seconds(4);
        /// A server that has not answered for so long is taken for dead.
        duration answer_timeout = std::chrono::seconds(5);
        duration connect_timeout = std::chrono::seconds(10);
        duration backoff_min = std::chrono::milliseconds(50);
        duration backoff_max = std::chrono::seconds(2);
        /// Between two announcements: so little while each has little to tell, so much at last when
        /// the system is busy.
        duration gap_min = std::chrono::milliseconds(2);
        duration gap_max = std::chrono::milliseconds(16);
        /// How long its end may take when there are news left to tell.
        duration farewell_max = std::chrono::milliseconds(250);
    };

    struct counters {
        std::uint64_t connections = 0;
        std::uint64_t statements = 0;
        std::uint64_t announcements = 0;
        /// Announcements that somebody slept for, so that a notification was sent.
        std::uint64_t notifications = 0;
        /// Notifications of other processes.
        std::uint64_t heard = 0;
    };

    /// Serves this notifier, which must outlive it.
    listener(notifier& shared_notifier, options chosen);
    ~listener() override;

    void stir() noexcept override;
    /// What it has done so far. Safe from any thread.
    [[nodiscard]] counters counted() const noexcept;

  private:
    using steady = std::chrono::steady_clock;
    class line;
    enum class watch_reason { sleeps, begins_to_sleep_for_work };
    /// The state of one connection.
    struct service {
        sleepers registered;
        steady::time_point next_watch = steady::time_point::max();
    };

    void run(const std::stop_token& stop);
    void serve(line& connected);
    void pause();
    [[nodiscard]] bool is_over();
    [[nodiscard]] bool is_needed();
    [[nodiscard]] bool has_news();
    [[nodiscard]] steady::time_point patience(steady::time_point deadline);

    void tend(line& connected, service& state, sleepers wanted);
    void watch(line& connected, watch_reason why);
    void announce(line& connected);
    void set_pace(bool was_heard);
    void hear(line& connected);

    notifier& notifier_;
    const options options_;
    const alarm alarm_;

    struct {
        std::atomic<std::uint64_t> connections{0};
        std::atomic<std::uint64_t> statements{0};
        std::atomic<std::uint64_t> announcements{0};
        std::atomic<std::uint64_t> notifications{0};
        std::atomic<std::uint64_t> heard{0};
    } count_;

    // What follows belongs to the thread.
    std::stop_token stop_;
    std::optional<steady::time_point> stopped_at_;
    /// How many connections have failed or were lost.
    std::size_t failures_ = 0;
    /// Taken from the notifier, and not yet told.
    unsent_news news_;
    int attempts_ = 0;
    steady::time_point last_announcement_{};
    duration gap_;
    duration backoff_;

    std::mutex beginning_;
    std::jthread thread_;
};

}  // namespace perdure::postgres
