#include "processes.hpp"

#include <csignal>
#include <fcntl.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace perdure::conformance {

namespace {

// Settings need no escaping here: what tests use has no special characters.
std::string text_of(const backend_config& where) {
    std::string text = where.address;
    char separator = '?';
    for (const auto& [key, value] : where.options) {
        text += separator + key + "=" + value;
        separator = '&';
    }
    return text;
}

}  // namespace

test_process::test_process(const backend_config& where, const std::string& test) {
    const std::string plugin = plugin_file().string();
    const std::string config = text_of(where);
    const std::vector<const char*> arguments{"/proc/self/exe",
                                             test.c_str(),
                                             "--plugin",
                                             plugin.c_str(),
                                             "--config",
                                             config.c_str(),
                                             nullptr};
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) {
        throw std::runtime_error("cannot fork a process");
    }
    if (pid_ == 0) {
        // Dies with the test that started it, even when that is killed.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(127);
        }
        const int nowhere = ::open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        execv(arguments.front(), const_cast<char* const*>(arguments.data()));
        _exit(127);
    }
}

test_process::~test_process() {
    kill();
}

void test_process::kill() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
}

bool test_process::has_ended() {
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
    }
    return pid_ < 0;
}

void test_process::wait_until_stopped() const {
    int status = 0;
    waitpid(pid_, &status, WUNTRACED);
    if (!WIFSTOPPED(status)) {
        throw std::runtime_error("the process ended instead of stopping");
    }
}

}  // namespace perdure::conformance
