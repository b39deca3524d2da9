#include "worker_of_an_age.hpp"

#include <perdure/hub.hpp>
#include <perdure/worker.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace perdure::ages {

namespace {

orchestration<std::string> read_letters(context& ctx, int count) {
    std::string text;
    for (int n = 0; n < count; ++n) {
        const std::string letter = co_await ctx.wait_for_event<std::string>("letter");
        const std::string stamped = co_await ctx.call(stamp, letter);
        text += stamped;
    }
    co_return text;
}

}  // namespace

int work(const std::string& uri) {
    registry known;
    known.add(letters, read_letters);
    known.add(stamp, [](const std::string& letter) { return "[" + letter + "]"; });
    worker_options options;
    options.lease_duration = std::chrono::seconds(2);
    options.renew_interval = std::chrono::milliseconds(500);
    worker executes(open(uri), std::move(known), options);
    executes.start();
    std::string line;
    while (std::getline(std::cin, line)) {
    }
    executes.stop();
    return 0;
}

worker_process::worker_process(const std::string& uri, age which) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) {
        throw std::runtime_error("no pipe");
    }
    std::string program = "/proc/self/exe";
    std::string role = "--work";
    std::string hub = uri;
    const std::vector<char*> words{program.data(), role.data(), hub.data(), nullptr};
    pid_ = ::fork();
    if (pid_ == 0) {
        ::dup2(pipe[0], STDIN_FILENO);
        ::close(pipe[0]);
        ::close(pipe[1]);
        if (which == age::next) {
            ::setenv("LD_LIBRARY_PATH", PERDURE_NEXT_LEVEL, 1);
        }
        ::execv(program.c_str(), words.data());
        ::_exit(127);
    }
    ::close(pipe[0]);
    input_ = pipe[1];
    if (pid_ < 0) {
        ::close(input_);
        throw std::runtime_error("no process");
    }
}

worker_process::~worker_process() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(input_);
}

}  // namespace perdure::ages
