-- The hub: which one a login works in, its clock, its names, its workers, its life.
--
-- In every file: a function without a word about isolation assumes READ COMMITTED and one statement
-- a call. Errors are SQLSTATEs: PD001 no such hub, PD002 content that is refused, PD003 lost against
-- another call, to be repeated, PD004 a number of a work key or worker that is none of this hub, to be
-- asked for again, PD005 the schema is of another version than the caller knows, PD006 the hub is closed,
-- PD007 others are at work for too long.

set search_path = :"schema", pg_temp;

-- The store's clock. A hub that was created for tests has another one, which the owner installs.
create or replace function _Now() returns timestamptz
language sql volatile
as $$ select clock_timestamp() $$;

-- The functions are made again, so the clock is the ordinary one.
delete from GlobalSettings where name = 'TestClock';

-- For tests: gives all hubs a clock that _AdvanceClock moves, each its own. Caller: the owner. Tables:
-- GlobalSettings.
create or replace function _UseTestClock() returns void
language plpgsql volatile
set search_path from current
as $$
begin
    if exists (select from GlobalSettings g where g.name = 'TestClock') then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtext(current_schema), hashtext('TestClock'));
    insert into GlobalSettings (name, value) values ('TestClock', 'on') on conflict do nothing;
    if found then
        execute 'create or replace function _Now() returns timestamptz language sql volatile as '
             || quote_literal('select clock_timestamp() + h.clock_offset * interval ''1 microsecond'''
                              || ' from TaskHubs h where h.task_hub = _AnyHub()');
    end if;
end
$$;

-- Moves the clock of this login's hub forward by so many microseconds; false, and nothing happens,
-- unless the owner has installed the clock for tests. Caller: the plugin. Tables: GlobalSettings,
-- TaskHubs.
create or replace function _AdvanceClock(p_by bigint) returns boolean
language plpgsql volatile security definer
set search_path from current
as $$
begin
    if not exists (select from GlobalSettings g where g.name = 'TestClock') then
        return false;
    end if;
    update TaskHubs h set clock_offset = h.clock_offset + p_by where h.task_hub = _AnyHub();
    return true;
end
$$;

-- What a hub is called that somebody calls p_name: one of more than 50 characters is shortened to its
-- first 16 and a hash, and "default" stands for none.
create or replace function _HubNameOf(p_name text) returns text
language sql immutable
as $$
    select case when p_name is null or p_name = '' then 'default'
                when length(p_name) > 50 then left(p_name, 16) || '__' || md5(p_name)
                else p_name end
$$;

-- The name of the hub that this login works in: by GlobalSettings' TaskHubMode the application_name
-- (0, no isolation) or the session_user (1). Caller: the functions below. Tables: GlobalSettings.
create or replace function _HubName() returns text
language plpgsql stable
as $$
begin
    return (select _HubNameOf(case when g.value = '1' then session_user::text
                                   else current_setting('application_name') end)
              from GlobalSettings g where g.name = 'TaskHubMode');
end
$$;

-- The same for people. Caller: anybody. Tables: GlobalSettings.
create or replace function CurrentTaskHub() returns text
language plpgsql stable security definer
set search_path from current
as $$
begin
    return _HubName();
end
$$;

-- The number of that hub, even if it is closed. Caller: _Hub, and what works in closed hubs [CLOSED-1].
-- Tables: GlobalSettings, TaskHubs. No row: PD001.
create or replace function _AnyHub() returns integer
language plpgsql stable
as $$
declare
    v_hub integer;
begin
    select h.task_hub into v_hub from TaskHubs h where h.name = _HubName();
    if v_hub is null then
        raise exception 'there is no task hub "%"', _HubName() using errcode = 'PD001';
    end if;
    return v_hub;
end
$$;

-- The number of that hub. Caller: the functions that change something, each time and first of all. With the
-- request of a call that it has on record, a closed hub is let through as well [ROLE-6], and its number is
-- multiplied by p_mark: the caller then gives the earlier answer, and does nothing. Tables, read only:
-- GlobalSettings, TaskHubs, Requests. No row: PD001; it is closed: PD006, and the text says why.
--
-- It is volatile, so that each statement sees what there is after it has got its lock on TaskHubs [ROLE-2].
create or replace function _Hub(p_request uuid default null, p_mark integer default 1) returns integer
language plpgsql volatile
as $$
declare
    v_hub integer;
begin
    -- The usual case by itself, in two thirds of the time: without isolation, the name as it is.
    select h.task_hub into v_hub
      from TaskHubs h
     where h.name = current_setting('application_name') and h.closed_reason is null
       and exists (select from GlobalSettings g where g.name = 'TaskHubMode' and g.value = '0')
       and current_setting('transaction_isolation') = 'read committed';
    if v_hub is null then
        v_hub := _CheckedHub(p_request, p_mark);
    end if;
    return v_hub;
end
$$;

-- The same for all cases. Caller: _Hub. Tables: as there. 40001 when this transaction sees the hub as it was.
create or replace function _CheckedHub(p_request uuid, p_mark integer) returns integer
language plpgsql volatile
as $$
declare
    v_hub constant integer := _AnyHub();
    v_reason text;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        perform from TaskHubs h where h.task_hub = v_hub for share;
    end if;
    select h.closed_reason into v_reason from TaskHubs h where h.task_hub = v_hub;
    if v_reason is null then
        return v_hub;
    end if;
    if p_request is null
       or not exists (select from Requests r where r.task_hub = v_hub and r.request_id = p_request) then
        raise exception '%', v_reason using errcode = 'PD006';
    end if;
    return p_mark * v_hub;
end
$$;

-- The same for functions that only read, as their statement sees it. Caller: these. Tables, read only:
-- GlobalSettings, TaskHubs. No row: PD001; it is closed: PD006.
create or replace function _OpenHub() returns integer
language plpgsql stable
as $$
declare
    v_hub integer;
    v_reason text;
begin
    -- As in _Hub.
    select h.task_hub into v_hub
      from TaskHubs h
     where h.name = current_setting('application_name') and h.closed_reason is null
       and exists (select from GlobalSettings g where g.name = 'TaskHubMode' and g.value = '0');
    if v_hub is null then
        v_hub := _AnyHub();
        select h.closed_reason into v_reason from TaskHubs h where h.task_hub = v_hub;
        if v_reason is not null then
            raise exception '%', v_reason using errcode = 'PD006';
        end if;
    end if;
    return v_hub;
end
$$;

-- [HUB-1] Makes the hub of this login unless it exists. Caller: the plugin. Tables: TaskHubs.
create or replace function _CreateHub() returns void
language sql volatile security definer
set search_path from current
as $$
    insert into TaskHubs (name) values (CurrentTaskHub()) on conflict (name) do nothing
$$;

-- The version of the schema, newest first, and the hub's name; no row before the first installation.
-- Caller: anybody. Tables: Versions.
create or replace function _GetVersions(
    out semantic_version text, out upgrade_time timestamptz, out task_hub text)
returns setof record
language sql stable security definer
set search_path from current
as $$
    select v.semantic_version, v.upgrade_time, CurrentTaskHub()
      from Versions v order by string_to_array(v.semantic_version, '.')::integer[] desc
$$;

-- Changes a setting that all hubs share. Caller: the owner. Tables: GlobalSettings. Known: TaskHubMode,
-- 0 or 1; another value or name is PD002.
create or replace function SetGlobalSetting(p_name text, p_value text) returns void
language plpgsql volatile
set search_path from current
as $$
begin
    if p_name is distinct from 'TaskHubMode' or coalesce(p_value, '') not in ('0', '1') then
        raise exception 'setting "%" cannot be "%": the only setting is TaskHubMode, 0 or 1',
            p_name, p_value using errcode = 'PD002';
    end if;
    insert into GlobalSettings (name, value) values (p_name, p_value)
    on conflict (name) do update
       set value = excluded.value, changed_at = clock_timestamp(), last_modified_by = session_user;
end
$$;

-- Whether nothing will ever happen to an instance with this status again: completed, failed, cancelled,
-- terminated. Without a search path, so that it is inlined.
create or replace function _IsEnded(p_status smallint) returns boolean
language sql immutable
as $$ select p_status in (1, 3, 4, 5) $$;

-- What people call a kind of instance.
create or replace function _KindName(p_kind smallint) returns text
language sql immutable
as $$ select case p_kind when 0 then 'orchestration' when 1 then 'entity' end $$;

-- The numbers of these work keys, in the same order; makes those that are missing. Definitions have a kind of
-- instance and a feature level, by default 0 and 1. Caller: the plugin, which remembers them. Tables:
-- TaskHubs, WorkKeys.
create or replace function _WorkKeys(
    p_is_activity boolean, p_names text[], p_variants text[], p_priorities integer[],
    p_kinds smallint[] default null, p_levels smallint[] default null)
returns integer[]
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_hub integer := _AnyHub();
    v_work_keys integer[];
begin
    insert into WorkKeys (task_hub, is_activity, name, variant, priority, kind, feature_level)
    select distinct v_hub, p_is_activity, w.name, w.variant, w.priority, coalesce(w.kind, 0::smallint),
           coalesce(w.level, 1::smallint)
      from unnest(p_names, p_variants, p_priorities, p_kinds, p_levels)
           as w(name, variant, priority, kind, level)
     where not exists (select from WorkKeys l
                        where l.task_hub = v_hub and l.is_activity = p_is_activity
                          and l.name = w.name and l.variant = w.variant and l.priority = w.priority
                          and l.kind = coalesce(w.kind, 0) and l.feature_level = coalesce(w.level, 1))
     order by 3, 4, 5, 6, 7
    on conflict do nothing;
    select array_agg(l.work_key order by w.n) into v_work_keys
      from unnest(p_names, p_variants, p_priorities, p_kinds, p_levels)
           with ordinality as w(name, variant, priority, kind, level, n)
      join WorkKeys l on l.task_hub = v_hub and l.is_activity = p_is_activity
                  and l.name = w.name and l.variant = w.variant and l.priority = w.priority
                  and l.kind = coalesce(w.kind, 0) and l.feature_level = coalesce(w.level, 1);
    return v_work_keys;
end
$$;

-- Refuses work keys of another hub, where what the caller puts would be taken by the other's workers, and
-- of an earlier installation (PD004). Caller: the other functions. Tables, read only: WorkKeys.
create or replace function _CheckWorkKeys(p_hub integer, p_work_keys integer[]) returns void
language plpgsql stable
as $$
begin
    if (select count(*) from WorkKeys l where l.work_key = any(p_work_keys) and l.task_hub = p_hub)
       < (select count(distinct coalesce(w.work_key, 0)) from unnest(p_work_keys) as w(work_key)) then
        raise exception 'there is no such work_key in this hub' using errcode = 'PD004';
    end if;
end
$$;

-- What these work keys of definitions stand for, in the same order. Caller: the plugin. Tables: TaskHubs,
-- WorkKeys.
create or replace function _WorkKeyNames(
    p_work_keys integer[], out names text[], out variants text[], out kinds smallint[],
    out levels smallint[])
language sql stable security definer
set search_path from current
as $$
    select array_agg(l.name order by w.n), array_agg(l.variant order by w.n),
           array_agg(l.kind order by w.n), array_agg(l.feature_level order by w.n)
      from unnest(p_work_keys) with ordinality as w(work_key, n)
      join WorkKeys l on l.work_key = w.work_key and l.task_hub = _AnyHub()
$$;

-- The number of a worker; makes it. Caller: the plugin, which remembers it. Tables: TaskHubs, Workers.
create or replace function _Worker(p_worker_id text) returns integer
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_hub integer := _Hub();
    v_worker integer;
begin
    -- Its life ends before it has begun, so that even one that never renews is removed some day, and before
    -- any call began that sees the row, so that none takes it for alive.
    insert into Workers (task_hub, worker_id, live_until)
    values (v_hub, p_worker_id, _Now() - interval '1 minute')
    on conflict do nothing;
    select w.worker into v_worker
      from Workers w where w.task_hub = v_hub and w.worker_id = p_worker_id;
    return v_worker;
end
$$;

-- [RENEW-2] Deletes some of what nobody needs any more: answers without leases that are too old to be
-- repeated, and workers whose life ended an hour ago. Takes what is free. Tables: Requests, Workers.
create or replace function _Tidy(p_hub integer, p_now timestamptz) returns void
language plpgsql volatile
as $$
begin
    delete from Requests r
     where r.ctid = any(array(
               select q.ctid from Requests q
                where q.task_hub = p_hub and q.lease_keys is null and q.until <= p_now
                order by q.until limit 1000 for update skip locked));
    delete from Workers w
     where w.ctid = any(array(
               select q.ctid from Workers q
                where q.task_hub = p_hub and q.live_until < p_now - interval '1 hour'
                limit 100 for update skip locked));
end
$$;

-- [HUB-3] Stands for the hub, but tells nothing of its secret. A restored copy of the database is on
-- another server or has another name. Caller: the plugin. Tables: TaskHubs, read only.
create or replace function _HubIdentity() returns text
language plpgsql stable security definer
set search_path from current
as $$
declare
    v_hub integer := _AnyHub();
begin
    return (select 'postgres ' || md5(h.wakeup_key || ' identity ' || s.system_identifier
                                      || ' ' || current_database())
              from TaskHubs h cross join pg_catalog.pg_control_system() s
             where h.task_hub = v_hub);
end
$$;

-- Deletes up to p_limit instances with all that belongs to them, and at the end what else the hub
-- holds; returns how many instances are left to delete, at most p_limit. The numbers of work keys and
-- workers stay. Caller: the plugin, until it returns 0. Tables: Instances, Ready, NewTasks,
-- NewEvents, History, Payloads, MessageIds, Requests, TaskHubs, ChangedInstances.
create or replace function _DeleteHub(p_limit integer) returns integer
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_hub integer := _AnyHub();
    v_keys bigint[];
begin
    select array_agg(k.instance_key) into v_keys
      from (select i.instance_key from Instances i
             where i.task_hub = v_hub order by i.instance_key limit p_limit for update) k;
    perform _Erase(v_keys);
    if cardinality(v_keys) = p_limit then
        return p_limit;
    end if;
    delete from Requests r where r.task_hub = v_hub;
    update Workers w set live_until = '-infinity' where w.task_hub = v_hub;
    perform _LeaveMove(v_hub);
    return 0;
end
$$;

-- The work keys of what is leased and whose lease is over, once for each: it waits as well, but a look must
-- not make a suspect of it. `leftovers`: of activities whose instance has ended or is in a later execution.
-- Caller: _HubStatus. Tables, read only: Requests, Instances, NewTasks.
create or replace function _WorkKeysOfExpired(
    p_hub integer, p_now timestamptz, out work_keys integer[], out leftovers integer[])
language plpgsql volatile
as $$
declare
    v_leased bigint[];
begin
    v_leased := array(select distinct unnest(r.lease_keys) from Requests r
                       where r.task_hub = p_hub and r.lease_keys is not null and r.until <= p_now);
    work_keys := array(select i.work_key from Instances i
                    where i.instance_key = any(v_leased) and i.token is not null
                      and i.lease_until <= p_now and i.ready_at is null
                    union all
                   select t.work_key from NewTasks t
                     join Instances i on i.instance_key = t.instance_key
                    where t.instance_key = any(v_leased) and t.token is not null
                      and t.lease_until <= p_now and t.ready_at is null
                      and not _IsEnded(i.status) and i.execution_id = t.execution_id);
    leftovers := array(select t.work_key from NewTasks t
                         join Instances i on i.instance_key = t.instance_key
                        where t.instance_key = any(v_leased) and t.token is not null
                          and t.lease_until <= p_now and t.ready_at is null
                          and (_IsEnded(i.status) or i.execution_id <> t.execution_id));
end
$$;

-- What an operator sees of the hub. Counts are exact up to 10,000, then "at least". `unserved` has
-- "orchestration NAME VERSION" and "activity NAME" of ready work that no live worker has. Activities
-- whose end nobody waits for, since their instance has ended or is in a later execution, are leftovers
-- and stand apart [STATUS-1]. Caller: the plugin. Tables, read only: Requests, Instances, NewTasks,
-- Workers, WorkKeys, Ready.
create or replace function _HubStatus(
    out schema_version text, out store_time timestamptz, out live_workers text[],
    out ready_orchestrations bigint, out ready_activities bigint, out leftover_activities bigint,
    out parked bigint, out unserved text[], out unserved_leftovers text[])
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    v_hub integer := _AnyHub();
    v_max constant integer := 10000;
    v_over record;
begin
    store_time := _Now();
    v_over := _WorkKeysOfExpired(v_hub, store_time);
    select v.semantic_version into schema_version from _GetVersions() v limit 1;
    select coalesce(array_agg(w.worker_id order by w.worker), '{}') into live_workers
      from Workers w where w.task_hub = v_hub and w.live_until > store_time;
    select count(*) into parked
      from (select from Instances i
             where i.task_hub = v_hub and i.parked_reason is not null limit v_max) p;
    with waiting as materialized (
        select l.work_key, l.is_activity, l.name, l.variant, l.kind, l.feature_level, r.is_leftover,
               sum(r.n) as n
          from WorkKeys l
         cross join lateral (
               select l.is_activity
                          and (select _IsEnded(i.status) or i.execution_id <> q.execution_id
                                 from Instances i where i.instance_key = q.instance_key) as is_leftover,
                      count(*) as n
                 from (select b.instance_key, b.execution_id from Ready b
                        where b.work_key in (l.work_key, -l.work_key) and b.due <= store_time limit v_max) q
                group by 1
                union all
               select false, cardinality(array_positions(v_over.work_keys, l.work_key))
                union all
               select true, cardinality(array_positions(v_over.leftovers, l.work_key))) r
         where l.task_hub = v_hub and r.n > 0
         group by l.work_key, r.is_leftover
    ), lacking as (
        select distinct w.is_leftover,
               case when w.is_activity then 'activity ' || w.name
                    else _KindName(w.kind) || ' ' || w.name
                         || case when w.variant = '' then '' else ' ' || w.variant end
                         || case when w.feature_level = 1 then ''
                                 else ' (feature level ' || w.feature_level || ')' end end as what
          from waiting w
         where not exists (select from Workers k
                            where k.task_hub = v_hub and k.live_until > store_time
                              and case when w.is_activity
                                       then w.name = any(k.activities) and w.variant = any(k.queues)
                                       else w.work_key = any(k.definitions) end)
    )
    select least(coalesce(sum(w.n) filter (where not w.is_activity), 0), v_max),
           least(coalesce(sum(w.n) filter (where w.is_activity and not w.is_leftover), 0), v_max),
           least(coalesce(sum(w.n) filter (where w.is_leftover), 0), v_max),
           array(select k.what from lacking k where not k.is_leftover order by k.what),
           array(select k.what from lacking k where k.is_leftover order by k.what)
      into ready_orchestrations, ready_activities, leftover_activities, unserved, unserved_leftovers
      from waiting w;
end
$$;
