#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <future>
#include <libpq-fe.h>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace perdure;
using namespace perdure::conformance;

// What happens to an instance while a call that names it waits for the lock of another one.

namespace {

/// Somebody else's transaction that holds the row of an instance until it ends.
class row_lock {
  public:
    row_lock(const private_server& server, const instance_id& id)
        : connection_(PQconnectdb(
              ("host='" + server.location().string() + "' user=postgres dbname=perdure").c_str())) {
        execute("begin");
        execute("select from dt.Instances where instance_id = '" + id.text() + "' for update");
    }

    void end() { execute("commit"); }

  private:
    struct closes {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };

    void execute(const std::string& sql) {
        PGresult* result = PQexec(connection_.get(), sql.c_str());
        const ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        REQUIRE((status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK));
    }

    std::unique_ptr<PGconn, closes> connection_;
};

/// A hub of its own server, in which one call waits for a row while something else happens.
struct waiting_calls {
    private_server server;
    hub where = open_hub(server.hub_config());
    backend& store = where.store();
    work_filter filter{{{order_name, order_version}}, {charge_name}, {std::string()}};

    void create(const instance_id& id) {
        new_instance fresh = a_new_instance();
        fresh.instance = id;
        REQUIRE(store.create(a_request(), {&fresh, 1}).front().code == create_code::created);
    }

    work_batch lock() {
        lock_request wanted;
        wanted.request = a_request();
        wanted.worker = {"w1"};
        wanted.filter = &filter;
        wanted.orchestrations = 10;
        return store.lock(wanted);
    }

    /// The only instance that is ready.
    orchestration_work lease(const instance_id& id) {
        work_batch batch = lock();
        REQUIRE(batch.orchestrations.size() == 1);
        REQUIRE(batch.orchestrations.front().instance == id);
        return std::move(batch.orchestrations.front());
    }

    commit_outcome commit(const checkpoint& turn) {
        lock_request nothing;
        nothing.request = a_request();
        nothing.worker = {"w1"};
        nothing.filter = &filter;
        return store.commit({{&turn, 1}, {}, nothing}).checkpoints.front();
    }

    /// Has one turn, which leaves nothing to do.
    void let_idle(const instance_id& id) {
        REQUIRE(commit(turn_of(lease(id))) == commit_outcome::committed);
    }

    [[nodiscard]] std::vector<std::string> ready() {
        std::vector<std::string> found;
        for (const orchestration_work& work : lock().orchestrations) {
            found.push_back(work.instance.text());
        }
        return found;
    }

    /// Makes the call while the row of `held` is locked, and lets `meanwhile` happen before that
    /// ends.
    template <class Call>
    auto while_waiting(const instance_id& held, Call call, const std::function<void()>& meanwhile) {
        row_lock lock(server, held);
        auto answer = std::async(std::launch::async, call);
        const auto deadline = in(patience);
        while (server.value("select count(*) from pg_stat_activity where application_name = '" +
                            std::string(private_server::task_hub) +
                            "' and wait_event_type = 'Lock'") == "0") {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            std::this_thread::yield();
        }
        meanwhile();
        lock.end();
        return answer.get();
    }
};

}  // namespace

TEST_CASE("a message reaches an instance that was created while its call waited for another",
          "[waiting]") {
    waiting_calls shop;
    const instance_id held("held");
    const instance_id late("late");
    shop.create(held);
    shop.let_idle(held);

    const auto outcomes = shop.while_waiting(
        held,
        [&] {
            const std::vector<new_message> both{a_message(held), a_message(late)};
            return shop.store.send(a_request(), both);
        },
        [&] {
            shop.create(late);
            shop.let_idle(late);
        });

    REQUIRE(outcomes == std::vector{send_outcome::accepted, send_outcome::accepted});
    CHECK_THAT(shop.ready(), Catch::UnorderedEquals(std::vector<std::string>{"held", "late"}));
}

TEST_CASE("a termination reaches an instance that was created while its call waited for another",
          "[waiting]") {
    waiting_calls shop;
    const instance_id held("held");
    const instance_id late("late");
    shop.create(held);
    shop.let_idle(held);

    const auto outcomes = shop.while_waiting(
        held,
        [&] {
            const std::vector<termination> both{a_termination(held), a_termination(late)};
            return shop.store.terminate(a_request(), both);
        },
        [&] {
            shop.create(late);
            shop.let_idle(late);
        });

    REQUIRE(outcomes == std::vector{terminate_outcome::requested, terminate_outcome::requested});
    CHECK_THAT(shop.ready(), Catch::UnorderedEquals(std::vector<std::string>{"held", "late"}));
}

TEST_CASE("a turn's message reaches an instance that was created while its commit waited",
          "[waiting]") {
    waiting_calls shop;
    const instance_id held("held");
    const instance_id late("late");
    const instance_id sender("sender");
    shop.create(held);
    shop.let_idle(held);
    shop.create(sender);
    checkpoint turn = turn_of(shop.lease(sender));
    turn.messages = {a_message(held), a_message(late)};

    const commit_outcome outcome = shop.while_waiting(
        held,
        [&] { return shop.commit(turn); },
        [&] {
            shop.create(late);
            shop.let_idle(late);
        });

    REQUIRE(outcome == commit_outcome::committed);
    CHECK_THAT(shop.ready(), Catch::UnorderedEquals(std::vector<std::string>{"held", "late"}));
}
