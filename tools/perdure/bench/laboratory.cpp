#include "laboratory.hpp"

#include <chrono>
#include <filesystem>
#include <system_error>

namespace perdure::tool {
namespace {

constexpr std::size_t batch = 500;
constexpr auto glance = std::chrono::milliseconds(200);
constexpr double seconds_max = 1800;

backend_config beside(const std::string& uri, const std::string& suffix) {
    auto config = parse_uri(uri);
    const auto task_hub = config.options.find("task_hub");
    if (task_hub != config.options.end()) {
        task_hub->second += suffix;
    } else if (!config.address.empty()) {
        config.address += suffix;
    }
    return config;
}

std::optional<double> since(const std::optional<double>& now, const std::optional<double>& before) {
    return now ? std::optional(*now - before.value_or(0)) : std::nullopt;
}

}  // namespace

hub_beside::hub_beside(const std::string& uri, const std::string& suffix)
    : config_(beside(uri, suffix)), where_(open(config_)) {}

hub_beside::~hub_beside() {
    try {
        where_.store().delete_hub();
    } catch (const error&) {
        // What is left over is a file with a telling name, and no wrong number.
    }
    for (const auto* part : {"", "-wal", "-shm"}) {
        std::error_code ignored;
        if (!config_.address.empty()) {
            std::filesystem::remove(config_.address + part, ignored);
        }
    }
}

laboratory::laboratory(const bench_command& given)
    : given_(given), where_(open(given.hub)), starter_(where_) {}

std::size_t laboratory::count_or(std::size_t usual) const {
    return given_.count == 0 ? usual : given_.count;
}

progress_bar::visibility laboratory::progress() const {
    return given_.form == output_form::text ? progress_bar::visibility::shown
                                            : progress_bar::visibility::hidden;
}

void laboratory::begin_work() {
    workers_ = std::make_unique<workforce>(where_, given_.hub, given_.workers);
    at_begin_ = workers_->use();
    seen_at_begin_ = workers_->activities_seen();
}

measurement laboratory::measured(std::size_t count, double seconds) {
    const auto now = workers_->use();
    measurement result;
    result.workload = given_.workload;
    result.hub = where_.description();
    result.count = count;
    result.workers = given_.workers;
    result.seconds = seconds;
    result.commits = since(now.commits, at_begin_.commits);
    result.statements = since(now.statements, at_begin_.statements);
    result.resident_bytes = now.resident_bytes;
    result.cpu_seconds = now.cpu_seconds - at_begin_.cpu_seconds;
    return result;
}

std::vector<instance_id> laboratory::start_all(const orchestrator<std::uint32_t, void>& what,
                                               std::span<const std::uint32_t> inputs) {
    return starter_.start_many(what, inputs);
}

void laboratory::wait_for(const instance_id& id, progress_bar& bar, std::uint64_t activities) {
    const stopwatch waited;
    while (!where_.store().wait(std::span(&id, 1), std::chrono::steady_clock::now() + glance)) {
        if (workers_->activities_seen() > 0) {
            bar.show(given_.workload, workers_->activities_seen() - seen_at_begin_, activities);
        }
        if (waited.seconds() > seconds_max) {
            throw error("bench: instance " + id.text() + " has not ended after half an hour");
        }
    }
}

std::vector<instance_record> laboratory::wait_for_all(std::span<const instance_id> ids,
                                                      std::uint64_t activities) {
    progress_bar bar(progress());
    std::vector<instance_record> ended;
    std::vector<instance_id> open(ids.begin(), ids.end());
    while (!open.empty()) {
        // Those started last mostly end last, so that one look at each is nearly always enough.
        wait_for(open.back(), bar, activities);
        std::vector<instance_id> still_open;
        for (std::size_t at = 0; at < open.size(); at += batch) {
            const auto part = std::span(open).subspan(at, std::min(batch, open.size() - at));
            for (auto& found : where_.store().get(part)) {
                if (!found || found->status == orchestration_status::failed) {
                    throw error("bench: an orchestration failed or is gone");
                }
                if (is_terminal(found->status)) {
                    ended.push_back(std::move(*found));
                } else {
                    still_open.push_back(found->instance);
                }
            }
        }
        open = std::move(still_open);
    }
    return ended;
}

}  // namespace perdure::tool
