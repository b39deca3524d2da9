#pragma once

#include "binary.hpp"
#include "faults.hpp"
#include "fields.hpp"
#include "session.hpp"
#include "settings.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

struct pg_conn;

namespace soci {
class session;
}

namespace perdure::postgres {

/// What all connections of one hub have done. Safe from any thread.
struct counters {
    std::atomic<std::uint64_t> statements{0};
    /// Statements that committed something: mutating ones that succeeded.
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> connections_opened{0};
};

/// A call of one of our functions, which is found through the search path:
///
///     constexpr statement commit{"commit", "select * from _Commit($1, $2)", effect::mutating};
///
/// Both texts must live as long as every connection; the name is unique among all statements.
struct statement {
    const char* name;
    const char* text;
    effect what = effect::none;
    /// What the call needs; a connection that does more is as good.
    durability kept = durability::at_once;
};

/// The rows of one call, in binary. Move-only; its fields are valid as long as it is.
class answer {
  public:
    explicit answer(pg_result* owned) noexcept : result_(owned) {}

    [[nodiscard]] const pg_result* native() const noexcept { return result_.get(); }

    [[nodiscard]] std::size_t rows() const noexcept;
    [[nodiscard]] std::size_t columns() const noexcept;
    /// Throws `backend_error` (corrupt) when there is no such row or column.
    [[nodiscard]] field at(std::size_t row, std::size_t column) const;
    /// A field of the only row; throws `backend_error` (corrupt) unless there is exactly one.
    [[nodiscard]] field only(std::size_t column) const;

  private:
    struct clear {
        void operator()(pg_result* result) const noexcept;
    };
    std::unique_ptr<pg_result, clear> result_;
};

/// What executes one statement on SOCI's session.
using session_work = std::function<void(soci::session&)>;

/// One connection to the server: a SOCI session. What is on the path of an orchestration goes over
/// its libpq connection, in binary (ADR 27). Each call is one transaction, with the settings of
/// session.hpp, and one round trip, or three through SOCI behind a pooler.
///
/// Used by one thread at a time. Every failure is a `backend_error`; after one that broke the
/// connection, `is_broken()` says so and every further call throws `unavailable`.
class connection {
  public:
    /// Connects; see `error_of_connecting` for how it fails. Behind a pooler everything is durable
    /// at once.
    connection(const settings& chosen, counters& counts, durability kept = durability::at_once);
    /// Connects to another database of the same server, for administration.
    connection(const settings& chosen, counters& counts, const std::string& other_database);
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection();

    /// Executes a statement, which is prepared at its first use on this connection (never behind a
    /// pooler). An upgrade of the schema between two calls is not noticed.
    [[nodiscard]] answer call(const statement& what, const parameters& values);
    /// Executes a statement through SOCI; soci_calls.hpp has the functions for that. The
    /// statement's text is the work's own business.
    void with_session(const statement& what, const session_work& work);
    /// Executes one or more statements without parameters and without the limit of
    /// `command_timeout`: the server's own limits hold, so a script that may take long sets them.
    /// Rows are discarded. Not prepared. Behind a pooler it sets for itself what it needs.
    void execute_script(std::string_view sql);

    /// No further call can succeed.
    [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
    /// Looks, without a round trip, whether the server has closed or ended the connection since the
    /// last call. False makes it broken.
    [[nodiscard]] bool is_alive();
    /// A script began a transaction and did not end it, or an execution was interrupted.
    [[nodiscard]] bool is_in_transaction() const noexcept;
    /// The fault that broke it.
    [[nodiscard]] std::optional<store_fault> fault() const noexcept { return fault_; }

    [[nodiscard]] const settings& chosen() const noexcept { return settings_; }
    [[nodiscard]] durability kept() const noexcept { return kept_; }
    /// For what only libpq has, such as notifications. Do not close it; do not execute with it.
    [[nodiscard]] pg_conn* native() const noexcept { return native_; }
    /// The number of the server's process that has the session; 0 behind a pooler, where that
    /// changes.
    [[nodiscard]] std::int64_t server_process() const noexcept { return server_process_; }

  private:
    using steady = std::chrono::steady_clock;
    /// What one execution needs to know of itself.
    struct execution {
        std::string_view name;
        effect what = effect::none;
        steady::time_point deadline = steady::time_point::max();
    };

    using setup_function = std::function<std::string(int server_version)>;
    void open(const std::string& connection_string, const setup_function& setup);
    /// Executes it, and returns the answer to its last statement.
    answer run_script(const std::string& sql, const execution& now);
    /// Without a word of success: behind a pooler there is a commit to come.
    void run_session(const session_work& work, const execution& now);
    /// Throws when the connection is broken, and forgets what the last execution noticed.
    [[nodiscard]] execution begin(std::string_view name, effect what);
    [[nodiscard]] answer run_prepared(const statement& what,
                                      const parameters& values,
                                      const execution& now);
    void prepare(const statement& what, const execution& now);
    void forget(const statement& what, const execution& now);
    [[nodiscard]] answer run_text(const std::string& text,
                                  const parameters& values,
                                  const execution& now);
    /// Waits for the whole answer to what libpq has taken, after so many statements of setup; its
    /// first error, or its last result.
    [[nodiscard]] answer collect(const execution& now, std::size_t setup = 0);
    void flush(const execution& now);
    void read(const execution& now);
    [[nodiscard]] short wait_for(short events, const execution& now);
    /// Throws unless the answer is a success whose effect is certain.
    answer judge(answer result, const execution& now);
    /// Counts a success; throws when it is none.
    void conclude(const execution& now);
    [[noreturn]] void fail(const backend_error& error, bool is_lost);
    [[noreturn]] void give_up(const execution& now);
    [[noreturn]] void lose(std::string_view reason, const execution& now);
    void break_off(store_fault why) noexcept;
    static void take_notice(void* self, const pg_result* notice);

    settings settings_;
    counters& counts_;
    const durability kept_ = durability::at_once;
    /// Of each transaction, behind a pooler.
    std::vector<std::string> transaction_setup_;
    std::unique_ptr<soci::session> session_;
    pg_conn* native_ = nullptr;
    std::int64_t server_process_ = 0;
    std::unordered_set<std::string_view> prepared_;
    bool is_broken_ = false;
    std::optional<store_fault> fault_;
    /// Of the statement under way.
    bool was_not_replicated_ = false;
    bool was_ended_by_server_ = false;
};

}  // namespace perdure::postgres
