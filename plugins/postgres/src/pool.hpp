#pragma once

#include "connection.hpp"
#include "settings.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace perdure::postgres {

class pool;

/// A connection on loan; its end gives it back. Belongs to one thread.
class borrowed {
  public:
    borrowed(pool& owner, std::unique_ptr<connection> held) noexcept;
    borrowed(borrowed&&) noexcept = default;
    borrowed& operator=(borrowed&&) = delete;
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    ~borrowed();

    connection* operator->() const noexcept { return held_.get(); }
    connection& operator*() const noexcept { return *held_; }

  private:
    pool* owner_;
    std::unique_ptr<connection> held_;
};

/// The connections of one hub. Opened when they are needed, at most `pool_max`; a broken one is
/// dropped, and so are the idle ones that were opened before it broke, because a server that
/// restarted or lost its role leaves them as useless.
///
/// Those for calls that need not be durable at once are connections of their own; when there may be
/// no further ones, such a call takes a durable one, and one of them makes room for a durable one.
///
/// Safe from any thread. It owns no thread: what was idle too long is closed by whoever comes next.
/// It outlives everything borrowed from it.
class pool {
  public:
    pool(settings chosen, counters& counts);
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool() = default;

    /// A connection that was alive a moment ago. Throws `backend_error`: `unavailable` when all
    /// connections stay busy for the length of `command_timeout`, otherwise as connecting does.
    [[nodiscard]] borrowed take(durability wanted = durability::at_once);
    /// Closes the connections that nobody uses.
    void close_idle();

    [[nodiscard]] std::size_t idle_count() const;
    /// Idle and borrowed ones.
    [[nodiscard]] std::size_t open_count() const;
    [[nodiscard]] const settings& chosen() const noexcept { return settings_; }

  private:
    friend class borrowed;
    using steady = std::chrono::steady_clock;

    struct idle_connection {
        std::unique_ptr<connection> held;
        steady::time_point since;
    };

    /// The right to open one more connection; given up unless it was used.
    struct slot {
        pool* owner;
        explicit slot(pool* of) noexcept : owner(of) {}
        slot(const slot&) = delete;
        slot& operator=(const slot&) = delete;
        ~slot();
    };

    [[nodiscard]] std::unique_ptr<connection> open(durability kept);
    /// The idle connection of this kind that was used last; null for none.
    [[nodiscard]] std::unique_ptr<connection> pop_idle(durability kept);
    void give_back(std::unique_ptr<connection> used) noexcept;
    /// Takes the connections out that were idle for too long, so that they are closed unlocked.
    [[nodiscard]] std::deque<idle_connection> expired(steady::time_point now);

    const settings settings_;
    counters& counts_;
    mutable std::mutex mutex_;
    std::condition_variable returned_;
    /// The one used last is at the end and is taken first.
    std::deque<idle_connection> idle_;
    /// Idle, borrowed and being opened.
    std::size_t open_ = 0;
    /// When a connection was last given back whole.
    std::optional<steady::time_point> answered_;
};

}  // namespace perdure::postgres
