#!/usr/bin/env bash
# people_test.sh [BIN_DIR]: what people call does what it says, and the views show it. With the folder of
# the built programs also: what it stores is, byte for byte, what core's client stores for the same
# call, and a worker finishes what psql has started.
source "$(dirname "$0")/fixture.sh"
schema=sql_people
export PGAPPNAME=people
install
grant_role runtime perdure_user
grant_role reader perdure_reader

ask() { as perdure_user -c "$1"; }
look() { as perdure_reader -c "$1"; }

ask "select _CreateHub()" >/dev/null

# --- Starting -------------------------------------------------------------------------------------

check "an id is made when none is given" 36 "$(ask "select length(CreateInstance('Order'))")"
check "the id is returned" a "$(ask "select CreateInstance('Order', p_instance_id => 'a', p_version => 'v1',
    p_input_text => '{\"n\": 1}', p_tags => '{\"b\": \"2\", \"a\": \"1\"}')")"
check "an instance has one row" 'people|a|Order|v1|pending|{"n": 1}|{"a": "1", "b": "2"}|1' \
    "$(look "select TaskHub, InstanceID, Name, Version, RuntimeStatus, InputText, Tags, HistoryLength
               from vInstances where InstanceID = 'a'")"
refused "an id is taken once" perdure_user 23505 "select CreateInstance('Order', p_instance_id => 'a')"
ask "select CreateInstance('Order', p_instance_id => 'twice',
                           p_execution_id => '00000000-0000-0000-0000-000000000001')" >/dev/null
check "the same start again is the same start" twice \
    "$(ask "select CreateInstance('Order', p_instance_id => 'twice',
                                  p_execution_id => '00000000-0000-0000-0000-000000000001')")"
ask "select CreateInstance('Other', p_instance_id => 'a', p_dedupe_statuses => 'Running,completed')" >/dev/null
check "what is not listed is replaced" Other "$(look "select Name from vInstances where InstanceID = 'a'")"
check "a later start is not ready now" t \
    "$(ask "select CreateInstance('Order', p_instance_id => 'late', p_start_time => now() + interval '1 h')" \
        >/dev/null; look "select ReadySince > now() + interval '50 min' from vInstances where InstanceID = 'late'")"
# What no store may refuse, the views show.
check "times of events are shown to the microsecond, and for ever is for ever" \
    '294247-01-10 04:00:54.775806+00|infinity|-infinity|4714-11-24 00:00:00+00 BC|2023-11-14 22:13:20.000001+00' \
    "$(as perdure_owner -c "set timezone = 'UTC'; select _EventTime('9223372036854775806'), _EventTime('9223372036854775807'),
        _EventTime('-9223372036854775808'), _EventTime('-210866803200000000'), _EventTime('1700000000000001')" | tail -1)"
for wrong in "'', p_instance_id => 'x'" "null" "repeat('x', 256)" "E'a\\nb'" \
    "'Order', p_instance_id => ''" "'Order', p_input_text => 'hello'" "'Order', p_input_text => ''" \
    "'Order', p_input_text => '\"\\ud800\"'" "'Order', p_input_text => '[1] 2'" \
    "'Order', p_tags => '[]'" "'Order', p_tags => '{\"n\": 1}'" "'Order', p_tags => '{\"\": \"1\"}'" \
    "'Order', p_dedupe_statuses => 'sleeping'" "'Order', p_start_time => 'infinity'" \
    "'Order', p_start_time => '294247-01-02'"; do
    refused "CreateInstance($wrong) is refused" perdure_user PD002 "select CreateInstance($wrong)"
done
check "JSON that jsonb cannot hold is JSON" '"\u0000"|1e999999' \
    "$(ask "select CreateInstance('Order', p_instance_id => 'nul', p_input_text => '\"\\u0000\"'),
                   CreateInstance('Order', p_instance_id => 'big', p_input_text => '1e999999')" >/dev/null
    look "select string_agg(InputText, '|' order by InstanceID desc) from vInstances where InstanceID in ('nul', 'big')")"

# --- Events ---------------------------------------------------------------------------------------

check "an event is taken once per message id" 't|f|t' \
    "$(ask "select RaiseEvent('Paid', 'a', '42', p_message_id => 'm'),
                   RaiseEvent('Paid', 'a', '42', p_message_id => 'm'), RaiseEvent('Paid', 'a')")"
check "an inbox has one row a message" 'event_raised|Paid|42 event_raised|Paid|' \
    "$(look "select string_agg(EventType || '|' || Name || '|' || coalesce(Payload, ''), ' '
                               order by SequenceNumber) from vInbox where InstanceID = 'a'")"
refused "an event needs an instance" perdure_user P0002 "select RaiseEvent('Paid', 'nobody')"
refused "an event's content is JSON" perdure_user PD002 "select RaiseEvent('Paid', 'a', 'paid')"
refused "an event has a name" perdure_user PD002 "select RaiseEvent('', 'a')"

# --- The end --------------------------------------------------------------------------------------

check "a pending instance ends at once, and once" 'terminated|ended' \
    "$(ask "select TerminateInstance('a', 'no \"money\"'), TerminateInstance('a')")"
check "a reason is kept" 'terminated|"no \"money\""|execution_terminated|no "money"|t' \
    "$(look "select i.RuntimeStatus, i.OutputText, h.EventType, h.Reason, h.Timestamp = i.CompletedTime
               from vInstances i join vHistory h on h.InstanceID = i.InstanceID
              where i.InstanceID = 'a' and h.SequenceNumber = 1")"
refused "who has ended takes no events" perdure_user 55000 "select RaiseEvent('Paid', 'a')"
refused "nobody cannot be terminated" perdure_user P0002 "select TerminateInstance('nobody')"
refused "who has not ended is not purged" perdure_user 55000 "select PurgeInstanceStateByID('late')"
check "a purge says how many there were" '1|0|1' \
    "$(ask "select PurgeInstanceStateByID('a'), PurgeInstanceStateByID('a'),
                   PurgeInstanceStateByID('late', true)")"
check "a purge leaves nothing" 0 "$(look "select count(*) from vInstances where InstanceID in ('a', 'late')")"

ask "select CreateInstance('Old', p_instance_id => 'old-' || n) from generate_series(1, 5) n;
     select TerminateInstance('old-' || n) from generate_series(1, 5) n" >/dev/null
check "a purge by time goes in steps" '2|2|0|1|0' \
    "$(for limit in 2 2; do ask "select PurgeInstanceStateByTime(now(), 1, $limit)"; done | paste -sd'|')|$(
        ask "select PurgeInstanceStateByTime(now() - interval '1 h')")|$(
        ask "select PurgeInstanceStateByTime(now())")|$(ask "select PurgeInstanceStateByTime(now())")"
check "a purge by time keeps what has not ended" t "$(look "select count(*) > 0 from vInstances")"
refused "a purge by time needs a time" perdure_user PD002 "select PurgeInstanceStateByTime(null)"
refused "a purge by time has bounds" perdure_user PD002 "select PurgeInstanceStateByTime(now(), 0, 1000000)"

# --- Scale ----------------------------------------------------------------------------------------

ask "select _DeleteHub(1000)" >/dev/null
check "nothing to do is 0" '0|0' "$(look "select GetScaleMetric(), GetScaleRecommendation(1, 1)")"
ask "select CreateInstance('Order') from generate_series(1, 25)" >/dev/null
check "work is counted, and divided up" '25|3|25' \
    "$(look "select GetScaleMetric(), GetScaleRecommendation(10, 10), GetScaleRecommendation(0, null)")"
# What a worker has is work, too.
ask "select _Lock(gen_random_uuid(), jsonb_populate_record(null::room, jsonb_build_object(
         'worker', _Worker('w'), 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
         'definitions', _WorkKeys(false, array['Order'], array[''], array[0]), 'tokens', array[1, 2, 3],
         'activities', array[]::text[], 'queues', array[]::text[], 'task_tokens', array[]::bigint[],
         'suspects', false, 'expire', false, 'everything', false, 'since', '-infinity',
                              'task_since', '-infinity')))" >/dev/null
check "what a worker has is counted" 25 "$(look "select GetScaleMetric()")"
check "a lease shows its holder" 'w|3' \
    "$(look "select LockedBy, count(*) from vInstances where LockExpiration > now() group by 1")"
check "each lease leads to its expiry" 0 "$(look "select count(*) from GetUnreachableLeases()")"
# What ended instances and earlier executions have left behind waits apart [STATUS-1].
work_key=$(ask "select (_WorkKeys(true, array['Ship'], array[''], array[0]))[1]")
as perdure_owner >/dev/null <<END
with last as (
    select i.*, row_number() over (order by i.instance_key desc) as n from Instances i order by n limit 3
), ended as (
    update Instances i set status = 1 from last l where l.n = 1 and i.instance_key = l.instance_key
), task as (
    insert into NewTasks (instance_key, task, execution_id, work_key, ready_at, version, details)
    select l.instance_key, 1, case l.n when 2 then gen_random_uuid() else l.execution_id end, $work_key,
           now(), '', ''
      from last l
    returning *
)
insert into Ready (work_key, due, instance_key, task, execution_id)
select t.work_key, t.ready_at, t.instance_key, t.task, t.execution_id from task t
END
check "leftovers are no work, and counted apart" '26|2' \
    "$(look "select GetScaleMetric(), GetScaleMetric(p_leftovers => true)")"
check "the status counts and names them apart" '1|2|{"activity Ship"}|{"activity Ship"}' \
    "$(ask "select ready_activities, leftover_activities, array_remove(unserved, 'orchestration Order'),
                   unserved_leftovers
              from _HubStatus()")"
as perdure_owner -c "update Requests set until = 'infinity' where lease_keys is not null" >/dev/null
check "one that does not is shown" '3|0|w' \
    "$(look "select count(*), count(TaskID), min(LockedBy) from GetUnreachableLeases()
              where LockExpiration > now() and InstanceID is not null")"

# --- The queries of the Asynkron guide --------------------------------------------------------------

ask "select _DeleteHub(1000)" >/dev/null
ask "select CreateInstance('Order', p_instance_id => 'done'), CreateInstance('Order', p_instance_id => 'open'),
            CreateInstance('Order', p_instance_id => 'new')" >/dev/null
ask "select TerminateInstance('done'), TerminateInstance('new')" >/dev/null
as postgres -c "update Instances set updated_at = now() - interval '8 days' where instance_id <> 'new'"
as postgres -c 'grant delete on durable_state to perdure_reader'
check "the guide's clean-up removes what has ended and is old" 'new open' "$(as perdure_reader <<'END'
DELETE FROM durable_state
WHERE is_completed = true
AND updated_at < NOW() - INTERVAL '7 days';
-- And nothing that has not ended, whatever it is asked for.
DELETE FROM durable_state WHERE instance_id = 'open';
SELECT string_agg(instance_id, ' ' order by instance_id) FROM durable_state;
END
)"
as postgres -c "update Instances set token = 1, lease_until = now() - interval '1 min',
                       holder = (select min(worker) from Workers) where instance_id = 'open'"
check "the guide's search for stuck leases finds them" 'open|Order|w|t' "$(as perdure_reader <<'END'
SELECT instance_id, function_name, lease_owner, lease_expires_at IS NOT NULL
FROM durable_state
WHERE lease_owner IS NOT NULL
AND lease_expires_at < NOW()
AND NOT is_completed;
END
)"
check "the guide's table has its columns" \
    'instance_id state_json function_name execute_after is_completed lease_owner lease_expires_at version created_at updated_at' \
    "$(as postgres -c "select string_agg(attname, ' ' order by attnum) from pg_attribute
                        where attrelid = 'durable_state'::regclass and attnum > 0")"

# One instance with bytes that are no text does not make the views unreadable.
as postgres -c "insert into Payloads select instance_key, 2, 'mine', '\\x00ff' from Instances where instance_id = 'open'"
check "bytes are shown as base64" 'AP8=' "$(look "select CustomStatusText from vInstances where InstanceID = 'open'")"

# --- The same as core's client ------------------------------------------------------------------

if [ "$#" -gt 0 ]; then
    bin=$1
    hub="postgres://perdure_owner@/$PGDATABASE?host=$PGHOST&port=$PGPORT&schema=sql_people_client&task_hub=people"
    (
        schema=sql_people_client
        drop
    )
    "$bin/06_order" --hub "$hub" start same >/dev/null
    schema=sql_people_client
    as perdure_owner -c "alter table History set (autovacuum_enabled = off)"
    stored() { as perdure_owner -c "$1" | sed -E 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g'; }
    history() { stored "select h.events from History h join Instances i using (instance_key)
                         where i.instance_id = '$1' order by h.first"; }
    inbox() { stored "select e.event, e.task, e.for_execution, e.is_timer
                        from NewEvents e join Instances i using (instance_key)
                       where i.instance_id = '$1' order by e.sequence"; }
    rest() { stored "select i.status, i.needs_turn, i.history_length, i.history_version, i.tags,
                            i.not_before, p.kind, p.codec, p.bytes, l.name, l.variant
                       from Instances i join WorkKeys l using (work_key)
                       left join Payloads p using (instance_key) where i.instance_id = '$1'"; }
    as perdure_owner -c "select CreateInstance('FulfilOrder', p_instance_id => 'psql', p_input_text => InputText)
                           from vInstances where InstanceID = 'same'" >/dev/null
    check "a start is stored as core stores it" "$(history same)" "$(history psql)"
    check "so is the rest of it" "$(rest same)" "$(rest psql)"
    for content in '{"by": "ä\n\"me\"\\"}' '"\u0001 \u00fc /"' null; do
        "$bin/perdure" instances raise same Note --hub "$hub" --data "$content" >/dev/null
        as perdure_owner -v content="$content" <<<"select RaiseEvent('Note', 'psql', :'content')" >/dev/null
    done
    "$bin/perdure" instances raise same Note --hub "$hub" >/dev/null
    as perdure_owner -c "select RaiseEvent('Note', 'psql')" >/dev/null
    check "events are stored as core stores them" "$(inbox same)" "$(inbox psql)"
    check "all of them" 4 "$(inbox psql | wc -l)"
    check "a worker finishes what psql has started" 'psql: "order psql is on its way"' \
        "$("$bin/06_order" --hub "$hub" work | sed 's/order same/order psql/' | grep '^psql')"
    check "a person can follow it" 'execution_started 5 5 execution_completed' \
        "$(as perdure_owner -c "
            select min(EventType) filter (where SequenceNumber = 0) || ' '
                   || count(*) filter (where EventType = 'task_scheduled') || ' '
                   || count(*) filter (where EventType = 'task_completed') || ' '
                   || min(EventType) filter (where RuntimeStatus = 'completed')
              from GetInstanceHistory('psql')")"
    for reason in 'no "money"' ''; do
        "$bin/perdure" instances purge --all --hub "$hub" >/dev/null
        "$bin/06_order" --hub "$hub" start same >/dev/null
        as perdure_owner -c "select CreateInstance('FulfilOrder', p_instance_id => 'psql', p_input_text => InputText)
                               from vInstances where InstanceID = 'same'" >/dev/null
        "$bin/perdure" instances terminate same --hub "$hub" --reason "$reason" >/dev/null
        as perdure_owner -v reason="$reason" <<<"select TerminateInstance('psql', :'reason')" >/dev/null
        check "an end is stored as core stores it" "$(history same)" "$(history psql)"
        check "so is the rest of it" "$(rest same)" "$(rest psql)"
    done
else
    echo "no programs given: what core's client stores is left out"
fi
finish
