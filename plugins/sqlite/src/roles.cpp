#include "roles.hpp"

#include "backend.hpp"
#include "call.hpp"

#include <perdure/kit/invariant.hpp>

#include <fmt/format.h>

#include <array>

// The hub's part in a live move: its role, and the feed of what has changed.

namespace perdure::sqlite {

namespace {

constexpr duration barrier_patience = std::chrono::milliseconds(200);

hub_role role_of(const rows& found) {
    return {.role = static_cast<move_role>(found.number(0)),
            .move = found.id(1),
            .sealed_for = static_cast<std::uint64_t>(found.number(2)),
            .other = found.string(3),
            .reason = found.string(4),
            .era = static_cast<std::uint64_t>(found.number(5)),
            .since = timestamp(duration(found.number(6)))};
}

hub_role role_in(statement& source) {
    rows found = source.query();
    return found.next() ? role_of(found) : hub_role{};
}

void write_role(write_statements& sql, const hub_role& next, std::int64_t now) {
    sql.set_role.run(
        static_cast<int>(next.role),
        next.move == uuid{} ? std::nullopt : std::optional(next.move),
        next.sealed_for,
        next.other,
        next.reason.empty() ? std::nullopt : std::optional(std::string_view(next.reason)),
        now);
}

}  // namespace

void require_mover(write_statements& sql, std::uint64_t era) {
    const hub_role found = role_in(sql.role);
    if (is_target(found.role) && found.era != era) {
        throw backend_error(
            store_fault::rejected,
            fmt::format("another mover has taken over: the hub's role has era {}, and this handle "
                        "gave it {}",
                        found.era,
                        era == 0 ? std::string("none") : fmt::format("era {}", era)));
    }
}

void make_plain(write_statements& sql, std::int64_t now) {
    if (role_in(sql.role).role != move_role::plain) {
        write_role(sql, {}, now);
    }
    sql.set_closed.run(nullptr);
}

// Whatever a table has of an instance is noted by its triggers: they belong to the tables, so that
// every process has them. Of definitions, activity kinds and workers an image has the names, which
// do not change.
void set_feed(database& db, bool is_on) {
    struct event {
        const char* name;
        const char* row;
    };
    constexpr std::array events{
        event{"insert", "new"}, event{"update", "new"}, event{"delete", "old"}};
    for (const std::string table :
         {"instances", "tags", "history", "inbox", "message_ids", "activities"}) {
        for (const event& change : events) {
            const std::string trigger = fmt::format("feed_{}_{}", table, change.name);
            if (!is_on) {
                db.execute("drop trigger if exists " + trigger);
                continue;
            }
            const std::string changed = table == "instances"
                                            ? fmt::format("values ({}.instance)", change.row)
                                            : fmt::format(
                                                  "select i.instance from instances i where i.row ="
                                                  " {}.instance_row",
                                                  change.row);
            db.execute(
                fmt::format("create trigger if not exists {} after {} on {} begin insert or "
                            "replace into changed_instances (instance) {}; end",
                            trigger,
                            change.name,
                            table,
                            changed));
        }
    }
}

hub_role sqlite_backend::role() {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    static_cast<void>(reads.hub());
    return role_in(reads->role);
}

// The one writer is the barrier: who wrote before has committed, and who writes later sees the
// role.
bool sqlite_backend::change_role(std::uint64_t era, const hub_role& next) {
    refuse_unless(next.other.size() <= other_bytes_max,
                  "how the other hub is opened must have at most 1,024 bytes");
    call work(hub_, notifier_, std::chrono::steady_clock::now() + barrier_patience);
    const hub_role before = role_in(work.sql().role);
    if (before.era != era) {
        return false;
    }
    write_role(work.sql(), next, work.now());
    if (is_source(before.role) != is_source(next.role)) {
        // What was noted for another move is of no use to this one.
        work.sql().db.execute("delete from changed_instances");
        set_feed(work.sql().db, is_source(next.role));
    }
    work.news_of_everything();  // [ROLE-3]
    static_cast<void>(work.finish());
    era_ = era + 1;
    return true;
}

std::vector<instance_change> sqlite_backend::changes(std::size_t limit) {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    static_cast<void>(reads.hub());
    std::vector<instance_change> noted;
    rows found = reads->changes.query(static_cast<std::int64_t>(limit));
    while (found.next()) {
        noted.push_back(
            {static_cast<std::uint64_t>(found.number(0)), instance_id(found.string(1))});
    }
    return noted;
}

std::size_t sqlite_backend::count_changes(std::size_t limit) {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    static_cast<void>(reads.hub());
    const auto counted = reads->count_changes.number(static_cast<std::int64_t>(limit));
    return static_cast<std::size_t>(counted.value_or(0));
}

void sqlite_backend::forget_changes(std::span<const instance_change> changes) {
    call work(hub_, notifier_, urgency::ordinary, call::in_closed_hub::allowed);
    for (const instance_change& change : changes) {
        work.sql().forget_change.run(change.number);
    }
    static_cast<void>(work.finish());
}

}  // namespace perdure::sqlite
