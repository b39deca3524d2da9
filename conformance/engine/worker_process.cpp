#include "engine/worker_process.hpp"

#include "engine/orchestrations.hpp"

#include <perdure/worker.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace perdure::conformance {

namespace {

/// Settings as `key=value&key=value`, unescaped: what tests use needs no escaping.
std::string options_text(const backend_config& config) {
    std::string text;
    for (const auto& [key, value] : config.options) {
        text += (text.empty() ? "" : "&") + key + "=" + value;
    }
    return text;
}

registry activities_for(std::string_view mode) {
    registry known = common_orchestrations();
    if (mode == "aborting") {
        registry aborting;
        for (const auto* definition : known.orchestrations()) {
            aborting.add_orchestration(*definition);
        }
        aborting.add(greet, [](const std::string& name) {
            if (name == "abort") {
                std::abort();
            }
            return "Hello, " + name + "!";
        });
        aborting.add(square, [](int n) { return n * n % 1000; });
        return aborting;
    }
    return known;
}

}  // namespace

std::optional<int> serve_as_worker(int argc, char** argv) {
    if (argc != 5 || std::string_view(argv[1]) != "--serve-as-worker") {
        return std::nullopt;
    }
    // Dies with the test that started it, even when that is killed.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const plugin_descriptor& plugin = load_plugin(argv[2]);
    const hub where(std::shared_ptr<backend>(plugin.create(parse_uri(argv[3]))), "under test");
    worker_options options;
    options.lease_duration = std::chrono::seconds(2);
    options.renew_interval = std::chrono::milliseconds(500);
    options.deliveries_max = 3;
    worker serving(where, activities_for(argv[4]), options);
    serving.start();
    pause();
    return 0;
}

worker_process::worker_process(const backend_config& where, const std::string& mode) {
    const std::string uri = where.backend + ":" + where.address + "?" + options_text(where);
    const std::string plugin = plugin_file().string();
    std::vector<const char*> arguments{"/proc/self/exe", "--serve-as-worker", plugin.c_str(),
                                       uri.c_str(),      mode.c_str(),        nullptr};
    pid_ = fork();
    if (pid_ < 0) {
        throw std::runtime_error("cannot fork a worker process");
    }
    if (pid_ == 0) {
        execv(arguments.front(), const_cast<char* const*>(arguments.data()));
        _exit(127);
    }
}

worker_process::~worker_process() { kill(); }

void worker_process::kill() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
}

bool worker_process::has_ended() {
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
    }
    return pid_ < 0;
}

}  // namespace perdure::conformance
