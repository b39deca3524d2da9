#include "worker/engine_log.hpp"
#include "worker/inside_worker.hpp"

#include <perdure/log.hpp>
#include <perdure/printable.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>

namespace perdure {
inline namespace v1 {

std::string_view to_string(log_event event) noexcept {
    switch (event) {
        case log_event::worker_started:
            return "worker_started";
        case log_event::worker_stopping:
            return "worker_stopping";
        case log_event::worker_stopped:
            return "worker_stopped";
        case log_event::leases_taken_over:
            return "leases_taken_over";
        case log_event::turn_started:
            return "turn_started";
        case log_event::turn_committed:
            return "turn_committed";
        case log_event::orchestration_completed:
            return "orchestration_completed";
        case log_event::orchestration_failed:
            return "orchestration_failed";
        case log_event::orchestration_terminated:
            return "orchestration_terminated";
        case log_event::orchestration_continued_as_new:
            return "orchestration_continued_as_new";
        case log_event::orchestration_parked:
            return "orchestration_parked";
        case log_event::orchestration_abandoned:
            return "orchestration_abandoned";
        case log_event::message_dropped:
            return "message_dropped";
        case log_event::input_drifted:
            return "input_drifted";
        case log_event::history_is_long:
            return "history_is_long";
        case log_event::turn_is_large:
            return "turn_is_large";
        case log_event::author_message:
            return "author_message";
        case log_event::activity_started:
            return "activity_started";
        case log_event::activity_completed:
            return "activity_completed";
        case log_event::activity_failed:
            return "activity_failed";
        case log_event::activity_abandoned:
            return "activity_abandoned";
        case log_event::activity_attempts_exhausted:
            return "activity_attempts_exhausted";
        case log_event::activity_given_up:
            return "activity_given_up";
        case log_event::lease_lost:
            return "lease_lost";
        case log_event::lease_renewed:
            return "lease_renewed";
        case log_event::work_given_back:
            return "work_given_back";
        case log_event::newer_code_needed:
            return "newer_code_needed";
        case log_event::suspect_quarantined:
            return "suspect_quarantined";
        case log_event::commit_failed:
            return "commit_failed";
        case log_event::commit_outcome_unknown:
            return "commit_outcome_unknown";
        case log_event::commit_halved:
            return "commit_halved";
        case log_event::store_unavailable:
            return "store_unavailable";
        case log_event::store_available_again:
            return "store_available_again";
    }
    return "unknown";
}

namespace {

const char* level_name(log_level level) noexcept {
    switch (level) {
        case log_level::debug:
            return "debug";
        case log_level::info:
            return "info ";
        case log_level::warning:
            return "WARN ";
        case log_level::error:
            return "ERROR";
    }
    return "?";
}

std::string utc_now() {
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
    const std::time_t whole = std::chrono::system_clock::to_time_t(seconds);
    std::tm parts{};
    gmtime_r(&whole, &parts);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", parts, (now - seconds).count());
}

}  // namespace

log_sink log_to_stderr(log_level least) {
    return [least](const log_record& record) {
        if (record.level < least) {
            return;
        }
        std::string line =
            fmt::format("{} {} {}", utc_now(), level_name(record.level), to_string(record.event));
        if (!record.instance.empty()) {
            line += " [" + printable(record.instance) + "]";
        }
        line += " " + printable(record.message);
        for (const auto& [key, value] : record.fields) {
            line += fmt::format(" {}={}", key, printable(value));
        }
        line += "\n";
        // One call a line, so that lines of several threads do not mix.
        std::fwrite(line.data(), 1, line.size(), stderr);
    };
}

}  // namespace v1
}  // namespace perdure

namespace perdure::dispatch {

void engine_log::write(log_event event,
                       log_level level,
                       const std::string& instance,
                       std::string message,
                       field_list fields) const {
    if (!sink_) {
        return;
    }
    log_record record;
    record.event = event;
    record.level = level;
    record.instance = instance;
    record.message = std::move(message);
    record.fields = std::move(fields);
    const inside_worker here(*this);
    try {
        sink_(record);
    } catch (...) {
        // User code. A log that fails must not end the work that it tells of.
        return;
    }
}

}  // namespace perdure::dispatch
