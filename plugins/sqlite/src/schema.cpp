#include "schema.hpp"

#include <perdure/version.hpp>

#include <fmt/format.h>

#include <chrono>
#include <thread>

namespace perdure::sqlite {

namespace {

// Marks a file as ours, so that nobody's own database is taken for a task hub: "PERD".
constexpr std::int64_t application_id = 0x50455244;

std::int64_t known_version() {
    return static_cast<std::int64_t>(schema_steps().size());
}

// Zero for an empty file.
std::int64_t stored_version(database& db) {
    // In this order, because another process may be creating the hub: once there are tables, the
    // mark has been committed with them.
    if (db.number("select count(*) from sqlite_master") == 0) {
        return 0;
    }
    if (db.number("pragma application_id") != application_id) {
        throw backend_error(store_fault::schema,
                            "the SQLite file belongs to another program: it has tables, and is not "
                            "marked as a task hub");
    }
    return db.number("select max(version) from versions");
}

void refuse_newer(std::int64_t found) {
    if (found > known_version()) {
        throw backend_error(store_fault::schema,
                            fmt::format("the hub has schema version {}, and this plugin knows "
                                        "versions up to {}: use a newer plugin",
                                        found,
                                        known_version()));
    }
}

// Changing the journal mode does not wait for other connections by itself.
void use_write_ahead_log(database& db, duration patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (db.text("pragma journal_mode") != "wal") {
        try {
            if (db.text("pragma journal_mode = wal") != "wal") {
                throw backend_error(store_fault::configuration,
                                    "this file system does not support SQLite's write-ahead log");
            }
        } catch (const backend_error& error) {
            const bool is_late = std::chrono::steady_clock::now() >= deadline;
            if (error.code() != store_fault::conflict || is_late) {
                throw;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
}

// Workers whose life is not over, by the clock of the hub's row, whose table version 2 renamed.
void refuse_live_workers(database& db, std::int64_t found) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const std::string live = db.text(
        fmt::format("select group_concat(id, ', ') from (select id from workers where"
                    " live_until > {} + (select clock_offset from {}) order by worker limit 5)",
                    std::chrono::duration_cast<duration>(now).count(),
                    found == 1 ? "hub" : "task_hub"));
    if (!live.empty()) {
        throw backend_error(
            store_fault::schema,
            fmt::format("the hub has schema version {}, this plugin needs {}, and workers of the "
                        "earlier version live: {}. Stop them first; with upgrade=force the hub is "
                        "upgraded under them: each of their calls fails from then on, and their "
                        "leases run out",
                        found,
                        known_version(),
                        live));
    }
}

void climb(database& db, std::int64_t from) {
    for (std::int64_t version = from + 1; version <= known_version(); ++version) {
        db.execute(std::string(schema_steps()[static_cast<std::size_t>(version - 1)]));
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        db.execute(fmt::format(
            "insert into versions (version, installed_at, plugin) values ({}, {}, '{}')",
            version,
            std::chrono::duration_cast<duration>(now).count(),
            PERDURE_VERSION_TEXT));
    }
    db.execute(fmt::format("update task_hub set version = {}", known_version()));
    db.execute(fmt::format("pragma application_id = {}", application_id));
}

}  // namespace

void install_schema(database& db, duration patience, upgrade_rule rule) {
    const std::int64_t found = stored_version(db);
    refuse_newer(found);
    if (found == known_version()) {
        return;
    }
    use_write_ahead_log(db, patience);
    db.execute("begin immediate");
    try {
        // Somebody else may have been faster.
        const std::int64_t now_found = stored_version(db);
        refuse_newer(now_found);
        if (now_found < known_version()) {
            if (now_found > 0 && rule == upgrade_rule::if_unused) {
                refuse_live_workers(db, now_found);
            }
            climb(db, now_found);
        }
        db.execute("commit");
    } catch (const backend_error&) {
        if (db.in_transaction()) {
            db.execute("rollback");
        }
        throw;
    }
}

void check_schema(database& db) {
    const std::int64_t found = stored_version(db);
    refuse_newer(found);
    if (found < known_version()) {
        throw backend_error(
            store_fault::schema,
            found == 0 ? std::string("the SQLite file holds no task hub yet: create it first")
                       : fmt::format("the hub has schema version {}, and this plugin needs {}: "
                                     "open it with create=if_missing to bring it up to date",
                                     found,
                                     known_version()));
    }
}

void require_known_version(std::int64_t found) {
    if (found != known_version()) {
        throw backend_error(store_fault::schema,
                            fmt::format("the hub was upgraded to schema version {} while this "
                                        "process had it open, and this plugin knows version {}: "
                                        "start the process anew with a newer plugin",
                                        found,
                                        known_version()));
    }
}

std::string schema_version() {
    return std::to_string(known_version());
}

}  // namespace perdure::sqlite
