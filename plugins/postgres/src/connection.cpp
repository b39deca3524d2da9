#include "connection.hpp"

#include "session.hpp"
#include "time_limit.hpp"

#include <fmt/format.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <poll.h>
#include <utility>
#include <vector>

namespace perdure::postgres {

namespace {

// The server stops a statement by itself at command_timeout; so much later nobody is there.
constexpr auto answer_margin = std::chrono::seconds(2);

constexpr std::string_view sqlstate_read_only = "25006";
// Of a setup only: a standby's transaction cannot be made one that writes.
constexpr std::string_view sqlstate_not_supported = "0A000";

// SOCI's library exports no type information for its session, so a checked cast does not link.
__attribute__((no_sanitize("vptr"))) PGconn* native_of(soci::session& session) {
    return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

// The parameters in the form that libpq takes them in.
struct bound_values {
    explicit bound_values(const parameters& from)
        : values(from.size()), lengths(from.size()), formats(from.size(), 1) {
        for (std::size_t n = 0; n < from.size(); ++n) {
            values[n] = from.value(n);
            lengths[n] = from.length(n);
        }
    }
    [[nodiscard]] int count() const { return static_cast<int>(values.size()); }

    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
};

bool is_success(const PGresult* result) {
    switch (PQresultStatus(result)) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
        case PGRES_EMPTY_QUERY:
            return true;
        default:
            return false;
    }
}

}  // namespace

void answer::clear::operator()(pg_result* result) const noexcept {
    PQclear(result);
}

std::size_t answer::rows() const noexcept {
    return static_cast<std::size_t>(PQntuples(result_.get()));
}

std::size_t answer::columns() const noexcept {
    return static_cast<std::size_t>(PQnfields(result_.get()));
}

field answer::at(std::size_t row, std::size_t column) const {
    if (row >= rows() || column >= columns()) {
        refuse_answer(
            fmt::format("no row {}, column {} in {} rows of {}", row, column, rows(), columns()));
    }
    const int r = static_cast<int>(row);
    const int c = static_cast<int>(column);
    if (PQgetisnull(result_.get(), r, c) == 1) {
        return {};
    }
    return {PQftype(result_.get(), c),
            std::string_view(PQgetvalue(result_.get(), r, c),
                             static_cast<std::size_t>(PQgetlength(result_.get(), r, c)))};
}

field answer::only(std::size_t column) const {
    if (rows() != 1) {
        refuse_answer(fmt::format("{} rows where one was expected", rows()));
    }
    return at(0, column);
}

connection::connection(const settings& chosen, counters& counts, durability kept)
    : settings_(chosen), counts_(counts), kept_(kept) {
    if (settings_.pooler == pooler::transaction) {
        transaction_setup_ = transaction_setup(settings_);
    }
    open(settings_.connection_string(),
         [this](int version) { return session_setup(settings_, version, kept_); });
}

connection::connection(const settings& chosen, counters& counts, const std::string& other_database)
    : settings_(chosen), counts_(counts) {
    open(settings_.connection_string(other_database),
         [this](int version) { return administrative_setup(settings_, version); });
}

connection::~connection() = default;

void connection::open(const std::string& connection_string, const setup_function& setup) {
    const auto begun = steady::now();
    try {
        session_ = std::make_unique<soci::session>(soci::postgresql, connection_string);
    } catch (const soci::soci_error& error) {
        // SOCI's own first line says nothing.
        std::string_view text = error.what();
        text = text.substr(std::min(text.find('\n') + 1, text.size()));
        const bool timed_out = steady::now() - begun >= settings_.connect_timeout;
        throw error_of_connecting(settings_, {connection_string, std::string(text), timed_out});
    }
    native_ = native_of(*session_);
    PQsetNoticeReceiver(native_, &connection::take_notice, this);
    // Otherwise a server that has stopped reading would block the sender for ever.
    if (PQsetnonblocking(native_, 1) != 0) {
        throw lost_connection(PQerrorMessage(native_), "connecting", effect::none);
    }
    counts_.connections_opened.fetch_add(1, std::memory_order_relaxed);
    // SOCI has the text of an error only; without this it would quote rows.
    PQsetErrorVerbosity(native_, PQERRORS_TERSE);
    if (settings_.pooler == pooler::none) {
        const answer done =
            run_script(setup(PQserverVersion(native_)),
                       {"session", effect::none, steady::now() + settings_.connect_timeout});
        server_process_ = std::strtoll(PQgetvalue(done.native(), 0, 0), nullptr, 10);
    }
}

answer connection::run_script(const std::string& sql, const execution& now) {
    if (PQsendQuery(native_, sql.c_str()) != 1) {
        lose(PQerrorMessage(native_), now);
    }
    return judge(collect(now), now);
}

void connection::take_notice(void* self, const pg_result* notice) {
    auto& owner = *static_cast<connection*>(self);
    owner.was_not_replicated_ = owner.was_not_replicated_ || is_unreplicated_commit(notice);
    owner.was_ended_by_server_ = owner.was_ended_by_server_ || ends_connection(notice);
}

connection::execution connection::begin(std::string_view name, effect what) {
    if (is_broken_ || PQstatus(native_) != CONNECTION_OK) {
        break_off(store_fault::unavailable);
        throw lost_connection("it is no longer usable", name, effect::none);
    }
    was_not_replicated_ = false;
    was_ended_by_server_ = false;
    counts_.statements.fetch_add(1, std::memory_order_relaxed);
    return {name, what, steady::now() + settings_.command_timeout + answer_margin};
}

answer connection::call(const statement& what, const parameters& values) {
    const execution now = begin(what.name, what.what);
    if (settings_.pooler == pooler::transaction) {
        return judge(run_text(what.text, values, now), now);
    }
    const bool was_prepared = prepared_.contains(what.name);
    if (!was_prepared) {
        prepare(what, now);
    }
    answer result = run_prepared(what, values, now);
    // An error has changed nothing, so the statement may be made anew and tried once more.
    if (was_prepared && !is_success(result.native()) && !ends_connection(result.native()) &&
        is_stale_preparation(sqlstate_of(result.native()))) {
        forget(what, now);
        prepare(what, now);
        result = run_prepared(what, values, now);
    }
    return judge(std::move(result), now);
}

void connection::with_session(const statement& what, const session_work& work) {
    const execution now = begin(what.name, what.what);
    if (settings_.pooler == pooler::none || is_in_transaction()) {
        run_session(work, now);
        conclude(now);
        return;
    }
    // What SOCI sends cannot travel in one packet with what sets its transaction.
    const execution uncommitted{now.name, effect::none, now.deadline};
    judge(run_text("begin", {}, uncommitted), uncommitted);
    try {
        run_session(work, uncommitted);
    } catch (...) {
        if (!is_broken_) {
            judge(run_text("rollback", {}, uncommitted), uncommitted);
        }
        throw;
    }
    judge(run_text("commit", {}, now), now);
}

void connection::run_session(const session_work& work, const execution& now) {
    const time_limit limit(PQsocket(native_), now.deadline);
    try {
        work(*session_);
    } catch (const soci::soci_error& error) {
        if (limit.has_passed()) {
            give_up(now);
        }
        fail(error_of(error, now.name, now.what), false);
    }
}

void connection::execute_script(std::string_view sql) {
    execution now = begin("script", effect::mutating);
    now.deadline = steady::time_point::max();
    run_script(std::string(sql), now);
}

void connection::prepare(const statement& what, const execution& now) {
    // Nothing is changed by preparing.
    const execution preparing{now.name, effect::none, now.deadline};
    if (PQsendPrepare(native_, what.name, what.text, 0, nullptr) != 1) {
        lose(PQerrorMessage(native_), preparing);
    }
    static_cast<void>(judge(collect(preparing), preparing));
    prepared_.insert(what.name);
}

void connection::forget(const statement& what, const execution& now) {
    prepared_.erase(what.name);
    const execution forgetting{now.name, effect::none, now.deadline};
    const std::string text = "deallocate " + quoted_identifier(what.name);
    if (PQsendQuery(native_, text.c_str()) != 1) {
        lose(PQerrorMessage(native_), forgetting);
    }
    // The server may have forgotten it already, which is an error and what was wanted.
    static_cast<void>(collect(forgetting));
}

answer connection::run_prepared(const statement& what,
                                const parameters& values,
                                const execution& now) {
    const bound_values bound(values);
    if (PQsendQueryPrepared(native_,
                            what.name,
                            bound.count(),
                            bound.values.data(),
                            bound.lengths.data(),
                            bound.formats.data(),
                            1) != 1) {
        lose(PQerrorMessage(native_), now);
    }
    return collect(now);
}

answer connection::run_text(const std::string& text,
                            const parameters& values,
                            const execution& now) {
    const bound_values bound(values);
    // Within a transaction it is set already.
    const std::span<const std::string> setup =
        is_in_transaction() ? std::span<const std::string>() : transaction_setup_;
    if (!send_with_setup(
            native_,
            setup,
            text,
            {bound.count(), bound.values.data(), bound.lengths.data(), bound.formats.data()},
            1)) {
        lose(PQerrorMessage(native_), now);
    }
    return collect(now, setup.size());
}

answer connection::collect(const execution& now, std::size_t setup) {
    flush(now);
    reply whole(setup);
    do {
        while (PQisBusy(native_) == 1) {
            static_cast<void>(wait_for(POLLIN, now));
            read(now);
        }
    } while (!whole.add(PQgetResult(native_)));
    const bool failed_in_setup = whole.failed_in_setup();
    answer result(whole.release());
    if (result.native() == nullptr) {
        lose("there was no answer", now);
    }
    if (setup != 0 && !ends_connection(result.native()) && PQexitPipelineMode(native_) != 1) {
        break_off(store_fault::unavailable);
    }
    if (failed_in_setup && sqlstate_of(result.native()) == sqlstate_not_supported) {
        break_off(store_fault::unavailable);
        throw backend_error(
            store_fault::unavailable,
            fmt::format("PostgreSQL: it takes no changes, because it is a standby (in {})",
                        now.name),
            std::string(sqlstate_read_only));
    }
    return result;
}

void connection::flush(const execution& now) {
    for (;;) {
        const int state = PQflush(native_);
        if (state == 0) {
            return;
        }
        if (state < 0) {
            lose(PQerrorMessage(native_), now);
        }
        // The server may have to be rid of its own output before it reads on.
        if ((wait_for(POLLIN | POLLOUT, now) & POLLIN) != 0) {
            read(now);
        }
    }
}

void connection::read(const execution& now) {
    if (PQconsumeInput(native_) != 1) {
        // A last word of the server, read before the connection ended, says more than libpq.
        while (PQisBusy(native_) == 0) {
            const answer result(PQgetResult(native_));
            if (result.native() == nullptr) {
                break;
            }
            if (!is_success(result.native()) && !sqlstate_of(result.native()).empty()) {
                const backend_error error = error_of(result.native(), now.name, now.what);
                break_off(error.code());
                throw error;
            }
        }
        lose(PQerrorMessage(native_), now);
    }
}

short connection::wait_for(short events, const execution& now) {
    for (;;) {
        int timeout = -1;
        if (now.deadline != steady::time_point::max()) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(now.deadline - steady::now()).count();
            timeout = static_cast<int>(
                std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
        }
        pollfd socket{PQsocket(native_), events, 0};
        const int ready = poll(&socket, 1, timeout);
        if (ready > 0) {
            // An error or an end is found by reading.
            return (socket.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0
                       ? static_cast<short>(socket.revents | POLLIN)
                       : socket.revents;
        }
        if (ready < 0 && errno != EINTR) {
            lose(std::strerror(errno), now);
        }
        if (ready == 0) {
            give_up(now);
        }
    }
}

answer connection::judge(answer result, const execution& now) {
    if (!is_success(result.native())) {
        const backend_error error = error_of(result.native(), now.name, now.what);
        fail(error, ends_connection(result.native()) || error.sqlstate().empty());
    }
    conclude(now);
    return result;
}

void connection::conclude(const execution& now) {
    if (was_ended_by_server_) {
        break_off(store_fault::unavailable);
    }
    if (now.what == effect::mutating) {
        if (was_not_replicated_) {
            throw backend_error(store_fault::outcome_unknown,
                                fmt::format("PostgreSQL: committed, but no standby has confirmed "
                                            "it (in {})",
                                            now.name));
        }
        counts_.commits.fetch_add(1, std::memory_order_relaxed);
    }
}

void connection::fail(const backend_error& error, bool is_lost) {
    // A standby stays one for a while: the next connection looks for the primary.
    if (is_lost || PQstatus(native_) != CONNECTION_OK || error.sqlstate() == sqlstate_read_only) {
        break_off(error.code());
    }
    throw error;
}

void connection::give_up(const execution& now) {
    const store_fault fault =
        now.what == effect::mutating ? store_fault::outcome_unknown : store_fault::timeout;
    break_off(fault);
    throw backend_error(fault,
                        fmt::format("PostgreSQL: no answer within command_timeout, the connection "
                                    "was given up (in {})",
                                    now.name));
}

void connection::lose(std::string_view reason, const execution& now) {
    const backend_error error = lost_connection(reason, now.name, now.what);
    break_off(error.code());
    throw error;
}

void connection::break_off(store_fault why) noexcept {
    if (!is_broken_) {
        is_broken_ = true;
        fault_ = why;
    }
}

bool connection::is_alive() {
    if (is_broken_) {
        return false;
    }
    // Something came unasked: the server's farewell, behind it the end of the connection, or a
    // parameter that an administrator has changed.
    pollfd socket{PQsocket(native_), POLLIN, 0};
    while (!is_broken_ && poll(&socket, 1, 0) > 0) {
        const bool is_readable = PQconsumeInput(native_) == 1;
        static_cast<void>(PQisBusy(native_));
        if (!is_readable || was_ended_by_server_ || PQstatus(native_) != CONNECTION_OK) {
            break_off(store_fault::unavailable);
        }
    }
    return !is_broken_;
}

bool connection::is_in_transaction() const noexcept {
    return PQtransactionStatus(native_) != PQTRANS_IDLE;
}

}  // namespace perdure::postgres
