#pragma once

#include "settings.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace perdure::conformance {

/// What another process of this program does instead of testing: `act` is called there, on the hub
/// that its command line names. Defined at namespace scope.
class process_role {
  public:
    process_role(const char* name, void (*act)());
};

/// Does what this role does; throws when there is no such role.
void play(const std::string& role);

/// Another process of this program that plays a role on a hub that exists already, for calling,
/// stopping and killing. Owns the process: kills it at the end.
class test_process {
  public:
    test_process(const backend_config& where, const std::string& role);
    test_process(const test_process&) = delete;
    test_process& operator=(const test_process&) = delete;
    ~test_process();

    /// SIGKILL, and waits until it is gone.
    void kill();
    /// True when it has ended by itself, or was killed.
    [[nodiscard]] bool has_ended();

    /// Waits until the process has stopped itself, which a debugger or an operator could also do.
    void wait_until_stopped() const;

    /// Its standard input and output; what is written there comes here, and the other way round.
    [[nodiscard]] int channel() const noexcept { return channel_; }

  private:
    pid_t pid_ = -1;
    int channel_ = -1;
};

/// Sends the text as one piece; throws when nobody is there to read it.
void send_piece(int channel, std::string_view text);
/// The next piece; false when the other side has gone.
[[nodiscard]] bool receive_piece(int channel, std::string& text);

}  // namespace perdure::conformance
