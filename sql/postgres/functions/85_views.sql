-- What people read: views of this login's hub, and functions over them for who has no views.
--
-- Views read the tables with their owner's rights, but call functions with the reader's; so the
-- functions in them touch no table, apart from CurrentTaskHub. A hub that does not exist looks
-- empty. A view of a later version has further columns at its end only.

set search_path = :"schema", pg_temp;

-- Stored bytes as a person reads them: the text, or base64 of what is no text. Caller: the views.
-- Tables: none.
create or replace function _BytesText(p_bytes bytea) returns text
language plpgsql immutable
set search_path from current
as $$
begin
    return convert_from(p_bytes, 'UTF8');
exception
    -- One instance with such bytes must not make the whole view unreadable.
    when character_not_in_repertoire or untranslatable_character or invalid_text_representation then
        return encode(p_bytes, 'base64');
end
$$;

-- The payload of an event in its stored form, as text or base64; null for none. Caller: the views.
-- Tables: none.
create or replace function _PayloadText(p_event json) returns text
language sql immutable
as $$
    select case json_typeof(p_event -> 'data')
               when 'string' then p_event ->> 'data'
               when 'object' then coalesce(p_event -> 'data' ->> 'text', p_event -> 'data' ->> 'base64')
           end
$$;

-- A time of an event: microseconds since 1970, of which the last is for ever, and the first ones are
-- before the server's first day [TIME-4]. In hours and the rest, because an interval is multiplied in
-- floating point. Caller: the views. Tables: none.
create or replace function _EventTime(p_microseconds text) returns timestamptz
language sql immutable
as $$
    select case when t.at = 9223372036854775807 then timestamptz 'infinity'
                when t.at < -210866803200000000 then timestamptz '-infinity'
                else timestamptz '1970-01-01 00:00:00+00'
                     + t.at / 3600000000 * interval '1 hour'
                     + t.at % 3600000000 * interval '1 microsecond' end
      from (select p_microseconds::bigint as at) t
$$;

-- One row for each instance of the hub. LockedBy and LockExpiration stay after the end of a lease
-- until somebody else takes the instance: a lease that is over is a worker that has fallen silent.
create or replace view vInstances with (security_barrier) as
select h.name as TaskHub, i.instance_id as InstanceID, i.execution_id as ExecutionID, l.name as Name,
       l.variant as Version, i.created_at as CreatedTime, i.updated_at as LastUpdatedTime,
       i.completed_at as CompletedTime, _StatusWord(i.status) as RuntimeStatus,
       case when i.token is not null then w.worker_id end as LockedBy,
       i.lease_until as LockExpiration,
       (select _PayloadText(s.events::json -> 0) from History s
         where s.instance_key = i.instance_key and s.first = 0) as InputText,
       (select _BytesText(o.bytes) from Payloads o
         where o.instance_key = i.instance_key and o.kind = 1) as OutputText,
       (select _BytesText(c.bytes) from Payloads c
         where c.instance_key = i.instance_key and c.kind = 2) as CustomStatusText,
       (select _BytesText(f.bytes) from Payloads f
         where f.instance_key = i.instance_key and f.kind = 3) as FailureText,
       i.parent_instance as ParentInstanceID, i.tags as Tags, i.parked_reason as ParkedReason,
       i.start_at as StartTime, i.ready_at as ReadySince, i.deliveries as Deliveries,
       i.history_length as HistoryLength,
       (select count(*) from NewEvents e where e.instance_key = i.instance_key) as InboxLength,
       (select count(*) from NewTasks t where t.instance_key = i.instance_key) as TaskCount
  from TaskHubs h
  join Instances i on i.task_hub = h.task_hub
  join WorkKeys l on l.work_key = i.work_key and l.task_hub = h.task_hub
  left join Workers w on w.worker = i.holder and w.task_hub = h.task_hub
 where h.name = CurrentTaskHub();

-- One row for each event of the current execution of each instance of the hub. EventType is a word
-- of docs/history-format.md; Payload is input, result, content or status; Event is the stored form.
-- An event that was written without the store's time has that of its instance.
create or replace view vHistory with (security_barrier) as
select h.name as TaskHub, i.instance_id as InstanceID, i.execution_id as ExecutionID,
       c.first + e.n - 1 as SequenceNumber, e.event ->> 'type' as EventType,
       (e.event ->> 'task')::bigint as TaskID,
       coalesce(_EventTime(e.event ->> 'at'),
                case when c.first + e.n = 1 then i.created_at else i.completed_at end) as Timestamp,
       e.event ->> 'name' as Name, e.event ->> 'version' as Version,
       case e.event ->> 'type'
           when 'execution_started' then 'pending'
           when 'execution_completed' then 'completed'
           when 'execution_failed' then 'failed'
           when 'execution_terminated' then 'terminated'
           when 'execution_suspended' then 'suspended'
           when 'execution_resumed' then 'running'
       end as RuntimeStatus,
       _EventTime(e.event ->> 'fire_at') as VisibleTime, _PayloadText(e.event) as Payload,
       e.event -> 'failure' ->> 'message' as FailureText, e.event ->> 'note' as Reason,
       e.event ->> 'instance' as TargetInstanceID, e.event as Event
  from TaskHubs h
  join Instances i on i.task_hub = h.task_hub
  join History c on c.instance_key = i.instance_key
 cross join lateral json_array_elements(c.events::json) with ordinality as e(event, n)
 where h.name = CurrentTaskHub();

-- One row for each message that waits in an inbox of the hub, timers included.
create or replace view vInbox with (security_barrier) as
select h.name as TaskHub, i.instance_id as InstanceID, e.sequence as SequenceNumber,
       e.event::json ->> 'type' as EventType, nullif(e.task, 0) as TaskID, e.due as VisibleTime,
       e.event::json ->> 'name' as Name, _PayloadText(e.event::json) as Payload,
       e.event::json -> 'failure' ->> 'message' as FailureText
  from TaskHubs h
  join Instances i on i.task_hub = h.task_hub
  join NewEvents e on e.instance_key = i.instance_key
 where h.name = CurrentTaskHub();

-- One row for each activity of the hub that waits or is being worked on. ReadySince is null while a
-- worker has it; the rest as in vInstances.
create or replace view vTasks with (security_barrier) as
select h.name as TaskHub, i.instance_id as InstanceID, t.execution_id as ExecutionID,
       t.task as TaskID, l.name as Name, l.variant as Queue, l.priority as Priority,
       t.ready_at as ReadySince, case when t.token is not null then w.worker_id end as LockedBy,
       t.lease_until as LockExpiration, t.deliveries as Deliveries, _BytesText(t.input) as InputText
  from TaskHubs h
  join Instances i on i.task_hub = h.task_hub
  join NewTasks t on t.instance_key = i.instance_key
  join WorkKeys l on l.work_key = t.work_key and l.task_hub = h.task_hub
  left join Workers w on w.worker = t.holder and w.task_hub = h.task_hub
 where h.name = CurrentTaskHub();

-- Every instance in the columns of the Asynkron guide, for its maintenance queries. state_json has
-- at most the first 1,000 chunks of the history. To delete from it purges: see _PurgeDurableState.
create or replace view durable_state with (security_barrier) as
select i.instance_id,
       jsonb_build_object(
           'status', _StatusWord(i.status), 'execution_id', i.execution_id, 'version', l.variant,
           'input', (select _PayloadText(s.events::json -> 0) from History s
                      where s.instance_key = i.instance_key and s.first = 0),
           'output', (select _BytesText(o.bytes) from Payloads o
                       where o.instance_key = i.instance_key and o.kind = 1),
           'custom_status', (select _BytesText(c.bytes) from Payloads c
                              where c.instance_key = i.instance_key and c.kind = 2),
           'parent', i.parent_instance, 'tags', i.tags, 'parked_reason', i.parked_reason,
           'history_length', i.history_length,
           'history', (select coalesce(jsonb_agg(e.event order by e.first, e.n), '[]')
                         from (select c.first, d.event, d.n
                                 from (select r.first, r.events from History r
                                        where r.instance_key = i.instance_key
                                        order by r.first limit 1000) c
                                cross join lateral jsonb_array_elements(c.events::jsonb)
                                           with ordinality as d(event, n)) e)) as state_json,
       l.name as function_name,
       coalesce(i.ready_at,
                (select e.due from NewEvents e
                  where e.instance_key = i.instance_key order by e.due limit 1),
                i.completed_at, i.updated_at) as execute_after,
       i.completed_at is not null as is_completed,
       case when i.token is not null then w.worker_id end as lease_owner,
       i.lease_until as lease_expires_at, i.history_version as version, i.created_at, i.updated_at
  from TaskHubs h
  join Instances i on i.task_hub = h.task_hub
  join WorkKeys l on l.work_key = i.work_key and l.task_hub = h.task_hub
  left join Workers w on w.worker = i.holder and w.task_hub = h.task_hub
 where h.name = CurrentTaskHub();

-- Purges an instance that is deleted from durable_state; one that has not ended, or that another
-- call holds at the moment, stays and is not counted. Caller: the trigger. Tables: TaskHubs (read),
-- Instances, then those of _Erase.
create or replace function _PurgeDurableState() returns trigger
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
as $$
declare
    v_hub constant integer := _Hub();
    v_key bigint;
begin
    -- Rows come in any order here, so that to wait for one of them could be a deadlock.
    select i.instance_key into v_key from Instances i
     where i.task_hub = v_hub and i.instance_id = old.instance_id and _IsEnded(i.status)
     order by i.instance_key limit 1 for update skip locked;
    if v_key is null then
        return null;
    end if;
    perform _Erase(array[v_key]);
    return old;
end
$$;

do $$
begin
    if not exists (select from pg_catalog.pg_trigger t
                    where t.tgrelid = 'durable_state'::regclass
                      and t.tgname = 'delete_purges_what_has_ended') then
        create trigger delete_purges_what_has_ended instead of delete on durable_state
            for each row execute function _PurgeDurableState();
    end if;
end
$$;

-- One instance, or no row for none with this id (and execution id). Caller: people. Tables, read
-- only: those of vInstances.
create or replace function QuerySingleOrchestration(
    p_instance_id text, p_execution_id uuid default null, p_fetch_input boolean default true,
    p_fetch_output boolean default true)
returns table (
    InstanceID text, ExecutionID uuid, Name text, Version text, CreatedTime timestamptz,
    LastUpdatedTime timestamptz, CompletedTime timestamptz, RuntimeStatus text,
    ParentInstanceID text, CustomStatusText text, InputText text, OutputText text,
    FailureText text, ParkedReason text, Tags jsonb)
language sql stable security definer
set search_path from current
set enable_seqscan = off
as $$
    select v.InstanceID, v.ExecutionID, v.Name, v.Version, v.CreatedTime, v.LastUpdatedTime,
           v.CompletedTime, v.RuntimeStatus, v.ParentInstanceID, v.CustomStatusText,
           case when p_fetch_input then v.InputText end,
           case when p_fetch_output then v.OutputText end,
           v.FailureText, v.ParkedReason, v.Tags
      from vInstances v
     where v.InstanceID = p_instance_id
       and (p_execution_id is null or v.ExecutionID = p_execution_id)
$$;

-- The events of an instance's current execution in their order; no row for an unknown instance.
-- Caller: people. Tables, read only: those of vHistory.
create or replace function GetInstanceHistory(
    p_instance_id text, p_get_inputs_and_outputs boolean default true)
returns table (
    ExecutionID uuid, SequenceNumber bigint, EventType text, TaskID bigint,
    "timestamp" timestamptz, Name text, Version text, RuntimeStatus text,
    VisibleTime timestamptz, Payload text, FailureText text, Reason text, TargetInstanceID text)
language sql stable security definer
set search_path from current
set enable_seqscan = off
as $$
    select v.ExecutionID, v.SequenceNumber, v.EventType, v.TaskID, v.Timestamp, v.Name, v.Version,
           v.RuntimeStatus, v.VisibleTime, case when p_get_inputs_and_outputs then v.Payload end,
           v.FailureText, v.Reason, v.TargetInstanceID
      from vHistory v where v.InstanceID = p_instance_id
     order by v.SequenceNumber
$$;
