-- What people call, from psql or from a program without Perdure: one item, scalar parameters, one
-- line over the functions that the plugin calls. They may be part of a longer transaction of the
-- caller.
--
-- The events that they write are those of core's client: docs/history-format.md says what is in
-- them. Errors beside those of the core functions: PD002 an argument that is refused, 23505 the id
-- of a new instance is taken, P0002 there is no such instance, 55000 its state does not allow the
-- call.

set search_path = :"schema", pg_temp;

-- The word for a status; null for what is none. Caller: the functions and views below.
create or replace function _StatusWord(p_status smallint) returns text
language sql immutable
as $$
    select (array['running', 'completed', null, 'failed', 'cancelled', 'terminated', 'pending',
                  'suspended'])[p_status + 1]
$$;

-- The number of the status with this word, in any case; null for what is none. Caller:
-- CreateInstance.
create or replace function _StatusNumber(p_word text) returns smallint
language sql immutable
as $$
    select (array_position(array['running', 'completed', null, 'failed', 'cancelled', 'terminated', 'pending',
                                 'suspended'], nullif(lower(p_word), '')) - 1)::smallint
$$;

-- Refuses what may not stand where an id or a name stands. Caller: the functions below.
create or replace function _CheckName(p_what text, p_name text) returns void
language plpgsql immutable
as $$
begin
    if p_name is null or octet_length(p_name) not between 1 and 255
       or p_name collate "C" ~ '[\x01-\x1f\x7f]' then
        raise exception '% "%" is refused: allowed are 1 to 255 bytes without control characters',
            p_what, left(p_name, 300) using errcode = 'PD002';
    end if;
end
$$;

-- Refuses a note that is longer than core takes it. Caller: the functions below.
create or replace function _CheckReason(p_reason text) returns void
language plpgsql immutable
as $$
begin
    if octet_length(p_reason) > 65536 then
        raise exception 'the reason has % bytes; at most 65536 are allowed', octet_length(p_reason)
            using errcode = 'PD002';
    end if;
end
$$;

-- The stored form of a payload that is JSON; null for none. Refuses what is not JSON. Caller: the
-- functions below.
create or replace function _JsonPayload(p_what text, p_text text) returns text
language plpgsql immutable
as $$
declare
    v_problem text;
begin
    if octet_length(p_text) > 16 << 20 then
        raise exception '% has % bytes; at most % are allowed', p_what, octet_length(p_text), 16 << 20
            using errcode = 'PD002';
    end if;
    begin
        -- Type json checks the grammar, jsonb half surrogate pairs as well; what jsonb cannot hold
        -- (U+0000, enormous numbers) is JSON all the same.
        perform p_text::json;
        perform p_text::jsonb;
    exception
        when untranslatable_character or numeric_value_out_of_range or program_limit_exceeded then
            null;
        when invalid_text_representation then
            get stacked diagnostics v_problem = pg_exception_detail;
            raise exception '% is not JSON: %', p_what, v_problem
                using errcode = 'PD002', hint = 'A text is JSON when quoted: to_json(''text''::text).';
    end;
    return to_json(p_text)::text;
end
$$;

-- The stored form of tags, in the order of their keys; null for none. Caller: CreateInstance.
create or replace function _TagsText(p_tags jsonb) returns text
language plpgsql immutable
as $$
declare
    v_tag record;
    v_text text;
    v_count integer := 0;
begin
    if p_tags is null then
        return null;
    end if;
    if jsonb_typeof(p_tags) <> 'object' then
        raise exception 'tags are a JSON object of texts, not a JSON %', jsonb_typeof(p_tags)
            using errcode = 'PD002';
    end if;
    for v_tag in select t.key, t.value from jsonb_each(p_tags) t order by t.key collate "C" loop
        perform _CheckName('tag key', v_tag.key);
        v_count := v_count + 1;
        if jsonb_typeof(v_tag.value) <> 'string' or octet_length(v_tag.value #>> '{}') > 65536
           or v_count > 100 then
            raise exception 'tag "%" is refused: allowed are 100 texts of 64 KiB', v_tag.key
                using errcode = 'PD002';
        end if;
        v_text := concat_ws(',', v_text, to_json(v_tag.key)::text || ':'
                                         || to_json(v_tag.value #>> '{}')::text);
    end loop;
    return '{' || v_text || '}';
end
$$;

-- What a parent hears of a child that was replaced, terminated or purged. Caller: the functions
-- below.
create or replace function _ChildGone(p_child text, p_type text, p_message text) returns text
language sql immutable
as $$
    select '{"type":"child_failed","failure":{"type":' || to_json(p_type)::text
           || ',"message":' || to_json(p_message)::text
           || ',"non_retriable":true,"properties":{"instance":' || to_json(p_child)::text || '}}}'
$$;

-- Tells sleepers, at the caller's commit, that work is ready or that an instance has ended
-- [WAKE-1]. Only if somebody sleeps, because a notification makes commits wait for each other.
-- Caller: the functions below. Tables: as _WakeupChannel.
create or replace function _Signal(p_work boolean, p_ended text) returns void
language plpgsql volatile
as $$
declare
    v_channel record;
begin
    if p_work then
        v_channel := _WakeupChannel('work');
        if _IsSleptFor(v_channel.lock_key) then
            perform pg_notify(v_channel.channel, 'work');
        end if;
    end if;
    if p_ended is not null then
        v_channel := _WakeupChannel('ended');
        if _IsSleptFor(v_channel.lock_key) then
            perform pg_notify(v_channel.channel, E'ended\n' || p_ended);
        end if;
    end if;
end
$$;

-- Starts an orchestration and returns its instance id. An id that is taken is 23505, unless what is
-- there has a status that p_dedupe_statuses does not list: that instance is replaced. The same id
-- and execution id again is one start. Caller: people. Tables: WorkKeys, those of _CreateInstances.
create or replace function CreateInstance(
    p_name text, p_version text default null, p_instance_id text default null,
    p_execution_id uuid default null, p_input_text text default null,
    p_start_time timestamptz default null,
    p_dedupe_statuses text default 'Pending,Running,Suspended,Completed,Failed,Cancelled,Terminated',
    p_trace_context text default null, p_tags jsonb default null)
returns text
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_id constant text := coalesce(p_instance_id, gen_random_uuid()::text);
    v_execution constant uuid := coalesce(p_execution_id, gen_random_uuid());
    v_tags constant text := _TagsText(p_tags);
    v_word text;
    -- A bit for each of the seven statuses.
    v_replaceable integer := case when p_dedupe_statuses is null then 0 else 251 end;
    v_event text;
    v_made record;
begin
    perform _CheckName('orchestration name', p_name);
    perform _CheckName('instance id', v_id);
    if p_version <> '' then
        perform _CheckName('version', p_version);
    end if;
    -- Microseconds since 1970 end in that year.
    if not isfinite(p_start_time) or p_start_time >= timestamptz '294247-01-01 00:00:00+00' then
        raise exception 'the start time must be a time before the year 294247'
            using errcode = 'PD002';
    end if;
    foreach v_word in array string_to_array(coalesce(p_dedupe_statuses, ''), ',') loop
        if trim(v_word) <> '' and _StatusNumber(trim(v_word)) is null then
            raise exception '"%" is no status; allowed are pending, running, suspended, completed, '
                            'failed, cancelled and terminated', trim(v_word) using errcode = 'PD002';
        end if;
        v_replaceable := v_replaceable & ~coalesce(1 << _StatusNumber(trim(v_word)), 0);
    end loop;
    v_event := '{' || concat_ws(
        ',', '"type":"execution_started"', '"name":' || to_json(p_name)::text,
        '"version":' || to_json(nullif(p_version, ''))::text,
        '"data":' || _JsonPayload('the input', p_input_text),
        '"execution":"' || v_execution || '"',
        '"fire_at":' || round(extract(epoch from p_start_time) * 1000000)::bigint,
        '"tags":' || nullif(v_tags, '{}'),
        '"trace":' || to_json(nullif(p_trace_context, ''))::text) || '}';
    select c.outcomes, c.statuses, c.left_ready into v_made
      from _CreateInstances(
               row(null, array[v_id], array[v_execution],
                   _WorkKeys(false, array[p_name], array[coalesce(p_version, '')], array[0]),
                   array[v_event], array[p_start_time], array[nullif(v_tags, '{}')], null, null, null,
                   null, array[v_replaceable],
                   array[_ChildGone(v_id, 'perdure.replaced',
                                    'instance "' || v_id || '" was replaced')])::instance_batch) c;
    if v_made.outcomes[1] = 1 then
        raise exception 'instance "%" exists already and is %', v_id, _StatusWord(v_made.statuses[1])
            using errcode = 'unique_violation';
    end if;
    perform _Signal(v_made.left_ready and coalesce(p_start_time <= _Now(), true), null);
    return v_id;
end
$$;

-- Sends an event to an instance, not visible before p_delivery_time; p_payload_text is JSON. False
-- when it had a message with this id before. P0002: no such instance; 55000: it has ended. Caller:
-- people. Tables: those of _AddOrchestrationEvents.
create or replace function RaiseEvent(
    p_name text, p_instance_id text, p_payload_text text default null,
    p_delivery_time timestamptz default null, p_message_id text default null)
returns boolean
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_event constant text := '{' || concat_ws(
        ',', '"type":"event_raised"', '"name":' || to_json(p_name)::text,
        '"data":' || _JsonPayload('the content', p_payload_text)) || '}';
    v_message_id constant text := coalesce(p_message_id, gen_random_uuid()::text);
    v_sent record;
begin
    perform _CheckName('event name', p_name);
    perform _CheckName('instance id', p_instance_id);
    perform _CheckName('message id', v_message_id);
    if not isfinite(p_delivery_time) then
        raise exception 'the delivery time is not a time' using errcode = 'PD002';
    end if;
    select a.outcomes[1] as outcome, a.left_ready into v_sent
      from _AddOrchestrationEvents(
               gen_random_uuid(),
               row(null, array[p_instance_id], array[v_event], array[v_message_id], null,
                   array[0::bigint], array[p_delivery_time], null)::message_batch) a;
    if v_sent.outcome = 2 then
        raise exception 'there is no instance "%"', p_instance_id using errcode = 'no_data_found';
    elsif v_sent.outcome = 3 then
        raise exception 'instance "%" has ended and takes no more messages', p_instance_id
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    perform _Signal(v_sent.left_ready, null);
    return v_sent.outcome = 0;
end
$$;

-- Ends an instance, not its children: "terminated" when that has happened, "requested" when its
-- next turn does it, "ended" when it had ended before. P0002: no such instance. Caller: people.
-- Tables: those of _TerminateInstances.
create or replace function TerminateInstance(p_instance_id text, p_reason text default null)
returns text
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_event constant text := '{' || concat_ws(
        ',', '"type":"execution_terminated"', '"note":' || to_json(nullif(p_reason, ''))::text) || '}';
    v_end record;
begin
    perform _CheckName('instance id', p_instance_id);
    perform _CheckReason(p_reason);
    select t.outcomes[1] as outcome, t.left_ready into v_end
      from _TerminateInstances(
               gen_random_uuid(),
               row(array[p_instance_id], array[v_event], array[v_event], array['json'],
                   array[convert_to(to_json(coalesce(p_reason, ''))::text, 'UTF8')],
                   array[_ChildGone(p_instance_id, 'perdure.terminated',
                                    'instance "' || p_instance_id || '" was terminated'
                                    || coalesce(': ' || nullif(p_reason, ''), ''))]
                  )::termination_batch) t;
    if v_end.outcome = 2 then
        raise exception 'there is no instance "%"', p_instance_id using errcode = 'no_data_found';
    end if;
    perform _Signal(v_end.left_ready, case when v_end.outcome = 0 then p_instance_id end);
    return (array['terminated', 'requested', null, 'ended'])[v_end.outcome + 1];
end
$$;

-- Deletes an instance that has ended with all that belongs to it; with p_force any, and its parent
-- hears of it. Returns how many there were, 0 or 1. 55000: it has not ended. Caller: people.
-- Tables: those of _PurgeInstances.
create or replace function PurgeInstanceStateByID(
    p_instance_id text, p_force boolean default false)
returns integer
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_purge record;
begin
    perform _CheckName('instance id', p_instance_id);
    select p.outcomes[1] as outcome, p.left_ready into v_purge
      from _PurgeInstances(gen_random_uuid(), array[p_instance_id], coalesce(p_force, false),
                           _ChildGone(p_instance_id, 'perdure.purged',
                                      'instance "' || p_instance_id || '" was purged'), 0) p;
    if v_purge.outcome = 1 then
        raise exception 'instance "%" has not ended', p_instance_id
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Terminate it first, or purge with p_force => true.';
    end if;
    perform _Signal(v_purge.left_ready, case when v_purge.outcome = 0 then p_instance_id end);
    return 1 - v_purge.outcome / 2;
end
$$;

-- Deletes instances that have ended and that were created (p_filter_type 0) or ended (1) until this
-- time, at most p_limit of them, 1 to 10,000; returns how many. Repeat it until it returns 0, each
-- time in a transaction of its own. Who is held by another call is left for the next time. Caller:
-- people. Tables: Instances, then those of _Erase.
create or replace function PurgeInstanceStateByTime(
    p_threshold_time timestamptz, p_filter_type integer default 0, p_limit integer default 1000)
returns integer
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
    v_hub constant integer := _Hub();
    v_keys bigint[];
begin
    if p_threshold_time is null or p_filter_type is null or p_filter_type not in (0, 1)
       or coalesce(p_limit, 1000) not between 1 and 10000 then
        raise exception 'allowed are a time, filter type 0 (created) or 1 (completed), and a limit '
                        'from 1 to 10000' using errcode = 'PD002';
    end if;
    -- What is oldest has the lowest keys, so that a step finds it without a look at the rest.
    select array_agg(l.instance_key) into v_keys
      from (select i.instance_key from Instances i
             where i.task_hub = v_hub and _IsEnded(i.status)
               and (p_filter_type = 1 or i.created_at <= p_threshold_time)
               and i.completed_at <= case when p_filter_type = 1
                                          then p_threshold_time else 'infinity' end
             order by i.instance_key limit coalesce(p_limit, 1000) for update skip locked) l;
    perform _Erase(v_keys);
    return coalesce(cardinality(v_keys), 0);
end
$$;

-- How much there is to do: what is ready, and what workers have. Each is exact up to 10,000, then
-- "at least"; what is leased is looked for in the records of 20,000 calls, the oldest of those that may
-- hold a lease still. Caller: the functions below. Tables, read only: WorkKeys, Ready, Requests, Instances,
-- NewTasks.
create or replace function _Backlog(
    out orchestrations bigint, out activities bigint, out leftovers bigint)
language plpgsql volatile
as $$
declare
    v_hub constant integer := _OpenHub();
    v_now constant timestamptz := _Now();
    v_max constant integer := 10000;
    v_leases record;
begin
    select count(*) into orchestrations
      from (select from WorkKeys l
             cross join lateral (select from Ready q
                                  where q.work_key in (l.work_key, -l.work_key) and q.due <= v_now
                                  limit v_max) r
             where l.task_hub = v_hub and not l.is_activity limit v_max) n;
    select count(*) filter (where not n.is_leftover), count(*) filter (where n.is_leftover)
      into activities, leftovers
      from (select (select _IsEnded(i.status) or i.execution_id <> r.execution_id
                      from Instances i where i.instance_key = r.instance_key) as is_leftover
              from WorkKeys l
             cross join lateral (select q.instance_key, q.execution_id from Ready q
                                  where q.work_key in (l.work_key, -l.work_key) and q.due <= v_now
                                  limit v_max) r
             where l.task_hub = v_hub and l.is_activity limit 100000) n;
    leftovers := least(leftovers, v_max);
    with lease as materialized (
        select distinct g.instance_key, g.task, g.token
          from (select r.lease_keys, r.lease_tasks, r.lease_tokens
                  from Requests r
                 where r.task_hub = v_hub and r.lease_keys is not null
                 order by r.until limit 20000) r
         cross join lateral unnest(r.lease_keys, r.lease_tasks, r.lease_tokens)
                            as g(instance_key, task, token)
         limit 100000
    )
    select count(*) filter (where g.task = 0
                              and exists (select from Instances i
                                           where i.instance_key = g.instance_key
                                             and i.token = g.token and i.ready_at is null)) as turns,
           count(*) filter (where g.task <> 0
                              and exists (select from NewTasks t
                                           where t.instance_key = g.instance_key and t.task = g.task
                                             and t.token = g.token and t.ready_at is null)) as tasks
      into v_leases
      from lease g;
    orchestrations := least(orchestrations + v_leases.turns, v_max);
    activities := least(activities + v_leases.tasks, v_max);
end
$$;

-- The number of orchestrations and activities that are ready or being worked on, as an autoscaler
-- wants it: exact up to 10,000 of a kind, then "at least". Leftovers [STATUS-1] count only while they
-- are worked on; `p_leftovers => true` gives the number of those that wait, and of nothing else.
-- Caller: people. Tables: those of _Backlog.
create or replace function GetScaleMetric(p_leftovers boolean default false) returns integer
language sql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
    select case when p_leftovers then b.leftovers else b.orchestrations + b.activities end::integer
      from _Backlog() b
$$;

-- How many workers that much work needs, when each is to have at most so much of it; less than 1 is
-- taken for 1. Caller: people. Tables: those of _Backlog.
create or replace function GetScaleRecommendation(
    p_max_orchestrations_per_worker integer, p_max_activities_per_worker integer)
returns integer
language sql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
    select (ceil(b.orchestrations::numeric / greatest(p_max_orchestrations_per_worker, 1))
            + ceil(b.activities::numeric / greatest(p_max_activities_per_worker, 1)))::integer
      from _Backlog() b
$$;

-- Leases that nobody will find when they have expired, so that their work would wait for ever: there are none
-- unless something is wrong. It reads all instances. Caller: people. Tables: those of _UnreachableLeases,
-- Workers.
create or replace function GetUnreachableLeases(
    out InstanceID text, out TaskID bigint, out LockedBy text, out LockExpiration timestamptz)
returns setof record
language sql stable security definer
set search_path from current
set jit = off
as $$
    select i.instance_id, nullif(u.task, 0), w.worker_id, u.lease_until
      from _UnreachableLeases(_OpenHub()) u
      join Instances i on i.instance_key = u.instance_key
      left join Workers w on w.worker = u.holder
     order by u.lease_until, i.instance_id, u.task
$$;
