#define CATCH_CONFIG_FAST_COMPILE
#include "private_server.hpp"

#include "settings.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>
#include <sys/types.h>
#include <utility>

namespace perdure::conformance {

namespace {

namespace fs = std::filesystem;

struct places {
    fs::path script;
    fs::path folder;
};

places& where() {
    static places only;
    return only;
}

fs::path next_folder() {
    static std::atomic<unsigned> count{0};
    return fmt::format("{}-{}", where().folder.string(), ++count);
}

struct closes {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
};

// The soak is as durable as a user has it.
const char* kind_of_server() {
    return is_budget("soak") ? "--fresh --bench" : "--fresh";
}

}  // namespace

void use_servers(fs::path script, fs::path folder) {
    where() = {std::move(script), std::move(folder)};
}

private_server::private_server() : folder_(next_folder()) {
    command("start", kind_of_server());
}

private_server::private_server(const standby_of& which) : folder_(next_folder()) {
    // The folder of the primary comes first.
    const std::string line = fmt::format("'{}' standby '{}' '{}' {}",
                                         where().script.string(),
                                         which.primary.folder_.string(),
                                         folder_.string(),
                                         which.is_synchronous ? "--synchronous" : "");
    if (std::system(line.c_str()) != 0) {
        throw std::runtime_error("cannot " + line);
    }
}

private_server::~private_server() {
    try {
        if (answers()) {
            CHECK(unreachable_leases() == std::vector<std::string>());
        }
        command("stop", {});
    } catch (const std::exception& wrong) {
        fmt::print(stderr, "{}\n", wrong.what());
    }
}

void private_server::command(const std::string& verb, const std::string& words) const {
    const std::string line =
        fmt::format("'{}' {} '{}' {}", where().script.string(), verb, folder_.string(), words);
    if (std::system(line.c_str()) != 0) {
        throw std::runtime_error("cannot " + line);
    }
}

void private_server::restart_at_once() const {
    command("restart", "immediate");
}

void private_server::promote() const {
    command("promote", {});
}

void private_server::stop_following(const private_server& primary) const {
    const std::string end = primary.value("select pg_current_wal_flush_lsn()");
    while (value("select pg_last_wal_replay_lsn() >= '" + end + "'") != "t") {
    }
    set("primary_conninfo", "");
    while (value("select count(*) from pg_stat_wal_receiver") != "0") {
    }
}

bool private_server::answers() const {
    const std::string to = fmt::format("host='{}' user=postgres dbname=perdure connect_timeout=10",
                                       location().string());
    return PQping(to.c_str()) == PQPING_OK;
}

std::vector<std::string> private_server::unreachable_leases() const {
    if (value("select to_regnamespace('dt') is not null", "perdure") != "t") {
        return {};
    }
    return query(
        "set search_path = dt;"
        "select concat_ws(' ', h.name, i.instance_id, u.task, u.lease_until) from TaskHubs h"
        " cross join lateral _UnreachableLeases(h.task_hub) u"
        " join Instances i on i.instance_key = u.instance_key",
        "perdure");
}

void private_server::kill() const {
    pid_t pid = 0;
    std::ifstream(location() / "data" / "postmaster.pid") >> pid;
    if (pid <= 1 || ::kill(pid, SIGKILL) != 0) {
        throw std::runtime_error("the server in " + folder_.string() + " cannot be killed");
    }
}

fs::path private_server::location() const {
    return fs::read_symlink(folder_ / "location");
}

backend_config private_server::hub_config(const std::string& user) const {
    backend_config config;
    config.backend = "postgres";
    config.address = "//" + user + "@/perdure";
    config.options["host"] = location().string();
    config.options["task_hub"] = task_hub;
    // Nine processes together stay below the 100 connections that a server allows by default.
    config.options["pool_max"] = "8";
    return config;
}

std::vector<std::string> private_server::query(const std::string& sql,
                                               const std::string& database) const {
    const std::string to =
        fmt::format("host='{}' user=postgres dbname={} options='-c client_min_messages=error'",
                    location().string(),
                    database);
    const std::unique_ptr<PGconn, closes> connection(PQconnectdb(to.c_str()));
    const std::unique_ptr<PGresult, closes> answer(PQexec(connection.get(), sql.c_str()));
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        throw std::runtime_error(fmt::format("{}: {}", sql, PQerrorMessage(connection.get())));
    }
    std::vector<std::string> values;
    for (int row = 0; row < PQntuples(answer.get()); ++row) {
        values.emplace_back(PQgetvalue(answer.get(), row, 0));
    }
    return values;
}

std::string private_server::value(const std::string& sql, const std::string& database) const {
    return query(sql, database).at(0);
}

void private_server::set(const std::string& name, const std::string& value) const {
    // Not in one statement: it would be one transaction, which this one may not be part of.
    static_cast<void>(query(fmt::format("alter system set {} = '{}'", name, value)));
    static_cast<void>(query("select pg_reload_conf()"));
}

std::vector<std::string> private_server::log_lines(const std::string& with) const {
    std::ifstream log(location() / "log");
    std::vector<std::string> found;
    for (std::string line; std::getline(log, line);) {
        if (line.find(with) != std::string::npos) {
            found.push_back(line);
        }
    }
    return found;
}

}  // namespace perdure::conformance
