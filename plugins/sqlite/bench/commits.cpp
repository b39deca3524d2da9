#include "backend.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <sys/resource.h>
#include <vector>

// Plays the hot path against the backend without an engine: orchestrations of five activities in
// sequence, with events that poll like real ones. Shows what one checkpoint or completion costs.

namespace perdure::sqlite {

namespace {

constexpr std::uint64_t activities_each = 5;

struct plan {
    std::string file;
    std::size_t count = 20'000;
    std::size_t batch = 300;
    std::string synchronous = "full";
    std::int64_t log_pages = settings().log_pages;
};

const work_filter& everything() {
    static const work_filter filter{{{"Chain", "1"}}, {"Step"}, {std::string()}};
    return filter;
}

lock_request room(const plan& chosen) {
    return {.request = {random_uuid()},
            .worker = {"bench"},
            .filter = &everything(),
            .orchestrations = chosen.batch,
            .activities = chosen.batch};
}

std::string event(const char* kind, std::uint64_t task) {
    return fmt::format(
        R"({{"kind":"{}","at":"2026-11-21T08:15:36.123456Z","task":{},"name":"Step","data":{{"codec":"json","text":"{}"}}}})",
        kind,
        task,
        task * 1000);
}

// One turn: it consumes what came and schedules the next activity, or ends.
finished_work play(const orchestration_work& work) {
    checkpoint turn{.history_version = work.history_version, .last_committed = work.last_committed};
    std::uint64_t done = 0;
    for (const inbox_message& message : work.inbox) {
        turn.consumed.push_back(message.sequence);
        done = message.task.value;
    }
    const bool ends = done == activities_each;
    std::string text = "[" + event("turn_started", done);
    if (done != 0) {
        text += "," + event("task_completed", done);
    }
    text += "," + event(ends ? "execution_completed" : "task_scheduled", done + 1) + "]";
    turn.events.push_back({done != 0 ? 3U : 2U, text});
    if (ends) {
        turn.status = orchestration_status::completed;
        turn.output = {"json", "5000"};
    } else {
        turn.activities.push_back({.task = {done + 1},
                                   .name = "Step",
                                   .version = {},
                                   .queue = {},
                                   .input = {"json", "1000"},
                                   .details = "{}"});
    }
    return {.instance = work.instance,
            .execution = work.execution,
            .held = work.held,
            .turn = std::move(turn)};
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void create_all(backend& store, const plan& chosen) {
    for (std::size_t from = 0; from < chosen.count; from += batch_items_max) {
        std::vector<new_instance> fresh;
        const std::size_t end = std::min(chosen.count, from + batch_items_max);
        for (std::size_t n = from; n < end; ++n) {
            fresh.push_back({instance_id("chain-" + to_string(random_uuid())),
                             {random_uuid()},
                             "Chain",
                             "1",
                             event("execution_started", 0),
                             {},
                             {},
                             {},
                             {},
                             {}});
        }
        static_cast<void>(store.create({request_id{random_uuid()}}, fresh));
    }
}

struct totals {
    std::size_t items = 0;
    std::size_t calls = 0;
    std::size_t ended = 0;
    double seconds = 0;
    double cpu = 0;
};

totals run_all(backend& store, const plan& chosen) {
    totals sum;
    work_batch work = store.lock(room(chosen));
    while (!work.orchestrations.empty() || !work.activities.empty()) {
        std::vector<finished_work> finished;
        for (const orchestration_work& item : work.orchestrations) {
            finished.push_back(play(item));
            sum.ended += finished.back().turn->status == orchestration_status::completed ? 1U : 0U;
        }
        for (const activity_work& item : work.activities) {
            finished.push_back({.instance = item.instance,
                                .execution = item.execution,
                                .held = item.held,
                                .activity = ended_activity{item.task, event("task_completed", 0)}});
        }
        const double cpu_before = cpu_seconds();
        const auto before = std::chrono::steady_clock::now();
        commit_result result = store.commit({finished, room(chosen)});
        const auto after = std::chrono::steady_clock::now();
        sum.cpu += cpu_seconds() - cpu_before;
        sum.seconds += std::chrono::duration<double>(after - before).count();
        sum.items += finished.size();
        ++sum.calls;
        work = std::move(result.work);
    }
    return sum;
}

}  // namespace

int measure(int argc, char** argv) {
    if (argc < 2) {
        fmt::print(
            stderr,
            "usage: perdure-sqlite-commits FILE [COUNT [BATCH [SYNCHRONOUS [LOG_PAGES]]]]\n");
        return 2;
    }
    plan chosen{.file = argv[1]};
    chosen.count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : chosen.count;
    chosen.batch = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : chosen.batch;
    chosen.synchronous = argc > 4 ? argv[4] : chosen.synchronous;
    chosen.log_pages = argc > 5 ? std::strtol(argv[5], nullptr, 10) : chosen.log_pages;
    settings used;
    used.file = chosen.file;
    used.synchronous = chosen.synchronous;
    used.log_pages = chosen.log_pages;
    sqlite_backend store(used);
    store.create_hub();
    const auto before = std::chrono::steady_clock::now();
    create_all(store, chosen);
    const std::chrono::duration<double> creating = std::chrono::steady_clock::now() - before;
    const backend_statistics earlier = store.statistics();
    const totals sum = run_all(store, chosen);
    const backend_statistics later = store.statistics();
    const auto items = static_cast<double>(sum.items);
    fmt::print(
        R"({{"orchestrations":{},"items":{},"calls":{},"microseconds_per_item":{:.2f},"cpu_microseconds_per_item":{:.2f},"microseconds_per_create":{:.2f},"statements_per_item":{:.2f},"commit_milliseconds":{:.2f}}})"
        "\n",
        sum.ended,
        sum.items,
        sum.calls,
        sum.seconds * 1e6 / items,
        sum.cpu * 1e6 / items,
        creating.count() * 1e6 / static_cast<double>(chosen.count),
        static_cast<double>(later.statements - earlier.statements) / items,
        sum.seconds * 1e3 / static_cast<double>(sum.calls));
    return sum.ended == chosen.count ? 0 : 1;
}

}  // namespace perdure::sqlite

int main(int argc, char** argv) {
    try {
        return perdure::sqlite::measure(argc, argv);
    } catch (const perdure::error& error) {
        fmt::print(stderr, "perdure-sqlite-commits: {}\n", error.what());
        return 1;
    }
}
