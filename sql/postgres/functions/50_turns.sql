-- What turns change: the parts of a commit.

set search_path = :"schema", pg_temp;

-- [COMMIT-1] Whether an instance is leased under this token, for this execution. Without a search path, as
-- the next function, so that it becomes part of the query that asks.
create or replace function _IsLeasedBy(p_instance Instances, p_token bigint, p_execution uuid) returns boolean
language sql immutable
as $$ select p_instance.token = p_token and p_instance.execution_id = p_execution $$;

-- [SPECULATIVE-1] [VERSION-1] Whether nothing has come before a turn that follows this commit without a
-- lease. Whoever is neither leased, parked nor over has an empty inbox if there is no time at which it is
-- ready.
create or replace function _IsAsItWas(
    p_instance Instances, p_execution uuid, p_version bigint, p_committed bigint)
returns boolean
language sql immutable
as $$
    select p_instance.execution_id = p_execution and p_instance.history_version = p_version
           and p_instance.last_committed = p_committed and p_instance.token is null
           and p_instance.ready_at is null and p_instance.parked_reason is null
           and not _IsEnded(p_instance.status)
$$;

-- [COMMIT-1] Accepts turns: those whose lease is good, and speculative turns that have been judged already,
-- for which p_holders says who had the activity that they follow. Nobody has leased their instances from then
-- on. `numbers` are those of the turns that happen, `firsts` the numbers of their first new events. The rows
-- are locked already. The only place that writes the last commit; a turn alone has a statement of its own,
-- which takes half the time. An assertion: they began with the histories that are stored, because nobody else
-- changes one meanwhile [COMMIT-9]; otherwise PD002, so that nothing of the call happens. Tables: Instances.
create or replace function _Accept(
    p_hub integer, p_turns turn_batch, p_holders integer[], p_now timestamptz,
    out numbers integer[], out firsts bigint[])
language plpgsql volatile
as $$
declare
    v_version bigint;
    v_is_broken boolean;
begin
    if cardinality(p_turns.instance_key) = 1 then
        update Instances i
           set token = null, lease_until = null, holder = null, leased_alone = false, ready_at = null,
               last_committer = coalesce(p_holders[1], i.holder), last_committed = p_turns.token[1],
               deliveries = 0, suspect = false, not_before = '-infinity', needs_turn = false,
               status = p_turns.status[1], history_length = i.history_length + p_turns.events[1],
               history_version = i.history_version + 1, updated_at = p_now,
               completed_at = case when _IsEnded(p_turns.status[1]) then p_now end
         where i.instance_key = p_turns.instance_key[1] and i.task_hub is not distinct from p_hub
           and case when p_turns.after_task[1] is null
                    then _IsLeasedBy(i, p_turns.token[1], p_turns.execution_id[1])
                    else p_holders[1] is not null end
        returning '{1}', array[i.history_length - p_turns.events[1]], i.history_version - 1
             into numbers, firsts, v_version;
        if v_version <> p_turns.after_version[1] then
            raise exception 'a turn began with history version %, but the store has %',
                            p_turns.after_version[1], v_version using errcode = 'PD002';
        end if;
        return;
    end if;
    with accepted as (
        update Instances i
           set token = null, lease_until = null, holder = null, leased_alone = false, ready_at = null,
               last_committer = coalesce(t.after_holder, i.holder), last_committed = t.token,
               deliveries = 0, suspect = false, not_before = '-infinity', needs_turn = false,
               status = t.status, history_length = i.history_length + t.events,
               history_version = i.history_version + 1, updated_at = p_now,
               completed_at = case when _IsEnded(t.status) then p_now end
          from unnest(p_turns.instance_key, p_turns.token, p_turns.execution_id, p_turns.status,
                      p_turns.events, p_turns.after_task, p_turns.after_version, p_holders) with ordinality
               as t(instance_key, token, execution_id, status, events, after_task, after_version,
                    after_holder, n)
         where i.instance_key = any(array[t.instance_key]) and i.task_hub is not distinct from p_hub
           and case when t.after_task is null then _IsLeasedBy(i, t.token, t.execution_id)
                    else t.after_holder is not null end
        returning t.n, i.history_length - t.events as first,
                  i.history_version - 1 <> t.after_version as is_broken
    )
    select array_agg(a.n::integer order by a.n), array_agg(a.first order by a.n), bool_or(a.is_broken)
      into numbers, firsts, v_is_broken
      from accepted a;
    if v_is_broken then
        raise exception 'a turn began with another history version than the store has'
              using errcode = 'PD002';
    end if;
end
$$;

-- An assertion: a turn was judged, and its row is locked, but _Accept did not take it. Raises PD002, so that
-- nothing of the call happens. Tables: none.
create or replace function _NotAccepted() returns void
language plpgsql
as $$
begin
    raise exception 'a turn that was judged good is not accepted' using errcode = 'PD002';
end
$$;

-- [SPECULATIVE-1] Judges speculative turns. `holders` says for each turn who has the activity that it
-- follows; null for one that may not happen, and for others. `task_places` are those of the activities; one
-- of them waits as a suspect if `has_suspect`. The rows of p_keys are locked already, and lie in these
-- places. Tables, read only: Instances, NewTasks.
create or replace function _JudgeSpeculation(
    p_hub integer, p_turns turn_batch, p_keys bigint[], p_places tid[],
    out holders integer[], out task_places tid[], out has_suspect boolean)
language plpgsql volatile
as $$
begin
    with turn as materialized (
        select t.*, l.place
          from unnest(p_turns.instance_key, p_turns.token, p_turns.execution_id, p_turns.after_task,
                      p_turns.after_version, p_turns.after_committed) with ordinality
               as t(instance_key, token, execution_id, after_task, after_version, after_committed, n)
          join unnest(p_keys, p_places) as l(instance_key, place) using (instance_key)
         where t.after_task is not null
    ), good as materialized (
        select t.n, k.place, k.holder, k.ready_at
          from turn t
          join Instances i on i.ctid = t.place
         cross join lateral (
               select e.ctid as place, e.holder, e.ready_at from NewTasks e
                where e.instance_key = any(array[t.instance_key]) and e.task = t.after_task
                  and e.execution_id = t.execution_id and e.token = t.token
                limit 1) k
         where i.task_hub is not distinct from p_hub
           and _IsAsItWas(i, t.execution_id, t.after_version, t.after_committed)
    )
    select array_agg(g.holder order by n.n), array_agg(g.place) filter (where g.place is not null),
           coalesce(bool_or(g.ready_at is not null), false)
      into holders, task_places, has_suspect
      from generate_subscripts(p_turns.instance_key, 1) as n(n) left join good g on g.n = n.n;
end
$$;

-- [COMMIT-1] [COMMIT-9] Accepts the checkpoints whose lease is good, and the speculative turns that nothing
-- has come before, whose activities it ends [SPECULATIVE-1]. `firsts` has for each the number of its first
-- new event, 0 for one that is refused or a repeat; `outcomes` as in the contract, 3 for every speculative
-- turn that does not happen. The rows of p_keys are locked already, and lie in these places. Tables: Ready,
-- NewTasks, Instances.
create or replace function _AcceptTurns(
    p_hub integer, p_turns turn_batch, p_keys bigint[], p_places tid[], p_now timestamptz,
    out firsts bigint[], out outcomes smallint[])
language plpgsql volatile
as $$
declare
    v_count constant integer := cardinality(p_turns.instance_key);
    v_repeated integer[] := '{}';
    v_judged record;
    v_holders integer[];
    v_accepted record;
begin
    if v_count > cardinality(array(select distinct unnest(p_turns.instance_key))) then
        -- Of two checkpoints of one instance, the first may be a repeat of an earlier call [COMMIT-2].
        v_repeated := array(
            select t.n::integer
              from unnest(p_turns.instance_key, p_turns.token) with ordinality as t(instance_key, token, n)
              join Instances i on i.instance_key = any(array[t.instance_key])
             where i.last_committed = t.token and i.task_hub is not distinct from p_hub);
    end if;
    if p_turns.after_task is not null then
        v_judged := _JudgeSpeculation(p_hub, p_turns, p_keys, p_places);
        if v_judged.has_suspect then
            -- Somebody may have taken one meanwhile. From then on nobody can.
            perform _UnqueueFinished(p_hub, p_turns.instance_key, p_turns.after_task, p_turns.execution_id,
                                     p_turns.token);
            v_judged := _JudgeSpeculation(p_hub, p_turns, p_keys, p_places);
        end if;
        v_holders := v_judged.holders;
        delete from NewTasks t where t.ctid = any(v_judged.task_places);
    end if;
    v_accepted := _Accept(p_hub, p_turns, v_holders, p_now);
    firsts := v_accepted.firsts;
    outcomes := array_fill(0::smallint, array[v_count]);
    if cardinality(v_accepted.numbers) = v_count then
        return;
    end if;
    select array_agg(coalesce(firsts[array_position(v_accepted.numbers, t.n::integer)], 0) order by t.n),
           array_agg(case when t.n = any(v_accepted.numbers) or i.last_committed = t.token
                               or t.n = any(v_repeated)
                                  and not exists (
                                          select from unnest(v_accepted.numbers) as a(n)
                                           where a.n < t.n
                                             and p_turns.instance_key[a.n] = t.instance_key)
                          then 0
                          when p_turns.after_task[t.n] is not null then 3
                          else 1 end::smallint order by t.n)
      into firsts, outcomes
      from unnest(p_turns.instance_key, p_turns.token) with ordinality as t(instance_key, token, n)
      left join Instances i on i.instance_key = any(array[t.instance_key])
                           and i.task_hub is not distinct from p_hub;
end
$$;

-- [COMMIT-6] Begins the next execution. The row is locked already. Tables: Instances, NewEvents,
-- History.
create or replace function _ContinueAsNew(
    p_key bigint, p_execution uuid, p_version text, p_start_event text,
    p_kept_count integer, p_kept_events text, p_tags text)
returns void
language plpgsql volatile
as $$
declare
    v_definition WorkKeys;
    v_work_key integer;
begin
    select l.* into v_definition
      from Instances i join WorkKeys l on l.work_key = i.work_key where i.instance_key = p_key;
    v_work_key := v_definition.work_key;
    if v_definition.variant <> p_version then
        v_work_key := (_WorkKeys(false, array[v_definition.name], array[p_version], array[0],
                          array[v_definition.kind], array[v_definition.feature_level]))[1];
    end if;
    delete from NewEvents e where e.instance_key = p_key and e.for_execution;
    delete from History h where h.instance_key = p_key;
    insert into History (instance_key, first, count, events)
    values (p_key, 0, 1, '[' || p_start_event || ']');
    if p_kept_count > 0 then
        insert into History (instance_key, first, count, events)
        values (p_key, 1, p_kept_count, p_kept_events);
    end if;
    update Instances i
       set created_as = coalesce(i.created_as, i.execution_id), execution_id = p_execution,
           work_key = v_work_key, status = 0, tags = p_tags::jsonb, needs_turn = true,
           history_length = 1 + p_kept_count, last_committer = null, completed_at = null,
           start_at = null
     where i.instance_key = p_key;
end
$$;

-- The results of turns and their custom statuses, and those that are cleared. Tables: Payloads.
create or replace function _WritePayloads(
    p_turns turn_batch, p_firsts bigint[], p_payloads payload_batch)
returns void
language plpgsql volatile
as $$
begin
    if array_position(p_payloads.codec, null) is not null then
        delete from Payloads p
         using unnest(p_payloads.turn, p_payloads.kind, p_payloads.codec) as c(turn, kind, codec)
         where p_firsts[c.turn] <> 0 and c.codec is null
           and p.instance_key = any(array[p_turns.instance_key[c.turn]]) and p.kind = c.kind;
    end if;
    insert into Payloads (instance_key, kind, codec, bytes)
    select p_turns.instance_key[c.turn], c.kind, c.codec, c.bytes
      from unnest(p_payloads.turn, p_payloads.kind, p_payloads.codec, p_payloads.bytes)
           as c(turn, kind, codec, bytes)
     where p_firsts[c.turn] <> 0 and c.codec is not null
    on conflict (instance_key, kind) do update
       set codec = excluded.codec, bytes = excluded.bytes;
end
$$;

-- What every turn writes: history, consumed messages, payloads. `p_firsts` tells which checkpoints
-- count. Tables: NewEvents, History, Payloads.
create or replace function _WriteTurns(
    p_turns turn_batch, p_firsts bigint[], p_consumed consumed_batch, p_chunks chunk_batch,
    p_payloads payload_batch)
returns void
language plpgsql volatile
as $$
begin
    if p_consumed.turn is not null then
        delete from NewEvents e
         using unnest(p_consumed.turn, p_consumed.instance_key, p_consumed.sequence)
               as c(turn, instance_key, sequence)
         where p_firsts[c.turn] <> 0
           and c.instance_key = p_turns.instance_key[c.turn]
           and e.instance_key = any(array[c.instance_key]) and e.sequence = c.sequence;
    end if;
    if p_chunks.turn is not null then
        insert into History (instance_key, first, count, events)
        select p_turns.instance_key[c.turn], p_firsts[c.turn] + c.skip, c.count, c.events
          from unnest(p_chunks.turn, p_chunks.skip, p_chunks.count, p_chunks.events)
               as c(turn, skip, count, events)
         where p_firsts[c.turn] <> 0;
    end if;
    if p_payloads.turn is not null then
        perform _WritePayloads(p_turns, p_firsts, p_payloads);
    end if;
end
$$;

-- What turns schedule and cancel. `left_ready`: an activity waits that the caller does not take.
-- Tables: Ready, NewTasks, NewEvents.
create or replace function _Schedule(
    p_turns turn_batch, p_firsts bigint[], p_now timestamptz, p_room room, p_tasks task_batch,
    p_cancelled cancelled_batch, p_timers timer_batch, out left_ready boolean)
language plpgsql volatile
as $$
begin
    left_ready := false;
    if p_cancelled.turn is not null then
        -- [COMMIT-8]
        delete from Ready r
         using unnest(p_cancelled.turn, p_cancelled.task, p_cancelled.is_timer)
               as c(turn, task, is_timer), NewTasks t
         where p_firsts[c.turn] <> 0 and not c.is_timer
           and t.instance_key = any(array[p_turns.instance_key[c.turn]]) and t.task = c.task
           and t.execution_id = p_turns.execution_id[c.turn] and t.ready_at is not null
           and r.work_key = any(array[case when t.suspect then -t.work_key else t.work_key end])
           and r.due = t.ready_at and r.instance_key = t.instance_key and r.task = t.task
           and r.execution_id = t.execution_id;
        delete from NewTasks t
         using unnest(p_cancelled.turn, p_cancelled.task, p_cancelled.is_timer)
               as c(turn, task, is_timer)
         where p_firsts[c.turn] <> 0 and not c.is_timer
           and t.instance_key = any(array[p_turns.instance_key[c.turn]]) and t.task = c.task
           and t.execution_id = p_turns.execution_id[c.turn];
        delete from NewEvents e
         using unnest(p_cancelled.turn, p_cancelled.task, p_cancelled.is_timer)
               as c(turn, task, is_timer)
         where p_firsts[c.turn] <> 0 and c.is_timer
           and e.instance_key = any(array[p_turns.instance_key[c.turn]]) and e.task = c.task and e.is_timer;
    end if;
    if p_tasks.turn is not null then
        with added as (
            insert into NewTasks (instance_key, task, execution_id, work_key, token, lease_until,
                                  holder, ready_at, version, input_codec, input, details)
            select p_turns.instance_key[a.turn], a.task, p_turns.execution_id[a.turn], a.work_key,
                   a.token,
                   case when a.token is not null
                        then p_now + p_room.lease * interval '1 microsecond' end,
                   case when a.token is not null then p_room.worker end,
                   case when a.token is null then p_now end,
                   a.version, a.input_codec, a.input, a.details
              from unnest(p_tasks.turn, p_tasks.task, p_tasks.work_key, p_tasks.token, p_tasks.version,
                          p_tasks.input_codec, p_tasks.input, p_tasks.details)
                   as a(turn, task, work_key, token, version, input_codec, input, details)
             where p_firsts[a.turn] <> 0
            returning work_key, ready_at, instance_key, task, execution_id
        ), queued as (
            insert into Ready (work_key, due, instance_key, task, execution_id)
            select a.work_key, a.ready_at, a.instance_key, a.task, a.execution_id
              from added a where a.ready_at is not null
            returning 1
        )
        select exists (select from queued) into left_ready;
    end if;
    if p_timers.turn is not null then
        insert into NewEvents (instance_key, due, visible_at, task, for_execution, is_timer, event)
        select p_turns.instance_key[t.turn], greatest(t.fire_at, p_now), t.fire_at, t.task, true,
               true, t.event
          from unnest(p_timers.turn, p_timers.task, p_timers.fire_at, p_timers.event)
               as t(turn, task, fire_at, event)
         where p_firsts[t.turn] <> 0;
    end if;
end
$$;

-- The ends of executions [COMMIT-5] [COMMIT-6]. Tables: Ready, NewTasks, NewEvents, History,
-- Instances.
create or replace function _EndTurns(
    p_turns turn_batch, p_firsts bigint[], p_now timestamptz, p_continued continued_batch)
returns void
language plpgsql volatile
as $$
declare
    v_ended bigint[];
    v_terminated bigint[];
begin
    select array_agg(t.instance_key), array_agg(t.instance_key) filter (where t.status = 5)
      into v_ended, v_terminated
      from unnest(p_turns.instance_key, p_turns.status) with ordinality as t(instance_key, status, n)
     where p_firsts[t.n] <> 0 and _IsEnded(t.status)
       and (p_continued.turn is null or t.n <> all(p_continued.turn));
    if v_ended is not null then
        delete from NewEvents e where e.instance_key = any(v_ended);
    end if;
    if v_terminated is not null then
        perform _Unqueue(v_terminated, p_now, false);
    end if;
    if p_continued.turn is not null then
        perform _ContinueAsNew(p_turns.instance_key[c.turn], c.execution_id, c.version,
                               c.start_event, c.kept_count, c.kept_events, c.tags)
           from unnest(p_continued.turn, p_continued.execution_id, p_continued.version,
                       p_continued.start_event, p_continued.kept_count, p_continued.kept_events,
                       p_continued.tags)
                as c(turn, execution_id, version, start_event, kept_count, kept_events, tags)
          where p_firsts[c.turn] <> 0;
    end if;
end
$$;

-- [COMMIT-4] Starts children; one whose id is taken by anything but this very parent link answers
-- at once. Returns the keys of those inserted, 0 for others. Tables: Instances, History, Ready,
-- NewEvents.
create or replace function _StartChildren(
    p_hub integer, p_now timestamptz, p_turns turn_batch, p_firsts bigint[],
    p_children instance_batch)
returns bigint[]
language plpgsql volatile
as $$
declare
    v_wanted instance_batch := p_children;
    v_keys bigint[];
    v_found Instances;
begin
    if 0 = any(p_firsts) then
        select array_agg(c.turn), array_agg(c.instance_id), array_agg(c.execution_id),
               array_agg(c.work_key), array_agg(c.start_event), array_agg(c.start_at),
               array_agg(c.tags), array_agg(c.parent_instance), array_agg(c.parent_execution),
               array_agg(c.parent_task), array_agg(c.refused_event), null, null
          into v_wanted
          from unnest(p_children.turn, p_children.instance_id, p_children.execution_id,
                      p_children.work_key, p_children.start_event, p_children.start_at, p_children.tags,
                      p_children.parent_instance, p_children.parent_execution,
                      p_children.parent_task, p_children.refused_event)
               as c(turn, instance_id, execution_id, work_key, start_event, start_at, tags,
                    parent_instance, parent_execution, parent_task, refused_event)
         where p_firsts[c.turn] <> 0;
        if v_wanted.turn is null then
            return '{}';
        end if;
    end if;
    v_keys := _Insert(p_hub, p_now, v_wanted);
    for n in 1..cardinality(v_keys) loop
        continue when v_keys[n] <> 0 or v_wanted.parent_instance[n] is null;
        select i.* into v_found from Instances i
         where i.task_hub = p_hub and i.instance_id = v_wanted.instance_id[n];
        if (v_found.parent_instance, v_found.parent_execution, v_found.parent_task) is distinct from
           (v_wanted.parent_instance[n], v_wanted.parent_execution[n], v_wanted.parent_task[n]) then
            perform _Post(p_turns.instance_key[v_wanted.turn[n]], p_now, p_now,
                          v_wanted.parent_task[n], true, v_wanted.refused_event[n]);
        end if;
    end loop;
    return v_keys;
end
$$;

-- The name of the Durable Task family for all that a checkpoint writes, apart from what leaves for
-- other instances. The rows are locked already. Tables: Instances, Ready, NewTasks, NewEvents,
-- History, Payloads.
create or replace function _CheckpointOrchestration(
    p_now timestamptz, p_room room, p_batch commit_batch, p_firsts bigint[], out left_ready boolean)
language plpgsql volatile
as $$
begin
    left_ready := false;
    perform _WriteTurns(p_batch.turns, p_firsts, p_batch.consumed, p_batch.chunks, p_batch.payloads);
    if (p_batch.tasks).turn is not null or (p_batch.cancelled).turn is not null
       or (p_batch.timers).turn is not null then
        left_ready := _Schedule(p_batch.turns, p_firsts, p_now, p_room, p_batch.tasks, p_batch.cancelled,
                                p_batch.timers);
    end if;
    if p_batch.some_end then
        perform _EndTurns(p_batch.turns, p_firsts, p_now, p_batch.continued);
    end if;
end
$$;

-- Takes those of the checkpointed instances out of Ready that wait as suspects although their lease is
-- still good [LOCK-3]. Tables: Instances (read), Ready.
create or replace function _UnqueueHeld(p_hub integer, p_turns turn_batch) returns void
language plpgsql volatile
as $$
begin
    delete from Ready r
     using unnest(p_turns.instance_key, p_turns.token, p_turns.after_task)
           as t(instance_key, token, after_task), Instances i
     where t.after_task is null
       and i.instance_key = any(array[t.instance_key]) and i.token = t.token and i.ready_at is not null
       and i.task_hub is not distinct from p_hub and r.work_key = any(array[-i.work_key])
       and r.due = i.ready_at and r.instance_key = i.instance_key and r.task is not distinct from 0;
end
$$;
