-- The hot call: the effects of turns and of finished activities, then hand-off.

set search_path = :"schema", pg_temp;

-- Keeps the answer of a commit, with everything that it leased: what it handed on, the activities that its
-- caller takes, and what it took further. Tables: Requests.
create or replace function _KeepCommit(
    p_hub integer, p_request uuid, p_room room, p_turns turn_batch, p_tasks task_batch,
    p_effect commit_effect, p_taken orchestration_batch, p_activities activity_batch)
returns void
language plpgsql volatile
as $$
declare
    v_handed constant orchestration_batch := p_effect.handed;
    v_keys bigint[] := coalesce(v_handed.instance_key, '{}') || coalesce(p_taken.instance_key, '{}');
    v_tasks bigint[] := array_fill(0::bigint, array[cardinality(v_keys)]);
    v_tokens bigint[] := coalesce(v_handed.token, '{}') || coalesce(p_taken.token, '{}');
    v_scheduled record;
begin
    if cardinality(p_tasks.turn) = 1 then
        if p_tasks.token[1] is not null and p_effect.firsts[p_tasks.turn[1]] <> 0 then
            v_keys := v_keys || p_turns.instance_key[p_tasks.turn[1]];
            v_tasks := v_tasks || p_tasks.task;
            v_tokens := v_tokens || p_tasks.token;
        end if;
    elsif p_tasks.turn is not null then
        select array_agg(p_turns.instance_key[a.turn]) as keys, array_agg(a.task) as tasks,
               array_agg(a.token) as tokens
          into v_scheduled
          from unnest(p_tasks.turn, p_tasks.task, p_tasks.token) as a(turn, task, token)
         where a.token is not null and p_effect.firsts[a.turn] <> 0;
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
    values (p_hub, p_request, p_effect.store_time,
            p_effect.store_time
            + case when cardinality(v_keys) > 0 then p_room.lease * interval '1 microsecond'
                   else interval '2 minutes' end,
            coalesce(p_effect.turn_outcomes, '{}') || coalesce(p_effect.done_outcomes, '{}'),
            coalesce(cardinality(p_effect.turn_outcomes), 0), p_effect.dropped,
            nullif(v_keys, '{}'), nullif(v_tasks, '{}'), nullif(v_tokens, '{}'));
end
$$;

-- Sends the messages of the turns that count; returns how many of them were dropped, because their instance
-- does not exist or has ended. The rows of p_locked are locked already. Tables: those of _Send.
create or replace function _SendMessages(
    p_hub integer, p_now timestamptz, p_messages message_batch, p_firsts bigint[], p_locked bigint[])
returns integer
language plpgsql volatile
as $$
declare
    v_sent record;
    v_dropped integer := 0;
begin
    for n in 1..cardinality(p_messages.turn) loop
        continue when p_firsts[p_messages.turn[n]] = 0;
        v_sent := _Send(p_hub, p_now, p_messages.target[n], p_messages.event[n], p_messages.message_id[n],
                        p_messages.execution_id[n], p_messages.task[n], p_messages.visible_at[n],
                        p_messages.level[n], p_locked);
        v_dropped := v_dropped + case when v_sent.outcome in (2, 3) then 1 else 0 end;
    end loop;
    return v_dropped;
end
$$;

-- Leases those of these instances that have work now, as far as there is room, first those that the call
-- prefers, and lets the others stand in Ready. `waiting`: so many have work now, of which `handed` has been
-- leased. Their rows are locked. Tables: Instances, NewEvents (read), Ready, History (read).
create or replace function _HandOn(
    p_keys bigint[], p_preferred bigint[], p_now timestamptz, p_room room,
    out handed orchestration_batch, out waiting integer, out left_ready boolean,
    out next_due timestamptz)
language plpgsql volatile
as $$
declare
    v_work record;
    v_found record;
begin
    left_ready := false;
    v_work := _HaveWork(p_keys, p_now);
    waiting := coalesce(cardinality(v_work.ready), 0);
    if waiting > 0 and cardinality(p_room.tokens) > 0 then
        v_found := _PlacesOf(p_preferred || v_work.ready);
        handed := _LeaseOrchestrations(v_found.places, v_found.queued, p_now, p_room);
    end if;
    if v_work.unsettled or coalesce(cardinality(handed.instance_key), 0) < waiting then
        select s.left_ready, s.next_due into left_ready, next_due from _Settle(p_keys, p_now) s;
    end if;
end
$$;

-- Everything that a commit changes in its own and other instances, in a few statements for all of them.
-- `repeated`: nothing was done, because a call with this id was answered before. Parameters: those of
-- _Commit. Tables: all of an instance, Requests (read).
create or replace function _CommitBatch(p_hub integer, p_request uuid, p_batch commit_batch, p_room room)
returns commit_effect
language plpgsql volatile
as $$
declare
    v_turns constant turn_batch := p_batch.turns;
    v_locked record;
    v_keys bigint[];
    v_children bigint[] := '{}';
    v_next record;
    v_effect commit_effect;
begin
    if (p_batch.tasks).work_key is not null or (p_batch.children).work_key is not null then
        perform _CheckWorkKeys(p_hub, (p_batch.tasks).work_key || (p_batch.children).work_key);
    end if;
    if v_turns.level is not null or (p_batch.messages).level is not null then
        perform _MakeLevels(p_hub, v_turns.instance_key, v_turns.level, (p_batch.messages).target,
                            (p_batch.messages).level);
    end if;
    v_locked := _LockInstances(p_hub, p_batch.keys, p_batch.targets);
    v_effect.store_time := _Now();
    v_effect.repeated := exists (select from Requests r
                                  where r.task_hub = p_hub and r.request_id = p_request);
    if v_effect.repeated then
        return v_effect;
    end if;
    v_effect.dropped := 0;
    v_effect.left_ready := false;
    if v_locked.has_expired then
        perform _UnqueueHeld(p_hub, v_turns);
    end if;
    if v_turns.token is not null then
        select a.firsts, a.outcomes, a.children, a.left_ready
          into v_effect.firsts, v_effect.turn_outcomes, v_children, v_effect.left_ready
          from _CommitTurns(p_hub, v_effect.store_time, p_batch, p_room, v_locked.keys, v_locked.places) a;
    end if;
    if (p_batch.done).token is not null then
        v_effect.done_outcomes := _CompleteTasks(p_hub, p_batch.done, v_effect.store_time);
    end if;
    v_keys := v_locked.keys || v_children;
    if (p_batch.messages).turn is not null then
        v_effect.dropped := _SendMessages(p_hub, v_effect.store_time, p_batch.messages, v_effect.firsts,
                                          v_keys);
    end if;
    if v_turns.after_task is not null and p_batch.targets is null and (p_batch.children).turn is null
       and (p_batch.timers).turn is null and (p_batch.continued).turn is null then
        -- Nothing can wait for an instance whose turn was speculative.
        v_keys := array(select k.instance_key from unnest(v_keys) as k(instance_key)
                         where k.instance_key <> all(array(
                                   select t.instance_key
                                     from unnest(v_turns.instance_key, v_turns.after_task,
                                                 v_effect.firsts) as t(instance_key, task, first)
                                    where t.task is not null and t.first <> 0)));
    end if;
    v_next := _HandOn(v_keys,
                      array(select t.instance_key
                              from unnest(v_turns.instance_key, v_effect.firsts) as t(instance_key, first)
                             where t.first <> 0),
                      v_effect.store_time, p_room);
    v_effect.handed := v_next.handed;
    v_effect.waiting := v_next.waiting;
    v_effect.left_ready := v_effect.left_ready or v_next.left_ready;
    v_effect.next_due := v_next.next_due;
    return v_effect;
end
$$;

-- What the turns of a commit do, apart from the messages that they send: those that happen, and the
-- activities of speculative turns that do not. `firsts` and `outcomes` as of _Commit, `children`: the keys of
-- those started. The rows of p_keys are locked already, and lie in these places. Tables: all of an instance.
create or replace function _CommitTurns(
    p_hub integer, p_now timestamptz, p_batch commit_batch, p_room room, p_keys bigint[], p_places tid[],
    out firsts bigint[], out outcomes smallint[], out children bigint[], out left_ready boolean)
language plpgsql volatile
as $$
declare
    v_turns constant turn_batch := p_batch.turns;
    v_accepted record;
begin
    children := '{}';
    v_accepted := _AcceptTurns(p_hub, v_turns, p_keys, p_places, p_now);
    firsts := v_accepted.firsts;
    outcomes := v_accepted.outcomes;
    if (p_batch.children).turn is not null then
        children := array_remove(_StartChildren(p_hub, p_now, v_turns, firsts, p_batch.children), 0::bigint);
    end if;
    left_ready := _CheckpointOrchestration(p_now, p_room, p_batch, firsts);
    if v_turns.level is not null then
        perform _RaiseLevels(array_agg(t.instance_key), array_agg(t.level))
           from unnest(v_turns.instance_key, v_turns.level, firsts) as t(instance_key, level, first)
          where t.first <> 0;
    end if;
    if 3 = any(outcomes) then
        outcomes := _DeclineTurns(p_hub, v_turns, outcomes, p_now);
    end if;
end
$$;

-- [REPEAT-1] What an earlier call with this id answered, and all that is still leased by it; `suspects` as of
-- _TakeFurther. Tables, read only: Requests, those of _LeasedBefore and _Waiting.
create or replace function _CommittedBefore(
    p_hub integer, p_request uuid, p_now timestamptz, p_room room,
    out effect commit_effect, out activities activity_batch, out suspects boolean)
language plpgsql volatile
as $$
declare
    v_earlier Requests;
    v_leased record;
begin
    select r.* into v_earlier
      from Requests r where r.task_hub = p_hub and r.request_id = p_request;
    v_leased := _LeasedBefore(p_now, p_room, v_earlier.lease_keys, v_earlier.lease_tasks,
                              v_earlier.lease_tokens);
    effect.turn_outcomes := v_earlier.outcomes[1:v_earlier.turns];
    effect.done_outcomes := v_earlier.outcomes[v_earlier.turns + 1:];
    effect.dropped := v_earlier.detail;
    effect.handed := v_leased.orchestrations;
    effect.left_ready := false;
    activities := v_leased.activities;
    if p_room.expire then
        select w.suspects into suspects from _Waiting(p_hub, p_now, p_room) w;
    end if;
end
$$;

-- Commits turns and finished activities, and hands out the work that they made possible [HANDOFF-1]. A turn
-- ahead beside another item of its instance comes without a history version. An activity with a token is one
-- that the caller takes without hearing of it again. `firsts`: for each checkpoint the number of its first
-- event, 0 when nothing was done for it. `repeated`: the answer is that of an earlier call, and activities
-- has all of its activities. Caller: the plugin. Tables: all of an instance, Requests.
create or replace function _Commit(
    p_request uuid, p_batch commit_batch, p_room room,
    out store_time timestamptz, out turn_outcomes smallint[], out firsts bigint[],
    out done_outcomes smallint[], out dropped integer, out handed orchestration_batch,
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
    v_hub constant integer := _Hub(p_request);
    v_turns constant turn_batch := p_batch.turns;
    v_effect commit_effect;
    v_earlier record;
    v_further record;
begin
    p_room := _Unfiltered(v_hub, p_room);
    if p_batch.targets is null and (p_batch.children).turn is null and (p_batch.cancelled).turn is null
       and (p_batch.timers).turn is null and (p_batch.continued).turn is null then
        if cardinality(v_turns.token) = 1 and v_turns.after_task is null and (p_batch.done).token is null
           and v_turns.status[1] <> 5 and v_turns.level is null then
            v_effect := _CommitTurn(v_hub, p_batch, p_room);
        elsif cardinality((p_batch.done).token) = 1 and v_turns.token is null then
            v_effect := _CommitTask(v_hub, p_batch.done, p_room);
        end if;
    end if;
    if v_effect.store_time is null then
        v_effect := _CommitBatch(v_hub, p_request, p_batch, p_room);
    end if;
    store_time := v_effect.store_time;
    repeated := v_effect.repeated;
    if repeated then
        v_earlier := _CommittedBefore(v_hub, p_request, store_time, p_room);
        v_effect := v_earlier.effect;
        activities := v_earlier.activities;
        suspects := v_earlier.suspects;
    else
        v_further := _TakeFurther(v_hub, store_time, _RoomLeft(p_room, v_effect, p_batch.tasks));
        taken := v_further.taken;
        activities := v_further.activities;
        suspects := v_further.suspects;
        low_water := v_further.low_water;
        perform _KeepCommit(v_hub, p_request, p_room, v_turns, p_batch.tasks, v_effect, taken, activities);
    end if;
    turn_outcomes := v_effect.turn_outcomes;
    firsts := v_effect.firsts;
    done_outcomes := v_effect.done_outcomes;
    dropped := v_effect.dropped;
    handed := v_effect.handed;
    left_ready := v_effect.left_ready;
    next_due := v_effect.next_due;
end
$$;

-- The room that is left after what a commit has handed on, with that which was meant for the activities of
-- checkpoints that did not happen. Caller: _Commit. Tables: none.
create or replace function _RoomLeft(p_room room, p_effect commit_effect, p_tasks task_batch) returns room
language plpgsql volatile
as $$
declare
    v_tokens constant bigint[] := coalesce((p_effect.handed).token, '{}');
begin
    if cardinality(v_tokens) < p_effect.waiting then
        p_room.tokens := array(select t.token from unnest(p_room.tokens) with ordinality as t(token, n)
                                where t.token <> all(v_tokens) order by t.n);
    else
        p_room.tokens := p_room.tokens[p_effect.waiting + 1:];
    end if;
    if 0 = any(p_effect.firsts) and p_tasks.token is not null then
        p_room.task_tokens := p_room.task_tokens || array(
            select a.token from unnest(p_tasks.turn, p_tasks.token) as a(turn, token)
             where a.token is not null and p_effect.firsts[a.turn] = 0);
    end if;
    return p_room;
end
$$;
