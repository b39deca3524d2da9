#pragma once

#include <perdure/log.hpp>
#include <perdure/plugin.hpp>

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <thread>

namespace perdure::conformance {

/// What the process of a worker does, which main asks for: serves the common orchestrations of the
/// hub, and writes the name of each log event to the descriptor, a line each. Never returns.
[[noreturn]] void serve(const backend_config& where, int notes);

/// A worker with short leases in another process of this program, which can be stopped, resumed and
/// killed. Owns the process: kills it at the end. Safe from any thread but for its end.
class worker_process {
  public:
    /// Returns as soon as the worker has started.
    explicit worker_process(const backend_config& where);
    worker_process(const worker_process&) = delete;
    worker_process& operator=(const worker_process&) = delete;
    ~worker_process();

    /// SIGSTOP, and waits until nothing of it moves any more.
    void pause() const;
    /// SIGCONT.
    void resume() const;
    [[nodiscard]] bool lives() const;

    /// How often it has noted an event.
    [[nodiscard]] std::size_t count(log_event event) const;
    /// Waits until it has noted the event so often; false when patience is over.
    [[nodiscard]] bool wait_for(log_event event, std::size_t times);

  private:
    void take_notes(int from);

    pid_t pid_ = -1;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, std::size_t> counts_;
    // Ends with the process, whose end closes what it reads.
    std::jthread notes_;
};

}  // namespace perdure::conformance
