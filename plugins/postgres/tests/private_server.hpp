#pragma once

#include "connection.hpp"
#include "settings.hpp"

#include <perdure/backend_error.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace perdure::postgres_test {

/// A PostgreSQL of the tests' own, by tools/postgres-server. It is stopped at the end.
class private_server {
  public:
    private_server();
    private_server(const private_server&) = delete;
    private_server& operator=(const private_server&) = delete;
    ~private_server();

    /// The server that the environment names in PERDURE_POSTGRES_DIR, otherwise one for this
    /// process. Tests that stop or reconfigure a server have one of their own.
    [[nodiscard]] static private_server& shared();

    /// Settings for a login, with a schema that nothing else uses.
    [[nodiscard]] postgres::settings settings_for(const std::string& user = "perdure_owner") const;
    /// Restarts it, "fast" or "immediate".
    void restart(const std::string& mode);
    /// Before it, on port 6432; once started, it stays.
    void start_pooler();
    /// Ends its recovery.
    void promote();
    /// Where its socket and its data are.
    [[nodiscard]] std::filesystem::path location() const;

  private:
    enum class kind { own, foreign };
    private_server(std::filesystem::path folder, kind which);
    void command(const std::string& words) const;

    std::filesystem::path folder_;
    kind kind_;
};

/// A host that accepts connections on a socket in a folder of its own, and never answers.
class silent_host {
  public:
    silent_host();
    silent_host(const silent_host&) = delete;
    silent_host& operator=(const silent_host&) = delete;
    ~silent_host();

    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
    /// Whether somebody connects within this time; nobody is heard twice.
    [[nodiscard]] bool is_asked_within(std::chrono::milliseconds time);
    /// Accepts whoever asked last as a server does, whatever the login, and is silent then.
    void let_in();

  private:
    std::filesystem::path folder_;
    int listening_;
    std::vector<int> accepted_;
};

/// A connection with counters of its own.
struct test_connection {
    explicit test_connection(const postgres::settings& chosen) : held(chosen, counts) {}

    postgres::connection* operator->() { return &held; }
    postgres::connection& operator*() { return held; }

    postgres::counters counts;
    postgres::connection held;
};

/// The rest of a query for the sessions that sleep for this, "work" or "ended", in the hub of the
/// session that asks; their locks are `l`.
[[nodiscard]] std::string sleepers_of(const std::string& kind);

/// The only value of a query, as text.
[[nodiscard]] std::string text_of(postgres::connection& on, const std::string& query);
[[nodiscard]] std::int64_t number_of(postgres::connection& on, const std::string& query);
/// Waits until a query gives true, for at most some seconds.
[[nodiscard]] bool becomes_true(postgres::connection& on, const std::string& query);

/// The error that this throws; fails the test if it throws none.
[[nodiscard]] backend_error failure_of(const std::function<void()>& action);

/// Runs the action in so many processes at once, and returns how many of them did not throw.
[[nodiscard]] int successes_of_processes(int count, const std::function<void()>& action);

}  // namespace perdure::postgres_test
