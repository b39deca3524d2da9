#pragma once

#include "alarm.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace perdure::postgres {

/// Ends a wait for a socket that nobody can wait for otherwise, such as SOCI's: when the time has
/// come while it lives, the socket is shut down, so that who waits finds the connection lost.
class time_limit {
  public:
    /// Throws `backend_error` (unavailable) when the process has no descriptor or thread left.
    time_limit(int socket, std::chrono::steady_clock::time_point end);
    time_limit(const time_limit&) = delete;
    time_limit& operator=(const time_limit&) = delete;
    ~time_limit();

    [[nodiscard]] bool has_passed() const noexcept { return has_passed_; }

  private:
    void watch(int socket, std::chrono::steady_clock::time_point end);

    const alarm over_;
    std::atomic<bool> has_passed_{false};
    /// Last, so that it ends before what it uses.
    std::jthread watch_;
};

}  // namespace perdure::postgres
