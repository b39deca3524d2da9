#pragma once

#include <perdure/registry.hpp>

#include <string>
#include <sys/types.h>

namespace perdure::ages {

/// Which library a worker's process loads.
enum class age {
    /// The one of this build.
    today,
    /// The one that implements one kind of event more, of the next feature level.
    next,
};

inline constexpr activity<std::string, std::string> stamp{"Stamp"};
inline constexpr orchestrator<int, std::string> letters{"Letters"};

/// Executes Letters and Stamp on this hub until standard input ends.
int work(const std::string& uri);

/// A process that does that. Owns it: kills it at the end.
class worker_process {
  public:
    worker_process(const std::string& uri, age which);
    worker_process(const worker_process&) = delete;
    worker_process& operator=(const worker_process&) = delete;
    ~worker_process();

  private:
    pid_t pid_ = -1;
    /// Its standard input: it ends when this process ends, however that comes.
    int input_ = -1;
};

}  // namespace perdure::ages
