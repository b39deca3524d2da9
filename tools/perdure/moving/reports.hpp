#pragma once

#include "../output.hpp"

#include <perdure/hub.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

// What the verbs that move instances say while they work and when they are done.

namespace perdure::tool {

// One line on standard error that says how far the work is, while a person looks at it.
class progress_line {
  public:
    explicit progress_line(bool is_quiet);
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;
    ~progress_line();

    void show(std::string_view doing, std::uint64_t instances, std::uint64_t events);
    // What it waits for, when it has not been said already.
    void show_problem(const std::string& problem);

  private:
    bool is_shown_;
    bool is_dirty_ = false;
    std::string problem_;
    std::chrono::steady_clock::time_point next_{};
};

// What was moved, and how fast.
struct moved {
    std::uint64_t instances = 0;
    std::uint64_t events = 0;
    std::uint64_t messages = 0;
    std::uint64_t activities = 0;
    double seconds = 0;
};
[[nodiscard]] json_object to_json(const moved& what);
// "3 instances with 60 events, 1 message and 0 activities, in 0.1 s (600 events/s)".
[[nodiscard]] std::string to_text(const moved& what);

class stopwatch {
  public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }

  private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Opens a hub to put instances into; it is created if need be. Throws `backend_error` when it would
// be gone with this process.
[[nodiscard]] hub open_target(const std::string& uri);

// Throws `backend_error` that names a worker which lives on the hub.
void refuse_workers(const hub& where);

}  // namespace perdure::tool
