-- Commits of one item: what an idle system waits for.

set search_path = :"schema", pg_temp;

-- The usual commits are those of one turn, ahead or not, or of one finished activity, and nothing else.
-- For them the next functions have a statement for each row, or one for all; what is unusual they leave to
-- _CommitBatch, before anything has changed.

-- What the caller is to be handed of this instance, which nobody has leased, under the first token of
-- the room; the caller of this function writes the lease. Null if there is nothing to do now, or not for
-- this worker. `waits`: there are messages, perhaps later ones. Tables, read only: NewEvents, History.
create or replace function _OfferOne(
    p_instance Instances, p_now timestamptz, p_room room,
    out handed orchestration_batch, out waits boolean)
language plpgsql volatile
as $$
declare
    v_due timestamptz;
    v_bytes bigint;
begin
    select min(e.due), sum(e.bytes) into v_due, v_bytes
      from (select m.due, octet_length(m.event) as bytes from NewEvents m
             where m.instance_key = p_instance.instance_key
             order by m.due, m.sequence limit p_room.messages) e;
    waits := v_due is not null;
    if not waits or greatest(v_due, p_instance.not_before) > p_now or p_instance.suspect
       or v_bytes > p_room.bytes / 2 or cardinality(p_room.tokens) = 0
       or not coalesce(p_instance.lane = any(p_room.definitions), false) then
        return;
    end if;
    select array[p_instance.instance_key], p_room.tokens[1:1], array[p_instance.instance_id],
           array[p_instance.execution_id], array[p_instance.lane], array[p_instance.status],
           array[p_instance.history_version], array[p_instance.last_committed],
           array[p_instance.history_length], array[p_instance.attempts], array[false],
           array[coalesce(p_instance.last_committer = p_room.worker, false)],
           array_agg(1), array_agg(m.sequence), array_agg(m.visible_at), array_agg(m.task),
           array_agg(m.event), null, null, null, null
      into handed
      from (select e.sequence, e.visible_at, e.task, e.event from NewEvents e
             where e.instance_key = p_instance.instance_key and e.due <= p_now
             order by e.due, e.sequence limit p_room.messages) m;
    if not handed.has_frame[1] then
        handed := _WithHistory(handed, p_room.bytes);
    end if;
end
$$;

-- Commits one turn that has a lease. Parameters: those of _Commit. A repeat finds its lease gone. Tables:
-- Instances, NewTasks, NewEvents, History, Payloads, Ready.
create or replace function _CommitTurn(
    p_hub integer, p_turns turn_batch, p_consumed consumed_batch, p_chunks chunk_batch,
    p_payloads payload_batch, p_tasks task_batch, p_room room)
returns commit_effect
language plpgsql volatile
as $$
declare
    v_key constant bigint := p_turns.instance_key[1];
    v_now timestamptz;
    v_ends constant boolean := _IsEnded(p_turns.status[1]);
    v_waits boolean := false;
    v_instance Instances;
    v_offer record;
    v_effect commit_effect;
begin
    select i.* into v_instance
      from Instances i
     where i.instance_key = v_key and i.task_hub is not distinct from p_hub
       and i.token = p_turns.token[1] and i.execution_id = p_turns.execution_id[1]
       and i.ready_at is null
       for no key update;
    if not found then
        return null;
    end if;
    v_now := _Now();
    v_effect.left_ready := false;
    if p_consumed.turn is not null then
        delete from NewEvents e
         where e.instance_key = v_key and e.sequence = any(p_consumed.sequence);
    end if;
    for n in 1..coalesce(cardinality(p_chunks.turn), 0) loop
        insert into History (instance_key, first, count, events)
        values (v_key, v_instance.history_length + p_chunks.skip[n], p_chunks.count[n],
                p_chunks.events[n]);
    end loop;
    if p_payloads.turn is not null then
        perform _WritePayloads(p_turns, array[v_instance.history_length], p_payloads);
    end if;
    if cardinality(p_tasks.turn) = 1 and p_tasks.token[1] is not null then
        insert into NewTasks (instance_key, task, execution_id, lane, token, lease_until, holder,
                              version, input_codec, input, details)
        select v_key, p_tasks.task[1], v_instance.execution_id, l.lane, p_tasks.token[1],
               v_now + p_room.lease * interval '1 microsecond', p_room.worker,
               p_tasks.version[1], p_tasks.input_codec[1], p_tasks.input[1], p_tasks.details[1]
          from Lanes l where l.lane = p_tasks.lane[1] and l.task_hub = p_hub;
        if not found then
            perform _CheckLanes(p_hub, p_tasks.lane);
        end if;
    elsif p_tasks.turn is not null then
        perform _CheckLanes(p_hub, p_tasks.lane);
        v_effect.left_ready := _Schedule(p_turns, array[v_instance.history_length], v_now, p_room,
                                         p_tasks, null, null);
    end if;
    v_effect.firsts := array[v_instance.history_length];
    v_instance.last_committer := v_instance.holder;
    v_instance.last_committed := p_turns.token[1];
    v_instance.history_version := v_instance.history_version + 1;
    v_instance.history_length := v_instance.history_length + p_turns.events[1];
    v_instance.status := p_turns.status[1];
    v_instance.suspect := false;
    v_instance.attempts := 0;
    v_instance.not_before := '-infinity';
    if v_ends then
        -- [COMMIT-5]
        delete from NewEvents e where e.instance_key = v_key;
    else
        v_offer := _OfferOne(v_instance, v_now, p_room);
        v_effect.handed := v_offer.handed;
        v_waits := v_offer.waits;
    end if;
    update Instances i
       set token = (v_effect.handed).token[1], leased_alone = false,
           holder = case when (v_effect.handed).token is not null then p_room.worker end,
           lease_until = case when (v_effect.handed).token is not null
                              then v_now + p_room.lease * interval '1 microsecond' end,
           last_committer = v_instance.last_committer, last_committed = v_instance.last_committed,
           attempts = 0, suspect = false, not_before = '-infinity', needs_turn = false,
           status = v_instance.status, history_length = v_instance.history_length,
           history_version = v_instance.history_version, updated_at = v_now,
           completed_at = case when v_ends then v_now end
     where i.instance_key = v_key;
    if v_waits and (v_effect.handed).token is null then
        select s.left_ready or v_effect.left_ready, s.next_due
          into v_effect.left_ready, v_effect.next_due
          from _Settle(array[v_key], v_now) s;
    end if;
    v_effect.store_time := v_now;
    v_effect.repeated := false;
    v_effect.turn_outcomes := '{0}';
    v_effect.dropped := 0;
    v_effect.waiting := coalesce(cardinality((v_effect.handed).token), 0);
    return v_effect;
end
$$;

-- Commits one turn that comes alone, has consumed no message, adds one chunk of events, goes on or ends with
-- a result at most, and schedules at most one activity, which the caller takes under p_next_token. It is a
-- turn ahead, with the activity that has ended, the version and the last commit that it follows, or it has a
-- lease, as the first turn of an execution does. `store_time` is null, and nothing has happened, when _Commit
-- has to judge it; the condition [AHEAD-1] is that of _AcceptTurnsAhead. Nothing waits for the instance then,
-- so that there is nothing to hand out but this activity and what else is ready. `ended` is the record of an
-- instance that ends by it and that somebody awaits. Caller: the plugin. Tables: those of _Commit and of
-- InstanceRecords.
create or replace function _CommitLoneTurn(
    p_request uuid, p_room room, p_key bigint, p_token bigint, p_execution uuid, p_status smallint,
    p_task bigint, p_version bigint, p_committed bigint, p_count integer, p_events text,
    p_codec text, p_output bytea, p_next_task bigint, p_lane integer, p_next_token bigint,
    p_task_version text, p_input_codec text, p_input bytea, p_details text, p_is_awaited boolean,
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
    v_hub constant integer := _Hub();
    v_worker constant integer := p_room.worker;
    v_lease constant interval := p_room.lease * interval '1 microsecond';
    v_is_scheduled boolean;
    v_further record;
begin
    if p_status = 5 or (p_next_task is null) <> (p_next_token is null) then
        return;
    end if;
    if p_task is null then
        -- A message to a leased instance leaves its row as it is. Now none can come any more, and the next
        -- statement sees those that have.
        perform from Instances i
          where i.instance_key = p_key and i.task_hub is not distinct from v_hub for no key update;
    end if;
    with locked as materialized (
        select i.history_length as first, i.holder
          from Instances i
         where i.instance_key = p_key and i.task_hub is not distinct from v_hub
           and i.execution_id = p_execution and i.ready_at is null
           and case when p_task is null
                    then i.token = p_token
                         and not exists (select from NewEvents e where e.instance_key = p_key)
                    else i.token is null and i.history_version = p_version
                         and i.last_committed = p_committed and i.parked_reason is null
                         and not _IsEnded(i.status) end
           for no key update
    ), task as (
        delete from NewTasks t
         using locked l
         where t.instance_key = p_key and t.task = p_task and t.execution_id = p_execution
           and t.token = p_token and t.ready_at is null
        returning l.first, t.holder, _Now() as now
    ), ended as (
        select t.first, t.holder, t.now from task t
         union all
        select l.first, l.holder, _Now() from locked l where p_task is null
    ), happened as (
        update Instances i
           set token = null, holder = null, lease_until = null, leased_alone = false,
               last_committer = e.holder, last_committed = p_token, attempts = 0,
               suspect = false, not_before = '-infinity', needs_turn = false,
               status = p_status, history_length = i.history_length + p_count,
               history_version = i.history_version + 1, updated_at = e.now,
               completed_at = case when _IsEnded(p_status) then e.now end
          from ended e
         where i.instance_key = p_key
    ), recorded as (
        insert into History (instance_key, first, count, events)
        select p_key, e.first, p_count, p_events from ended e
    ), scheduled as (
        insert into NewTasks (instance_key, task, execution_id, lane, token, lease_until, holder,
                              version, input_codec, input, details)
        select p_key, p_next_task, p_execution, l.lane, p_next_token, e.now + v_lease, v_worker,
               p_task_version, p_input_codec, p_input, p_details
          from ended e cross join Lanes l
         where l.lane = p_lane and l.task_hub = v_hub
        returning 1
    ), kept as (
        insert into Requests (task_hub, request_id, answered_at, until, outcomes, turns, lease_keys,
                              lease_tasks, lease_tokens)
        select v_hub, p_request, e.now,
               e.now + case when p_next_task is null then interval '2 minutes' else v_lease end,
               '{0}', 1, case when p_next_task is not null then array[p_key] end,
               case when p_next_task is not null then array[p_next_task] end,
               case when p_next_task is not null then array[p_next_token] end
          from ended e
    )
    select e.now, exists (select from scheduled) into store_time, v_is_scheduled from ended e;
    if store_time is null then
        -- A row was locked in vain: that needs no disk.
        perform set_config('synchronous_commit', 'off', true);
        return;
    end if;
    if p_next_task is not null and not v_is_scheduled then
        perform _CheckLanes(v_hub, array[p_lane]);
    end if;
    if p_codec is not null then
        perform _SetPayload(p_key, 1::smallint, p_codec, p_output);
    end if;
    if p_is_awaited and _IsEnded(p_status) then
        ended := _RecordOf(p_key);
    end if;
    if p_room.expire or cardinality(p_room.tokens) > 0 or cardinality(p_room.task_tokens) > 0 then
        select f.* into v_further from _TakeFurther(v_hub, store_time, _Unfiltered(v_hub, p_room)) f;
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

-- Commits one finished activity, likewise.
create or replace function _CommitTask(
    p_hub integer, p_done completion_batch, p_room room)
returns commit_effect
language plpgsql volatile
as $$
declare
    v_key constant bigint := p_done.instance_key[1];
    v_now timestamptz;
    v_instance Instances;
    v_offer record;
    v_effect commit_effect;
begin
    select i.* into v_instance
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
    v_effect.left_ready := false;
    if v_instance.token is null then
        v_offer := _OfferOne(v_instance, v_now, p_room);
        v_effect.handed := v_offer.handed;
        if (v_effect.handed).token is null then
            select s.left_ready, s.next_due into v_effect.left_ready, v_effect.next_due
              from _Settle(array[v_key], v_now) s;
        else
            update Instances i
               set token = (v_effect.handed).token[1], leased_alone = false, holder = p_room.worker,
                   lease_until = v_now + p_room.lease * interval '1 microsecond'
             where i.instance_key = v_key;
        end if;
    end if;
    v_effect.store_time := v_now;
    v_effect.repeated := false;
    v_effect.done_outcomes := '{0}';
    v_effect.dropped := 0;
    v_effect.waiting := coalesce(cardinality((v_effect.handed).token), 0);
    return v_effect;
end
$$;
