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

    /// The process does nothing as long as this lives.
    class stopped {
      public:
        explicit stopped(const test_process& whom);
        stopped(const stopped&) = delete;
        stopped& operator=(const stopped&) = delete;
        ~stopped();

      private:
        const pid_t pid_;
    };

  private:
    pid_t pid_ = -1;
};

}  // namespace perdure::conformance
