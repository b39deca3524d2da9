#include "session.hpp"

#include "faults.hpp"

#include <fmt/format.h>

#include <libpq-fe.h>
#include <utility>

namespace perdure::postgres {

namespace {

constexpr int first_with_idle_session_timeout = 140000;
constexpr int first_with_transaction_timeout = 170000;

std::string milliseconds(duration value) {
    return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(value).count());
}

// Of sessions and of transactions alike.
const std::vector<assumption> constants = {
    // That no standby has confirmed a commit is a warning.
    {"client_min_messages", "warning"},
    {"exit_on_error", "off"},
    {"plpgsql.extra_errors", "none"},
    // A plan that needs what is switched off counts as so costly that it is compiled at each call
    // where jit is on, as it is by default: a thousand timers take minutes instead of seconds.
    {"enable_indexscan", "on"},
    {"enable_indexonlyscan", "on"},
    {"enable_nestloop", "on"},
    {"enable_sort", "on"},
    {"jit", "off"},
    {"plan_cache_mode", "auto"},
};

std::vector<assumption> assumptions(const settings& chosen, const std::string& search_path) {
    std::vector<assumption> all = {
        {"search_path", search_path},
        {"statement_timeout", milliseconds(chosen.command_timeout)},
        {"lock_timeout", milliseconds(chosen.lock_timeout)},
        {"idle_in_transaction_session_timeout", milliseconds(chosen.idle_in_transaction_timeout)},
    };
    all.insert(all.end(), constants.begin(), constants.end());
    return all;
}

std::string path_of_schema(const settings& chosen) {
    return chosen.quoted_schema() + ", pg_temp";
}

std::string setup_of(const settings& chosen, const std::string& search_path, int server_version) {
    // Of this transaction, before any query of it.
    std::string script = "set transaction_isolation = 'read committed';";
    auto all = assumptions(chosen, search_path);
    // One statement a transaction and what it waited for is seen: READ COMMITTED. Reads are as
    // short as writes, so nothing is deferred.
    all.push_back({"default_transaction_isolation", "read committed"});
    all.push_back({"default_transaction_read_only", "off"});
    all.push_back({"default_transaction_deferrable", "off"});
    // A session that rests is not to end, and how long a call may take is said above.
    if (server_version >= first_with_idle_session_timeout) {
        all.push_back({"idle_session_timeout", "0"});
    }
    if (server_version >= first_with_transaction_timeout) {
        all.push_back({"transaction_timeout", "0"});
    }
    for (const assumption& one : all) {
        // A search path is a list already.
        script += fmt::format("set {} = {};",
                              one.name,
                              one.name == "search_path" ? one.value : quoted_literal(one.value));
    }
    return script + "select pg_catalog.pg_backend_pid()";
}

std::string for_this_transaction(const settings& chosen) {
    std::string text = "select ";
    const char* separator = "";
    for (const assumption& one : assumptions(chosen, path_of_schema(chosen))) {
        text += fmt::format("{}pg_catalog.set_config('{}', {}, true)",
                            std::exchange(separator, ", "),
                            one.name,
                            quoted_literal(one.value));
    }
    return text;
}

bool is_success(const pg_result* result) {
    const auto status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

}  // namespace

std::string session_setup(const settings& chosen, int server_version, durability kept) {
    const std::string_view relaxed =
        kept == durability::soon ? "set synchronous_commit = off;" : std::string_view();
    return std::string(relaxed) + setup_of(chosen, path_of_schema(chosen), server_version);
}

std::string administrative_setup(const settings& chosen, int server_version) {
    return setup_of(chosen, "pg_catalog, pg_temp", server_version);
}

std::vector<std::string> transaction_setup(const settings& chosen) {
    return {"set transaction_isolation = 'read committed'",
            "set transaction_read_only = off",
            for_this_transaction(chosen)};
}

std::string begin_transaction(const settings& chosen) {
    return "begin isolation level read committed, read write; " + for_this_transaction(chosen) +
           "; ";
}

std::vector<assumption> observable_settings(const settings& chosen) {
    std::vector<assumption> all = constants;
    all.push_back({"transaction_isolation", "read committed"});
    if (chosen.pooler == pooler::none) {
        // Not that of the transaction, which is read only on a standby.
        all.push_back({"default_transaction_read_only", "off"});
    }
    return all;
}

bool send_with_setup(pg_conn* to,
                     std::span<const std::string> setup,
                     const std::string& text,
                     const bound_parameters& values,
                     int result_format) {
    const auto send = [&](const std::string& what, const bound_parameters& with, int format) {
        return PQsendQueryParams(to,
                                 what.c_str(),
                                 with.count,
                                 nullptr,
                                 with.values,
                                 with.lengths,
                                 with.formats,
                                 format) == 1;
    };
    if (setup.empty()) {
        return send(text, values, result_format);
    }
    // Statements without a point of synchronization between them are one transaction.
    bool is_sent = PQenterPipelineMode(to) == 1;
    for (const std::string& statement : setup) {
        is_sent = is_sent && send(statement, {}, 0);
    }
    return is_sent && send(text, values, result_format) && PQpipelineSync(to) == 1;
}

reply::~reply() {
    PQclear(kept_);
}

bool reply::add(pg_result* next) noexcept {
    if (next == nullptr) {
        // Ends each statement. A lost connection gives nothing else.
        return setup_ == 0 || ++nulls_in_a_row_ > 1;
    }
    nulls_in_a_row_ = 0;
    if (PQresultStatus(next) == PGRES_PIPELINE_SYNC) {
        PQclear(next);
        return true;
    }
    if (kept_ != nullptr && !is_success(kept_)) {
        PQclear(next);
        return false;
    }
    PQclear(std::exchange(kept_, next));
    succeeded_ += is_success(next) ? 1 : 0;
    return ends_connection(next);
}

pg_result* reply::release() noexcept {
    return std::exchange(kept_, nullptr);
}

bool reply::failed_in_setup() const noexcept {
    return succeeded_ < setup_ && kept_ != nullptr && !is_success(kept_);
}

}  // namespace perdure::postgres
