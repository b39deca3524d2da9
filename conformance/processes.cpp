#include "processes.hpp"

#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
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

std::map<std::string, void (*)()>& roles() {
    static std::map<std::string, void (*)()> all;
    return all;
}

bool receive(int channel, char* first, std::size_t count) {
    while (count != 0) {
        const ssize_t got = read(channel, first, count);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        first += got;
        count -= static_cast<std::size_t>(got);
    }
    return true;
}

}  // namespace

process_role::process_role(const char* name, void (*act)()) {
    roles().emplace(name, act);
}

void play(const std::string& role) {
    const auto found = roles().find(role);
    if (found == roles().end()) {
        throw std::invalid_argument("there is no role \"" + role + "\"");
    }
    found->second();
}

test_process::test_process(const backend_config& where, const std::string& role) {
    const std::string plugin = plugin_file().string();
    const std::string config = text_of(where);
    const std::vector<const char*> arguments{"/proc/self/exe",
                                             "--role",
                                             role.c_str(),
                                             "--plugin",
                                             plugin.c_str(),
                                             "--config",
                                             config.c_str(),
                                             nullptr};
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw std::runtime_error("cannot make a channel to another process");
    }
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ == 0) {
        // Dies with the test that started it, even when that is killed.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(127);
        }
        dup2(ends[1], STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        execv(arguments.front(), const_cast<char* const*>(arguments.data()));
        _exit(127);
    }
    close(ends[1]);
    channel_ = ends[0];
    if (pid_ < 0) {
        close(channel_);
        throw std::runtime_error("cannot fork a process");
    }
}

test_process::~test_process() {
    kill();
    close(channel_);
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

void send_piece(int channel, std::string_view text) {
    const std::uint64_t length = text.size();
    std::string piece(reinterpret_cast<const char*>(&length), sizeof length);
    piece += text;
    std::string_view left = piece;
    while (!left.empty()) {
        const ssize_t sent = ::send(channel, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            throw std::runtime_error("the other process has ended");
        }
        left.remove_prefix(static_cast<std::size_t>(sent));
    }
}

bool receive_piece(int channel, std::string& text) {
    std::array<char, sizeof(std::uint64_t)> head{};
    if (!receive(channel, head.data(), head.size())) {
        return false;
    }
    std::uint64_t length = 0;
    std::memcpy(&length, head.data(), sizeof length);
    text.resize(length);
    return receive(channel, text.data(), text.size());
}

}  // namespace perdure::conformance
