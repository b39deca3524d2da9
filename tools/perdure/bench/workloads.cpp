#include "workloads.hpp"

#include "definitions.hpp"

#include <numeric>
#include <thread>

namespace perdure::tool {
namespace {

constexpr std::uint32_t activities_in_sequence = 5;
constexpr std::size_t commits_in_sequence = 12;
constexpr std::size_t commit_samples_max = 200;
// Without a count, whichever is reached first.
constexpr std::size_t latency_samples_max = 5000;
constexpr double latency_seconds_max = 8;
constexpr auto idle_watch = std::chrono::seconds(5);

double milliseconds(duration time) {
    return static_cast<double>(time.count()) * 1e-3;
}

double history_events(const std::vector<instance_record>& records) {
    return std::accumulate(
        records.begin(), records.end(), 0.0, [](double sum, const instance_record& record) {
            return sum + static_cast<double>(record.history_length);
        });
}

measurement measure_bulk(laboratory& lab, std::size_t count, std::uint32_t activities) {
    const std::vector<std::uint32_t> inputs(count, activities);
    lab.begin_work();
    const stopwatch time;
    std::vector<double> latencies;
    double events = 0;
    do {
        const auto ids = lab.start_all(in_sequence, inputs);
        const auto ended =
            lab.wait_for_all(ids, std::uint64_t{latencies.size() + count} * activities);
        for (const auto& record : ended) {
            latencies.push_back(milliseconds(*record.completed_at - record.created_at));
        }
        events += history_events(ended);
    } while (time.seconds() < lab.given().seconds);
    const double seconds = time.seconds();
    const std::size_t done = latencies.size();

    auto result = lab.measured(done, seconds);
    result.orchestrations_per_second = static_cast<double>(done) / seconds;
    if (activities > 0) {
        result.activities_per_second = static_cast<double>(done * activities) / seconds;
    }
    result.events_per_second = events / seconds;
    result.p50_ms = percentile(latencies, 0.5);
    result.p99_ms = percentile(latencies, 0.99);
    return result;
}

measurement measure_one(laboratory& lab,
                        const orchestrator<std::uint32_t, void>& what,
                        std::size_t usual) {
    const auto count = lab.count_or(usual);
    const std::vector<std::uint32_t> inputs = {static_cast<std::uint32_t>(count)};
    lab.begin_work();
    const stopwatch time;
    const auto ids = lab.start_all(what, inputs);
    const auto ended = lab.wait_for_all(ids, count);
    const double seconds = time.seconds();

    auto result = lab.measured(count, seconds);
    result.activities_per_second = static_cast<double>(count) / seconds;
    result.events_per_second = history_events(ended) / seconds;
    return result;
}

// The time of twelve commits of the store alone, one after the other.
double twelve_commits_ms(client& beside) {
    const stopwatch time;
    for (std::size_t n = 0; n < commits_in_sequence; ++n) {
        static_cast<void>(beside.start(waiting, 0));
    }
    return time.milliseconds();
}

void wait_until_idle(laboratory& lab, std::size_t count) {
    progress_bar bar(lab.progress());
    instance_filter pending;
    pending.statuses = {orchestration_status::pending};
    pending.name = waiting.name;
    const auto target = static_cast<double>(count);
    for (double turns = 0; turns < target; turns = lab.use().turns) {
        bar.show("idle", static_cast<std::uint64_t>(turns), count);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    while (!lab.where().store().query(pending, 1, {}).instances.empty()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

}  // namespace

measurement measure_sequence(laboratory& lab) {
    return measure_bulk(lab, lab.count_or(25000), activities_in_sequence);
}

measurement measure_noop(laboratory& lab) {
    return measure_bulk(lab, lab.count_or(60000), 0);
}

measurement measure_latency(laboratory& lab) {
    const auto count = lab.count_or(latency_samples_max);
    const hub_beside second(lab, ".commits");
    client beside(second.where());
    progress_bar bar(lab.progress());
    std::vector<double> latencies;
    std::vector<double> commits;
    lab.begin_work();
    const stopwatch time;
    const auto is_over = [&] {
        return lab.given().count == 0 && time.seconds() > latency_seconds_max;
    };
    for (std::size_t n = 0; n < count && !is_over(); ++n) {
        const stopwatch one;
        const auto id = lab.starter().start(in_sequence, activities_in_sequence);
        lab.starter().wait<void>(id, std::chrono::minutes(5));
        latencies.push_back(one.milliseconds());
        // In turns with the orchestrations, so that both see the same disk.
        if (commits.size() < commit_samples_max) {
            commits.push_back(twelve_commits_ms(beside));
        }
        bar.show("latency", n, count);
    }
    auto result = lab.measured(latencies.size(), time.seconds());
    const double busy_ms = std::accumulate(latencies.begin(), latencies.end(), 0.0);
    result.orchestrations_per_second = static_cast<double>(latencies.size()) * 1e3 / busy_ms;
    result.activities_per_second = *result.orchestrations_per_second * activities_in_sequence;
    result.p50_ms = percentile(latencies, 0.5);
    result.p99_ms = percentile(latencies, 0.99);
    result.extra.emplace_back("commits12_p50_ms", percentile(commits, 0.5));
    return result;
}

measurement measure_fan_out(laboratory& lab) {
    return measure_one(lab, in_parallel, 1000);
}

measurement measure_long(laboratory& lab) {
    return measure_one(lab, in_sequence, 2000);
}

measurement measure_idle(laboratory& lab) {
    const auto count = lab.count_or(10000);
    std::vector<std::uint32_t> inputs(count);
    std::iota(inputs.begin(), inputs.end(), 0U);
    lab.begin_work();
    const auto before = lab.use();
    const stopwatch loading;
    static_cast<void>(lab.start_all(waiting, inputs));
    wait_until_idle(lab, count);
    auto result = lab.measured(count, loading.seconds());

    const auto begin = lab.use();
    const stopwatch watch;
    std::this_thread::sleep_for(idle_watch);
    const auto end = lab.use();
    result.resident_bytes = end.resident_bytes;
    result.extra.emplace_back("idle_cpu_share",
                              (end.cpu_seconds - begin.cpu_seconds) / watch.seconds());
    result.extra.emplace_back(
        "resident_bytes_per_instance",
        (end.resident_bytes - before.resident_bytes) / static_cast<double>(count));
    return result;
}

}  // namespace perdure::tool
