#pragma once

#include <perdure/hub.hpp>
#include <perdure/worker.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace perdure::tool {

// What processes have used, since they began.
struct resource_use {
    double cpu_seconds = 0;
    double resident_bytes = 0;
    double activities = 0;
    double turns = 0;
    // Of the stores' own counters; nothing when a plugin has none.
    std::optional<double> commits;
    std::optional<double> statements;

    resource_use& operator+=(const resource_use& other);
};

// Of this process; `working` may be null.
[[nodiscard]] resource_use use_of_this_process(const hub& where, const worker* working);

// A worker in a process of its own: this very program with a hidden verb. It answers questions on
// its standard output and ends when its standard input is closed.
class worker_process {
  public:
    // Returns when the worker has started. Throws `error` when it cannot.
    explicit worker_process(const std::string& hub_uri);
    worker_process(const worker_process&) = delete;
    worker_process& operator=(const worker_process&) = delete;
    // Ends the process, waits for that, and kills it when it takes too long.
    ~worker_process();

    [[nodiscard]] resource_use use();

  private:
    [[nodiscard]] std::string read_line();

    int pid_ = -1;
    int to_ = -1;
    int from_ = -1;
    std::string unread_;
};

// The workers of a bench, in this process or in processes of their own.
class workforce {
  public:
    // `processes` 0 means one worker in this process.
    workforce(const hub& where, const std::string& hub_uri, unsigned processes);

    // Summed over this process and the workers'.
    [[nodiscard]] resource_use use();
    // How many activities have been executed, as far as this process knows at no cost.
    [[nodiscard]] std::uint64_t activities_seen() const;

  private:
    hub where_;
    std::unique_ptr<worker> inside_;
    std::vector<std::unique_ptr<worker_process>> outside_;
};

}  // namespace perdure::tool
