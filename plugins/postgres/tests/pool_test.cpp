#include "pool.hpp"

#include "private_server.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <future>
#include <thread>

namespace perdure::postgres_test {

namespace {

using postgres::borrowed;
using postgres::durability;
using postgres::pool;
using postgres::settings;

struct test_pool {
    explicit test_pool(const settings& chosen) : held(chosen, counts) {}
    pool* operator->() { return &held; }

    postgres::counters counts;
    pool held;
};

settings fresh_settings() {
    return private_server::shared().settings_for();
}

std::int64_t process_of(borrowed& connection) {
    return number_of(*connection, "select pg_backend_pid()");
}

}  // namespace

TEST_CASE("a connection that is given back is used again") {
    test_pool connections(fresh_settings());
    for (int n = 0; n < 3; ++n) {
        borrowed one = connections->take();
        CHECK(number_of(*one, "select 1") == 1);
    }

    CHECK(connections.counts.connections_opened == 1);
    CHECK(connections->idle_count() == 1);
    connections->close_idle();
    CHECK(connections->open_count() == 0);
}

TEST_CASE(
    "calls that need not be durable have connections of their own, as long as there is room") {
    settings chosen = fresh_settings();
    chosen.pool_max = 2;
    chosen.pool_min = 0;
    test_pool connections(chosen);
    const auto synchronous_commit = [](borrowed& one) {
        return text_of(*one, "show synchronous_commit");
    };

    {
        borrowed durable = connections->take();
        borrowed relaxed = connections->take(durability::soon);
        CHECK(synchronous_commit(durable) == "on");
        CHECK(synchronous_commit(relaxed) == "off");
    }
    CHECK(connections->idle_count() == 2);
    {
        // One of them makes room for who needs a durable one.
        borrowed durable = connections->take();
        borrowed another = connections->take();
        CHECK(synchronous_commit(another) == "on");
        CHECK(connections->open_count() == 2);
    }
    borrowed durable = connections->take();
    borrowed as_good = connections->take(durability::soon);
    CHECK(synchronous_commit(as_good) == "on");
    CHECK(connections.counts.connections_opened == 3);
}

TEST_CASE("behind a pooler everything is durable") {
    settings chosen = fresh_settings();
    chosen.pooler = postgres::pooler::transaction;
    test_pool connections(chosen);
    { const borrowed one = connections->take(durability::soon); }
    const borrowed same = connections->take();

    CHECK(same->kept() == durability::at_once);
    CHECK(connections.counts.connections_opened == 1);
}

TEST_CASE("a host that lets a login in and is silent then is given up") {
    silent_host host;
    settings chosen = fresh_settings();
    chosen.libpq["host"] = host.folder();
    chosen.connect_timeout = std::chrono::seconds(1);
    test_pool connections(chosen);

    auto failing = std::async(std::launch::async, [&] {
        return failure_of([&] { static_cast<void>(connections->take()); });
    });
    REQUIRE(host.is_asked_within(std::chrono::seconds(20)));
    host.let_in();
    const backend_error error = failing.get();

    CHECK(error.code() == store_fault::unavailable);
    CHECK_THAT(error.what(), Catch::Contains("connect_timeout"));
    CHECK(connections->open_count() == 0);
}

TEST_CASE("who finds all connections busy waits for one, and not for ever") {
    settings chosen = fresh_settings();
    chosen.pool_max = 1;
    chosen.pool_min = 0;
    chosen.command_timeout = std::chrono::milliseconds(50);
    test_pool hasty(chosen);
    chosen.command_timeout = std::chrono::seconds(60);
    test_pool patient(chosen);

    const borrowed held = hasty->take();
    const backend_error error = failure_of([&] { static_cast<void>(hasty->take()); });
    CHECK(error.code() == store_fault::unavailable);
    CHECK_THAT(error.what(), Catch::Contains("all 1 connections"));

    std::future<std::int64_t> second;
    std::int64_t first = 0;
    {
        borrowed one = patient->take();
        first = process_of(one);
        second = std::async(std::launch::async, [&] {
            borrowed next = patient->take();
            return process_of(next);
        });
    }
    CHECK(second.get() == first);
}

TEST_CASE("a connection that broke is not given out again, nor are the idle ones beside it") {
    test_pool connections(fresh_settings());
    {
        const borrowed idle = connections->take();
        borrowed ended = connections->take();
        static_cast<void>(failure_of([&] {
            static_cast<void>(text_of(*ended, "select pg_terminate_backend(pg_backend_pid())"));
        }));
        CHECK(connections->open_count() == 2);
    }

    borrowed next = connections->take();
    CHECK(number_of(*next, "select 1") == 1);
    CHECK(connections->open_count() <= 2);
}

TEST_CASE("the first call after a restart of the server does not fail") {
    for (const char* mode : {"fast", "immediate"}) {
        CAPTURE(mode);
        private_server server;
        test_pool connections(server.settings_for());
        {
            const borrowed one = connections->take();
            const borrowed two = connections->take();
        }
        CHECK(connections->idle_count() == 2);

        server.restart(mode);

        borrowed next = connections->take();
        CHECK(number_of(*next, "select 1") == 1);
        CHECK(connections->open_count() == 1);
    }
}

TEST_CASE("a connection that was left in a transaction is closed") {
    test_pool connections(fresh_settings());
    {
        borrowed one = connections->take();
        one->execute_script("begin");
    }
    CHECK(connections->open_count() == 0);
}

TEST_CASE("connections above the minimum are closed when they were idle for long") {
    settings chosen = fresh_settings();
    chosen.pool_min = 1;
    chosen.pool_idle = std::chrono::milliseconds(1);
    test_pool connections(chosen);
    test_connection clock(chosen);
    {
        const borrowed one = connections->take();
        const borrowed two = connections->take();
        const borrowed three = connections->take();
    }
    clock->execute_script("select pg_sleep(0.01)");

    { const borrowed next = connections->take(); }

    CHECK(connections->open_count() == 1);
}

TEST_CASE("a place in the pool is free again when connecting failed") {
    settings chosen = fresh_settings();
    chosen.pool_max = 1;
    chosen.pool_min = 0;
    chosen.libpq["host"] = "/nowhere";
    test_pool connections(chosen);
    for (int n = 0; n < 3; ++n) {
        const backend_error error = failure_of([&] { static_cast<void>(connections->take()); });
        CHECK_THAT(error.what(), Catch::Contains("cannot connect"));
    }
    CHECK(connections->open_count() == 0);
}

TEST_CASE("many threads share few connections while some of them are killed") {
    settings chosen = fresh_settings();
    chosen.pool_max = 3;
    test_pool connections(chosen);
    std::atomic<int> answers{0};
    std::atomic<int> kills{0};
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < 8; ++thread) {
            threads.emplace_back([&, thread] {
                for (int n = 0; n < 50; ++n) {
                    borrowed one = connections->take();
                    try {
                        if (thread == 0 && n % 10 == 0) {
                            static_cast<void>(
                                text_of(*one, "select pg_terminate_backend(pg_backend_pid())"));
                        }
                        static_cast<void>(number_of(*one, "select 1"));
                        ++answers;
                    } catch (const backend_error&) {
                        ++kills;
                    }
                }
            });
        }
    }
    CHECK(kills == 5);
    CHECK(answers == 395);
    CHECK(connections->open_count() <= 3);
    CHECK(connections->open_count() == connections->idle_count());
}

}  // namespace perdure::postgres_test
