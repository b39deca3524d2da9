#include "private_server.hpp"

#include "soci_calls.hpp"

#include <perdure/ids.hpp>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace perdure::postgres_test {

namespace {

std::filesystem::path fresh_folder() {
    return std::filesystem::temp_directory_path() / ("perdure-test-" + to_string(random_uuid()));
}

}  // namespace

private_server::private_server() : private_server(fresh_folder(), kind::own) {}

private_server::private_server(std::filesystem::path folder, kind which)
    : folder_(std::move(folder)), kind_(which) {
    if (kind_ == kind::own) {
        command("start");
    }
}

private_server::~private_server() {
    if (kind_ == kind::own) {
        command("stop");
        std::filesystem::remove_all(folder_);
    }
}

private_server& private_server::shared() {
    const char* given = std::getenv("PERDURE_POSTGRES_DIR");
    static private_server server(given == nullptr ? fresh_folder() : std::filesystem::path(given),
                                 given == nullptr ? kind::own : kind::foreign);
    return server;
}

void private_server::command(const std::string& words) const {
    const auto space = words.find(' ');
    const std::string line = fmt::format("'{}' {} '{}' {}",
                                         PERDURE_POSTGRES_SERVER,
                                         words.substr(0, space),
                                         folder_.string(),
                                         space == std::string::npos ? "" : words.substr(space));
    if (std::system(line.c_str()) != 0) {
        FAIL("cannot " + line);
    }
}

void private_server::restart(const std::string& mode) {
    command("restart " + mode);
}

void private_server::start_pooler() {
    command("pgbouncer");
}

void private_server::promote() {
    command("promote");
}

std::filesystem::path private_server::location() const {
    return std::filesystem::read_symlink(folder_ / "location");
}

postgres::settings private_server::settings_for(const std::string& user) const {
    backend_config config;
    config.backend = "postgres";
    config.address = "//" + user + "@/perdure";
    config.options["host"] = location().string();
    config.options["schema"] = "test_" + to_string(random_uuid());
    return postgres::read_settings(config);
}

silent_host::silent_host()
    : folder_("/tmp/perdure-" + to_string(random_uuid()).substr(0, 8)),
      listening_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    std::filesystem::create_directory(folder_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ / ".s.PGSQL.5432";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    // Whoever finds the queue full is refused at once, and turns away.
    REQUIRE(listen(listening_, SOMAXCONN) == 0);
}

silent_host::~silent_host() {
    for (const int connection : accepted_) {
        close(connection);
    }
    close(listening_);
    std::filesystem::remove_all(folder_);
}

bool silent_host::is_asked_within(std::chrono::milliseconds time) {
    pollfd asked{listening_, POLLIN, 0};
    if (poll(&asked, 1, static_cast<int>(time.count())) != 1) {
        return false;
    }
    accepted_.push_back(accept(listening_, nullptr, nullptr));
    return true;
}

void silent_host::let_in() {
    // AuthenticationOk, two parameters, ReadyForQuery.
    constexpr std::string_view greeting(
        "R\0\0\0\x08\0\0\0\0"
        "S\0\0\0\x18server_version\x00"
        "15.0\0"
        "S\0\0\0\x19"
        "client_encoding\0UTF8\0"
        "Z\0\0\0\x05I",
        9 + 25 + 26 + 6);
    REQUIRE(!accepted_.empty());
    // A startup packet is small, so it comes whole.
    std::array<char, 4096> startup{};
    REQUIRE(read(accepted_.back(), startup.data(), startup.size()) > 0);
    REQUIRE(write(accepted_.back(), greeting.data(), greeting.size()) ==
            static_cast<ssize_t>(greeting.size()));
}

std::string sleepers_of(const std::string& kind) {
    return " from pg_locks l, _WakeupChannel('" + kind +
           "') b where l.locktype = 'advisory' and l.mode = 'ShareLock' and l.granted"
           " and (l.classid::bigint << 32 | l.objid::bigint) = b.lock_key";
}

std::string text_of(postgres::connection& on, const std::string& query) {
    return postgres::ask_value<std::string>(on, {"query", query.c_str()});
}

std::int64_t number_of(postgres::connection& on, const std::string& query) {
    return postgres::ask_value<std::int64_t>(on, {"query", query.c_str()});
}

bool becomes_true(postgres::connection& on, const std::string& query) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
        if (postgres::ask_value<bool>(on, {"query", query.c_str()})) {
            return true;
        }
        std::this_thread::yield();
    }
    return false;
}

backend_error failure_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const backend_error& error) {
        return error;
    }
    FAIL("nothing was thrown");
    throw std::logic_error("not reached");
}

int successes_of_processes(int count, const std::function<void()>& action) {
    // All of them begin when the last one is there.
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    std::vector<pid_t> processes;
    for (int n = 0; n < count; ++n) {
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            close(ready[1]);
            char nothing = 0;
            static_cast<void>(!read(ready[0], &nothing, 1));
            try {
                action();
            } catch (const std::exception& error) {
                fmt::print(stderr, "process {}: {}\n", n, error.what());
                _exit(1);
            }
            _exit(0);
        }
        processes.push_back(child);
    }
    close(ready[0]);
    close(ready[1]);
    int successes = 0;
    for (const pid_t child : processes) {
        int status = 0;
        waitpid(child, &status, 0);
        successes += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
    }
    return successes;
}

}  // namespace perdure::postgres_test
