#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace perdure::tool {

// What a bench measured; what does not apply to a workload stays empty, and is null in JSON.
struct measurement {
    std::string workload;
    std::string hub;
    std::size_t count = 0;
    unsigned workers = 0;
    double seconds = 0;
    std::optional<double> orchestrations_per_second;
    std::optional<double> activities_per_second;
    std::optional<double> events_per_second;
    std::optional<double> p50_ms;
    std::optional<double> p99_ms;
    std::optional<double> commits;
    std::optional<double> statements;
    std::optional<double> resident_bytes;
    std::optional<double> cpu_seconds;
    std::optional<double> floor_orchestrations_per_second;
    std::optional<double> floor_ratio;
    // What only this workload has.
    std::vector<std::pair<std::string, std::optional<double>>> extra;

    [[nodiscard]] std::string to_json() const;
    void print() const;
};

// The value that this part (0 to 1) of the samples does not exceed; nothing without samples.
[[nodiscard]] std::optional<double> percentile(std::vector<double> samples, double part);

class stopwatch {
  public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }
    [[nodiscard]] double milliseconds() const { return seconds() * 1e3; }

  private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// A bar on standard error while somebody waits, if that is a terminal and `text` output was asked
// for.
class progress_bar {
  public:
    enum class visibility { hidden, shown };
    explicit progress_bar(visibility wanted);
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;
    ~progress_bar();

    void show(std::string_view what, std::uint64_t now, std::uint64_t total);

  private:
    bool visible_;
};

}  // namespace perdure::tool
