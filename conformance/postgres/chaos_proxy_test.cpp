#include "chaos_proxy.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <libpq-fe.h>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// The proxy before a real server, whose socket's folder is in PGHOST.

namespace {

using perdure::conformance::chaos_proxy;

struct closes {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
};
using connection = std::unique_ptr<PGconn, closes>;
using result = std::unique_ptr<PGresult, closes>;

chaos_proxy::server the_server() {
    const char* host = std::getenv("PGHOST");
    const char* port = std::getenv("PGPORT");
    REQUIRE((host != nullptr && port != nullptr));
    return {host, static_cast<std::uint16_t>(std::stoi(port))};
}

connection directly() {
    return connection(
        PQconnectdb("dbname=perdure user=perdure_owner connect_timeout=20 "
                    "options='-c client_min_messages=warning'"));
}

connection through(std::uint16_t port) {
    const std::string text = "host=127.0.0.1 port=" + std::to_string(port) +
                             " dbname=perdure user=perdure_owner connect_timeout=20";
    return connection(PQconnectdb(text.c_str()));
}

connection through(const chaos_proxy& proxy) {
    return through(proxy.port());
}

bool is_open(const connection& on) {
    return PQstatus(on.get()) == CONNECTION_OK;
}

/// The first value of the answer, or "lost" when there was none.
std::string value(const connection& on, const std::string& sql) {
    const result answer(PQexec(on.get(), sql.c_str()));
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status == PGRES_TUPLES_OK) {
        return PQgetvalue(answer.get(), 0, 0);
    }
    return status == PGRES_COMMAND_OK ? "done" : is_open(on) ? "refused" : "lost";
}

/// An empty table for one test, as long as the connection that made it is not needed any more.
class notes {
  public:
    notes() {
        REQUIRE(value(direct_, "drop schema if exists chaos cascade") == "done");
        REQUIRE(value(direct_, "create schema chaos") == "done");
        REQUIRE(value(direct_, "create table chaos.notes (note text)") == "done");
    }
    [[nodiscard]] std::string count() const {
        return value(direct_, "select count(*) from chaos.notes");
    }

  private:
    connection direct_ = directly();
};

constexpr const char* insertion = "insert into chaos.notes values ('a note')";

/// Asks for bytes of different lengths until the connection is lost: which question lost it.
int questions_until_lost(const chaos_proxy& proxy) {
    const connection on = through(proxy);
    int asked = 0;
    while (is_open(on)) {
        ++asked;
        value(on, "select repeat('x', " + std::to_string(100 * asked) + ")");
    }
    return asked;
}

}  // namespace

TEST_CASE("what the proxy forwards arrives unchanged in both directions") {
    // A proxy before a proxy, so that one of them forwards to a TCP port.
    const chaos_proxy inner(the_server(), 1);
    const chaos_proxy outer({"127.0.0.1", inner.port()}, 1);
    std::vector<std::string> answers(8);
    std::vector<std::jthread> clients;

    for (std::size_t i = 0; i < answers.size(); ++i) {
        clients.emplace_back([&answers, &outer, i] {
            const connection on = through(outer);
            const std::string text(1'000'000 + i, static_cast<char>('a' + i));
            answers[i] = value(on, "select '" + text + "' || repeat('z', 3000000)") ==
                                 text + std::string(3'000'000, 'z')
                             ? "unchanged"
                             : "changed";
        });
    }
    clients.clear();

    CHECK(answers == std::vector<std::string>(8, "unchanged"));
    CHECK(outer.seen().connections == 8);
    CHECK(outer.seen().cut == 0);
}

TEST_CASE("without a server a connection fails at once") {
    const chaos_proxy proxy({"/nowhere", 5432}, 1);

    CHECK_FALSE(is_open(through(proxy)));
}

TEST_CASE("connections are cut after random bytes, the same ones for the same seed") {
    const auto seed = GENERATE(std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3});
    std::vector<int> first;
    std::vector<int> second;

    for (std::vector<int>* each : {&first, &second}) {
        chaos_proxy proxy(the_server(), seed);
        proxy.cut_after(20'000);
        for (int i = 0; i < 25; ++i) {
            each->push_back(questions_until_lost(proxy));
        }
        CHECK(proxy.seen().cut == 25);
    }

    CHECK(first == second);
    CHECK(std::set<int>(first.begin(), first.end()).size() > 5);
}

TEST_CASE("an open connection can be cut, and the next one is forwarded") {
    chaos_proxy proxy(the_server(), 1);
    const connection on = through(proxy);
    REQUIRE(value(on, "select 1") == "1");

    proxy.cut_now();

    CHECK(value(on, "select 1") == "lost");
    CHECK(value(through(proxy), "select 1") == "1");
}

TEST_CASE("a cut connection is forgotten when the proxy forwards again") {
    chaos_proxy proxy(the_server(), 1);
    proxy.cut_after(1);
    REQUIRE_FALSE(is_open(through(proxy)));

    proxy.forward();

    CHECK(value(through(proxy), "select 1") == "1");
}

TEST_CASE("a stalled proxy keeps what was sent until it forwards again") {
    const notes table;
    chaos_proxy proxy(the_server(), 1);
    const connection on = through(proxy);
    REQUIRE(is_open(on));

    proxy.stall();
    REQUIRE(PQsendQuery(on.get(), insertion) == 1);
    REQUIRE(PQflush(on.get()) == 0);

    CHECK(table.count() == "0");
    proxy.forward();
    const result answer(PQgetResult(on.get()));
    CHECK(PQresultStatus(answer.get()) == PGRES_COMMAND_OK);
    CHECK(table.count() == "1");
}

TEST_CASE("a stalled proxy can end") {
    auto proxy = std::make_unique<chaos_proxy>(the_server(), 1);
    const connection on = through(*proxy);
    proxy->stall();

    proxy.reset();

    CHECK(value(on, "select 1") == "lost");
}

TEST_CASE("a statement whose reply is swallowed is committed, once, and its connection is lost") {
    const notes table;
    chaos_proxy proxy(the_server(), 1);
    const connection on = through(proxy);
    const char* prepared = "put_a_note";
    REQUIRE(result(PQprepare(on.get(), prepared, insertion, 0, nullptr)) != nullptr);
    result answer;

    SECTION("as a simple query") {
        proxy.swallow_reply_to("chaos.notes");
        answer.reset(PQexec(on.get(), insertion));
    }
    SECTION("with parameters") {
        proxy.swallow_reply_to("chaos.notes");
        answer.reset(PQexecParams(on.get(), insertion, 0, nullptr, nullptr, nullptr, nullptr, 1));
    }
    SECTION("prepared before") {
        proxy.swallow_reply_to(prepared);
        answer.reset(PQexecPrepared(on.get(), prepared, 0, nullptr, nullptr, nullptr, 1));
    }
    SECTION("prepared meanwhile, which has a reply of its own") {
        proxy.swallow_reply_to("chaos.notes");
        answer.reset(PQprepare(on.get(), "another", insertion, 0, nullptr));
        REQUIRE(PQresultStatus(answer.get()) == PGRES_COMMAND_OK);
        REQUIRE(value(on, "select 1") == "1");
        proxy.swallow_reply_to("another");
        answer.reset(PQexecPrepared(on.get(), "another", 0, nullptr, nullptr, nullptr, 1));
    }
    SECTION("as one of several") {
        proxy.swallow_reply_to("commit");
        answer.reset(PQexec(on.get(), (std::string("begin;") + insertion).c_str()));
        REQUIRE(PQresultStatus(answer.get()) == PGRES_COMMAND_OK);
        answer.reset(PQexec(on.get(), "commit"));
    }

    CHECK(PQresultStatus(answer.get()) == PGRES_FATAL_ERROR);
    CHECK_FALSE(is_open(on));
    CHECK(table.count() == "1");
    CHECK(proxy.seen().swallowed == 1);
    CHECK(value(through(proxy), insertion) == "done");
}
