#include "floor.hpp"

#include "connection.hpp"
#include "faults.hpp"
#include "installer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <libpq-fe.h>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace perdure::postgres {

namespace {

constexpr std::uint64_t turns_in_transaction = 500;
constexpr std::int64_t activities_each = 5;
constexpr std::size_t connections = 2;

constexpr std::string_view event_text =
    R"([{"kind":"task_completed","at":"2026-11-21T08:15:36.123456Z","task":1,"name":"Step","data":{"codec":"json","text":"1000"}}])";

// The plans that the plugin's functions ask for: the tables are small when they are made.
constexpr const char* plan_settings =
    "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;"
    "set plan_cache_mode = force_generic_plan; set jit = off";

struct floor_statement {
    const char* name;
    const char* text;
};

// Each row's whole key comes from the arrays, as from any engine's batch: a column of it that is
// one parameter for all would be a way of its own into the index, which visits every row. Of
// instance k the message after activity n has the sequence 6 k + n.
constexpr floor_statement create{
    "create",
    "with added as ("
    " insert into Instances (instance_key, task_hub, work_key, status, execution_id, needs_turn,"
    "   history_length, history_version, updated_at, created_at, instance_id)"
    " select c.key, 1, 1, 6, c.execution, true, 0, 1, c.due, c.due, c.id"
    "   from unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $5::text[])"
    "        as c(key, execution, due, id))"
    "insert into NewEvents (instance_key, due, sequence, visible_at, task, for_execution, is_timer,"
    "  event)"
    " select c.key, c.due, 6 * c.key, c.due, 0, true, false, c.event"
    "   from unnest($1, $3, $4::text[]) as c(key, due, event)"};

constexpr floor_statement complete{
    "complete",
    "with gone as ("
    " delete from NewTasks t using unnest($1::bigint[], $2::uuid[], $5::bigint[], $6::bigint[])"
    "   as c(key, execution, task, token)"
    "  where t.instance_key = c.key and t.task = c.task and t.execution_id = c.execution"
    "    and t.token = c.token)"
    "insert into NewEvents (instance_key, due, sequence, visible_at, task, for_execution, is_timer,"
    "  completed_by, event)"
    " select c.key, c.due, 6 * c.key + c.task, c.due, c.task, true, false, c.token, c.event"
    "   from unnest($1, $3::timestamptz[], $4::text[], $5, $6) as c(key, due, event, task, token)"};

constexpr floor_statement turn{
    "turn",
    "with gone as ("
    " delete from NewEvents e using unnest($1::bigint[], $3::timestamptz[], $5::bigint[])"
    "   as c(key, due, done)"
    "  where e.instance_key = c.key and e.due = c.due and e.sequence = 6 * c.key + c.done"
    "), written as ("
    " insert into History (instance_key, first, count, events)"
    " select c.key, 2 * c.done + e.n, 1, e.event"
    "   from unnest($1, $5, $4::text[], $7::text[]) as c(key, done, begun, ended)"
    "  cross join lateral (values (0, c.begun), (1, c.ended)) as e(n, event)"
    "), changed as ("
    " update Instances i"
    "    set status = case when c.done = 5 then 1 else 0 end, needs_turn = false,"
    "        history_length = 2 * c.done + 2, history_version = i.history_version + 1,"
    "        last_committed = c.token, updated_at = c.due"
    "   from unnest($1, $3, $5, $6::bigint[]) as c(key, due, done, token)"
    "  where i.instance_key = c.key)"
    "insert into NewTasks (instance_key, task, execution_id, work_key, token, lease_until, holder,"
    "  version, input_codec, input, details)"
    " select c.key, c.done + 1, c.execution, 1, c.token, c.due, 1, '', 'json', c.input, '{}'"
    "   from unnest($1, $2::uuid[], $3, $5, $6, $8::bytea[])"
    "        as c(key, execution, due, done, token, input)"
    "  where c.done < 5"};

struct finish {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
struct clear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using result_ptr = std::unique_ptr<PGresult, clear>;

// A connection without anything around it. A transaction is what is sent until `commit`.
class line {
  public:
    explicit line(const settings& chosen)
        : native_(PQconnectdb(chosen.connection_string().c_str())) {
        if (PQstatus(native_.get()) != CONNECTION_OK) {
            throw lost_connection(PQerrorMessage(native_.get()), "connect", effect::none);
        }
        judge(result_ptr(PQexec(native_.get(), plan_settings)), "set");
        for (const floor_statement& each : {create, complete, turn}) {
            judge(result_ptr(PQprepare(native_.get(), each.name, each.text, 0, nullptr)),
                  each.name);
        }
        if (PQenterPipelineMode(native_.get()) == 0) {
            throw lost_connection(PQerrorMessage(native_.get()), "pipeline", effect::none);
        }
    }

    void send(const floor_statement& what, const parameters& values) {
        std::array<const char*, 8> texts{};
        std::array<int, 8> lengths{};
        std::array<int, 8> formats{};
        for (std::size_t n = 0; n < values.size(); ++n) {
            texts.at(n) = values.value(n);
            lengths.at(n) = values.length(n);
            formats.at(n) = 1;
        }
        if (PQsendQueryPrepared(native_.get(),
                                what.name,
                                static_cast<int>(values.size()),
                                texts.data(),
                                lengths.data(),
                                formats.data(),
                                1) == 0) {
            throw lost_connection(PQerrorMessage(native_.get()), what.name, effect::mutating);
        }
    }

    // Ends the implicit transaction and waits until it is on disk.
    void commit() {
        if (PQpipelineSync(native_.get()) == 0) {
            throw lost_connection(PQerrorMessage(native_.get()), "sync", effect::mutating);
        }
        for (;;) {
            const result_ptr result(PQgetResult(native_.get()));
            if (result && PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) {
                return;
            }
            // A null ends the results of one statement.
            if (result) {
                judge(result, "floor");
            } else if (PQstatus(native_.get()) != CONNECTION_OK) {
                throw lost_connection(PQerrorMessage(native_.get()), "floor", effect::mutating);
            }
        }
    }

  private:
    static void judge(const result_ptr& result, std::string_view name) {
        if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
            throw error_of(result.get(), name, effect::mutating);
        }
    }

    std::unique_ptr<PGconn, finish> native_;
};

// The rows of up to 500 orchestrations, from the first to the last.
class row_traffic {
  public:
    explicit row_traffic(const settings& chosen) : to_(chosen) {}

    void play(std::uint64_t from, std::uint64_t end) {
        fill(from, end);
        for (std::int64_t done = 0; done <= activities_each; ++done) {
            done_.clear();
            for (std::uint64_t n = from; n < end; ++n) {
                done_.push(done);
            }
            if (done == 0) {
                to_.send(create, common().add(ids_));
            } else {
                to_.send(complete, common().add(done_).add(tokens_));
            }
            to_.send(turn, common().add(done_).add(tokens_).add(events_).add(inputs_));
            to_.commit();
        }
    }

  private:
    void fill(std::uint64_t from, std::uint64_t end) {
        keys_.clear();
        executions_.clear();
        dues_.clear();
        ids_.clear();
        tokens_.clear();
        events_.clear();
        inputs_.clear();
        const auto now = std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
        for (std::uint64_t n = from; n < end; ++n) {
            const uuid execution = random_uuid();
            keys_.push(n + 1);
            executions_.push(execution);
            dues_.push(now);
            ids_.push("floor-" + to_string(execution));
            tokens_.push(execution.low);
            events_.push(event_text);
            inputs_.push(std::string_view("1000"));
        }
    }

    parameters& common() {
        values_.clear();
        return values_.add(keys_).add(executions_).add(dues_).add(events_);
    }

    line to_;
    parameters values_;
    array<sql::bigint> keys_;
    array<sql::uuid> executions_;
    array<sql::timestamptz> dues_;
    array<sql::text> events_;
    array<sql::text> ids_;
    array<sql::bigint> done_;
    array<sql::bigint> tokens_;
    array<sql::bytea> inputs_;
};

// The tables, for as long as it lives.
class schema_for_a_while {
  public:
    explicit schema_for_a_while(settings chosen) : owner_(std::move(chosen), counts_) {
        owner_.execute_script("create schema " + owner_.chosen().quoted_schema());
        try {
            for (const sql_file& step : embedded_sql().steps) {
                owner_.execute_script(with_psql_variables(step.text(), owner_.chosen().schema));
            }
        } catch (const backend_error&) {
            drop();
            throw;
        }
    }
    schema_for_a_while(const schema_for_a_while&) = delete;
    schema_for_a_while& operator=(const schema_for_a_while&) = delete;
    ~schema_for_a_while() { drop(); }

  private:
    void drop() noexcept {
        try {
            owner_.execute_script("set client_min_messages = warning; drop schema " +
                                  owner_.chosen().quoted_schema() + " cascade");
        } catch (const backend_error& error) {
            fmt::print(stderr,
                       "perdure-postgres-floor: schema {} is left over: {}\n",
                       owner_.chosen().schema,
                       error.what());
        }
    }

    counters counts_;
    connection owner_;
};

void play_all(row_traffic& rows, std::atomic<std::uint64_t>& next, std::uint64_t count) {
    for (std::uint64_t from = next.fetch_add(turns_in_transaction); from < count;
         from = next.fetch_add(turns_in_transaction)) {
        rows.play(from, std::min(count, from + turns_in_transaction));
    }
}

}  // namespace

floor_result measure_floor(const settings& chosen, std::uint64_t count) {
    settings own = chosen;
    own.schema = "perdure_floor_" + to_string(random_uuid()).substr(0, 8);
    const schema_for_a_while tables(own);
    std::array<row_traffic, connections> rows{row_traffic(own), row_traffic(own)};
    std::array<std::exception_ptr, connections> failures;
    std::atomic<std::uint64_t> next = 0;
    const auto before = std::chrono::steady_clock::now();
    {
        std::vector<std::jthread> threads;
        for (std::size_t n = 0; n < connections; ++n) {
            threads.emplace_back([&, n] {
                try {
                    play_all(rows.at(n), next, count);
                } catch (const error&) {
                    failures.at(n) = std::current_exception();
                }
            });
        }
    }
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - before;
    for (const std::exception_ptr& failure : failures) {
        if (failure) {
            std::rethrow_exception(failure);
        }
    }
    return {count, passed.count()};
}

}  // namespace perdure::postgres
