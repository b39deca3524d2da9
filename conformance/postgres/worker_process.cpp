#include "worker_process.hpp"

#include "engine/orchestrations.hpp"
#include "fixture.hpp"

#include <perdure/worker.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <stdexcept>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace perdure::conformance {

namespace {

// Settings need no escaping here: what tests use has no special characters.
std::string text_of(const backend_config& where) {
    std::string text = where.backend + ":" + where.address;
    char separator = '?';
    for (const auto& [key, value] : where.options) {
        text += separator + key + "=" + value;
        separator = '&';
    }
    return text;
}

void write_line(int to, const log_record& record) {
    const std::string line = std::string(to_string(record.event)) + "\n";
    // So short a line is written as a whole, whichever thread writes another.
    if (::write(to, line.data(), line.size()) < 0) {
        _exit(1);
    }
}

}  // namespace

void serve(const backend_config& where, int notes) {
    worker_options options;
    options.lease_duration = std::chrono::seconds(2);
    options.renew_interval = std::chrono::milliseconds(500);
    options.log = [notes](const log_record& record) { write_line(notes, record); };
    worker serving(open_hub(where), common_orchestrations(), options);
    serving.start();
    for (;;) {
        ::pause();
    }
}

worker_process::worker_process(const backend_config& where) {
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
    }
    const int from = pipe_ends[0];
    const int to = pipe_ends[1];
    const std::string plugin = plugin_file().string();
    const std::string config = text_of(where);
    const std::string notes = std::to_string(to);
    const std::vector<const char*> arguments{"/proc/self/exe",
                                             "--plugin",
                                             plugin.c_str(),
                                             "--serve",
                                             config.c_str(),
                                             "--notes",
                                             notes.c_str(),
                                             nullptr};
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ == 0) {
        // Dies with the test that started it, even when that is killed.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || fcntl(to, F_SETFD, 0) != 0) {
            _exit(127);
        }
        execv(arguments.front(), const_cast<char* const*>(arguments.data()));
        _exit(127);
    }
    ::close(to);
    if (pid_ < 0) {
        ::close(from);
        throw std::system_error(errno, std::generic_category(), "cannot fork a process");
    }
    notes_ = std::jthread([this, from] { take_notes(from); });
    if (!wait_for(log_event::worker_started, 1)) {
        ::kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        throw std::runtime_error("a worker's process does not start");
    }
}

worker_process::~worker_process() {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

void worker_process::pause() const {
    ::kill(pid_, SIGSTOP);
    int status = 0;
    waitpid(pid_, &status, WUNTRACED);
    if (!WIFSTOPPED(status)) {
        throw std::runtime_error("the process ended instead of stopping");
    }
}

void worker_process::resume() const {
    ::kill(pid_, SIGCONT);
}

bool worker_process::lives() const {
    siginfo_t found{};
    // Leaves it for the end to be waited for.
    return waitid(P_PID, static_cast<id_t>(pid_), &found, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           found.si_pid == 0;
}

std::size_t worker_process::count(log_event event) const {
    const std::lock_guard guard(mutex_);
    const auto found = counts_.find(std::string(to_string(event)));
    return found == counts_.end() ? 0 : found->second;
}

bool worker_process::wait_for(log_event event, std::size_t times) {
    const std::string name(to_string(event));
    std::unique_lock guard(mutex_);
    return changed_.wait_for(guard, patience, [&] { return counts_[name] >= times; });
}

void worker_process::take_notes(int from) {
    std::array<char, 4096> buffer;
    std::string line;
    for (;;) {
        const ssize_t taken = ::read(from, buffer.data(), buffer.size());
        if (taken < 0 && errno == EINTR) {
            continue;
        }
        if (taken <= 0) {
            break;
        }
        const std::lock_guard guard(mutex_);
        for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(taken))) {
            if (c == '\n') {
                ++counts_[line];
                line.clear();
            } else {
                line += c;
            }
        }
        changed_.notify_all();
    }
    ::close(from);
}

}  // namespace perdure::conformance
