#pragma once

#include "backend.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

// What the tests of the SQLite plugin share: a hub in a directory of its own, work for it, and
// processes that do something to it.

namespace perdure::sqlite_test {

/// A directory that goes away with everything in it.
class scratch_directory {
  public:
    scratch_directory() {
        std::string name = (std::filesystem::temp_directory_path() / "perdure-XXXXXX").string();
        path_ = mkdtemp(name.data());
        // Other users' processes take part in the test of read-only files.
        std::filesystem::permissions(path_, std::filesystem::perms::all);
    }
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;
    ~scratch_directory() { std::filesystem::remove_all(path_); }

    [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

inline sqlite::settings settings_for(const std::filesystem::path& file) {
    sqlite::settings chosen;
    chosen.file = file;
    chosen.synchronous = "off";
    chosen.poll_interval = std::chrono::milliseconds(1);
    chosen.test_clock = true;
    return chosen;
}

inline new_instance instance_named(const std::string& id, const std::string& name = "Order") {
    return {instance_id(id),
            {random_uuid()},
            name,
            "1",
            R"({"kind":"execution_started"})",
            {},
            {},
            {},
            {},
            {}};
}

inline create_code create(backend& store, const std::string& id) {
    const std::vector<new_instance> one{instance_named(id)};
    return store.create({request_id{random_uuid()}}, one).outcomes.at(0).code;
}

inline const work_filter& orders() {
    static const work_filter filter{{{"Order", "1"}}, {"Ship"}, {std::string()}};
    return filter;
}

inline lock_request room_for(std::size_t count, const std::string& worker = "worker") {
    lock_request request;
    request.request = {random_uuid()};
    request.worker = {worker};
    request.filter = &orders();
    request.orchestrations = count;
    request.activities = count;
    return request;
}

/// The end of an orchestration that consumes its whole inbox.
inline finished_work the_end_of(const orchestration_work& work) {
    checkpoint turn{.history_version = work.history_version,
                    .last_committed = work.last_committed,
                    .events = {{1, R"([{"kind":"execution_completed"}])"}},
                    .status = orchestration_status::completed,
                    .output = {"json", "1"}};
    for (const inbox_message& message : work.inbox) {
        turn.consumed.push_back(message.sequence);
    }
    return {.instance = work.instance,
            .execution = work.execution,
            .held = work.held,
            .turn = std::move(turn)};
}

inline std::chrono::steady_clock::time_point in(std::chrono::milliseconds time) {
    return std::chrono::steady_clock::now() + time;
}

/// The fault of a call that is to fail; throws when it does not.
inline backend_error failure_of(const std::function<void()>& doing) {
    try {
        doing();
    } catch (const backend_error& error) {
        return error;
    }
    throw std::logic_error("the call succeeded");
}

/// Starts a process that does this and exits with what it returns.
inline pid_t start_process(const std::function<int()>& doing) {
    const pid_t process = fork();
    if (process == 0) {
        int code = 99;
        try {
            code = doing();
        } catch (const std::exception& error) {
            static_cast<void>(write(2, error.what(), std::string(error.what()).size()));
        }
        _exit(code);
    }
    return process;
}

/// Waits for the process; returns its exit code, or 128 and the signal that ended it.
inline int end_of(pid_t process) {
    int status = 0;
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace perdure::sqlite_test
