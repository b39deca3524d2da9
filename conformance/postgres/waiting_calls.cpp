#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <future>
#include <libpq-fe.h>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace perdure;
using namespace perdure::conformance;

// What happens while a call waits for somebody else's transaction.

namespace {

/// Somebody else's transaction, which has executed a statement and stays open until it is told to
/// end.
class other_transaction {
  public:
    other_transaction(const private_server& server, const std::string& statement)
        : connection_(PQconnectdb(
              ("host='" + server.location().string() + "' user=postgres dbname=perdure").c_str())) {
        execute("begin");
        execute(statement);
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

/// A hub of its own server, in which one call waits for a transaction while something else happens.
struct waiting_calls {
    const instance_id held{"held"};
    const instance_id late{"late"};
    private_server server;
    hub where = open_hub(server.hub_config());
    backend& store = where.store();
    work_filter filter{{{order_name, order_version}}, {charge_name}, {std::string()}};

    void create(const instance_id& id) {
        new_instance fresh = a_new_instance();
        fresh.instance = id;
        REQUIRE(store.create({a_request()}, {&fresh, 1}).outcomes.front().code ==
                create_code::created);
    }

    work_batch lock(std::size_t orchestrations = 10, std::size_t activities = 0) {
        lock_request wanted;
        wanted.request = a_request();
        wanted.worker = {"w1"};
        wanted.filter = &filter;
        wanted.orchestrations = orchestrations;
        wanted.activities = activities;
        return store.lock(wanted);
    }

    /// The only instance that is ready.
    orchestration_work lease(const instance_id& id) {
        work_batch batch = lock();
        REQUIRE(batch.orchestrations.size() == 1);
        REQUIRE(batch.orchestrations.front().instance == id);
        return std::move(batch.orchestrations.front());
    }

    std::vector<commit_outcome> commit(const std::vector<finished_turn>& turns,
                                       const request_id& request = a_request()) {
        lock_request nothing;
        nothing.request = request;
        nothing.worker = {"w1"};
        nothing.filter = &filter;
        return commit_to(store, turns, {}, nothing).turns;
    }
    commit_outcome commit(const finished_turn& turn, const request_id& request = a_request()) {
        return commit(std::vector{turn}, request).front();
    }

    /// Creates the instance, and leases the activity that its first turn schedules.
    finished_turn speculative_turn(const instance_id& id) {
        create(id);
        const orchestration_work first = lease(id);
        finished_turn turn = turn_of(first);
        turn.activities = {an_activity(1)};
        REQUIRE(commit(turn) == commit_outcome::committed);
        const work_batch batch = lock(0, 1);
        REQUIRE(batch.activities.size() == 1);
        return speculative_turn_of(
            batch.activities.front(), first.history_version + 1, first.held.token);
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

    /// A statement as another process of the hub would execute it.
    static std::string of_the_hub(const std::string& statement) {
        return "set local application_name = '" + std::string(private_server::task_hub) +
               "'; set local search_path = dt, pg_temp; " + statement;
    }
    static std::string a_send(const request_id& request, const instance_id& target) {
        return of_the_hub(
            "select * from _AddOrchestrationEvents('" + to_string(request.value) +
            "', row('{0}', '{" + target.text() +
            "}', '{\"{}\"}', '{null}', '{null}', '{0}', '{null}', null)::message_batch)");
    }
    /// How many answers to this request the store keeps.
    std::string answers(const request_id& request) {
        return server.value("select count(*) from dt.Requests where request_id = '" +
                                to_string(request.value) + "'",
                            "perdure");
    }

    /// Makes the call while another transaction has executed a statement that it has to wait for,
    /// and lets `meanwhile` happen before that one ends.
    template <class Call>
    auto while_waiting(const std::string& statement,
                       Call call,
                       const std::function<void()>& meanwhile) {
        other_transaction other(server, statement);
        auto answer = std::async(std::launch::async, call);
        const auto deadline = in(patience);
        while (server.value("select count(*) from pg_stat_activity where application_name = '" +
                            std::string(private_server::task_hub) +
                            "' and wait_event_type = 'Lock'") == "0") {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            std::this_thread::yield();
        }
        meanwhile();
        other.end();
        return answer.get();
    }

    /// Makes a call about the instance `held`, whose row is locked, and `late`, which is created
    /// while the call waits. Neither has anything to do.
    template <class Call>
    auto while_late_is_created(Call call) {
        create(held);
        let_idle(held);
        return while_waiting(
            "select from dt.Instances where instance_id = '" + held.text() + "' for update",
            call,
            [this] {
                create(late);
                let_idle(late);
            });
    }

    void check_that_both_are_ready() {
        CHECK_THAT(ready(), Catch::UnorderedEquals(std::vector{held.text(), late.text()}));
    }
};

}  // namespace

TEST_CASE("a message reaches an instance that was created while its call waited for another",
          "[waiting]") {
    waiting_calls shop;
    const std::vector<new_message> both{a_message(shop.held), a_message(shop.late)};

    const auto outcomes =
        shop.while_late_is_created([&] { return shop.store.send({a_request()}, both).outcomes; });

    REQUIRE(outcomes == std::vector{send_outcome::accepted, send_outcome::accepted});
    shop.check_that_both_are_ready();
}

TEST_CASE("a termination reaches an instance that was created while its call waited for another",
          "[waiting]") {
    waiting_calls shop;
    const std::vector<termination> both{a_termination(shop.held), a_termination(shop.late)};

    const auto outcomes =
        shop.while_late_is_created([&] { return shop.store.terminate(a_request(), both); });

    REQUIRE(outcomes == std::vector{terminate_outcome::requested, terminate_outcome::requested});
    shop.check_that_both_are_ready();
}

TEST_CASE("a turn's message reaches an instance that was created while its commit waited",
          "[waiting]") {
    waiting_calls shop;
    const instance_id sender("sender");
    shop.create(sender);
    finished_turn turn = turn_of(shop.lease(sender));
    turn.messages = {a_message(shop.held), a_message(shop.late)};

    const commit_outcome outcome = shop.while_late_is_created([&] { return shop.commit(turn); });

    REQUIRE(outcome == commit_outcome::committed);
    shop.check_that_both_are_ready();
}

TEST_CASE("a message that comes while the commit of a turn waits for it makes the instance ready",
          "[waiting][WAKE-1]") {
    waiting_calls shop;
    shop.create(shop.held);
    const finished_turn turn = turn_of(shop.lease(shop.held));

    const commit_outcome outcome = shop.while_waiting(
        shop.a_send(a_request(), shop.held), [&] { return shop.commit(turn); }, [] {});

    REQUIRE(outcome == commit_outcome::committed);
    CHECK(shop.ready() == std::vector{shop.held.text()});
}

TEST_CASE(
    "a message that comes while the commit of a speculative turn waits for it declines the turn",
    "[waiting][SPECULATIVE-1]") {
    waiting_calls shop;
    const finished_turn turn = shop.speculative_turn(shop.held);

    const commit_outcome outcome = shop.while_waiting(
        shop.a_send(a_request(), shop.held), [&] { return shop.commit(turn); }, [] {});

    REQUIRE(outcome == commit_outcome::turn_declined);
    CHECK(shop.ready() == std::vector{shop.held.text()});
}

TEST_CASE("speculative turns find instances whose rows another transaction has moved meanwhile",
          "[waiting][SPECULATIVE-1]") {
    waiting_calls shop;
    const std::vector<finished_turn> both{shop.speculative_turn(shop.held),
                                          shop.speculative_turn(shop.late)};

    const auto outcomes = shop.while_waiting(
        "update dt.Instances set updated_at = updated_at",
        [&] { return shop.commit(both); },
        [] {});

    CHECK(outcomes == std::vector{commit_outcome::committed, commit_outcome::committed});
}

TEST_CASE("who asks for one kind hears of work that somebody else's transaction holds",
          "[waiting][LOCK-8]") {
    waiting_calls shop;
    shop.create(shop.held);
    other_transaction other(shop.server, "select from dt.Instances for update");

    const work_batch batch = shop.lock();

    CHECK(batch.orchestrations.empty());
    CHECK(batch.contended);
    other.end();
    CHECK(shop.ready() == std::vector{shop.held.text()});
}

TEST_CASE("a call that is repeated before the first one has ended finds its answer",
          "[waiting][REPEAT-1]") {
    waiting_calls shop;
    const request_id request = a_request();
    const instance_id nobody("nobody");
    const new_message message = a_message(nobody);

    // The caller of the first one has gone away; its row of Requests is all that the two share.
    const auto outcomes = shop.while_waiting(
        shop.a_send(request, nobody),
        [&] {
            return shop.store.send({request}, {&message, 1}).outcomes;
        },
        [&] { REQUIRE(shop.answers(request) == "0"); });

    CHECK(outcomes == std::vector{send_outcome::no_such_instance});
    CHECK(shop.answers(request) == "1");
}

TEST_CASE("a commit of one turn that is repeated before the first one has ended happens once",
          "[waiting][REPEAT-1][COMMIT-2]") {
    waiting_calls shop;
    shop.create(shop.held);
    const finished_turn turn = turn_of(shop.lease(shop.held));
    const request_id request = a_request();
    const std::string first = shop.of_the_hub(
        "select c.store_time from Instances i cross join lateral _CommitLoneTurn('" +
        to_string(request.value) +
        "', row(1, 60000000, '{}', '{}', '{}', '{}', '{}', 1, 1, false, false, false, '-infinity',"
        " '-infinity', null, null)::room, row(i.instance_key, i.token, i.execution_id, 0, null,"
        " null, null, 1, '[{}]', null, null)::lone_turn, null, false) c");

    const commit_outcome outcome = shop.while_waiting(
        first,
        [&] { return shop.commit(turn, request); },
        [&] { REQUIRE(shop.answers(request) == "0"); });

    CHECK(outcome == commit_outcome::committed);
    CHECK(shop.answers(request) == "1");
    CHECK(shop.server.value("select history_length from dt.Instances", "perdure") == "2");
}
