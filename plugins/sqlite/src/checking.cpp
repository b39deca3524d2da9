#include "backend.hpp"
#include "call.hpp"

#include <perdure/kit/invariant.hpp>

#include <charconv>
#include <limits>

// What only the store can see of its hub: rows that belong to nothing, and work keys and leases that
// are not where they are looked for. A question has the parameters ?1 and ?2, the rows of instances
// from after the one up to the other, ?3, how many answers are enough, and ?4, the store's time. An
// answer is: instance, execution, number, place, what was found.

namespace perdure::sqlite {

namespace {

struct question {
    invariant broken;
    std::string sql;
    const char* repair;
};

// The clock may have said a little more to another process.
constexpr std::int64_t slack = 60'000'000;

constexpr const char* delete_rows = "delete the rows";
constexpr const char* put_where_found = "put it where its state says";
constexpr const char* let_lease_end = "let the lease end";

// Where each instance should stand: when it is leased, and when it has work otherwise.
const std::string state_of_instances =
    "with state as (select i.row, i.instance, i.execution, i.definition, i.work_key, i.next_at,"
    " i.suspect, i.token is not null and i.expired = 0 as is_held,"
    " case when i.status in (1, 3, 4, 5) or i.parked_reason is not null then null"
    " when i.needs_turn then i.not_before"
    " else (select max(i.not_before, min(m.due)) from inbox m where m.instance_row = i.row) end"
    " as due from instances i where i.row > ?1 and i.row <= ?2)";

// Where the only one of them should stand, when it is ?3.
const std::string right_place =
    ", place as (select case when is_held then 0 when due is null or due = 9223372036854775807 then"
    " null when suspect then -definition else definition end as key,"
    " case when is_held then iif(next_at < 9223372036854775807, next_at, ?3)"
    " when due is null or due = 9223372036854775807 then null"
    " else max(due, min(coalesce(next_at, ?3), ?3)) end as at from state)";

std::string never_text() {
    return std::to_string(never);
}

question orphans_of(const std::string& table) {
    return {invariant::no_orphans,
            "select null, null, 0, '" + table + " ' || t.instance_row,"
            " 'rows of " + table + " have the instance row ' || t.instance_row || ', which is none'"
            " from (select distinct instance_row from " + table +
            " where instance_row > ?1 and instance_row <= ?2) t"
            " where not exists (select 1 from instances i where i.row = t.instance_row) limit ?3",
            delete_rows};
}

std::vector<question> make_questions() {
    std::vector<question> all;
    for (const char* table : {"tags", "history", "inbox", "message_ids", "activities"}) {
        all.push_back(orphans_of(table));
    }
    all.push_back({invariant::no_orphans,
                   "select i.instance, i.execution, 0, '',"
                   " 'its definition has the number ' || i.definition || ', which is none'"
                   " from instances i where i.row > ?1 and i.row <= ?2 and not exists"
                   " (select 1 from definitions d where d.definition = i.definition) limit ?3",
                   ""});
    all.push_back({invariant::no_orphans,
                   "select i.instance, a.execution, a.task, '',"
                   " 'activity ' || a.task || ' has the kind ' || a.kind || ', which is none'"
                   " from activities a join instances i on i.row = a.instance_row"
                   " where a.instance_row > ?1 and a.instance_row <= ?2 and not exists"
                   " (select 1 from activity_kinds k where k.kind = a.kind) limit ?3",
                   ""});
    all.push_back({invariant::lease_can_end,
                   state_of_instances +
                       " select instance, execution, 0, '',"
                       " 'it is leased, and whoever looks for leases that have ended does not find"
                       " it' from state where is_held and due is not null"
                       " and (work_key is not 0 or next_at is null or next_at >= " +
                       never_text() + ") limit ?3",
                   let_lease_end});
    all.push_back({invariant::work_is_found,
                   state_of_instances +
                       " select instance, execution, 0, '', iif(due is null,"
                       " 'it has no work, and stands under a work key',"
                       " 'it has work, and whoever looks for work does not find it') from state"
                       " where not is_held and iif(coalesce(due, " +
                       never_text() + ") = " + never_text() +
                       ", work_key is not null, work_key is not iif(suspect, -definition,"
                       " definition) or next_at is null or next_at > max(due, ?4 + " +
                       std::to_string(slack) + ")) limit ?3",
                   put_where_found});
    all.push_back({invariant::lease_can_end,
                   "select i.instance, a.execution, a.task, 'activity', 'activity ' || a.task ||"
                   " ' is leased, and whoever looks for leases that have ended does not find it'"
                   " from activities a join instances i on i.row = a.instance_row"
                   " where a.instance_row > ?1 and a.instance_row <= ?2 and a.work_key = 0"
                   " and (a.work_key_rank <> 0 or a.next_at >= " +
                       never_text() + ") limit ?3",
                   let_lease_end});
    all.push_back({invariant::work_is_found,
                   "select i.instance, a.execution, a.task, 'activity', 'activity ' || a.task ||"
                   " ' is queued, and whoever looks for work does not find it'"
                   " from activities a join instances i on i.row = a.instance_row"
                   " where a.instance_row > ?1 and a.instance_row <= ?2 and a.work_key <> 0"
                   " and (a.work_key <> iif(a.suspect, -a.kind, a.kind)"
                   " or a.work_key_rank <> -a.priority) limit ?3",
                   put_where_found});
    return all;
}

// What is wrong with one instance, put right.
class repairer {
  public:
    explicit repairer(call& work) : work_(work), db_(work.sql().db) {}

    bool repair(const violation& found) {
        if (!found.instance) {
            return delete_orphans(found.place);
        }
        const std::string& id = found.instance->text();
        switch (found.broken) {
            case invariant::counted_right:
                return change(
                    "update instances as i set inbox_length ="
                    " (select count(*) from inbox m where m.instance_row = i.row)"
                    " where i.instance = ? and i.inbox_length <>"
                    " (select count(*) from inbox m where m.instance_row = i.row)",
                    id);
            case invariant::nothing_after_end:
                return leave_nothing(id);
            case invariant::messages_distinct:
                work_.raise_sequence(found.number);
                return true;
            case invariant::consumed_once:
            case invariant::activity_is_awaited:
                return found.place == "activity" ? delete_activity(found) : delete_message(found);
            case invariant::lease_can_end:
            case invariant::work_is_found:
                return found.number == 0 ? settle(id) : settle_activity(found);
            default:
                return false;
        }
    }

  private:
    template <class... Values>
    bool change(const std::string& sql, const Values&... values) {
        statement(db_, sql).run(values...);
        return work_.changed_rows() != 0;
    }

    bool delete_orphans(const std::string& place) {
        for (const std::string table : {"tags", "history", "inbox", "message_ids", "activities"}) {
            if (place.starts_with(table + " ")) {
                return change("delete from " + table + " where instance_row = cast(? as integer)"
                              " and instance_row not in (select row from instances)",
                              place.substr(table.size() + 1));
            }
        }
        return false;
    }

    bool settle(const std::string& id) {
        const auto row = statement(db_, "select row from instances where instance = ?").number(id);
        if (!row) {
            return false;
        }
        return change(state_of_instances + right_place +
                          " update instances set (work_key, next_at) = (select key, at from place)"
                          " where row = ?2"
                          " and (work_key, next_at) is not (select key, at from place)",
                      *row - 1,
                      *row,
                      work_.now());
    }

    bool leave_nothing(const std::string& id) {
        const std::string ended = " status in (1, 3, 4, 5) and instance = ?";
        const bool had_messages = change(
            "delete from inbox where instance_row in (select row from instances where" + ended + ")",
            id);
        return change("update instances set inbox_length = 0, work_key = null, next_at = null,"
                      " token = null, holder = null, expired = 0, suspect = 0, leased_alone = 0,"
                      " parked_reason = null where" + ended +
                          " and (inbox_length <> 0 or work_key is not null or token is not null"
                          " or parked_reason is not null)",
                      id) ||
               had_messages;
    }

    bool settle_activity(const violation& found) {
        return change("update activities set work_key_rank = iif(work_key = 0, 0, -priority),"
                      " next_at = iif(work_key = 0 and next_at >= " + never_text() + ", ?1, next_at),"
                      " work_key = case when work_key = 0 then 0 when suspect then -kind else kind end"
                      " where instance_row = (select row from instances where instance = ?2)"
                      " and task = ?3 and execution = ?4 and iif(work_key = 0,"
                      " work_key_rank <> 0 or next_at >= " + never_text() + ","
                      " work_key <> iif(suspect, -kind, kind) or work_key_rank <> -priority)",
                      work_.now(),
                      found.instance->text(),
                      found.number,
                      found.execution.value);
    }

    bool delete_activity(const violation& found) {
        return change("delete from activities where instance_row ="
                      " (select row from instances where instance = ?) and task = ?"
                      " and execution = ?",
                      found.instance->text(),
                      found.number,
                      found.execution.value);
    }

    bool delete_message(const violation& found) {
        const bool is_deleted = change("delete from inbox where instance_row ="
                                       " (select row from instances where instance = ? and"
                                       " execution = ?) and sequence = ? and is_timer = 1",
                                       found.instance->text(),
                                       found.execution.value,
                                       found.number);
        if (is_deleted) {
            change("update instances set inbox_length = inbox_length - 1 where instance = ?",
                   found.instance->text());
            settle(found.instance->text());
        }
        return is_deleted;
    }

    call& work_;
    database& db_;
};

}  // namespace

check_page sqlite_backend::check(const std::string& after, std::size_t limit) {
    std::int64_t from = std::numeric_limits<std::int64_t>::min();
    const char* end = after.data() + after.size();
    refuse_unless(after.empty() || std::from_chars(after.data(), end, from).ptr == end,
                  "this is not what another page of a check said");
    static const std::vector<question> questions = make_questions();
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    const timestamp now = reads.now_even_if_closed();
    database& db = reads->db;
    check_page page;
    const auto last = statement(db, "select row from instances where row > ? order by row limit 1 offset ?")
                          .number(from, static_cast<std::int64_t>(limit) - 1);
    for (const question& asked : questions) {
        statement asking(db, asked.sql);
        rows found = asking.query(from,
                                  last.value_or(std::numeric_limits<std::int64_t>::max()),
                                  static_cast<std::int64_t>(limit),
                                  now);
        while (found.next()) {
            page.violations.push_back(
                {.broken = asked.broken,
                 .instance = found.is_null(0) ? std::nullopt
                                              : std::optional(instance_id(found.string(0))),
                 .execution = {found.is_null(1) ? uuid() : found.id(1)},
                 .number = static_cast<std::uint64_t>(found.number(2)),
                 .place = found.string(3),
                 .found = found.string(4),
                 .repair = asked.repair});
        }
    }
    page.next = last ? std::to_string(*last) : std::string();
    return page;
}

std::size_t sqlite_backend::repair(std::span<const violation> found) {
    call work(hub_, notifier_, urgency::ordinary, call::in_closed_hub::allowed);
    repairer repairs(work);
    std::size_t repaired = 0;
    for (const violation& each : found) {
        repaired += repairs.repair(each) ? 1 : 0;
    }
    work.news_of_everything();
    static_cast<void>(work.finish());
    return repaired;
}

}  // namespace perdure::sqlite
