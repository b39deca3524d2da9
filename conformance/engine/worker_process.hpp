#pragma once

#include "fixture.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace perdure::conformance {

/// Executes what this program does as a worker process, when its command line says so
/// (`--serve-as-worker FILE CONFIG MODE`); otherwise nothing. Called first in main.
[[nodiscard]] std::optional<int> serve_as_worker(int argc, char** argv);

/// A worker in a process of its own, for killing. Owns the process: kills it at the end.
class worker_process {
  public:
    /// `mode` chooses the activities: "steady" ones, or "aborting" ones of which one calls abort().
    worker_process(const backend_config& where, const std::string& mode);
    worker_process(const worker_process&) = delete;
    worker_process& operator=(const worker_process&) = delete;
    ~worker_process();

    /// SIGKILL, and wait until it is gone.
    void kill();
    /// True when it has ended by itself.
    [[nodiscard]] bool has_ended();

  private:
    pid_t pid_ = -1;
};

}  // namespace perdure::conformance
