#pragma once

#include <perdure/log.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perdure::dispatch {

/// Writes the engine's log events to the host's sink. Costs one comparison when there is no sink,
/// as long as callers ask `is_on` before they build texts. Safe from any thread.
class PERDURE_EXPORT engine_log {
  public:
    using field_list = std::vector<std::pair<std::string_view, std::string>>;

    explicit engine_log(log_sink sink) : sink_(std::move(sink)) {}

    [[nodiscard]] bool is_on() const noexcept { return static_cast<bool>(sink_); }
    void write(log_event event,
               log_level level,
               const std::string& instance,
               std::string message,
               field_list fields = {}) const;

  private:
    log_sink sink_;
};

}  // namespace perdure::dispatch
