#pragma once

#include "database.hpp"

#include <string>

// Every statement that is executed again and again, by the connection that it belongs to. The
// parameters stand in the order of the columns.

namespace perdure::sqlite {

/// How names are interned; on every connection.
struct name_statements {
    database& db;

    statement find_definition{db,
                              "select definition from definitions where name = ? and version = ?"
                              " and kind = ? and feature_level = ?"};
    statement add_definition{db,
                             "insert into definitions (name, version, kind, feature_level)"
                             " values (?, ?, ?, ?) returning definition"};
    statement definition_key{
        db, "select name, version, kind, feature_level from definitions where definition = ?"};
    statement find_kind{db, "select kind from activity_kinds where name = ? and queue = ?"};
    statement add_kind{db, "insert into activity_kinds (name, queue) values (?, ?) returning kind"};
    statement kind_text{db, "select name, queue from activity_kinds where kind = ?"};
    statement find_worker{db, "select worker from workers where id = ?"};
    /// Its life ends before it has begun, at the store's time, in microseconds.
    statement add_worker{db,
                         "insert into workers (id, live_until) select ?, max(clock_said, machine +"
                         " iif(machine < clock_said, clock_ahead, 0)) from (select *,"
                         " 1000000 * unixepoch() + clock_offset as machine from task_hub)"
                         " returning worker"};
};

/// The columns of `hub_state`, in its order, after the schema's version.
inline const std::string hub_columns =
    "select version, clock_offset, clock_ahead, clock_said, changes, closed_reason";

/// The columns of `hub_role`, in its order.
inline const std::string role_columns =
    "select role, move, sealed_for, other, closed_reason, era, role_since from task_hub";

/// The columns of `instance_row`, in its order.
inline const std::string instance_columns =
    "row, instance, execution, definition, status, work_key, next_at, not_before, needs_turn, "
    "suspect,"
    " leased_alone, expired, token, holder, deliveries, history_length, history_version,"
    " inbox_length, last_committer, last_committed, updated_at, parked_reason is not null";

/// Everything that a query tells about an instance, at the store's time ?1. The cross join keeps
/// instances outside, where their index gives the order.
inline const std::string record_columns =
    "select i.instance, i.execution, d.name, d.version, i.status, i.created_at, i.updated_at,"
    " i.completed_at, i.start_at, i.custom_status_codec, i.custom_status, i.output_codec,"
    " i.output, i.failure, i.parent_instance, i.parent_execution, i.parent_task,"
    " i.parked_reason, i.history_length, i.inbox_length,"
    " case when i.work_key = 0 and i.next_at > ?1 then w.id end, i.row, d.kind, d.feature_level"
    " from instances i cross join definitions d on d.definition = i.definition"
    " left join workers w on w.worker = i.holder";

/// The statements of the one connection that writes.
struct write_statements {
    database& db;
    name_statements names{db};

    statement begin{db, "begin immediate"};
    statement commit{db, "commit"};
    statement rollback{db, "rollback"};
    statement hub{db, hub_columns + ", last_sequence from task_hub"};
    statement update_hub{
        db, "update task_hub set clock_ahead = ?, clock_said = ?, changes = ?, last_sequence = ?"};
    statement move_clock{db, "update task_hub set clock_offset = ?"};

    statement find_request{db, "select outcomes, leased from requests where request = ?"};
    statement add_request{
        db, "insert into requests (request, answered_at, outcomes, leased) values (?, ?, ?, ?)"};
    statement trim_requests{db,
                            "delete from requests where number in (select number from requests"
                            " order by number limit ?) and answered_at < ?"};

    // Instances.
    statement find_row{db, "select " + instance_columns + " from instances where row = ?"};
    statement find_instance{db,
                            "select " + instance_columns + " from instances where instance = ?"};
    statement last_row{db, "select max(row) from instances"};
    statement add_instance{
        db,
        "insert into instances (row, instance, execution, definition, status, work_key, next_at,"
        " not_before, needs_turn, suspect, leased_alone, expired, token, holder, deliveries,"
        " history_length, history_version, inbox_length, last_committer, last_committed,"
        " updated_at, created_at, start_at, parent_instance, parent_execution, parent_task)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    // Three forms of the same, so that neither the index nor the cold columns are written in vain.
    statement update_in_place{
        db,
        "update instances set status = ?, not_before = ?, needs_turn = ?, leased_alone = ?,"
        " expired = ?, token = ?, holder = ?, deliveries = ?, history_length = ?,"
        " history_version = ?, inbox_length = ?, last_committer = ?, last_committed = ?,"
        " updated_at = ?, suspect = ? where row = ?"};
    statement update_and_move{
        db,
        "update instances set status = ?, not_before = ?, needs_turn = ?, leased_alone = ?,"
        " expired = ?, token = ?, holder = ?, deliveries = ?, history_length = ?,"
        " history_version = ?, inbox_length = ?, last_committer = ?, last_committed = ?,"
        " updated_at = ?, suspect = ?, work_key = ?, next_at = ? where row = ?"};
    statement update_and_end{
        db,
        "update instances set status = ?, not_before = ?, needs_turn = ?, leased_alone = ?,"
        " expired = ?, token = ?, holder = ?, deliveries = ?, history_length = ?,"
        " history_version = ?, inbox_length = ?, last_committer = ?, last_committed = ?,"
        " updated_at = ?, suspect = ?, work_key = null, next_at = null, completed_at = ?,"
        " output_codec = ?, output = ?, failure = ?, parked_reason = null where row = ?"};
    statement set_custom_status{
        db, "update instances set custom_status_codec = ?, custom_status = ? where row = ?"};
    statement set_parked_reason{db, "update instances set parked_reason = ? where row = ?"};
    statement continue_instance{
        db,
        "update instances set created_as = coalesce(created_as, execution), execution = ?,"
        " definition = ?, start_at = null where row = ?"};
    statement set_definition{db,
                             "update instances set definition = ?1, work_key = iif(work_key < 0, "
                             "-?1, iif(work_key > 0, ?1, work_key))"
                             " where row = ?2"};
    statement created_as{db, "select coalesce(created_as, execution) from instances where row = ?"};
    statement parent{db,
                     "select parent_instance, parent_execution, parent_task from instances"
                     " where row = ? and parent_instance is not null"};
    statement remove_instance{db, "delete from instances where row = ?"};
    statement add_tag{db, "insert into tags (instance_row, key, value) values (?, ?, ?)"};
    statement remove_tags{db, "delete from tags where instance_row = ?"};
    statement remove_message_ids{db, "delete from message_ids where instance_row = ?"};

    statement set_closed{db, "update task_hub set closed_reason = ?"};

    // Roles.
    statement role{db, role_columns};
    statement set_role{db,
                       "update task_hub set role = ?, move = ?, sealed_for = ?, other = ?,"
                       " closed_reason = ?, era = era + 1, role_since = ?"};
    statement forget_change{db, "delete from changed_instances where number = ?"};

    // Images: whole rows, whatever turns change of them.
    statement find_chunk{db, "select 1 from history where instance_row = ? and first = ?"};
    statement cut_history{db, "delete from history where instance_row = ? and first >= ?"};
    statement write_instance{
        db,
        "insert or replace into instances (row, instance, execution, definition, status, work_key,"
        " next_at, not_before, needs_turn, suspect, leased_alone, expired, token, holder, "
        "deliveries,"
        " history_length, history_version, inbox_length, last_committer, last_committed, "
        "updated_at,"
        " parked_reason, created_at, start_at, completed_at, created_as, parent_instance,"
        " parent_execution, parent_task, custom_status_codec, custom_status, output_codec, output,"
        " failure) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?,"
        " ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    statement write_activity{
        db,
        "insert into activities (instance_row, task, execution, kind, work_key, work_key_rank,"
        " next_at, suspect, leased_alone, token, holder, deliveries, priority, version, "
        "input_codec,"
        " input, details) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};

    // History.
    statement add_history{
        db, "insert into history (instance_row, first, count, events) values (?, ?, ?, ?)"};
    statement add_one_event{db,
                            "insert into history (instance_row, first, count, events)"
                            " values (?, ?, 1, '[' || ? || ']')"};
    statement history{db,
                      "select first, count, events from history where instance_row = ?"
                      " order by first"};
    statement remove_history{db, "delete from history where instance_row = ?"};

    // The inbox.
    statement add_message{
        db,
        "insert into inbox (instance_row, due, sequence, visible_at, task, for_execution,"
        " is_timer, completed_by, event) values (?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    statement inbox{db,
                    "select sequence, visible_at, task, event from inbox where instance_row = ?"
                    " and due <= ? order by due, sequence limit ?"};
    statement first_due{db, "select min(due) from inbox where instance_row = ?"};
    statement inbox_keys{db,
                         "select due, sequence from inbox where instance_row = ?"
                         " order by due, sequence"};
    statement remove_message{db, "delete from inbox where instance_row = ? and sequence = ?"};
    statement remove_message_at{
        db, "delete from inbox where instance_row = ? and due = ? and sequence = ?"};
    statement remove_timer{
        db, "delete from inbox where instance_row = ? and task = ? and is_timer = 1"};
    statement remove_for_execution{
        db, "delete from inbox where instance_row = ? and for_execution = 1"};
    statement clear_inbox{db, "delete from inbox where instance_row = ?"};
    statement was_completed{db,
                            "select 1 from inbox where instance_row = ? and task = ?"
                            " and for_execution = 1 and completed_by = ?"};
    statement find_message_id{db, "select 1 from message_ids where instance_row = ? and id = ?"};
    statement add_message_id{
        db, "insert into message_ids (instance_row, id, number, accepted_at) values (?, ?, ?, ?)"};
    statement trim_message_ids{
        db,
        "delete from message_ids where instance_row = ?1 and accepted_at < ?2 and number <="
        " (select number from message_ids where instance_row = ?1 order by number desc"
        " limit 1 offset ?3)"};

    // Activities.
    statement add_activity{
        db,
        "insert into activities (instance_row, task, execution, kind, work_key, work_key_rank, "
        "next_at,"
        " suspect, leased_alone, token, holder, deliveries, priority, version, input_codec, input,"
        " details) values (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, 0, ?, ?, ?, ?, ?)"};
    statement find_activity{db,
                            "select execution, kind, token, suspect, leased_alone, deliveries, "
                            "priority, next_at, work_key"
                            " from activities where instance_row = ? and task = ? and token = ?"};
    statement finish_activity{
        db,
        "delete from activities where instance_row = ? and task = ? and execution = ?"
        " and token = ? returning holder"};
    statement remove_activity{
        db, "delete from activities where instance_row = ? and task = ? and execution = ?"};
    statement remove_activities{db, "delete from activities where instance_row = ?"};
    statement remove_unleased_activities{
        db, "delete from activities where instance_row = ? and (work_key <> 0 or next_at <= ?)"};
    statement activity_work{
        db,
        "select i.instance, a.kind, a.version, a.input_codec, a.input, a.details, a.deliveries,"
        " a.suspect, a.token from activities a join instances i on i.row = a.instance_row"
        " where a.instance_row = ? and a.task = ? and a.execution = ?"};
    statement lease_activity{
        db,
        "update activities set work_key = 0, work_key_rank = 0, next_at = ?, token = ?, holder = ?,"
        " leased_alone = suspect where instance_row = ? and task = ? and execution = ?"};
    statement queue_activity{
        db,
        "update activities set work_key = ?, work_key_rank = -priority, next_at = ?, suspect = ?,"
        " deliveries = ?, token = ? where instance_row = ? and task = ? and execution = ?"};

    // WorkKeys.
    statement probe{db,
                    "select exists (select 1 from instances where work_key = 0 and next_at <= ?1),"
                    " exists (select 1 from activities where work_key = 0 and work_key_rank = 0 "
                    "and next_at <= ?1),"
                    " exists (select 1 from instances where work_key < 0),"
                    " exists (select 1 from activities where work_key < 0)"};
    statement expired_instances{
        db, "select row from instances where work_key = 0 and next_at <= ? limit 1000"};
    statement expired_activities{
        db,
        "select instance_row, task, execution, kind, leased_alone, deliveries, token from "
        "activities"
        " where work_key = 0 and work_key_rank = 0 and next_at <= ? limit 1000"};
    statement ready_instances{
        db,
        "select row, next_at from instances where work_key = ? and next_at <= ?"
        " order by next_at"};
    statement next_rank{
        db,
        "select work_key_rank from activities where work_key = ? and work_key_rank > ?"
        " order by work_key_rank limit 1"};
    statement ready_activities{db,
                               "select next_at, instance_row, task, execution from activities"
                               " where work_key = ? and work_key_rank = ? and next_at <= ?"
                               " order by next_at limit ?"};
    statement instances_of_holder{
        db, "select row from instances where work_key = 0 and next_at > ? and holder = ?"};
    statement expire_activities_of_holder{db,
                                          "update activities set next_at = ?1 where work_key = 0 "
                                          "and work_key_rank = 0 and next_at > ?1"
                                          " and holder = ?2"};
    statement end_worker{
        db, "update workers set live_until = min(live_until, ?), offers = '' where worker = ?"};
    statement trim_workers{db,
                           "delete from workers where worker in (select worker from workers"
                           " where live_until < ? limit 64)"};
    statement renew_worker{
        db, "update workers set live_until = ?, offers = coalesce(?, offers) where worker = ?"};
    statement renew_activity{
        db,
        "update activities set work_key = 0, work_key_rank = 0, next_at = ?,"
        " suspect = case when work_key = 0 then suspect else leased_alone end,"
        " deliveries = case when work_key = 0 then deliveries else deliveries - leased_alone end"
        " where instance_row = ? and task = ? and token = ?"};
};

/// The statements of a connection that only reads.
struct read_statements {
    database& db;
    name_statements names{db};

    statement begin{db, "begin"};
    statement commit{db, "commit"};
    statement data_version{db, "pragma data_version"};
    statement hub{db, hub_columns + " from task_hub"};

    statement record{db, record_columns + " where i.instance = ?2"};
    statement tags{db, "select key, value from tags where instance_row = ?"};
    statement status{db, "select status from instances where instance = ?"};
    statement history_head{db,
                           "select row, execution, history_version, last_committed, history_length"
                           " from instances where instance = ?"};
    statement history{
        db,
        "select first, count, events from history where instance_row = ?1 and first >="
        " coalesce((select max(first) from history where instance_row = ?1 and first <= ?2), 0)"
        " order by first"};

    // Images.
    statement records_by_row{db, record_columns + " where i.row > ?2 order by i.row limit ?3"};
    statement state{
        db,
        "select coalesce(i.created_as, i.execution), i.history_version, i.last_committed, c.id,"
        " i.needs_turn, i.not_before, i.next_at, i.suspect, i.leased_alone, i.expired, i.token,"
        " h.id, i.deliveries from instances i left join workers c on c.worker = i.last_committer"
        " left join workers h on h.worker = i.holder where i.row = ?"};
    statement whole_inbox{db,
                          "select sequence, visible_at, task, event, due, for_execution, is_timer,"
                          " completed_by from inbox where instance_row = ?"
                          " order by due, sequence"};
    statement accepted{
        db, "select id, accepted_at from message_ids where instance_row = ? order by number"};
    statement activities{
        db,
        "select a.execution, a.task, k.name, k.queue, a.priority, a.version, a.input_codec,"
        " a.input, a.details, a.next_at, a.suspect, a.leased_alone, a.work_key <> 0, a.token, w.id,"
        " a.deliveries from activities a join activity_kinds k on k.kind = a.kind"
        " left join workers w on w.worker = a.holder where a.instance_row = ?"
        " order by a.execution, a.task"};
    statement last_sequence{db, "select last_sequence from task_hub"};
    statement closed_reason{db, "select closed_reason from task_hub"};
    statement role{db, role_columns};
    statement changes{db, "select number, instance from changed_instances order by number limit ?"};
    statement count_changes{db, "select count(*) from (select 1 from changed_instances limit ?)"};

    // WorkKeys.
    statement find_request{db, "select 1 from requests where request = ?"};
    statement any_expired_or_suspect{
        db,
        "select exists (select 1 from instances where work_key < 0)"
        " or exists (select 1 from activities where work_key < 0)"
        " or exists (select 1 from instances where work_key = 0 and next_at <= ?1)"
        " or exists (select 1 from activities where work_key = 0 and work_key_rank = 0"
        " and next_at <= ?1)"};
    statement any_instance{db,
                           "select 1 from instances where work_key = ? and next_at <= ? limit 1"};
    statement any_activity{db,
                           "select 1 from activities where work_key = ? and next_at <= ? limit 1"};
    statement next_instance_work_key{
        db, "select work_key from instances where work_key > ? order by work_key limit 1"};
    statement next_activity_work_key{
        db,
        "select work_key, work_key_rank from activities where (work_key, work_key_rank) > (?, ?)"
        " order by work_key, work_key_rank limit 1"};
    statement next_instance_due{
        db, "select min(next_at) from instances where work_key = ? and next_at > ?"};
    statement next_activity_due{db,
                                "select min(next_at) from activities where work_key = ? and "
                                "work_key_rank = ? and next_at > ?"};
    statement count_instances{db,
                              "select count(*) from (select 1 from instances where work_key = ? "
                              "and next_at <= ? limit ?)"};
    /// How many somebody waits for, and how many are leftovers [STATUS-1].
    statement count_activities{
        db,
        "select count(*) filter (where not is_leftover), count(*) filter (where is_leftover) from"
        " (select i.completed_at is not null or i.execution <> a.execution as is_leftover"
        " from activities a cross join instances i on i.row = a.instance_row"
        " where a.work_key = ? and a.work_key_rank = ? and a.next_at <= ? limit ?)"};
    statement count_parked{db, "select count(*) from instances where parked_reason is not null"};
    statement expired_definitions{db,
                                  "select distinct definition from instances where work_key = 0 "
                                  "and next_at <= ? limit 10000"};
    statement expired_kinds{
        db,
        "select distinct a.kind, i.completed_at is not null or i.execution <> a.execution"
        " from activities a cross join instances i on i.row = a.instance_row"
        " where a.work_key = 0 and a.work_key_rank = 0 and a.next_at <= ? limit 10000"};
    statement live_workers{db, "select id, offers from workers where live_until > ? order by id"};
};

}  // namespace perdure::sqlite
