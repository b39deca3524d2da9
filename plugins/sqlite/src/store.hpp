#pragma once

#include "clock.hpp"
#include "fair_mutex.hpp"
#include "names.hpp"
#include "schema.hpp"
#include "statements.hpp"
#include "store_file.hpp"

#include <perdure/plugin.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace perdure::sqlite {

/// What the URI says.
struct settings {
    std::filesystem::path file;
    std::string synchronous = "full";
    duration busy_timeout = std::chrono::seconds(10);
    duration poll_interval = std::chrono::milliseconds(50);
    bool test_clock = false;
    upgrade_rule upgrade = upgrade_rule::if_unused;
    /// Of the connection that writes; readers have a fraction of it.
    std::int64_t page_cache_mib = 64;
    /// After so many pages the log is copied into the file: a longer log rewrites hot pages less
    /// often, a shorter one needs less room and keeps each copying short. Measured with
    /// bench/commits.cpp; no option.
    std::int64_t log_pages = 4000;
};

/// Throws `backend_error` (configuration).
[[nodiscard]] settings read_settings(const backend_config& config);

/// The connection that writes. Guarded by the store's mutex.
struct writer {
    template <class... Arguments>
    explicit writer(Arguments&&... arguments) : db(std::forward<Arguments>(arguments)...) {}

    database db;
    write_statements sql{db};
};

/// The columns of the hub's row that every call looks at.
struct hub_state {
    hub_clock clock;
    std::int64_t changes = 0;
    /// Empty while it is open.
    std::string closed_reason{};

    /// [CLOSED-1] Throws `backend_error` (moved) while it is closed.
    void require_open() const;
};

/// Reads it. Throws `backend_error` (schema) when somebody has upgraded the hub since it was
/// opened.
[[nodiscard]] hub_state state_of_hub(const rows& found);

struct reader {
    template <class... Arguments>
    explicit reader(Arguments&&... arguments) : db(std::forward<Arguments>(arguments)...) {}

    [[nodiscard]] hub_state hub();

    database db;
    read_statements sql{db};
};

class store;

/// A reader borrowed from the pool.
class borrowed_reader {
  public:
    explicit borrowed_reader(store& hub);
    borrowed_reader(const borrowed_reader&) = delete;
    borrowed_reader& operator=(const borrowed_reader&) = delete;
    ~borrowed_reader();

    read_statements* operator->() const noexcept { return &reader_->sql; }
    [[nodiscard]] read_statements& sql() const noexcept { return reader_->sql; }
    [[nodiscard]] hub_state hub() { return reader_->hub(); }
    /// The time of a hub that is open.
    [[nodiscard]] timestamp now();
    [[nodiscard]] timestamp now_even_if_closed();

  private:
    store& hub_;
    std::unique_ptr<reader> reader_;
};

/// One snapshot for several statements of a reader.
class snapshot {
  public:
    explicit snapshot(read_statements& sql) : sql_(sql) { sql_.begin.run(); }
    snapshot(const snapshot&) = delete;
    snapshot& operator=(const snapshot&) = delete;
    ~snapshot();

  private:
    read_statements& sql_;
};

/// The open file: one connection that writes, readers as needed, and what they share. Connections
/// are opened at their first use. Safe from any thread, apart from the writer.
class store {
  public:
    explicit store(settings chosen);

    void create();
    [[nodiscard]] const settings& chosen() const noexcept { return settings_; }
    [[nodiscard]] store_file& file() noexcept { return file_; }
    [[nodiscard]] name_cache& names() noexcept { return names_; }
    [[nodiscard]] const counters& counts() const noexcept { return counts_; }

    [[nodiscard]] fair_mutex& write_mutex() noexcept { return write_mutex_; }
    /// Only for the holder of the mutex.
    [[nodiscard]] writer& open_writer();
    void close_writer() noexcept { writer_.reset(); }
    /// Counts the answers that are kept.
    [[nodiscard]] std::int64_t next_answer() noexcept { return ++answers_; }

    /// For any thread.
    [[nodiscard]] std::unique_ptr<reader> take_reader();
    void return_reader(std::unique_ptr<reader> used);

  private:
    void set_up(database& db, std::int64_t cache_mib) const;

    settings settings_;
    store_file file_;
    counters counts_;
    name_cache names_;
    fair_mutex write_mutex_;
    std::unique_ptr<writer> writer_;
    std::int64_t answers_ = 0;
    std::mutex pool_mutex_;
    std::vector<std::unique_ptr<reader>> pool_;
};

}  // namespace perdure::sqlite
