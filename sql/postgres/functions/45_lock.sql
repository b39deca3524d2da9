-- Handing out work: to a lock, and at the end of a commit.

set search_path = :"schema", pg_temp;

-- [REPEAT-1] What an earlier call leased, as far as it is still leased. Tables, read only: Instances,
-- NewEvents, NewTasks, WorkKeys, History.
create or replace function _LeasedBefore(
    p_now timestamptz, p_room room, p_keys bigint[], p_tasks bigint[], p_tokens bigint[],
    out orchestrations orchestration_batch, out activities activity_batch)
language plpgsql volatile
as $$
declare
    v_leased Instances[];
begin
    select array_agg(i order by k.n) into v_leased
      from unnest(p_keys, p_tasks, p_tokens) with ordinality as k(instance_key, task, token, n)
      join Instances i on i.instance_key = any(array[k.instance_key])
     where k.task = 0 and i.token = k.token and i.ready_at is null;
    orchestrations := _Leased(v_leased, p_room.worker);
    orchestrations := _WithInbox(orchestrations, p_now, p_room.messages);
    orchestrations := _WithHistory(orchestrations, p_room.bytes);
    select array_agg(s.instance_key), array_agg(s.task), array_agg(s.execution_id),
           array_agg(s.token), array_agg(s.instance_id), array_agg(s.name), array_agg(s.variant),
           array_agg(s.version), array_agg(s.input_codec), array_agg(s.input),
           array_agg(s.details), array_agg(s.deliveries), array_agg(s.suspect)
      into activities
      from (select t.*, i.instance_id, l.name, l.variant
              from unnest(p_keys, p_tasks, p_tokens)
                   with ordinality as k(instance_key, task, token, n)
              join NewTasks t on t.instance_key = any(array[k.instance_key]) and t.task = k.task
              join Instances i on i.instance_key = any(array[k.instance_key])
              join WorkKeys l on l.work_key = t.work_key
             where k.task <> 0 and t.token = k.token and t.ready_at is null
             order by k.n) s;
end
$$;

-- What a worker could have of what waits: `waits` now, `suspects`, and when the next falls due.
-- Tables, read only: WorkKeys, Ready.
create or replace function _Waiting(
    p_hub integer, p_now timestamptz, p_room room,
    out waits boolean, out suspects boolean, out next_due timestamptz)
language plpgsql volatile
as $$
begin
    with work_key as materialized (
        select l.work_key, p_room.since from WorkKeys l
         where cardinality(p_room.tokens) > 0
           and l.work_key = any(p_room.definitions) and l.task_hub is not distinct from p_hub
           and not l.is_activity
         union all
        select l.work_key, p_room.task_since from WorkKeys l
         where l.task_hub = p_hub and l.is_activity and cardinality(p_room.task_tokens) > 0
           and l.name = any(p_room.activities) and l.variant = any(p_room.queues)
    ), suspect_work_key as (
        select l.work_key from WorkKeys l
         where l.work_key = any(p_room.definitions) and l.task_hub is not distinct from p_hub
           and not l.is_activity
         union all
        select l.work_key from WorkKeys l
         where l.task_hub = p_hub and l.is_activity
           and l.name = any(p_room.activities) and l.variant = any(p_room.queues)
    )
    select exists (select from work_key l
                    cross join lateral (select from Ready q
                                         where q.work_key = l.work_key and q.due >= l.since
                                           and q.due <= p_now limit 1) r),
           exists (select from suspect_work_key l
                    cross join lateral (select from Ready q
                                         where q.work_key = -l.work_key and q.due <= p_now limit 1) r),
           (select min(n.due) from work_key l
             cross join lateral (select q.due from Ready q
                                  where q.work_key = l.work_key and q.due > p_now
                                  order by q.due limit 1) n)
      into waits, suspects, next_due;
end
$$;

-- Leases what has been ready longest, as far as there is room; of suspects one item. `low_water` says from
-- when on the next look may look. Tables: Ready, Instances, NewTasks, NewEvents (read), History (read),
-- WorkKeys (read).
create or replace function _LockNext(
    p_hub integer, p_now timestamptz, p_room room,
    out orchestrations orchestration_batch, out activities activity_batch, out low_water low_water)
language plpgsql volatile
as $$
declare
    v_next record;
    v_began constant timestamptz := clock_timestamp();
begin
    if cardinality(p_room.tokens) > 0 then
        v_next := _LockNextOrchestration(p_hub, p_now, p_room);
        orchestrations := v_next.batch;
        low_water.since := v_next.since;
    end if;
    if cardinality(p_room.task_tokens) > 0
       and not (p_room.suspects and orchestrations.instance_key is not null) then
        v_next := _LockNextTask(p_hub, p_now, p_room.task_tokens, p_room);
        activities := v_next.batch;
        low_water.task_since := v_next.since;
    end if;
    low_water.took := 1000000 * extract(epoch from clock_timestamp() - v_began);
end
$$;

-- What a commit hands out beyond what it has made possible itself. `suspects` is null unless it has looked
-- for leases that are over. Tables: those of _LockNext, Requests.
create or replace function _TakeFurther(
    p_hub integer, p_now timestamptz, p_room room,
    out taken orchestration_batch, out activities activity_batch, out suspects boolean,
    out low_water low_water)
language plpgsql volatile
as $$
declare
    v_next record;
begin
    if p_room.expire then
        perform _ForgetLeases(p_hub, p_room);
        perform _ExpireLeases(p_hub, p_now);
    end if;
    v_next := _LockNext(p_hub, p_now, p_room);
    taken := v_next.orchestrations;
    activities := v_next.activities;
    low_water := v_next.low_water;
    if p_room.expire then
        select w.suspects into suspects from _Waiting(p_hub, p_now, p_room) w;
    end if;
end
$$;

-- Keeps the answer of a call that has leased this, as long as the leases last. Tables: Requests.
create or replace function _KeepLeases(
    p_hub integer, p_request uuid, p_now timestamptz, p_room room,
    p_orchestrations orchestration_batch, p_activities activity_batch)
returns void
language plpgsql volatile
as $$
declare
    v_keys constant bigint[] := coalesce(p_orchestrations.instance_key, '{}') || p_activities.instance_key;
    v_tasks constant bigint[] := array_fill(
        0::bigint, array[coalesce(cardinality(p_orchestrations.instance_key), 0)]) || p_activities.task;
    v_tokens constant bigint[] := coalesce(p_orchestrations.token, '{}') || p_activities.token;
begin
    perform _KeepAnswer(p_hub, p_request, p_now, '{}', 0, 0,
                        p_now + p_room.lease * interval '1 microsecond', v_keys, v_tasks, v_tokens);
end
$$;

-- Leases ready work. `contended`: something is ready that another call holds. It need not be durable: a lease
-- that a crash of the server takes back was never used, for whoever commits by it has lost it. Caller: the
-- plugin. Tables: Requests, Ready, Instances, NewTasks, NewEvents (read), History (read). An answer without
-- work has changed nothing.
create or replace function _Lock(
    p_request uuid, p_room room,
    out store_time timestamptz, out orchestrations orchestration_batch,
    out activities activity_batch, out contended boolean, out suspects boolean,
    out next_due timestamptz, out left_ready boolean, out low_water low_water)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub(p_request, -1);
    v_is_closed constant boolean := v_hub < 0;
    v_earlier Requests;
    v_waiting record;
    v_next record;
    v_turns integer;
    v_tasks integer;
begin
    v_hub := abs(v_hub);
    -- Whoever repeats a call that is still running waits for its answer.
    perform pg_advisory_xact_lock(v_hub, hashtext(p_request::text));
    store_time := _Now();
    p_room := _Unfiltered(v_hub, p_room);
    if p_room.expire and not v_is_closed then
        perform _ForgetLeases(v_hub, p_room);
        perform _ExpireLeases(v_hub, store_time);
    end if;
    select r.* into v_earlier
      from Requests r where r.task_hub = v_hub and r.request_id = p_request;
    if v_earlier.request_id is not null then
        v_next := _LeasedBefore(store_time, p_room, v_earlier.lease_keys, v_earlier.lease_tasks,
                                v_earlier.lease_tokens);
    else
        v_next := _LockNext(v_hub, store_time, p_room);
        low_water := v_next.low_water;
    end if;
    orchestrations := v_next.orchestrations;
    activities := v_next.activities;
    v_turns := coalesce(cardinality(orchestrations.instance_key), 0);
    v_tasks := coalesce(cardinality(activities.instance_key), 0);
    if v_earlier.request_id is null and v_turns + v_tasks > 0 then
        perform _KeepLeases(v_hub, p_request, store_time, p_room, orchestrations, activities);
        -- Whoever has as much as he wanted does not ask what others hold.
        p_room.since := case when v_turns = cardinality(p_room.tokens)
                             then low_water.since else p_room.since end;
        p_room.task_since := case when v_tasks = cardinality(p_room.task_tokens)
                                  then low_water.task_since else p_room.task_since end;
    end if;
    v_waiting := _Waiting(v_hub, store_time, p_room);
    suspects := v_waiting.suspects;
    next_due := v_waiting.next_due;
    left_ready := v_waiting.waits;
    contended := v_waiting.waits and not p_room.suspects
                 and (cardinality(p_room.tokens) = 0 or v_turns < cardinality(p_room.tokens))
                 and (cardinality(p_room.task_tokens) = 0 or v_tasks < cardinality(p_room.task_tokens));
end
$$;
