-- The hot call: the effects of turns and of finished activities, then hand-off.

set search_path = :"schema", pg_temp;

-- Keeps the answer of a commit, with everything that it leased. Tables: Requests.
create or replace function _KeepCommit(
    p_hub integer, p_request uuid, p_now timestamptz, p_room room, p_turn_outcomes smallint[],
    p_done_outcomes smallint[], p_dropped integer, p_turns turn_batch, p_firsts bigint[],
    p_tasks task_batch, p_handed orchestration_batch, p_taken orchestration_batch,
    p_activities activity_batch)
returns void
language plpgsql volatile
as $$
declare
    v_keys bigint[] := coalesce(p_handed.instance_key, '{}') || coalesce(p_taken.instance_key, '{}');
    v_tasks bigint[] := array_fill(0::bigint, array[cardinality(v_keys)]);
    v_tokens bigint[] := coalesce(p_handed.token, '{}') || coalesce(p_taken.token, '{}');
    v_scheduled record;
begin
    if cardinality(p_tasks.turn) = 1 then
        if p_tasks.token[1] is not null and p_firsts[p_tasks.turn[1]] <> 0 then
            v_keys := v_keys || p_turns.instance_key[p_tasks.turn[1]];
            v_tasks := v_tasks || p_tasks.task;
            v_tokens := v_tokens || p_tasks.token;
        end if;
    elsif p_tasks.turn is not null then
        select array_agg(p_turns.instance_key[a.turn]) as keys, array_agg(a.task) as tasks,
               array_agg(a.token) as tokens
          into v_scheduled
          from unnest(p_tasks.turn, p_tasks.task, p_tasks.token) as a(turn, task, token)
         where a.token is not null and p_firsts[a.turn] <> 0;
        v_keys := v_keys || v_scheduled.keys;
        v_tasks := v_tasks || v_scheduled.tasks;
        v_tokens := v_tokens || v_scheduled.tokens;
    end if;
    if p_activities.task is not null then
        v_keys := v_keys || p_activities.instance_key;
        v_tasks := v_tasks || p_activities.task;
        v_tokens := v_tokens || p_activities.token;
    end if;
    insert into Requests (task_hub, request_id, answered_at, until, outcomes, turns, detail,
                          lease_keys, lease_tasks, lease_tokens)
    values (p_hub, p_request, p_now,
            p_now + case when cardinality(v_keys) > 0 then p_room.lease * interval '1 microsecond'
                         else interval '2 minutes' end,
            coalesce(p_turn_outcomes, '{}') || coalesce(p_done_outcomes, '{}'),
            coalesce(cardinality(p_turn_outcomes), 0), p_dropped,
            nullif(v_keys, '{}'), nullif(v_tasks, '{}'), nullif(v_tokens, '{}'));
end
$$;

-- Everything that a commit changes in its own and other instances, in a few statements for all of them.
-- `repeated`: nothing was done, because a call with this id was answered before; `waiting`: so many of the
-- instances have work now, of which `handed` has been leased. Parameters: those of _Commit. Tables: all of an
-- instance, Requests (read).
create or replace function _CommitBatch(
    p_hub integer, p_request uuid, p_keys bigint[], p_targets text[], p_turns turn_batch,
    p_consumed consumed_batch, p_chunks chunk_batch, p_payloads payload_batch, p_tasks task_batch,
    p_cancelled cancelled_batch, p_timers timer_batch, p_messages message_batch,
    p_children instance_batch, p_continued continued_batch,
    p_some_end boolean, p_done completion_batch, p_room room)
returns commit_effect
language plpgsql volatile
as $$
declare
    v_locked record;
    v_keys bigint[];
    v_children bigint[];
    v_work record;
    v_found record;
    v_sent record;
    v_settled record;
    v_now timestamptz;
    v_effect commit_effect;
begin
    if p_tasks.lane is not null or p_children.lane is not null then
        perform _CheckLanes(p_hub, p_tasks.lane || p_children.lane);
    end if;
    if p_turns.level is not null or p_messages.level is not null then
        perform _MakeLevels(p_hub, p_turns.instance_key, p_turns.level, p_messages.target,
                            p_messages.level);
    end if;
    v_locked := _LockInstances(p_hub, p_keys, p_targets, false);
    v_keys := v_locked.keys;
    v_now := _Now();
    v_effect.store_time := v_now;
    v_effect.repeated := exists (select from Requests r
                         where r.task_hub = p_hub and r.request_id = p_request);
    if v_effect.repeated then
        return v_effect;
    end if;
    v_effect.dropped := 0;
    v_effect.left_ready := false;
    if v_locked.has_expired then
        perform _UnqueueHeld(p_hub, p_turns);
    end if;
    if p_turns.token is not null then
        select a.firsts, a.outcomes into v_effect.firsts, v_effect.turn_outcomes
          from _AcceptTurns(p_hub, p_turns, v_keys, v_locked.places, v_now) a;
        if p_children.turn is not null then
            v_children := _StartChildren(p_hub, v_now, p_turns, v_effect.firsts, p_children);
        end if;
        v_effect.left_ready := _CheckpointOrchestration(
            v_now, p_room, p_turns, v_effect.firsts, p_consumed, p_chunks, p_payloads, p_tasks,
            p_cancelled, p_timers, p_continued, p_some_end);
        if p_turns.level is not null then
            perform _RaiseLevels(array_agg(t.instance_key), array_agg(t.level))
               from unnest(p_turns.instance_key, p_turns.level, v_effect.firsts)
                    as t(instance_key, level, first)
              where t.first <> 0;
        end if;
    end if;
    if 3 = any(v_effect.turn_outcomes) then
        v_effect.turn_outcomes := _DeclineTurns(p_hub, p_turns, v_effect.turn_outcomes, v_now);
    end if;
    if p_done.token is not null then
        v_effect.done_outcomes := _CompleteTasks(p_hub, p_done, v_now);
    end if;
    if p_messages.turn is not null then
        for n in 1..cardinality(p_messages.turn) loop
            continue when v_effect.firsts[p_messages.turn[n]] = 0;
            select s.* into v_sent
              from _Send(p_hub, v_now, p_messages.target[n], p_messages.event[n],
                         p_messages.message_id[n], p_messages.execution_id[n], p_messages.task[n],
                         p_messages.visible_at[n], p_messages.level[n],
                         v_keys || coalesce(v_children, '{}')) s;
            v_effect.dropped := v_effect.dropped + case when v_sent.outcome in (2, 3) then 1 else 0 end;
        end loop;
    end if;
    v_children := array_remove(v_children, 0);
    if p_turns.after_task is not null and p_targets is null and p_children.turn is null
       and p_timers.turn is null and p_continued.turn is null then
        -- Nothing can wait for an instance whose turn went ahead.
        v_keys := array(select k.instance_key from unnest(v_keys) as k(instance_key)
                         where k.instance_key <> all(array(
                                   select t.instance_key
                                     from unnest(p_turns.instance_key, p_turns.after_task,
                                                 v_effect.firsts) as t(instance_key, task, first)
                                    where t.task is not null and t.first <> 0)));
    end if;
    v_work := _HaveWork(v_keys || coalesce(v_children, '{}'), v_now);
    v_effect.waiting := coalesce(cardinality(v_work.ready), 0);
    if v_effect.waiting > 0 and cardinality(p_room.tokens) > 0 then
        if not v_locked.has_queued and v_children is null
           and v_effect.waiting <= cardinality(p_room.tokens) then
            v_effect.handed := _LeaseAll(v_work.ready, v_now, p_room);
        end if;
        if (v_effect.handed).instance_key is null then
            v_found := _PlacesOf(
                array(select t.instance_key
                        from unnest(p_turns.instance_key, v_effect.firsts) as t(instance_key, first)
                       where t.first <> 0) || v_work.ready);
            v_effect.handed := _LeaseOrchestrations(v_found.places, v_found.queued, v_now, p_room);
        end if;
    end if;
    if v_work.unsettled or coalesce(cardinality((v_effect.handed).instance_key), 0) < v_effect.waiting then
        v_settled := _Settle(v_keys || coalesce(v_children, '{}'), v_now);
        v_effect.left_ready := v_effect.left_ready or v_settled.left_ready;
        v_effect.next_due := v_settled.next_due;
    end if;
    return v_effect;
end
$$;

-- Commits turns and finished activities, and hands out the work that they made possible
-- [HANDOFF-1]. `p_keys`: the instances of both, each once. A turn ahead beside another item of its
-- instance comes without a history version. An activity with a token in p_tasks is one that the caller
-- takes without hearing of it again. `p_some_end`: a checkpoint ends or continues.
-- `firsts`: for each checkpoint the number of its first event, 0 when nothing was done for it.
-- `repeated`: the answer is that of an earlier call, and activities has all of its activities. Caller:
-- the plugin. Tables: all of an instance, Requests.
create or replace function _Commit(
    p_request uuid, p_keys bigint[], p_targets text[], p_turns turn_batch,
    p_consumed consumed_batch, p_chunks chunk_batch, p_payloads payload_batch, p_tasks task_batch,
    p_cancelled cancelled_batch, p_timers timer_batch, p_messages message_batch,
    p_children instance_batch, p_continued continued_batch,
    p_some_end boolean, p_done completion_batch, p_room room,
    out store_time timestamptz, out turn_outcomes smallint[], out firsts bigint[],
    out done_outcomes smallint[],
    out dropped integer, out handed orchestration_batch,
    out taken orchestration_batch, out activities activity_batch, out repeated boolean,
    out suspects boolean, out next_due timestamptz, out left_ready boolean, out low_water low_water)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub constant integer := _Hub();
    v_effect commit_effect;
    v_earlier Requests;
    v_before record;
    v_room room;
    v_further record;
begin
    p_room := _Unfiltered(v_hub, p_room);
    if p_targets is null and p_children.turn is null and p_cancelled.turn is null
       and p_timers.turn is null and p_continued.turn is null then
        if cardinality(p_turns.token) = 1 and p_turns.after_task is null and p_done.token is null
           and p_turns.status[1] <> 5 and p_turns.level is null then
            v_effect := _CommitTurn(v_hub, p_turns, p_consumed, p_chunks, p_payloads, p_tasks, p_room);
        elsif cardinality(p_done.token) = 1 and p_turns.token is null then
            v_effect := _CommitTask(v_hub, p_done, p_room);
        end if;
    end if;
    if v_effect.store_time is null then
        v_effect := _CommitBatch(
            v_hub, p_request, p_keys, p_targets, p_turns, p_consumed, p_chunks, p_payloads, p_tasks,
            p_cancelled, p_timers, p_messages, p_children, p_continued, p_some_end,
            p_done, p_room);
    end if;
    store_time := v_effect.store_time;
    repeated := v_effect.repeated;
    if repeated then
        select r.* into v_earlier
          from Requests r where r.task_hub = v_hub and r.request_id = p_request;
        turn_outcomes := v_earlier.outcomes[1:v_earlier.turns];
        done_outcomes := v_earlier.outcomes[v_earlier.turns + 1:];
        dropped := v_earlier.detail;
        left_ready := false;
        select b.* into v_before
          from _LeasedBefore(store_time, p_room, v_earlier.lease_keys, v_earlier.lease_tasks,
                             v_earlier.lease_tokens) b;
        handed := v_before.orchestrations;
        activities := v_before.activities;
        if p_room.expire then
            select w.suspects into suspects from _Waiting(v_hub, store_time, p_room) w;
        end if;
        return;
    end if;
    turn_outcomes := v_effect.turn_outcomes;
    firsts := v_effect.firsts;
    done_outcomes := v_effect.done_outcomes;
    dropped := v_effect.dropped;
    handed := v_effect.handed;
    left_ready := v_effect.left_ready;
    next_due := v_effect.next_due;
    v_room := p_room;
    if coalesce(cardinality(handed.token), 0) < v_effect.waiting then
        v_room.tokens := array(select t.token from unnest(p_room.tokens) with ordinality as t(token, n)
                                where t.token <> all(coalesce(handed.token, '{}')) order by t.n);
    else
        v_room.tokens := p_room.tokens[v_effect.waiting + 1:];
    end if;
    if 0 = any(firsts) and p_tasks.token is not null then
        -- The room that was meant for the activities of a checkpoint that did not happen.
        v_room.task_tokens := p_room.task_tokens || array(
            select a.token from unnest(p_tasks.turn, p_tasks.token) as a(turn, token)
             where a.token is not null and firsts[a.turn] = 0);
    end if;
    v_further := _TakeFurther(v_hub, store_time, v_room);
    taken := v_further.taken;
    activities := v_further.activities;
    suspects := v_further.suspects;
    low_water := v_further.low_water;
    perform _KeepCommit(v_hub, p_request, store_time, p_room, turn_outcomes, done_outcomes, dropped,
                        p_turns, firsts, p_tasks, handed, taken, activities);
end
$$;
