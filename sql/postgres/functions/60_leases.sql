-- Leases: renew, return, expiry, taking over.

set search_path = :"schema", pg_temp;

-- [RENEW-1] Extends leases; lists the worker as live for as long, and what it has unless that is
-- null. What another call holds at this moment is left as it is. `outcomes`: 0 done, 1 lost; not
-- `is_known`: nothing happened, because the worker's row has been removed, or was one of an earlier
-- installation. A worker that knows another version of the schema than p_schema, if that is not null, gets
-- PD005: the schema was upgraded under it, and its leases are to run out. Caller: the plugin, which passes
-- task 0 for orchestrations. Tables: Versions (read), Workers, Requests, Instances, Ready, NewTasks.
create or replace function _RenewLocks(
    p_schema text, p_worker integer, p_lease bigint, p_definitions integer[], p_activities text[],
    p_queues text[], p_keys bigint[], p_tasks bigint[], p_tokens bigint[],
    out outcomes smallint[], out store_time timestamptz, out is_known boolean)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub();
    v_until timestamptz;
    v_untracked boolean;
begin
    if p_schema is not null and p_schema <> (select v.semantic_version from _GetVersions() v limit 1) then
        raise exception 'the schema was upgraded to another version than % while this process had it open',
            p_schema using errcode = 'PD005', hint = 'start the process anew with a newer plugin';
    end if;
    store_time := _Now();
    v_until := store_time + p_lease * interval '1 microsecond';
    update Workers w
       set live_until = v_until, definitions = coalesce(p_definitions, w.definitions),
           activities = coalesce(p_activities, w.activities), queues = coalesce(p_queues, w.queues)
     where w.worker = p_worker and w.task_hub = v_hub;
    is_known := found;
    outcomes := '{}';
    perform _Tidy(v_hub, store_time);
    if not is_known or cardinality(p_keys) = 0 then
        return;
    end if;
    v_untracked := _RenewOrchestrationLocks(v_hub, v_until, p_keys, p_tasks, p_tokens);
    v_untracked := _RenewTaskLocks(v_hub, v_until, p_keys, p_tasks, p_tokens) or v_untracked;
    if v_untracked then
        -- Ends are looked for from the time on that the leasing call wrote down, which is past, or later.
        perform _KeepAnswer(v_hub, gen_random_uuid(), store_time, '{}', 0, 0, v_until, p_keys, p_tasks,
                            p_tokens);
    end if;
    select array_agg(
               case when r.task = 0
                    then exists (select from Instances i
                                  where i.instance_key = any(array[r.instance_key]) and i.token = r.token
                                    and i.task_hub is not distinct from v_hub)
                    else exists (select from NewTasks t
                                   join Instances i on i.instance_key = any(array[t.instance_key])
                                  where t.instance_key = any(array[r.instance_key]) and t.task = r.task
                                    and t.token = r.token and i.task_hub is not distinct from v_hub)
               end::integer order by r.n)
      into outcomes
      from unnest(p_keys, p_tasks, p_tokens) with ordinality as r(instance_key, task, token, n);
    select array_agg((1 - o.done)::smallint order by o.n) into outcomes
      from unnest(outcomes) with ordinality as o(done, n);
end
$$;

-- The orchestrations among them. Returns whether the end of one is not looked for in time. Tables: Instances,
-- Ready.
create or replace function _RenewOrchestrationLocks(
    p_hub integer, p_until timestamptz, p_keys bigint[], p_tasks bigint[], p_tokens bigint[])
returns boolean
language plpgsql volatile
as $$
declare
    v_untracked boolean;
begin
    with held as materialized (
        select i.instance_key, i.ready_at, i.work_key, i.lease_until
          from unnest(p_keys, p_tasks, p_tokens) as r(instance_key, task, token)
          join Instances i on i.instance_key = any(array[r.instance_key])
         where r.task = 0 and i.token = r.token and i.task_hub is not distinct from p_hub
         order by i.instance_key for no key update of i skip locked
    ), gone as (
        delete from Ready r using held h
         where h.ready_at is not null and r.work_key = any(array[-h.work_key]) and r.due = h.ready_at
           and r.instance_key = h.instance_key and r.task is not distinct from 0
    ), renewed as (
        update Instances i
           set lease_until = p_until, ready_at = null,
               suspect = case when i.ready_at is null then i.suspect else i.leased_alone end,
               deliveries = i.deliveries
                            - case when i.ready_at is not null and i.leased_alone then 1 else 0 end
          from held h where i.instance_key = any(array[h.instance_key])
    )
    select bool_or(h.ready_at is not null or h.lease_until > p_until) into v_untracked from held h;
    return coalesce(v_untracked, false);
end
$$;

-- The activities among them, likewise. Tables: NewTasks, Ready.
create or replace function _RenewTaskLocks(
    p_hub integer, p_until timestamptz, p_keys bigint[], p_tasks bigint[], p_tokens bigint[])
returns boolean
language plpgsql volatile
as $$
declare
    v_untracked boolean;
begin
    with owner as materialized (
        -- Whoever removes an activity holds its instance.
        select i.instance_key, r.task, r.token
          from unnest(p_keys, p_tasks, p_tokens) as r(instance_key, task, token)
          join Instances i on i.instance_key = any(array[r.instance_key])
         where r.task <> 0 and i.task_hub is not distinct from p_hub
         order by i.instance_key for no key update of i skip locked
    ), held as materialized (
        select t.instance_key, t.task, t.execution_id, t.ready_at, t.work_key, t.lease_until
          from owner o
          join NewTasks t on t.instance_key = any(array[o.instance_key]) and t.task = o.task
         where t.token = o.token
         for no key update of t skip locked
    ), place as materialized (
        -- Who takes a suspect has its row in Ready first, and waits for us: so we do not wait for him.
        select r.ctid as place, h.instance_key, h.task, h.execution_id
          from held h
          join Ready r on r.work_key = any(array[-h.work_key]) and r.due = h.ready_at
                      and r.instance_key = h.instance_key and r.task = h.task
                      and r.execution_id = h.execution_id
         where h.ready_at is not null
         order by r.instance_key, r.task for update of r skip locked
    ), gone as (
        delete from Ready r where r.ctid = any(array(select p.place from place p))
    ), renewed as (
        update NewTasks t
           set lease_until = p_until, ready_at = null,
               suspect = case when t.ready_at is null then t.suspect else t.leased_alone end,
               deliveries = t.deliveries
                            - case when t.ready_at is not null and t.leased_alone then 1 else 0 end
          from held h
         where t.instance_key = any(array[h.instance_key]) and t.task = h.task
           and t.execution_id = h.execution_id
           and (h.ready_at is null
                or exists (select from place p
                            where p.instance_key = h.instance_key and p.task = h.task
                              and p.execution_id = h.execution_id))
    )
    select bool_or(h.ready_at is not null or h.lease_until > p_until) into v_untracked from held h;
    return coalesce(v_untracked, false);
end
$$;

-- Takes the leases away that are good: `done` has their numbers. `left_ready`: an activity is among them.
-- Parameters: those of _ReturnLeases; p_locked are the instances whose rows are locked, p_due is when an
-- activity is ready again. Tables: Instances, NewTasks, Ready.
create or replace function _EndLeases(
    p_locked bigint[], p_keys bigint[], p_tasks bigint[], p_tokens bigint[], p_delay bigint,
    p_reasons text[], p_now timestamptz, p_due timestamptz, out done integer[], out left_ready boolean)
language plpgsql volatile
as $$
begin
    with returned as (
        update Instances i
           set token = null, lease_until = null, holder = null, ready_at = null,
               not_before = case when p_delay is null then i.not_before else p_due end,
               suspect = case when i.ready_at is null then i.suspect else i.leased_alone end,
               deliveries = i.deliveries + case when p_delay is null then 0 else 1 end
                        - case when i.ready_at is not null and i.leased_alone then 1 else 0 end,
               parked_reason = case when p_reasons is null then i.parked_reason else p_reasons[r.n] end,
               updated_at = case when p_reasons is null then i.updated_at else p_now end
          from unnest(p_keys, p_tasks, p_tokens) with ordinality as r(instance_key, task, token, n)
         where r.task = 0 and i.instance_key = any(array[r.instance_key]) and i.token = r.token
           and r.instance_key = any(p_locked)
        returning r.n
    ), queued as (
        update NewTasks t
           set token = null, lease_until = null, holder = null, ready_at = p_due,
               suspect = case when t.ready_at is null then t.suspect else t.leased_alone end,
               deliveries = t.deliveries + case when p_delay is null then 0 else 1 end
                        - case when t.ready_at is not null and t.leased_alone then 1 else 0 end
          from unnest(p_keys, p_tasks, p_tokens) with ordinality as r(instance_key, task, token, n)
         where r.task <> 0 and t.instance_key = any(array[r.instance_key]) and t.task = r.task
           and t.token = r.token and r.instance_key = any(p_locked)
        returning r.n, case when t.suspect then -t.work_key else t.work_key end as work_key, t.instance_key,
                  t.task, t.execution_id
    ), added as (
        insert into Ready (work_key, due, instance_key, task, execution_id)
        select q.work_key, p_due, q.instance_key, q.task, q.execution_id from queued q
    )
    select array_agg(d.n::integer), coalesce(bool_or(d.is_task), false) into done, left_ready
      from (select n, false as is_task from returned union all select n, true from queued) d;
end
$$;

-- [GIVE-1] [ABANDON-1] [PARK-1] Ends leases. `p_delay` null gives back, otherwise it abandons and counts;
-- `p_reasons` not null parks; `p_needed` not null raises feature levels [LEVEL-3]. `outcomes`: 0 done, 1
-- lost. Caller: the plugin. Tables: Instances, Ready, NewTasks, Requests.
create or replace function _ReturnLeases(
    p_request uuid, p_keys bigint[], p_tasks bigint[], p_tokens bigint[], p_delay bigint,
    p_reasons text[], p_needed smallint[] default null, out outcomes smallint[],
    out left_ready boolean, out next_due timestamptz, out store_time timestamptz)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub(p_request);
    v_locked bigint[];
    v_due timestamptz;
    v_end record;
begin
    if p_needed is not null then
        perform _MakeLevels(v_hub, p_keys, p_needed, null, null);
    end if;
    select l.keys into v_locked from _LockInstances(v_hub, array(select distinct unnest(p_keys)), null) l;
    outcomes := _EarlierOutcomes(v_hub, p_request);
    if outcomes is not null then
        return;
    end if;
    store_time := _Now();
    v_due := store_time + coalesce(p_delay, 0) * interval '1 microsecond';
    perform _UnqueueReturned(v_locked, p_keys, p_tasks, p_tokens);
    v_end := _EndLeases(v_locked, p_keys, p_tasks, p_tokens, p_delay, p_reasons, store_time, v_due);
    select array_agg(case when r.n = any(v_end.done) then 0 else 1 end::smallint order by r.n)
      into outcomes from unnest(p_keys) with ordinality as r(instance_key, n);
    if p_needed is not null then
        perform _RaiseLevels(array_agg(r.instance_key), array_agg(r.level))
           from unnest(p_keys, p_tasks, p_needed) with ordinality as r(instance_key, task, level, n)
          where r.task = 0 and r.n = any(v_end.done);
    end if;
    left_ready := v_end.left_ready and v_due <= store_time;
    next_due := case when v_due > store_time then v_due end;
    select _ReturnLeases.left_ready or s.left_ready, least(_ReturnLeases.next_due, s.next_due)
      into left_ready, next_due
      from _Settle(v_locked, store_time) s;
    perform _KeepAnswer(v_hub, p_request, store_time, outcomes, 0, 0, null, null, null, null);
end
$$;

-- Takes those of the given leases out of Ready that wait as suspects already. Tables: Instances
-- (read), NewTasks (read), Ready.
create or replace function _UnqueueReturned(
    p_locked bigint[], p_keys bigint[], p_tasks bigint[], p_tokens bigint[])
returns void
language plpgsql volatile
as $$
begin
    delete from Ready r
     using unnest(p_keys, p_tasks, p_tokens) as g(instance_key, task, token), Instances i
     where g.task = 0 and i.instance_key = any(array[g.instance_key]) and i.token = g.token
       and i.instance_key = any(p_locked)
       and i.ready_at is not null and r.work_key = any(array[-i.work_key]) and r.due = i.ready_at
       and r.instance_key = i.instance_key and r.task is not distinct from 0;
    delete from Ready r
     using unnest(p_keys, p_tasks, p_tokens) as g(instance_key, task, token), NewTasks t
     where g.task <> 0 and t.instance_key = any(array[g.instance_key]) and t.task = g.task
       and t.instance_key = any(p_locked) and t.token = g.token and t.ready_at is not null
       and r.work_key = any(array[-t.work_key])
       and r.due = t.ready_at and r.instance_key = t.instance_key and r.task = t.task
       and r.execution_id = t.execution_id;
end
$$;

-- Returns orchestrations that could not be finished, under the name of the Durable Task family; no
-- message is discarded. Caller: the plugin. Errors, tables and outcomes: those of _ReturnLeases.
create or replace function _DiscardEventsAndUnlockInstance(
    p_request uuid, p_keys bigint[], p_tokens bigint[], p_delay bigint)
returns smallint[]
language sql volatile
set search_path from current
as $$
    select r.outcomes
      from _ReturnLeases(p_request, p_keys, array_fill(0::bigint, array[cardinality(p_keys)]),
                         p_tokens, p_delay, null) r
$$;

-- Forgets the leases of the calls that a process says have none left, so that nobody has to look at them. A
-- process may have been told of ends that the store has lost since, with a primary or by a crash without
-- synchronous_commit. Each end stands in the log before the answer of the call that made it, so the store
-- has the ends if it has all of these answers; without one of them it forgets nothing. Tables: Requests.
create or replace function _ForgetLeases(p_hub integer, p_room room) returns void
language plpgsql volatile
as $$
declare
    v_places tid[];
begin
    if coalesce(cardinality(p_room.ended_calls), 0) = 0 then
        return;
    end if;
    v_places := array(
        select q.place
          from unnest(p_room.ended_calls) as e(request_id)
         cross join lateral (
               select a.ctid as place from Requests a
                where a.task_hub = p_hub and a.request_id = e.request_id
                limit 1 for update skip locked) q);
    if cardinality(v_places) = cardinality(p_room.ended_calls)
       and (select count(*)
              from unnest(p_room.ended_by) as e(request_id)
             cross join lateral (
                   select from Requests a
                    where a.task_hub = p_hub and a.request_id = e.request_id limit 1) q)
           = cardinality(p_room.ended_by) then
        update Requests r
           set until = r.answered_at + interval '2 minutes', lease_keys = null, lease_tasks = null,
               lease_tokens = null
         where r.ctid = any(v_places);
    end if;
end
$$;

-- Makes suspects of what is leased and whose lease is over [SUSPECT-1] [SUSPECT-2], and deletes old answers,
-- in bounded steps. Takes what is free. Most leases of calls that _ForgetLeases was not told of have ended
-- all the same; a look at each finds that out without touching it. Tables: Requests, Instances, Ready,
-- NewTasks.
create or replace function _ExpireLeases(p_hub integer, p_now timestamptz) returns void
language plpgsql volatile
as $$
declare
    v_old record;
    v_keys bigint[];
    v_until timestamptz;
begin
    delete from Requests r
     where r.ctid = any(array(
               select q.ctid from Requests q
                where q.task_hub = p_hub and q.lease_keys is null and q.until <= p_now
                order by q.until limit 1000 for update skip locked));
    for v_old in
        select r.request_id, r.answered_at, h.keys, h.tokens
          from (select q.* from Requests q
                 where q.task_hub = p_hub and q.lease_keys is not null and q.until <= p_now
                 order by q.until limit 500 for update skip locked) r
         cross join lateral (
               select array_agg(k.instance_key) as keys, array_agg(k.token) as tokens
                 from unnest(r.lease_keys, r.lease_tasks, r.lease_tokens)
                      as k(instance_key, task, token)
                where case when k.task = 0
                           then exists (select from Instances i
                                         where i.instance_key = any(array[k.instance_key])
                                           and i.token = k.token and i.ready_at is null)
                           else exists (select from NewTasks t
                                         where t.instance_key = any(array[k.instance_key])
                                           and t.task = k.task
                                           and t.token = k.token and t.ready_at is null) end) h
    loop
        v_until := null;
        if v_old.keys is not null then
            select array_agg(l.instance_key) into v_keys
              from (select i.instance_key from Instances i
                     where i.instance_key = any(v_old.keys)
                     order by i.instance_key for no key update skip locked) l;
            perform _ExpireThese(v_keys, v_old.tokens, p_now);
            select min(greatest(u.lease_until, p_now + interval '1 second')) into v_until
              from (select i.lease_until from Instances i
                     where i.instance_key = any(v_old.keys)
                       and i.token = any(v_old.tokens) and i.ready_at is null
                     union all
                    select t.lease_until from NewTasks t
                     where t.instance_key = any(v_old.keys)
                       and t.token = any(v_old.tokens) and t.ready_at is null) u;
        end if;
        if v_until is not null then
            update Requests r set until = v_until
             where r.task_hub = p_hub and r.request_id = v_old.request_id;
        elsif v_old.answered_at > p_now - interval '2 minutes' then
            -- What is left is the answer, for whoever repeats the call.
            update Requests r
               set until = v_old.answered_at + interval '2 minutes',
                   lease_keys = null, lease_tasks = null, lease_tokens = null
             where r.task_hub = p_hub and r.request_id = v_old.request_id;
        else
            delete from Requests r where r.task_hub = p_hub and r.request_id = v_old.request_id;
        end if;
    end loop;
end
$$;

-- What must not exist: a lease to which no record of Requests leads in time, so that nobody would notice that
-- it has expired. Reads all instances and activities. Tables, read only: Instances, NewTasks, Requests.
create or replace function _UnreachableLeases(
    p_hub integer, out instance_key bigint, out task bigint, out token bigint, out holder integer,
    out lease_until timestamptz)
returns setof record
language plpgsql stable
as $$
declare
    -- A look that finds a lease still good writes down when to look again, in a second at the earliest.
    v_soon constant timestamptz := _Now() + interval '2 seconds';
begin
    return query
    with held as (
        select i.instance_key, 0::bigint as task, i.token, i.holder, i.lease_until
          from Instances i
         where i.task_hub = p_hub and i.token is not null and i.ready_at is null
         union all
        select t.instance_key, t.task, t.token, t.holder, t.lease_until
          from NewTasks t join Instances i on i.instance_key = t.instance_key
         where i.task_hub = p_hub and t.token is not null and t.ready_at is null
    ), known as (
        select g.instance_key, g.task, g.token, r.until
          from Requests r
         cross join lateral unnest(r.lease_keys, r.lease_tasks, r.lease_tokens)
                            as g(instance_key, task, token)
         where r.task_hub = p_hub and r.lease_keys is not null
    )
    select h.instance_key, h.task, h.token, h.holder, h.lease_until
      from held h
     where not exists (select from known k
                        where k.instance_key = h.instance_key and k.task = h.task
                          and k.token = h.token and k.until <= greatest(h.lease_until, v_soon));
end
$$;

-- The expired ones among the leases with these tokens. The rows of Instances are locked already.
-- Tables: Instances, Ready, NewTasks.
create or replace function _ExpireThese(p_keys bigint[], p_tokens bigint[], p_now timestamptz)
returns void
language plpgsql volatile
as $$
begin
    with expired as (
        update Instances i
           set ready_at = p_now, suspect = true,
               deliveries = i.deliveries + case when i.leased_alone then 1 else 0 end
         where i.instance_key = any(p_keys) and i.token = any(p_tokens)
           and i.lease_until <= p_now and i.ready_at is null
        returning i.work_key, i.instance_key
    )
    insert into Ready (work_key, due, instance_key, task)
    select -e.work_key, p_now, e.instance_key, 0 from expired e;
    with expired as (
        update NewTasks t
           set ready_at = p_now, suspect = true,
               deliveries = t.deliveries + case when t.leased_alone then 1 else 0 end
         where t.instance_key = any(p_keys) and t.token = any(p_tokens)
           and t.lease_until <= p_now and t.ready_at is null
        returning t.work_key, t.instance_key, t.task, t.execution_id
    )
    insert into Ready (work_key, due, instance_key, task, execution_id)
    select -e.work_key, p_now, e.instance_key, e.task, e.execution_id from expired e;
end
$$;

-- [TAKEOVER-1] [TAKEOVER-2] Lets the leases of these workers, which are dead, expire now. Caller: the plugin.
-- Tables: Workers, Requests, Instances, NewTasks, Ready.
create or replace function _TakeOver(p_worker_ids text[], out store_time timestamptz)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub();
    v_workers integer[];
    v_leased bigint[];
    v_keys bigint[];
    v_tokens bigint[];
begin
    select array_agg(l.worker) into v_workers
      from (select w.worker from Workers w
             where w.task_hub = v_hub and w.worker_id = any(p_worker_ids)
             order by w.worker for no key update) l;
    update Workers w set live_until = least(w.live_until, _Now()) where w.worker = any(v_workers);
    -- Leases are found by the answers that gave them, because no index may stand on a lease.
    v_leased := array(select distinct unnest(r.lease_keys) from Requests r
                       where r.task_hub = v_hub and r.lease_keys is not null);
    select array_agg(distinct h.instance_key) into v_keys
      from (select i.instance_key from Instances i
             where i.instance_key = any(v_leased) and i.holder = any(v_workers)
             union all
            select t.instance_key from NewTasks t
             where t.instance_key = any(v_leased) and t.holder = any(v_workers)) h;
    select l.keys into v_keys from _LockInstances(v_hub, v_keys, null) l;
    store_time := _Now();
    update Instances i set lease_until = store_time
     where i.instance_key = any(v_keys) and i.holder = any(v_workers)
       and i.lease_until > store_time;
    update NewTasks t set lease_until = store_time
     where t.instance_key = any(v_keys) and t.holder = any(v_workers)
       and t.lease_until > store_time;
    v_tokens := array(select i.token from Instances i
                       where i.instance_key = any(v_keys) and i.holder = any(v_workers)
                       union all
                      select t.token from NewTasks t
                       where t.instance_key = any(v_keys) and t.holder = any(v_workers));
    perform _ExpireThese(v_keys, v_tokens, store_time);
    -- Whoever takes over wants to know of everything that is left behind.
    perform _ExpireLeases(v_hub, store_time);
end
$$;
