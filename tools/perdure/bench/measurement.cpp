#include "measurement.hpp"

#include "../output.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace perdure::tool {

std::string measurement::to_json() const {
    json_object object;
    object.text("workload", workload)
        .text("hub", hub)
        .number("count", std::uint64_t{count})
        .number("workers", std::uint64_t{workers})
        .number("seconds", seconds)
        .number("orchestrations_per_second", orchestrations_per_second)
        .number("activities_per_second", activities_per_second)
        .number("events_per_second", events_per_second)
        .number("p50_ms", p50_ms)
        .number("p99_ms", p99_ms)
        .number("commits", commits)
        .number("statements", statements)
        .number("resident_bytes", resident_bytes)
        .number("cpu_seconds", cpu_seconds)
        .number("floor_orchestrations_per_second", floor_orchestrations_per_second)
        .number("floor_ratio", floor_ratio);
    for (const auto& [name, value] : extra) {
        object.number(name, value);
    }
    return object.finish();
}

void measurement::print() const {
    table rows({"MEASURED", "VALUE"});
    rows.add({"workload", workload});
    rows.add({"hub", hub});
    rows.add({"count", tool::to_text(static_cast<double>(count))});
    rows.add({"worker processes", workers == 0 ? "in this process" : std::to_string(workers)});
    rows.add({"seconds", tool::to_text(seconds)});
    const auto add = [&rows](const std::string& name, const std::optional<double>& value) {
        if (value) {
            rows.add({name, tool::to_text(*value)});
        }
    };
    add("orchestrations / s", orchestrations_per_second);
    add("activities / s", activities_per_second);
    add("events / s", events_per_second);
    add("p50 ms", p50_ms);
    add("p99 ms", p99_ms);
    add("commits", commits);
    add("statements", statements);
    add("resident MiB", resident_bytes ? std::optional(*resident_bytes / 1048576.0) : std::nullopt);
    add("CPU seconds", cpu_seconds);
    add("floor orchestrations / s", floor_orchestrations_per_second);
    add("part of the floor", floor_ratio);
    for (const auto& [name, value] : extra) {
        add(name, value);
    }
    rows.print(std::cout);
}

std::optional<double> percentile(std::vector<double> samples, double part) {
    if (samples.empty()) {
        return std::nullopt;
    }
    std::sort(samples.begin(), samples.end());
    const auto rank = std::ceil(part * static_cast<double>(samples.size()));
    return samples[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

progress_bar::progress_bar(visibility wanted)
    : visible_(wanted == visibility::shown && errors_are_terminal()) {}

progress_bar::~progress_bar() {
    if (visible_) {
        std::cerr << "\r\x1b[K" << std::flush;
    }
}

void progress_bar::show(std::string_view what, std::uint64_t now, std::uint64_t total) {
    if (!visible_) {
        return;
    }
    constexpr std::size_t width = 40;
    const auto part =
        total == 0 ? 0.0 : std::min(1.0, static_cast<double>(now) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(width));
    std::cerr << "\r\x1b[K" << what << " [\x1b[32m" << std::string(filled, '#') << "\x1b[0m"
              << std::string(width - filled, '.') << "] " << static_cast<int>(part * 100) << " %"
              << std::flush;
}

}  // namespace perdure::tool
