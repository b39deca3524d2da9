#include "worker/worker_settings.hpp"

#include <fmt/format.h>

namespace perdure::dispatch {

namespace {

void check_count(const char* name, std::size_t found, std::size_t least, std::size_t most) {
    if (found < least || found > most) {
        throw invalid_input(
            fmt::format("worker setting {}: {} is not allowed; it must be from {} to {}",
                        name,
                        found,
                        least,
                        most));
    }
}

void check_time(const char* name, duration found, duration least, duration most) {
    if (found < least || found > most) {
        throw invalid_input(
            fmt::format("worker setting {}: {} us is not allowed; it must be from {} us to {} us",
                        name,
                        found.count(),
                        least.count(),
                        most.count()));
    }
}

}  // namespace

void check_settings(const worker_options& options) {
    using namespace std::chrono_literals;
    constexpr auto bytes_most = std::size_t{1} << 40U;
    check_count("activities_max", options.activities_max, 1, 10'000);
    check_count("turns_max", options.turns_max, 1, 1'000);
    for (const std::string& queue : options.queues) {
        if (!queue.empty()) {
            check_name("worker setting queues", queue);
        }
    }
    check_time("lease_duration", options.lease_duration, 100ms, 24h);
    check_time("renew_interval", options.renew_interval, 10ms, options.lease_duration / 2);
    check_time("poll_min", options.poll_min, 1ms, 1h);
    check_time("poll_max", options.poll_max, options.poll_min, 1h);
    check_time("stop_grace", options.stop_grace, 0ms, 24h);
    check_count("cached_frames_max", options.cached_frames_max, 0, 100'000'000);
    check_count("cached_bytes_max", options.cached_bytes_max, 0, bytes_most);
    check_count("deliveries_max", options.deliveries_max, 1, 1'000'000);
    check_count("turn_messages_max", options.turn_messages_max, 1, 1'000'000);
    check_count("payload_bytes_max", options.payload_bytes_max, 1, payload_bytes_max_most);
    check_count("turn_decisions_max", options.turn_decisions_max, 1, 100'000'000);
    check_count("turn_bytes_max", options.turn_bytes_max, 1, turn_bytes_max_default);
    check_count("history_warning", options.history_warning, 1, SIZE_MAX);
}

}  // namespace perdure::dispatch
