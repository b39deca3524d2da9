#include "laboratory.hpp"

#include "definitions.hpp"

#include <chrono>
#include <filesystem>
#include <system_error>

namespace perdure::tool {
namespace {

constexpr std::size_t batch = 500;
constexpr auto glance = std::chrono::milliseconds(200);
constexpr double seconds_max = 1800;

bool is_in_file(const backend_config& config) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(config.address, ignored);
}

// Another file, or another name in memory; on a server another task hub.
backend_config beside(const backend_config& config, const hub& where, const std::string& suffix) {
    auto other = config;
    if (is_in_file(config) || !where.store().abilities().durable) {
        other.address += config.address.empty() ? "" : suffix;
    } else {
        auto& task_hub = other.options["task_hub"];
        task_hub = (task_hub.empty() ? "default" : task_hub) + suffix;
    }
    return other;
}

// A benchmark measures a hub that has nothing else to do, and leaves thousands of instances behind.
void refuse_unless_ours(const hub& where) {
    std::string after;
    do {
        const auto page = where.store().query({}, batch_items_max, after);
        for (const auto& found : page.instances) {
            if (!found.name.starts_with(bench_prefix)) {
                throw invalid_input("bench: " + where.description() + " holds instances, \"" +
                                    found.instance.text() + "\" for one; give it a hub of its own");
            }
        }
        after = page.next;
    } while (!after.empty());
}

std::optional<double> since(const std::optional<double>& now, const std::optional<double>& before) {
    return now ? std::optional(*now - before.value_or(0)) : std::nullopt;
}

}  // namespace

hub_beside::hub_beside(const laboratory& lab, const std::string& suffix)
    : config_(beside(parse_uri(lab.given().hub), lab.where(), suffix)), where_(open(config_)) {}

hub_beside::~hub_beside() {
    try {
        where_.store().delete_hub();
    } catch (const error&) {
        // What is left over is a file with a telling name, and no wrong number.
    }
    if (!is_in_file(config_)) {
        return;
    }
    for (const auto* part : {"", "-wal", "-shm"}) {
        std::error_code ignored;
        std::filesystem::remove(config_.address + part, ignored);
    }
}

laboratory::laboratory(const bench_command& given)
    : given_(given), where_(open(given.hub)), starter_(where_) {
    refuse_unless_ours(where_);
}

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
    const auto goes_on = [&] {
        const auto found = where_.store().wait(id, std::chrono::steady_clock::now() + glance);
        return found && !is_terminal(found->status);
    };
    while (goes_on()) {
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
