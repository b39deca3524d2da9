#pragma once

#include <perdure/hub.hpp>
#include <perdure/log.hpp>
#include <perdure/registry.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace perdure {
inline namespace v1 {

namespace detail {
struct worker_access;
}

/// Settings of a worker; docs/settings.md has the table, with the names that other systems use.
/// `worker` checks them and throws `invalid_input` that says which, why, and what is allowed.
struct worker_options {
    /// Activities that may be under way at once; each needs a thread unless it is a coroutine.
    std::size_t activities_max = 32;
    /// Turns that may be under way at once.
    std::size_t turns_max = 16;
    /// The queues of activities that it serves; the default queue is the empty name.
    std::vector<std::string> queues = {std::string()};
    duration lease_duration = std::chrono::seconds(15);
    /// How often leases under way are renewed; below half of the lease.
    duration renew_interval = std::chrono::seconds(5);
    duration poll_min = std::chrono::milliseconds(50);
    duration poll_max = std::chrono::seconds(1);
    /// How long `stop` waits for what has begun, before it asks activities to stop.
    duration stop_grace = std::chrono::seconds(10);
    /// Live frames kept between turns, by number and estimated bytes; 0 switches the cache off.
    std::size_t cached_frames_max = 2000;
    std::size_t cached_bytes_max = std::size_t{64} << 20U;
    /// After so many deliveries without an end an activity fails and an instance is parked.
    std::uint32_t deliveries_max = 10;
    std::size_t turn_messages_max = 1000;
    std::size_t payload_bytes_max = payload_bytes_max_default;
    /// A turn with more decisions is parked; at a tenth it is warned about.
    std::size_t turn_decisions_max = 100'000;
    /// Of what it stores; a turn with more is parked.
    std::size_t turn_bytes_max = turn_bytes_max_default;
    /// From this length on, a history is warned about, once.
    std::uint64_t history_warning = 10'000;
    /// Replays the whole history at every turn and compares it with the live frame.
    bool verify_replay = false;
    /// Log the author's messages while replaying, too.
    bool log_replay = false;
    /// Takes over, at start, the leases of workers of this machine that died; see docs/settings.md.
    bool take_over_dead_workers = true;
    log_sink log;
};

/// What a worker has done since it started.
struct worker_statistics {
    std::uint64_t turns = 0;
    std::uint64_t activities = 0;
    std::uint64_t commits = 0;
    std::uint64_t events = 0;
    std::uint64_t rebuilds = 0;
};

/// Executes the orchestrations and activities of a registry for one hub.
///
/// Owns its threads. The registry must outlive it, or be given by value; the methods may be called
/// from any thread.
class PERDURE_EXPORT worker {
  public:
    worker(hub where, registry what, worker_options options = {});
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;
    /// Stops.
    ~worker();

    /// Begins to take work. A second call does nothing; a stopped worker cannot be started again
    /// and throws `invalid_input`.
    void start();
    /// Takes no more work, waits up to `stop_grace` for what has begun, asks activities to stop,
    /// gives back what has not ended, ends the threads, and takes the worker off the list of live
    /// ones. Safe twice and before `start`. From within the worker (an activity, an orchestration,
    /// a codec, the log) it cannot wait for itself: it returns at once, and the worker stops in the
    /// background; a call from elsewhere, the destructor's too, waits for the end of that.
    void stop();

    [[nodiscard]] const worker_id& id() const noexcept;
    [[nodiscard]] worker_statistics statistics() const;

  private:
    class impl;
    friend struct detail::worker_access;
    explicit worker(std::unique_ptr<impl> made);
    std::unique_ptr<impl> impl_;
};

}  // namespace v1
}  // namespace perdure
