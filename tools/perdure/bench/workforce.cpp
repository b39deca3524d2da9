#include "workforce.hpp"

#include "bench.hpp"
#include "definitions.hpp"

#include <perdure/backend_statistics.hpp>
#include <perdure/kit/forwarding_backend.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace perdure::tool {
namespace {

constexpr auto answer_patience = std::chrono::seconds(60);
constexpr auto end_patience = std::chrono::seconds(20);

double resident_bytes_now() {
    std::ifstream statm("/proc/self/statm");
    double pages = 0;
    double resident = 0;
    statm >> pages >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds_now() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void add_known(std::optional<double>& sum, const std::optional<double>& part) {
    if (part) {
        sum = sum.value_or(0) + *part;
    }
}

// One line of numbers; -1 stands for "not known".
std::string to_line(const resource_use& use) {
    std::ostringstream line;
    line.precision(17);
    line << use.cpu_seconds << ' ' << use.resident_bytes << ' ' << use.activities << ' '
         << use.turns << ' ' << use.commits.value_or(-1) << ' ' << use.statements.value_or(-1);
    return line.str();
}

resource_use read_use(const std::string& line) {
    std::istringstream in(line);
    resource_use use;
    double commits = -1;
    double statements = -1;
    in >> use.cpu_seconds >> use.resident_bytes >> use.activities >> use.turns >> commits >>
        statements;
    if (!in) {
        throw error("bench: a worker process answered '" + line + "'");
    }
    if (commits >= 0) {
        use.commits = commits;
    }
    if (statements >= 0) {
        use.statements = statements;
    }
    return use;
}

void close_if_open(int& descriptor) {
    if (descriptor >= 0) {
        ::close(descriptor);
        descriptor = -1;
    }
}

bool ended_within(int pid, std::chrono::seconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::waitpid(pid, nullptr, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        ::usleep(10'000);
    }
    return true;
}

}  // namespace

resource_use& resource_use::operator+=(const resource_use& other) {
    cpu_seconds += other.cpu_seconds;
    resident_bytes += other.resident_bytes;
    activities += other.activities;
    turns += other.turns;
    add_known(commits, other.commits);
    add_known(statements, other.statements);
    return *this;
}

resource_use use_of_this_process(const hub& where, const worker* working) {
    resource_use use;
    use.cpu_seconds = cpu_seconds_now();
    use.resident_bytes = resident_bytes_now();
    if (working != nullptr) {
        const auto done = working->statistics();
        use.activities = static_cast<double>(done.activities);
        use.turns = static_cast<double>(done.turns);
    }
    const auto* counters = interface_of<statistics_source>(where.store());
    if (counters != nullptr) {
        const auto counted = counters->statistics();
        use.commits = static_cast<double>(counted.commits);
        use.statements = static_cast<double>(counted.statements);
    }
    return use;
}

worker_process::worker_process(const std::string& hub_uri) {
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    if (::pipe2(input.data(), O_CLOEXEC) != 0 || ::pipe2(output.data(), O_CLOEXEC) != 0) {
        throw error("bench: no pipe to a worker process");
    }
    to_ = input[1];
    from_ = output[0];
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    std::array<std::string, 4> words = {"perdure", "bench-worker", "--hub", hub_uri};
    std::array<char*, 5> arguments = {
        words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    const int problem =
        ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(input[0]);
    ::close(output[1]);
    if (problem != 0) {
        close_if_open(to_);
        close_if_open(from_);
        throw error("bench: cannot start a worker process");
    }
    static_cast<void>(use());
}

worker_process::~worker_process() {
    close_if_open(to_);
    if (!ended_within(pid_, end_patience)) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    close_if_open(from_);
}

resource_use worker_process::use() {
    const char question = '\n';
    if (::write(to_, &question, 1) != 1) {
        throw error("bench: a worker process has ended");
    }
    return read_use(read_line());
}

std::string worker_process::read_line() {
    std::size_t end = 0;
    while ((end = unread_.find('\n')) == std::string::npos) {
        pollfd waiting_for{from_, POLLIN, 0};
        const auto patience = std::chrono::milliseconds(answer_patience).count();
        std::array<char, 512> bytes{};
        const bool answered = ::poll(&waiting_for, 1, static_cast<int>(patience)) > 0;
        const auto count = answered ? ::read(from_, bytes.data(), bytes.size()) : -1;
        if (count <= 0) {
            throw error("bench: a worker process has ended or does not answer");
        }
        unread_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    auto line = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    return line;
}

workforce::workforce(const hub& where, const std::string& hub_uri, unsigned processes)
    : where_(where) {
    if (processes == 0) {
        inside_ = std::make_unique<worker>(where, bench_definitions());
        inside_->start();
        return;
    }
    if (!where.store().abilities().multi_process) {
        throw invalid_input("--workers: " + where.description() +
                            " lives in one process; only 0 is possible");
    }
    for (unsigned n = 0; n < processes; ++n) {
        outside_.push_back(std::make_unique<worker_process>(hub_uri));
    }
}

resource_use workforce::use() {
    auto sum = use_of_this_process(where_, inside_.get());
    for (const auto& process : outside_) {
        sum += process->use();
    }
    return sum;
}

std::uint64_t workforce::activities_seen() const {
    return inside_ ? inside_->statistics().activities : 0;
}

int work_for_bench(const std::string& hub_uri) {
    const auto where = open(hub_uri);
    worker working(where, bench_definitions());
    working.start();
    for (std::string question; std::getline(std::cin, question);) {
        std::cout << to_line(use_of_this_process(where, &working)) << std::endl;
    }
    return exit_code::done;
}

}  // namespace perdure::tool
