#include "listener_line.hpp"

#include "session.hpp"

#include <charconv>
#include <new>

// The listener's connection: nothing of it blocks beyond its owner's patience.

namespace perdure::postgres {

std::string_view text_at(const PGresult* answer, int column) {
    return {PQgetvalue(answer, 0, column),
            static_cast<std::size_t>(PQgetlength(answer, 0, column))};
}

void listener::line::connect() {
    const auto deadline = steady::now() + owner_.options_.connect_timeout;
    const auto& ways = owner_.options_.connections;
    connection_.reset(PQconnectStart(ways.at(owner_.failures_ % ways.size()).c_str()));
    if (connection_ == nullptr) {
        throw std::bad_alloc();
    }
    // The library's own way is to print notices.
    PQsetNoticeReceiver(
        connection_.get(), [](void*, const PGresult*) {}, nullptr);
    auto next = PQstatus(connection_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED
                                                              : PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED) {
            throw line_lost();
        }
        await(next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
        next = PQconnectPoll(connection_.get());
    }
    if (PQsetnonblocking(connection_.get(), 1) != 0) {
        throw line_lost();
    }
    set_up(deadline);
    ++owner_.count_.connections;
}

void listener::line::await(short events, steady::time_point deadline) {
    while (true) {
        const auto until = owner_.patience(deadline);
        const auto what = wait_for({PQsocket(connection_.get()), events, 0}, owner_.alarm_, until);
        has_missed_alarm_ |= what.alarm;
        if (what.on_socket) {
            return;
        }
        if (steady::now() >= until) {
            throw line_lost();
        }
    }
}

result_ptr listener::line::execute(const std::string& text, std::span<const char* const> values) {
    PGconn* connection = connection_.get();
    const auto deadline = steady::now() + owner_.options_.answer_timeout;
    // Never prepared: it is seldom enough, and a pooler cannot.
    const auto& setup = owner_.options_.transaction_setup;
    if (!send_with_setup(connection,
                         setup,
                         text,
                         {static_cast<int>(values.size()), values.data(), nullptr, nullptr},
                         0)) {
        throw line_lost();
    }
    ++owner_.count_.statements;
    result_ptr answer = collect(setup.size(), deadline);
    if (!setup.empty() && PQexitPipelineMode(connection) != 1) {
        throw line_lost();
    }
    return answer;
}

void listener::line::set_up(steady::time_point deadline) {
    if (!owner_.options_.session_setup) {
        return;
    }
    const std::string script = owner_.options_.session_setup(PQserverVersion(connection_.get()));
    if (PQsendQuery(connection_.get(), script.c_str()) == 0) {
        throw line_lost();
    }
    const result_ptr answer = collect(0, deadline);
    const std::string_view process = text_at(answer.get(), 0);
    std::from_chars(process.data(), process.data() + process.size(), server_process_);
}

result_ptr listener::line::collect(std::size_t setup, steady::time_point deadline) {
    PGconn* connection = connection_.get();
    int left = PQflush(connection);
    while (left == 1) {
        await(POLLIN | POLLOUT, deadline);
        receive();
        left = PQflush(connection);
    }
    if (left != 0) {
        throw line_lost();
    }
    reply whole(setup);
    do {
        while (PQisBusy(connection) != 0) {
            await(POLLIN, deadline);
            receive();
        }
    } while (!whole.add(PQgetResult(connection)));
    receive();
    result_ptr answer(whole.release());
    if (PQresultStatus(answer.get()) != PGRES_TUPLES_OK || PQntuples(answer.get()) != 1) {
        throw line_lost();
    }
    return answer;
}

void listener::line::rest(steady::time_point until) {
    if (std::exchange(has_missed_alarm_, false)) {
        return;
    }
    if (wait_for({PQsocket(connection_.get()), POLLIN, 0}, owner_.alarm_, until).on_socket) {
        receive();
    }
}

void listener::line::receive() {
    if (PQconsumeInput(connection_.get()) == 0) {
        throw line_lost();
    }
    while (true) {
        const std::unique_ptr<PGnotify, decltype(&PQfreemem)> next(PQnotifies(connection_.get()),
                                                                   &PQfreemem);
        if (next == nullptr) {
            return;
        }
        if (next->be_pid != server_process_) {
            ++owner_.count_.heard;
            heard_.emplace_back(next->extra);
        }
    }
}

}  // namespace perdure::postgres
