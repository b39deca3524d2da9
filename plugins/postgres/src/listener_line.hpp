#pragma once

#include "listener.hpp"

#include <exception>
#include <libpq-fe.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perdure::postgres {

/// The connection is of no use any more. Stays within the thread.
class line_lost : public std::exception {};

struct clear_result {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using result_ptr = std::unique_ptr<PGresult, clear_result>;

struct close_connection {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};

[[nodiscard]] std::string_view text_at(const PGresult* answer, int column);

/// One connection; every failure is `line_lost`. Waits only as long as its owner has patience.
class listener::line {
  public:
    explicit line(listener& owner) : owner_(owner) { connect(); }
    line(const line&) = delete;
    line& operator=(const line&) = delete;
    ~line() = default;

    /// Executes a statement and returns its only row.
    result_ptr execute(const std::string& text, std::span<const char* const> values);
    /// Waits for a notification, the alarm, or the time.
    void rest(steady::time_point until);
    /// What others have announced since the last time.
    std::vector<std::string> take_heard() { return std::exchange(heard_, {}); }

  private:
    void connect();
    void set_up(steady::time_point deadline);
    /// The only row of what was sent with so many statements of setup.
    result_ptr collect(std::size_t setup, steady::time_point deadline);
    /// Returns when the socket is ready for one of these events; throws when it takes too long.
    void await(short events, steady::time_point deadline);
    void receive();

    listener& owner_;
    std::unique_ptr<PGconn, close_connection> connection_;
    std::vector<std::string> heard_;
    /// By which its own announcements are known; a pooler gives libpq another number.
    int server_process_ = 0;
    /// The alarm rang during a statement.
    bool has_missed_alarm_ = false;
};

}  // namespace perdure::postgres
