#pragma once

#include <perdure/plugin.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace perdure::conformance {

/// Where tools/postgres-server is, and in which folder each server's begins. Called once by main.
void use_servers(std::filesystem::path script, std::filesystem::path folder);

/// A PostgreSQL of one scenario's own, by tools/postgres-server, with its data; both go at the end,
/// and if it lives then, a check of Catch2 looks for leases that would never be found when they
/// have expired: whatever a test does to a server, there must be none. Throws when something cannot
/// be done with it. Safe from any thread but for its end.
class private_server {
  public:
    private_server();
    /// A streaming copy of another server. A synchronous one is waited for with each commit from
    /// now on.
    struct standby_of {
        const private_server& primary;
        bool is_synchronous = true;
    };
    explicit private_server(const standby_of& which);
    private_server(const private_server&) = delete;
    private_server& operator=(const private_server&) = delete;
    ~private_server();

    /// Ends every process of it in the middle of what it does, and starts it again.
    void restart_at_once() const;
    /// Kills the server's first process; the others follow.
    void kill() const;
    void promote() const;
    /// A standby waits until it shows all that its primary has committed, and takes nothing more.
    void stop_following(const private_server& primary) const;

    /// The folder of its socket.
    [[nodiscard]] std::filesystem::path location() const;
    /// The hub of this name there, in the schema of the default name.
    [[nodiscard]] backend_config hub_config(const std::string& user = "perdure_owner") const;
    /// The first column of what an administrator's query finds; of a database that is not counted,
    /// unless another is named.
    [[nodiscard]] std::vector<std::string> query(const std::string& sql,
                                                 const std::string& database = "postgres") const;
    /// The first value of it.
    [[nodiscard]] std::string value(const std::string& sql,
                                    const std::string& database = "postgres") const;
    /// Sets what can be set without a restart.
    void set(const std::string& name, const std::string& value) const;
    /// What `_UnreachableLeases` finds in any hub: whose lease, of which task, until when.
    [[nodiscard]] std::vector<std::string> unreachable_leases() const;
    /// The lines of the server's log that contain a text.
    [[nodiscard]] std::vector<std::string> log_lines(const std::string& with) const;

    static constexpr const char* task_hub = "faults";

  private:
    void command(const std::string& verb, const std::string& words) const;
    [[nodiscard]] bool answers() const;

    std::filesystem::path folder_;
};

}  // namespace perdure::conformance
