#pragma once

#include <perdure/backend_error.hpp>
#include <perdure/ids.hpp>
#include <perdure/time.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

// SQLite's C interface with owners: a connection, its prepared statements, and the rows of one
// execution, which is always reset. A connection and what belongs to it is used by one thread at a
// time. Every failure is a `backend_error`.

namespace perdure::sqlite {

/// What all connections of one hub have done.
struct counters {
    std::atomic<std::uint64_t> statements{0};
    std::atomic<std::uint64_t> commits{0};
};

enum class open_mode { existing, create };

/// A connection.
class database {
  public:
    database(std::string path, open_mode mode, duration busy_timeout, counters& counts);
    database(const database&) = delete;
    database& operator=(const database&) = delete;
    ~database() = default;

    /// Executes statements that have no parameters and whose rows nobody wants.
    void execute(const std::string& sql);
    /// The first column of the first row, or zero.
    [[nodiscard]] std::int64_t number(const std::string& sql);
    [[nodiscard]] std::string text(const std::string& sql);
    /// How many rows the last statement changed.
    [[nodiscard]] std::int64_t changes() const noexcept;
    /// How many rows all statements have changed so far.
    [[nodiscard]] std::int64_t all_changes() const noexcept;
    [[nodiscard]] bool in_transaction() const noexcept;
    /// How long it waits for other processes. Returns what it was.
    duration set_busy_timeout(duration timeout) noexcept {
        return std::exchange(busy_timeout_, timeout);
    }

    [[noreturn]] void fail(int code, const std::string& doing);
    [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }
    void count_statement() noexcept { counts_.statements.fetch_add(1, std::memory_order_relaxed); }
    void count_commit() noexcept { counts_.commits.fetch_add(1, std::memory_order_relaxed); }

  private:
    struct close_handle {
        void operator()(sqlite3* handle) const noexcept;
    };

    static int wait_while_busy(void* self, int tries);

    std::string path_;
    duration busy_timeout_;
    counters& counts_;
    std::unique_ptr<sqlite3, close_handle> handle_;
    std::chrono::steady_clock::time_point busy_since_{};
};

/// A value for a statement that is put together while the program runs.
using bound_value = std::variant<std::int64_t, std::string>;

/// Bytes that are bound as a blob.
struct blob {
    std::string_view bytes;
};

class statement;

/// The rows of one execution. Texts and blobs are valid until the next row.
class rows {
  public:
    explicit rows(statement& source) : source_(&source) {}
    rows(const rows&) = delete;
    rows& operator=(const rows&) = delete;
    ~rows();

    /// Goes to the next row; false after the last.
    bool next();
    [[nodiscard]] bool is_null(int column) const noexcept;
    /// Zero for null.
    [[nodiscard]] std::int64_t number(int column) const noexcept;
    [[nodiscard]] std::string_view text(int column) const noexcept;
    [[nodiscard]] std::string string(int column) const { return std::string(text(column)); }
    [[nodiscard]] uuid id(int column) const noexcept;
    [[nodiscard]] std::optional<timestamp> time(int column) const noexcept;

  private:
    statement* source_;
};

/// A prepared statement, made at its first use and kept.
class statement {
  public:
    statement(database& owner, std::string sql) : owner_(owner), sql_(std::move(sql)) {}
    statement(const statement&) = delete;
    statement& operator=(const statement&) = delete;
    ~statement();

    /// Begins an execution. Texts that are bound must live until the last row is read.
    template <class... Values>
    [[nodiscard]] rows query(const Values&... values) {
        begin();
        int position = 0;
        (bind(++position, values), ...);
        return rows(*this);
    }

    /// The same with values in a list, which must live as long.
    [[nodiscard]] rows query_values(const std::vector<bound_value>& values);

    /// Executes to the end.
    template <class... Values>
    void run(const Values&... values) {
        rows result = query(values...);
        while (result.next()) {
        }
    }

    /// The first column of the first row, if there is one.
    template <class... Values>
    [[nodiscard]] std::optional<std::int64_t> number(const Values&... values) {
        rows result = query(values...);
        if (!result.next() || result.is_null(0)) {
            return std::nullopt;
        }
        return result.number(0);
    }

  private:
    friend class rows;

    void begin();
    void bind(int position, std::int64_t value);
    void bind(int position, int value) { bind(position, std::int64_t{value}); }
    void bind(int position, std::uint32_t value) { bind(position, std::int64_t{value}); }
    // Tokens use all 64 bits and only need to come back as they went.
    void bind(int position, std::uint64_t value) {
        bind(position, static_cast<std::int64_t>(value));
    }
    void bind(int position, bool value) { bind(position, std::int64_t{value ? 1 : 0}); }
    void bind(int position, std::string_view text);
    void bind(int position, const std::string& text) { bind(position, std::string_view(text)); }
    void bind(int position, blob bytes);
    void bind(int position, const uuid& value);
    void bind(int position, timestamp value) { bind(position, value.time_since_epoch().count()); }
    void bind(int position, std::nullptr_t value);
    template <class Value>
    void bind(int position, const std::optional<Value>& value) {
        if (value) {
            bind(position, *value);
        } else {
            bind(position, nullptr);
        }
    }

    database& owner_;
    std::string sql_;
    sqlite3_stmt* handle_ = nullptr;
    // The bytes of the UUIDs that are bound.
    std::array<std::array<unsigned char, 16>, 4> ids_{};
    std::size_t ids_used_ = 0;
};

}  // namespace perdure::sqlite
