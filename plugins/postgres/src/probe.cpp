#include "probe.hpp"

#include <perdure/backend_error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <poll.h>

namespace perdure::postgres {

namespace {

using steady = std::chrono::steady_clock;

// False when the deadline came first.
bool await(PGconn* connection, short events, steady::time_point deadline) {
    pollfd socket{PQsocket(connection), events, 0};
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady::now());
        if (left.count() <= 0) {
            return false;
        }
        // A signal ends it early.
        if (poll(&socket, 1, static_cast<int>(left.count())) > 0) {
            return true;
        }
    }
}

// True also when the connection is lost meanwhile.
bool answers_query(PGconn* connection, steady::time_point deadline) {
    if (PQsendQuery(connection, "select 1") == 0) {
        return true;
    }
    while (PQisBusy(connection) != 0) {
        if (!await(connection, POLLIN, deadline)) {
            return false;
        }
        if (PQconsumeInput(connection) == 0) {
            return true;
        }
    }
    return true;
}

}  // namespace

bool finish_connecting(PGconn* begun, steady::time_point deadline) {
    auto next = PQstatus(begun) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        if (!await(begun, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) {
            return false;
        }
        next = PQconnectPoll(begun);
    }
    return true;
}

void require_answer(const settings& chosen) {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
        PQconnectStart(chosen.connection_string().c_str()), &PQfinish);
    if (connection == nullptr ||
        !finish_connecting(connection.get(), steady::now() + chosen.connect_timeout) ||
        PQstatus(connection.get()) != CONNECTION_OK) {
        return;
    }
    PQsetNoticeReceiver(
        connection.get(), [](void*, const PGresult*) {}, nullptr);
    if (!answers_query(connection.get(), steady::now() + chosen.connect_timeout)) {
        throw backend_error(
            store_fault::unavailable,
            fmt::format("PostgreSQL ({}): it accepted the login, but has not answered within "
                        "connect_timeout; is a pooler paused, or the server stopped?",
                        chosen.description()));
    }
}

}  // namespace perdure::postgres
