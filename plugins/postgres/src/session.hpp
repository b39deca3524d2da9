#pragma once

#include "settings.hpp"

#include <span>
#include <string>
#include <vector>

struct pg_conn;
struct pg_result;

// What the functions assume of a session, and how it is set whatever the defaults of the role, the
// database and the server say. docs/operations.md has the list of all settings, and why the others
// do not matter.

namespace perdure::postgres {

/// When what a session commits is on disk, or wherever synchronous_commit says.
enum class durability {
    /// Before the answer.
    at_once,
    /// Soon: for calls whose changes a crash may take back, so that none of them waits for a disk.
    soon,
};

/// Statements that make a session what the functions assume, for good, on a server of this version
/// (as libpq numbers it). The last row is the number of the server's process, in text.
[[nodiscard]] std::string session_setup(const settings& chosen,
                                        int server_version,
                                        durability kept = durability::at_once);
/// The same for a session in which no function of the schema is called.
[[nodiscard]] std::string administrative_setup(const settings& chosen, int server_version);

/// The same for one transaction, for sessions that belong to a pooler: what to execute before the
/// first statement of it. The first ones come before any query, as PostgreSQL wants it.
[[nodiscard]] std::vector<std::string> transaction_setup(const settings& chosen);
/// Opens a transaction of several statements.
[[nodiscard]] std::string begin_transaction(const settings& chosen);

/// A setting and its value, as the server tells it.
struct assumption {
    std::string name;
    std::string value;
};
/// Some of what both kinds of setup set, by which it is seen whether it holds.
[[nodiscard]] std::vector<assumption> observable_settings(const settings& chosen);

/// Parameters of one statement, as libpq takes them; `formats` may be null for texts.
struct bound_parameters {
    int count = 0;
    const char* const* values = nullptr;
    const int* lengths = nullptr;
    const int* formats = nullptr;
};

/// Sends a statement, and `setup` before it in the same transaction and the same packet. False when
/// libpq cannot; its message says why.
[[nodiscard]] bool send_with_setup(pg_conn* to,
                                   std::span<const std::string> setup,
                                   const std::string& text,
                                   const bound_parameters& values,
                                   int result_format);

/// Puts together what `PQgetResult` gives, one after the other, for one exchange: its first error,
/// or its last result.
class reply {
  public:
    /// An exchange that was sent with so many statements of setup; none for a plain one.
    explicit reply(std::size_t setup = 0) noexcept : setup_(setup) {}
    reply(const reply&) = delete;
    reply& operator=(const reply&) = delete;
    ~reply();

    /// Takes the next one, null included. True when the exchange is complete.
    [[nodiscard]] bool add(pg_result* next) noexcept;
    /// Null when there was no answer.
    [[nodiscard]] pg_result* release() noexcept;
    /// The error is one of the setup: the statement itself was not executed.
    [[nodiscard]] bool failed_in_setup() const noexcept;

  private:
    std::size_t setup_;
    std::size_t succeeded_ = 0;
    int nulls_in_a_row_ = 0;
    pg_result* kept_ = nullptr;
};

}  // namespace perdure::postgres
