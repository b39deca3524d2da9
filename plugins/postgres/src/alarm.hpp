#pragma once

#include <chrono>
#include <poll.h>

namespace perdure::postgres {

/// Ends a thread's rest; its descriptor is readable until it is silenced.
class alarm {
  public:
    /// Throws `backend_error` (unavailable) when the process has no descriptor left.
    alarm();
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;
    ~alarm();

    void signal() const noexcept;
    void silence() const noexcept;
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  private:
    int descriptor_;
};

/// What ended a wait.
struct occurrence {
    bool on_socket = false;
    bool alarm = false;
};

/// Waits for events of a socket and for the alarm, which it silences; ends when the time has come
/// or a signal was caught, too.
[[nodiscard]] occurrence wait_for(pollfd socket,
                                  const alarm& other,
                                  std::chrono::steady_clock::time_point until);

/// No socket.
inline constexpr pollfd no_socket{-1, 0, 0};

}  // namespace perdure::postgres
