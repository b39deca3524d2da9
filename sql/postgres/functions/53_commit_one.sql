-- Commits of one item: what an idle system waits for.

set search_path = :"schema", pg_temp;

-- The usual commits are those of one turn, speculative or not, or of one finished activity, and nothing
-- else. For them the next functions have a statement for each row, or one for all; what is unusual they
-- leave to _CommitBatch, before anything has changed.

-- Commits one turn that has a lease. A repeat finds its lease gone. Tables: Instances, NewTasks, NewEvents,
-- History, Payloads, Ready.
create or replace function _CommitTurn(p_hub integer, p_batch commit_batch, p_room room)
returns commit_effect
language plpgsql volatile
as $$
declare
    v_turns constant turn_batch := p_batch.turns;
    v_chunks constant chunk_batch := p_batch.chunks;
    v_tasks constant task_batch := p_batch.tasks;
    v_key constant bigint := v_turns.instance_key[1];
    v_effect commit_effect;
    v_next record;
begin
    perform from Instances i
     where i.instance_key = v_key and i.task_hub is not distinct from p_hub and i.ready_at is null
       and _IsLeasedBy(i, v_turns.token[1], v_turns.execution_id[1])
       for no key update;
    if not found then
        return null;
    end if;
    v_effect.store_time := _Now();
    v_next := _Accept(p_hub, v_turns, null, v_effect.store_time);
    if v_next.numbers is null then perform _NotAccepted(); end if;
    v_effect.firsts := v_next.firsts;
    v_effect.left_ready := false;
    if (p_batch.consumed).turn is not null then
        delete from NewEvents e
         where e.instance_key = v_key and e.sequence = any((p_batch.consumed).sequence);
    end if;
    for n in 1..coalesce(cardinality(v_chunks.turn), 0) loop
        insert into History (instance_key, first, count, events)
        values (v_key, v_effect.firsts[1] + v_chunks.skip[n], v_chunks.count[n], v_chunks.events[n]);
    end loop;
    if (p_batch.payloads).turn is not null then
        perform _WritePayloads(v_turns, v_effect.firsts, p_batch.payloads);
    end if;
    if cardinality(v_tasks.turn) = 1 and v_tasks.token[1] is not null then
        insert into NewTasks (instance_key, task, execution_id, work_key, token, lease_until, holder,
                              version, input_codec, input, details)
        select v_key, v_tasks.task[1], v_turns.execution_id[1], l.work_key, v_tasks.token[1],
               v_effect.store_time + p_room.lease * interval '1 microsecond', p_room.worker,
               v_tasks.version[1], v_tasks.input_codec[1], v_tasks.input[1], v_tasks.details[1]
          from WorkKeys l where l.work_key = v_tasks.work_key[1] and l.task_hub = p_hub;
        if not found then
            perform _CheckWorkKeys(p_hub, v_tasks.work_key);
        end if;
    elsif v_tasks.turn is not null then
        perform _CheckWorkKeys(p_hub, v_tasks.work_key);
        v_effect.left_ready := _Schedule(v_turns, v_effect.firsts, v_effect.store_time, p_room, v_tasks,
                                         null, null);
    end if;
    v_effect.repeated := false;
    v_effect.turn_outcomes := '{0}';
    v_effect.dropped := 0;
    v_effect.waiting := 0;
    if _IsEnded(v_turns.status[1]) then  -- [COMMIT-5]
        delete from NewEvents e where e.instance_key = v_key;
        return v_effect;
    end if;
    v_next := _HaveWork(array[v_key], v_effect.store_time);
    if v_next.ready is not null or v_next.unsettled then
        v_next := _HandOn(array[v_key], null, v_effect.store_time, p_room);
        v_effect.handed := v_next.handed;
        v_effect.waiting := v_next.waiting;
        v_effect.left_ready := v_effect.left_ready or v_next.left_ready;
        v_effect.next_due := v_next.next_due;
    end if;
    return v_effect;
end
$$;

-- Commits one finished activity, likewise.
create or replace function _CommitTask(p_hub integer, p_done completion_batch, p_room room)
returns commit_effect
language plpgsql volatile
as $$
declare
    v_key constant bigint := p_done.instance_key[1];
    v_now timestamptz;
    v_is_leased boolean;
    v_next record;
    v_effect commit_effect;
begin
    select i.token is not null into v_is_leased
      from Instances i
     where i.instance_key = v_key and i.task_hub is not distinct from p_hub
       and i.execution_id = p_done.execution_id[1] and not _IsEnded(i.status)
       and i.ready_at is null and i.parked_reason is null
       for no key update;
    if not found then
        return null;
    end if;
    v_now := _Now();
    delete from NewTasks t
     where t.instance_key = v_key and t.task = p_done.task[1]
       and t.execution_id = p_done.execution_id[1] and t.token = p_done.token[1]
       and t.ready_at is null;
    if not found then
        return null;
    end if;
    insert into NewEvents (instance_key, due, visible_at, task, for_execution, is_timer,
                           completed_by, event)
    values (v_key, v_now, v_now, p_done.task[1], true, false, p_done.token[1], p_done.event[1]);
    v_effect.store_time := v_now;
    v_effect.repeated := false;
    v_effect.done_outcomes := '{0}';
    v_effect.dropped := 0;
    v_effect.waiting := 0;
    v_effect.left_ready := false;
    if not v_is_leased then
        v_next := _HandOn(array[v_key], null, v_now, p_room);
        v_effect.handed := v_next.handed;
        v_effect.waiting := v_next.waiting;
        v_effect.left_ready := v_next.left_ready;
        v_effect.next_due := v_next.next_due;
    end if;
    return v_effect;
end
$$;

-- What a lone turn does, if it may happen, in one statement. Returns the time, or null. Parameters: those of
-- _CommitLoneTurn. Tables: Instances, NewEvents (read), NewTasks, History, WorkKeys (read), Requests.
create or replace function _AcceptLoneTurn(
    p_hub integer, p_request uuid, p_worker integer, p_lease interval, p_turn lone_turn, p_next lone_task)
returns timestamptz
language plpgsql volatile
as $$
declare
    v_done record;
begin
    with locked as materialized (
        select i.history_length as first
          from Instances i
         where i.instance_key = p_turn.instance_key and i.task_hub is not distinct from p_hub
           and i.ready_at is null
           and case when p_turn.after_task is null
                    then _IsLeasedBy(i, p_turn.token, p_turn.execution_id)
                         and not exists (select from NewEvents e
                                          where e.instance_key = p_turn.instance_key)
                    else _IsAsItWas(i, p_turn.execution_id, p_turn.after_version,
                                    p_turn.after_committed) end
           for no key update
    ), task as (
        delete from NewTasks t
         using locked l
         where t.instance_key = p_turn.instance_key and t.task = p_turn.after_task
           and t.execution_id = p_turn.execution_id and t.token = p_turn.token and t.ready_at is null
        returning l.first, t.holder, _Now() as now
    ), turn as materialized (
        select t.first, t.holder, t.now from task t
         union all
        select l.first, null, _Now() from locked l where p_turn.after_task is null
    ), happened as (
        select t.now, a.numbers is not null as is_accepted
          from turn t
         cross join lateral _Accept(
                    p_hub, row(array[p_turn.instance_key], array[p_turn.token],
                               array[p_turn.execution_id], array[p_turn.status], array[p_turn.count],
                               array[p_turn.after_task], array[p_turn.after_version], null, null,
                               null)::turn_batch,
                    array[t.holder], t.now) a
    ), recorded as (
        insert into History (instance_key, first, count, events)
        select p_turn.instance_key, t.first, p_turn.count, p_turn.events from turn t
    ), scheduled as (
        insert into NewTasks (instance_key, task, execution_id, work_key, token, lease_until, holder,
                              version, input_codec, input, details)
        select p_turn.instance_key, p_next.task, p_turn.execution_id, l.work_key, p_next.token,
               t.now + p_lease, p_worker, p_next.version, p_next.input_codec, p_next.input,
               p_next.details
          from turn t cross join WorkKeys l
         where l.work_key = p_next.work_key and l.task_hub = p_hub
        returning 1
    ), kept as (
        insert into Requests (task_hub, request_id, answered_at, until, outcomes, turns, lease_keys,
                              lease_tasks, lease_tokens)
        select p_hub, p_request, t.now,
               t.now + case when p_next.task is null then interval '2 minutes' else p_lease end,
               '{0}', 1, case when p_next.task is not null then array[p_turn.instance_key] end,
               case when p_next.task is not null then array[p_next.task] end,
               case when p_next.task is not null then array[p_next.token] end
          from turn t
    )
    select h.now, h.is_accepted, exists (select from scheduled) as is_scheduled into v_done from happened h;
    if not v_done.is_accepted then perform _NotAccepted(); end if;
    if v_done.now is not null and p_next.task is not null and not v_done.is_scheduled then
        perform _CheckWorkKeys(p_hub, array[p_next.work_key]);
    end if;
    return v_done.now;
end
$$;

-- Commits one turn that comes alone, has consumed no message, adds one chunk of events, goes on or ends with
-- a result at most, and schedules at most one activity, which the caller takes under the token in p_next. It
-- is a speculative turn, or it has a lease, as the first turn of an execution does. `store_time` is null, and
-- nothing has happened, when _Commit has to judge it. Nothing waits for the instance then, so that there is
-- nothing to hand out but this activity and what else is ready. `ended` is the record of an instance that
-- ends by it and that somebody awaits. Caller: the plugin. Tables: those of _Commit and of InstanceRecords.
create or replace function _CommitLoneTurn(
    p_request uuid, p_room room, p_turn lone_turn, p_next lone_task, p_is_awaited boolean,
    out store_time timestamptz, out taken orchestration_batch, out activities activity_batch,
    out suspects boolean, out low_water low_water, out ended InstanceRecords)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub constant integer := _Hub(p_request);
    v_lease constant interval := p_room.lease * interval '1 microsecond';
    v_further record;
begin
    if p_turn.status = 5 or (p_next.task is null) <> (p_next.token is null) then
        return;
    end if;
    if p_turn.after_task is null then
        -- A message to a leased instance leaves its row as it is. From now on none can come any more, and the
        -- next statement sees those that have. Not locked where it would be in vain, which costs a commit.
        perform from Instances i
          where i.instance_key = p_turn.instance_key and i.task_hub is not distinct from v_hub
            and not exists (select from NewEvents e where e.instance_key = p_turn.instance_key)
            for no key update;
        if not found then
            return;
        end if;
    end if;
    store_time := _AcceptLoneTurn(v_hub, p_request, p_room.worker, v_lease, p_turn, p_next);
    if store_time is null then
        return;
    end if;
    if p_turn.codec is not null then
        perform _SetPayload(p_turn.instance_key, 1::smallint, p_turn.codec, p_turn.output);
    end if;
    if p_is_awaited and _IsEnded(p_turn.status) then
        ended := _RecordOf(p_turn.instance_key);
    end if;
    if p_room.expire or cardinality(p_room.tokens) > 0 or cardinality(p_room.task_tokens) > 0 then
        if p_room.everything then
            p_room := _Unfiltered(v_hub, p_room);
        end if;
        v_further := _TakeFurther(v_hub, store_time, p_room);
        taken := v_further.taken;
        activities := v_further.activities;
        suspects := v_further.suspects;
        low_water := v_further.low_water;
        if taken.token is not null or activities.token is not null then
            update Requests r
               set until = store_time + v_lease,
                   lease_keys = r.lease_keys || taken.instance_key || activities.instance_key,
                   lease_tasks = r.lease_tasks
                              || array_fill(0::bigint, array[coalesce(cardinality(taken.token), 0)])
                                 || activities.task,
                   lease_tokens = r.lease_tokens || taken.token || activities.token
             where r.task_hub = v_hub and r.request_id = p_request;
        end if;
    end if;
end
$$;
