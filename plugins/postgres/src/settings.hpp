#pragma once

#include <perdure/plugin.hpp>
#include <perdure/time.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// What the URI says, and how it becomes a connection string of libpq.

namespace perdure::postgres {

/// What stands between this process and the server.
enum class pooler {
    /// Nothing, or something that keeps one server connection for each of ours.
    none,
    /// PgBouncer in transaction mode: no prepared statements, no session state, no listening; what
    /// a
    /// session would keep is set for each transaction.
    transaction,
};

/// Whether an older schema is upgraded while workers live that need it as it is.
enum class upgrade_rule { if_unused, force };

/// All options of the URI, checked. A plain value.
struct settings {
    /// libpq's own parameters, by keyword; those of the address are among them. Holds the password,
    /// so it is never printed.
    std::map<std::string, std::string> libpq;
    std::string schema = "dt";
    /// The application_name of every connection, by which the server finds the hub in mode 0.
    std::string task_hub = "default";
    /// The URI says which hub, so that a login which works in another one is refused.
    bool names_task_hub = false;
    bool create_database = false;
    /// So many idle connections stay open for good; they are opened when they are first needed.
    std::size_t pool_min = 2;
    std::size_t pool_max = 16;
    /// A connection above `pool_min` that was idle for so long is closed.
    duration pool_idle = std::chrono::minutes(5);
    /// For one host; libpq counts in seconds.
    std::chrono::seconds connect_timeout{10};
    /// For one statement, and for the wait for a free connection.
    duration command_timeout = std::chrono::seconds(30);
    /// For the lock of one row within a statement.
    duration lock_timeout = std::chrono::seconds(10);
    duration idle_in_transaction_timeout = std::chrono::seconds(30);
    postgres::pooler pooler = postgres::pooler::none;
    duration poll_interval = std::chrono::seconds(1);
    bool test_clock = false;
    upgrade_rule upgrade = upgrade_rule::if_unused;

    /// What libpq connects with, the password included: a URI, because SOCI takes a string of
    /// keywords apart at the blanks within quotes.
    [[nodiscard]] std::string connection_string() const;
    /// The same for each host, which is named first, the others after it in their order: for who
    /// does not let libpq wait, and so has to turn from a host that does not answer itself.
    [[nodiscard]] std::vector<std::string> connection_strings() const;
    /// The same for another database of the server.
    [[nodiscard]] std::string connection_string(const std::string& other_database) const;
    /// Where it connects to, for messages: user, hosts and database, as far as the URI names them.
    [[nodiscard]] std::string description() const;
    /// The schema as an SQL identifier, quoted.
    [[nodiscard]] std::string quoted_schema() const;
};

/// Reads and checks address and options. `create` belongs to the host and is not known here. Throws
/// `backend_error` (configuration) that says what was found and what is allowed, and no secret.
[[nodiscard]] settings read_settings(const backend_config& config);

/// A name as an SQL identifier, in double quotes.
[[nodiscard]] std::string quoted_identifier(std::string_view name);
/// A text as an SQL literal, whatever standard_conforming_strings is.
[[nodiscard]] std::string quoted_literal(std::string_view text);

}  // namespace perdure::postgres
