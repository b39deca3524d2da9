#pragma once

#include "settings.hpp"

#include <string>
#include <sys/types.h>

namespace perdure::conformance {

/// Another process of this program that executes one hidden test on a hub that exists already, for
/// stopping and killing. Owns the process: kills it at the end.
class test_process {
  public:
    test_process(const backend_config& where, const std::string& test);
    test_process(const test_process&) = delete;
    test_process& operator=(const test_process&) = delete;
    ~test_process();

    /// SIGKILL, and waits until it is gone.
    void kill();
    /// True when it has ended by itself, or was killed.
    [[nodiscard]] bool has_ended();

    /// Waits until the process has stopped itself, which a debugger or an operator could also do.
    void wait_until_stopped() const;

  private:
    pid_t pid_ = -1;
};

}  // namespace perdure::conformance
