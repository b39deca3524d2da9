SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA hub_made_by_023f470;
CREATE TYPE hub_made_by_023f470.activity_batch AS (
	instance_key bigint[],
	task bigint[],
	execution_id uuid[],
	token bigint[],
	instance_id text[],
	name text[],
	queue text[],
	version text[],
	input_codec text[],
	input bytea[],
	details text[],
	attempts integer[],
	suspect boolean[]
);
CREATE TYPE hub_made_by_023f470.cancelled_batch AS (
	turn integer[],
	task bigint[],
	is_timer boolean[]
);
CREATE TYPE hub_made_by_023f470.chunk_batch AS (
	turn integer[],
	skip integer[],
	count integer[],
	events text[]
);
CREATE TYPE hub_made_by_023f470.orchestration_batch AS (
	instance_key bigint[],
	token bigint[],
	instance_id text[],
	execution_id uuid[],
	lane integer[],
	status smallint[],
	history_version bigint[],
	history_length bigint[],
	attempts integer[],
	suspect boolean[],
	has_frame boolean[],
	message_item integer[],
	message_sequence bigint[],
	message_visible_at timestamp with time zone[],
	message_task bigint[],
	message_event text[],
	chunk_item integer[],
	chunk_first bigint[],
	chunk_count integer[],
	chunk_events text[]
);
CREATE TYPE hub_made_by_023f470.commit_effect AS (
	repeated boolean,
	store_time timestamp with time zone,
	turn_outcomes smallint[],
	firsts bigint[],
	done_outcomes smallint[],
	dropped integer,
	ended text[],
	handed hub_made_by_023f470.orchestration_batch,
	waiting integer,
	left_ready boolean,
	next_due timestamp with time zone
);
CREATE TYPE hub_made_by_023f470.completion_batch AS (
	instance_key bigint[],
	task bigint[],
	execution_id uuid[],
	token bigint[],
	event text[]
);
CREATE TYPE hub_made_by_023f470.consumed_batch AS (
	turn integer[],
	instance_key bigint[],
	sequence bigint[]
);
CREATE TYPE hub_made_by_023f470.continued_batch AS (
	turn integer[],
	execution_id uuid[],
	version text[],
	start_event text[],
	kept_count integer[],
	kept_events text[],
	tags text[]
);
CREATE TYPE hub_made_by_023f470.instance_batch AS (
	turn integer[],
	instance_id text[],
	execution_id uuid[],
	lane integer[],
	start_event text[],
	start_at timestamp with time zone[],
	tags text[],
	parent_instance text[],
	parent_execution uuid[],
	parent_task bigint[],
	refused_event text[],
	replaceable integer[],
	replaced_event text[]
);
CREATE TYPE hub_made_by_023f470.low_water AS (
	since timestamp with time zone,
	task_since timestamp with time zone,
	took bigint
);
CREATE TYPE hub_made_by_023f470.message_batch AS (
	turn integer[],
	target text[],
	event text[],
	message_id text[],
	execution_id uuid[],
	task bigint[],
	visible_at timestamp with time zone[]
);
CREATE TYPE hub_made_by_023f470.payload_batch AS (
	turn integer[],
	kind smallint[],
	codec text[],
	bytes bytea[]
);
CREATE TYPE hub_made_by_023f470.room AS (
	worker integer,
	lease bigint,
	definitions integer[],
	tokens bigint[],
	activities text[],
	queues text[],
	task_tokens bigint[],
	messages integer,
	bytes bigint,
	suspects boolean,
	expire boolean,
	everything boolean,
	since timestamp with time zone,
	task_since timestamp with time zone,
	ended_calls uuid[],
	ended_before uuid
);
CREATE TYPE hub_made_by_023f470.task_batch AS (
	turn integer[],
	task bigint[],
	lane integer[],
	token bigint[],
	version text[],
	input_codec text[],
	input bytea[],
	details text[]
);
CREATE TYPE hub_made_by_023f470.termination_batch AS (
	turn integer[],
	target text[],
	event text[],
	final_event text[],
	codec text[],
	bytes bytea[],
	parent_event text[]
);
CREATE TYPE hub_made_by_023f470.timer_batch AS (
	turn integer[],
	task bigint[],
	fire_at timestamp with time zone[],
	event text[]
);
CREATE TYPE hub_made_by_023f470.turn_batch AS (
	instance_key bigint[],
	token bigint[],
	execution_id uuid[],
	status smallint[],
	events integer[],
	after_task bigint[],
	after_version bigint[],
	after_event text[]
);
CREATE FUNCTION hub_made_by_023f470._acceptturns(p_hub integer, p_turns hub_made_by_023f470.turn_batch, p_keys bigint[], p_places tid[], p_now timestamp with time zone, OUT firsts bigint[], OUT outcomes smallint[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_count constant integer := cardinality(p_turns.instance_key);
    v_accepted integer[];
    v_repeated integer[] := '{}';
    v_ahead record;
begin
    if v_count > cardinality(array(select distinct unnest(p_turns.instance_key))) then
        -- Of two checkpoints of one instance, the first may be a repeat of an earlier call [COMMIT-2].
        v_repeated := array(
            select t.n::integer
              from unnest(p_turns.instance_key, p_turns.token) with ordinality as t(instance_key, token, n)
              join Instances i on i.instance_key = any(array[t.instance_key])
             where i.last_committed = t.token and i.task_hub is not distinct from p_hub);
    end if;
    with accepted as (
        update Instances i
           set token = null, lease_until = null, holder = null, ready_at = null,
               last_committer = i.holder, last_committed = t.token, attempts = 0, suspect = false,
               not_before = '-infinity', needs_turn = false, status = t.status,
               history_length = i.history_length + t.events,
               history_version = i.history_version + 1, updated_at = p_now,
               completed_at = case when t.status in (1, 3, 5) then p_now end
          from unnest(p_turns.instance_key, p_turns.token, p_turns.execution_id, p_turns.status,
                      p_turns.events, p_turns.after_task) with ordinality
               as t(instance_key, token, execution_id, status, events, after_task, n)
         where i.instance_key = any(array[t.instance_key]) and i.token = t.token
           and t.after_task is null
           and i.execution_id = t.execution_id and i.task_hub is not distinct from p_hub
        returning t.n, i.history_length - t.events as first
    )
    select array_agg(a.n::integer), array_agg(a.first) into v_accepted, firsts
      from (select * from accepted order by n) a;
    if p_turns.after_task is not null then
        v_ahead := _AcceptTurnsAhead(p_hub, p_turns, p_keys, p_places, p_now);
        select array_agg(a.n order by a.n), array_agg(a.first order by a.n) into v_accepted, firsts
          from (select * from unnest(v_accepted, firsts) as l(n, first)
                 union all
                select * from unnest(v_ahead.accepted, v_ahead.firsts) as h(n, first)) a;
    end if;
    outcomes := array_fill(0::smallint, array[v_count]);
    if cardinality(v_accepted) = v_count then
        return;
    end if;
    select array_agg(coalesce(firsts[array_position(v_accepted, t.n::integer)], 0) order by t.n),
           array_agg(case when t.n = any(v_accepted) or i.last_committed = t.token
                               or t.n = any(v_repeated)
                                  and not exists (
                                          select from unnest(v_accepted) as a(n)
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
CREATE FUNCTION hub_made_by_023f470._acceptturnsahead(p_hub integer, p_turns hub_made_by_023f470.turn_batch, p_keys bigint[], p_places tid[], p_now timestamp with time zone, OUT accepted integer[], OUT firsts bigint[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_quiet record;
begin
    with turn as materialized (
        select t.*, l.place
          from unnest(p_turns.instance_key, p_turns.token, p_turns.execution_id, p_turns.after_task,
                      p_turns.after_version) with ordinality
               as t(instance_key, token, execution_id, after_task, after_version, n)
          join unnest(p_keys, p_places) as l(instance_key, place) using (instance_key)
         where t.after_task is not null
    )
    select array_agg(t.n::integer) as turns, array_agg(t.place) as places,
           array_agg(k.ctid) as task_places, bool_or(k.ready_at is not null) as has_suspect
      into v_quiet
      from turn t
      join Instances i on i.ctid = t.place
     cross join lateral (
           select e.ctid, e.ready_at from NewTasks e
            where e.instance_key = any(array[t.instance_key]) and e.task = t.after_task
              and e.execution_id = t.execution_id and e.token = t.token
            limit 1) k
     where i.task_hub is not distinct from p_hub
       and i.execution_id = t.execution_id and i.history_version = t.after_version
       and i.token is null and i.ready_at is null and i.parked_reason is null
       and i.status not in (1, 3, 5);
    if v_quiet.has_suspect then
        perform _UnqueueFinished(p_hub, p_turns.instance_key, p_turns.after_task,
                                 p_turns.execution_id, p_turns.token);
    end if;
    with ended as (
        delete from NewTasks t
         using unnest(v_quiet.turns, v_quiet.places, v_quiet.task_places) as q(n, place, task_place)
         where t.ctid = q.task_place
        returning q.n, q.place, t.holder
    ), happened as (
        update Instances i
           set last_committer = e.holder, last_committed = p_turns.token[e.n], attempts = 0,
               suspect = false, not_before = '-infinity', needs_turn = false,
               status = p_turns.status[e.n],
               history_length = i.history_length + p_turns.events[e.n],
               history_version = i.history_version + 1, updated_at = p_now,
               completed_at = case when p_turns.status[e.n] in (1, 3, 5) then p_now end
          from ended e
         where i.ctid = e.place
        returning e.n, i.history_length - p_turns.events[e.n] as first
    )
    select array_agg(h.n), array_agg(h.first) into accepted, firsts from happened h;
end
$$;
CREATE FUNCTION hub_made_by_023f470._addorchestrationevents(p_request uuid, p_messages hub_made_by_023f470.message_batch, OUT outcomes smallint[], OUT left_ready boolean, OUT next_due timestamp with time zone, OUT store_time timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_keys bigint[];
    v_sent record;
begin
    select l.keys into v_keys from _LockInstances(v_hub, null, p_messages.target, false) l;
    outcomes := _EarlierOutcomes(v_hub, p_request);
    if outcomes is not null then
        return;
    end if;
    store_time := _Now();
    outcomes := '{}';
    for n in 1..cardinality(p_messages.target) loop
        select s.* into v_sent
          from _Send(v_hub, store_time, p_messages.target[n], p_messages.event[n],
                     p_messages.message_id[n], p_messages.execution_id[n], p_messages.task[n],
                     p_messages.visible_at[n], v_keys) s;
        outcomes[n] := v_sent.outcome;
    end loop;
    select s.left_ready, s.next_due into left_ready, next_due from _Settle(v_keys, store_time) s;
    perform _KeepAnswer(v_hub, p_request, store_time, outcomes, 0, 0, null, null, null, null);
end
$$;
CREATE FUNCTION hub_made_by_023f470._advanceclock(p_by bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
begin
    if not exists (select from GlobalSettings g where g.name = 'TestClock') then
        return false;
    end if;
    update TaskHubs h set clock_offset = h.clock_offset + p_by where h.task_hub = _Hub();
    return true;
end
$$;
CREATE FUNCTION hub_made_by_023f470._announce(p_work boolean, p_ended text[] DEFAULT '{}'::text[], p_others_ended boolean DEFAULT false) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
declare
    v_bed record;
    v_told boolean := false;
begin
    if p_work then
        v_bed := _Bed('work');
        if _IsSleptFor(v_bed.lock_key) then
            v_told := true;
            perform pg_notify(v_bed.channel, 'work');
        end if;
    end if;
    if p_others_ended or cardinality(p_ended) > 0 then
        v_bed := _Bed('ended');
        if _IsSleptFor(v_bed.lock_key) then
            v_told := true;
            if p_others_ended then
                perform pg_notify(v_bed.channel, 'ended');
            else
                -- A notification has less than 8000 bytes, an id at most 255.
                perform pg_notify(v_bed.channel, 'ended' || string_agg(E'\n' || c.id, ''))
                   from (select e.id, sum(octet_length(e.id) + 1) over (order by e.n) / 7500 as chunk
                           from unnest(p_ended) with ordinality as e(id, n)) c
                  group by c.chunk;
            end if;
        end if;
    end if;
    if v_told then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    return v_told;
end
$$;
CREATE FUNCTION hub_made_by_023f470._anyended(p_ids text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
begin
    return array(select w.id
                   from unnest(p_ids) as w(id)
                   left join lateral (
                        select x.instance_key, x.status from Instances x
                         where x.task_hub = v_hub and x.instance_id = w.id limit 1) i on true
                  where i.instance_key is null or i.status in (1, 3, 5));
end
$$;
CREATE FUNCTION hub_made_by_023f470._backlog(OUT orchestrations bigint, OUT activities bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_hub constant integer := _Hub();
    v_now constant timestamptz := _Now();
    v_max constant integer := 10000;
    v_leases record;
begin
    select count(*) into orchestrations
      from (select from Lanes l
             cross join lateral (select from Ready q
                                  where q.lane in (l.lane, -l.lane) and q.due <= v_now
                                  limit v_max) r
             where l.task_hub = v_hub and not l.is_activity limit v_max) n;
    select count(*) into activities
      from (select from Lanes l
             cross join lateral (select from Ready q
                                  where q.lane in (l.lane, -l.lane) and q.due <= v_now
                                  limit v_max) r
             where l.task_hub = v_hub and l.is_activity limit v_max) n;
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
CREATE FUNCTION hub_made_by_023f470._bed(p_kind text, OUT lock_key bigint, OUT channel text) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
declare
    v_hub integer := _Hub();
begin
    select ('x' || left(md5(h.wakeup_key || ' lock ' || p_kind), 16))::bit(64)::bigint,
           'perdure_' || md5(h.wakeup_key || ' channel ' || p_kind)
      into strict lock_key, channel
      from TaskHubs h where h.task_hub = v_hub;
end
$$;
CREATE FUNCTION hub_made_by_023f470._beginsleep(p_work boolean, p_ends boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
declare
    v_bed record;
begin
    if p_work then
        v_bed := _Bed('work');
        perform pg_advisory_lock_shared(v_bed.lock_key);
        execute format('listen %I', v_bed.channel);
    end if;
    if p_ends then
        v_bed := _Bed('ended');
        perform pg_advisory_lock_shared(v_bed.lock_key);
        execute format('listen %I', v_bed.channel);
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._bytestext(p_bytes bytea) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
begin
    return convert_from(p_bytes, 'UTF8');
exception
    -- One instance with such bytes must not make the whole view unreadable.
    when character_not_in_repertoire or untranslatable_character or invalid_text_representation then
        return encode(p_bytes, 'base64');
end
$$;
CREATE FUNCTION hub_made_by_023f470._checklanes(p_hub integer, p_lanes integer[]) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
begin
    if (select count(*) from Lanes l where l.lane = any(p_lanes) and l.task_hub = p_hub)
       < (select count(distinct coalesce(w.lane, 0)) from unnest(p_lanes) as w(lane)) then
        raise exception 'there is no such lane in this hub' using errcode = 'PD002';
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._checkname(p_what text, p_name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
    if p_name is null or octet_length(p_name) not between 1 and 255
       or p_name collate "C" ~ '[\x01-\x1f\x7f]' then
        raise exception '% "%" is refused: allowed are 1 to 255 bytes without control characters',
            p_what, left(p_name, 300) using errcode = 'PD002';
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._checkpointorchestration(p_now timestamp with time zone, p_room hub_made_by_023f470.room, p_turns hub_made_by_023f470.turn_batch, p_firsts bigint[], p_consumed hub_made_by_023f470.consumed_batch, p_chunks hub_made_by_023f470.chunk_batch, p_payloads hub_made_by_023f470.payload_batch, p_tasks hub_made_by_023f470.task_batch, p_cancelled hub_made_by_023f470.cancelled_batch, p_timers hub_made_by_023f470.timer_batch, p_continued hub_made_by_023f470.continued_batch, p_some_end boolean, OUT left_ready boolean) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    left_ready := false;
    perform _WriteTurns(p_turns, p_firsts, p_consumed, p_chunks, p_payloads);
    if p_tasks.turn is not null or p_cancelled.turn is not null or p_timers.turn is not null then
        left_ready := _Schedule(p_turns, p_firsts, p_now, p_room, p_tasks, p_cancelled, p_timers);
    end if;
    if p_some_end then
        perform _EndTurns(p_turns, p_firsts, p_now, p_continued);
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._checkreason(p_reason text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
    if octet_length(p_reason) > 65536 then
        raise exception 'the reason has % bytes; at most 65536 are allowed', octet_length(p_reason)
            using errcode = 'PD002';
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._childgone(p_child text, p_type text, p_message text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select '{"type":"child_failed","failure":{"type":' || to_json(p_type)::text
           || ',"message":' || to_json(p_message)::text
           || ',"properties":{"instance":' || to_json(p_child)::text || '}}}'
$$;
CREATE FUNCTION hub_made_by_023f470._commit(p_request uuid, p_keys bigint[], p_targets text[], p_turns hub_made_by_023f470.turn_batch, p_consumed hub_made_by_023f470.consumed_batch, p_chunks hub_made_by_023f470.chunk_batch, p_payloads hub_made_by_023f470.payload_batch, p_tasks hub_made_by_023f470.task_batch, p_cancelled hub_made_by_023f470.cancelled_batch, p_timers hub_made_by_023f470.timer_batch, p_messages hub_made_by_023f470.message_batch, p_children hub_made_by_023f470.instance_batch, p_terminations hub_made_by_023f470.termination_batch, p_continued hub_made_by_023f470.continued_batch, p_some_end boolean, p_done hub_made_by_023f470.completion_batch, p_room hub_made_by_023f470.room, OUT store_time timestamp with time zone, OUT turn_outcomes smallint[], OUT firsts bigint[], OUT done_outcomes smallint[], OUT dropped integer, OUT ended text[], OUT handed hub_made_by_023f470.orchestration_batch, OUT taken hub_made_by_023f470.orchestration_batch, OUT activities hub_made_by_023f470.activity_batch, OUT repeated boolean, OUT suspects boolean, OUT next_due timestamp with time zone, OUT left_ready boolean, OUT low_water hub_made_by_023f470.low_water) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
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
           and p_turns.status[1] <> 5 then
            v_effect := _CommitTurn(v_hub, p_turns, p_consumed, p_chunks, p_payloads, p_tasks, p_room);
        elsif cardinality(p_done.token) = 1 and p_turns.token is null then
            v_effect := _CommitTask(v_hub, p_done, p_room);
        end if;
    end if;
    if v_effect.store_time is null then
        v_effect := _CommitBatch(
            v_hub, p_request, p_keys, p_targets, p_turns, p_consumed, p_chunks, p_payloads, p_tasks,
            p_cancelled, p_timers, p_messages, p_children, p_terminations, p_continued, p_some_end,
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
    ended := v_effect.ended;
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
CREATE FUNCTION hub_made_by_023f470._commitbatch(p_hub integer, p_request uuid, p_keys bigint[], p_targets text[], p_turns hub_made_by_023f470.turn_batch, p_consumed hub_made_by_023f470.consumed_batch, p_chunks hub_made_by_023f470.chunk_batch, p_payloads hub_made_by_023f470.payload_batch, p_tasks hub_made_by_023f470.task_batch, p_cancelled hub_made_by_023f470.cancelled_batch, p_timers hub_made_by_023f470.timer_batch, p_messages hub_made_by_023f470.message_batch, p_children hub_made_by_023f470.instance_batch, p_terminations hub_made_by_023f470.termination_batch, p_continued hub_made_by_023f470.continued_batch, p_some_end boolean, p_done hub_made_by_023f470.completion_batch, p_room hub_made_by_023f470.room) RETURNS hub_made_by_023f470.commit_effect
    LANGUAGE plpgsql
    AS $$
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
    v_locked := _LockInstances(p_hub, p_keys, p_targets, p_terminations.turn is not null);
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
                         p_messages.visible_at[n], v_keys || coalesce(v_children, '{}')) s;
            v_effect.dropped := v_effect.dropped + case when v_sent.outcome in (2, 3) then 1 else 0 end;
        end loop;
    end if;
    if p_terminations.turn is not null then
        for n in 1..cardinality(p_terminations.turn) loop
            continue when v_effect.firsts[p_terminations.turn[n]] = 0;
            select t.* into v_sent
              from _Terminate(p_hub, v_now, p_terminations.target[n], p_terminations.event[n],
                              p_terminations.final_event[n], p_terminations.codec[n],
                              p_terminations.bytes[n], p_terminations.parent_event[n],
                              v_keys || coalesce(v_children, '{}')) t;
            if v_sent.outcome = 0 then
                v_effect.ended := coalesce(v_effect.ended, '{}') || p_terminations.target[n];
            end if;
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
CREATE FUNCTION hub_made_by_023f470._now() RETURNS timestamp with time zone
    LANGUAGE sql
    AS $$ select clock_timestamp() $$;
CREATE SEQUENCE hub_made_by_023f470.event_sequence
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE SEQUENCE hub_made_by_023f470.instance_keys
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE hub_made_by_023f470.instances (
    instance_key bigint DEFAULT nextval('hub_made_by_023f470.instance_keys'::regclass) NOT NULL,
    task_hub integer NOT NULL,
    lane integer NOT NULL,
    status smallint NOT NULL,
    execution_id uuid NOT NULL,
    token bigint,
    lease_until timestamp with time zone,
    holder integer,
    ready_at timestamp with time zone,
    not_before timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    needs_turn boolean NOT NULL,
    suspect boolean DEFAULT false NOT NULL,
    leased_alone boolean DEFAULT false NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    history_length bigint NOT NULL,
    history_version bigint NOT NULL,
    last_committer integer,
    last_committed bigint,
    updated_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    start_at timestamp with time zone,
    completed_at timestamp with time zone,
    created_as uuid,
    instance_id text NOT NULL COLLATE pg_catalog."C",
    parent_instance text COLLATE pg_catalog."C",
    parent_execution uuid,
    parent_task bigint,
    parked_reason text,
    tags jsonb
)
WITH (fillfactor='45', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='1');
CREATE TABLE hub_made_by_023f470.lanes (
    lane integer NOT NULL,
    task_hub integer NOT NULL,
    is_activity boolean NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    variant text NOT NULL COLLATE pg_catalog."C",
    priority integer DEFAULT 0 NOT NULL
);
CREATE TABLE hub_made_by_023f470.newevents (
    instance_key bigint NOT NULL,
    due timestamp with time zone NOT NULL,
    sequence bigint DEFAULT nextval('hub_made_by_023f470.event_sequence'::regclass) NOT NULL,
    visible_at timestamp with time zone NOT NULL,
    task bigint NOT NULL,
    for_execution boolean NOT NULL,
    is_timer boolean NOT NULL,
    completed_by bigint,
    event text NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='1');
CREATE TABLE hub_made_by_023f470.payloads (
    instance_key bigint NOT NULL,
    kind smallint NOT NULL,
    codec text NOT NULL,
    bytes bytea NOT NULL
);
CREATE TABLE hub_made_by_023f470.workers (
    worker integer NOT NULL,
    task_hub integer NOT NULL,
    worker_id text NOT NULL COLLATE pg_catalog."C",
    live_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    definitions integer[] DEFAULT '{}'::integer[] NOT NULL,
    activities text[] DEFAULT '{}'::text[] NOT NULL,
    queues text[] DEFAULT '{}'::text[] NOT NULL
);
CREATE VIEW hub_made_by_023f470.instancerecords AS
 SELECT i.instance_key,
    i.instance_id,
    i.execution_id,
    l.name,
    l.variant AS version,
    i.status,
    i.created_at,
    i.updated_at,
    i.completed_at,
    i.start_at,
    c.codec AS custom_status_codec,
    c.bytes AS custom_status,
    o.codec AS output_codec,
    o.bytes AS output,
    f.bytes AS failure,
    ARRAY( SELECT t.key
           FROM jsonb_each_text(i.tags) t(key, value)
          ORDER BY t.key) AS tag_keys,
    ARRAY( SELECT t.value
           FROM jsonb_each_text(i.tags) t(key, value)
          ORDER BY t.key) AS tag_values,
    i.parent_instance,
    i.parent_execution,
    i.parent_task,
    i.parked_reason,
    i.history_length,
    ( SELECT count(*) AS count
           FROM hub_made_by_023f470.newevents e
          WHERE (e.instance_key = i.instance_key)) AS inbox_length,
        CASE
            WHEN ((i.ready_at IS NULL) AND (i.lease_until > hub_made_by_023f470._now())) THEN w.worker_id
            ELSE NULL::text
        END AS leased_by
   FROM (((((hub_made_by_023f470.instances i
     JOIN hub_made_by_023f470.lanes l ON ((l.lane = i.lane)))
     LEFT JOIN hub_made_by_023f470.payloads o ON (((o.instance_key = i.instance_key) AND (o.kind = 1))))
     LEFT JOIN hub_made_by_023f470.payloads c ON (((c.instance_key = i.instance_key) AND (c.kind = 2))))
     LEFT JOIN hub_made_by_023f470.payloads f ON (((f.instance_key = i.instance_key) AND (f.kind = 3))))
     LEFT JOIN hub_made_by_023f470.workers w ON (((w.worker = i.holder) AND (w.task_hub = i.task_hub))));
CREATE FUNCTION hub_made_by_023f470._commitloneturn(p_request uuid, p_room hub_made_by_023f470.room, p_key bigint, p_token bigint, p_execution uuid, p_status smallint, p_task bigint, p_version bigint, p_count integer, p_events text, p_codec text, p_output bytea, p_next_task bigint, p_lane integer, p_next_token bigint, p_task_version text, p_input_codec text, p_input bytea, p_details text, p_is_awaited boolean, OUT store_time timestamp with time zone, OUT taken hub_made_by_023f470.orchestration_batch, OUT activities hub_made_by_023f470.activity_batch, OUT suspects boolean, OUT low_water hub_made_by_023f470.low_water, OUT ended hub_made_by_023f470.instancerecords) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
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
                         and i.parked_reason is null and i.status not in (1, 3, 5) end
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
               completed_at = case when p_status in (1, 3) then e.now end
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
    if p_is_awaited and p_status in (1, 3) then
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
                   lease_tasks = r.lease_tasks || array_fill(0::bigint, array[coalesce(cardinality(taken.token), 0)])
                                 || activities.task,
                   lease_tokens = r.lease_tokens || taken.token || activities.token
             where r.task_hub = v_hub and r.request_id = p_request;
        end if;
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._committask(p_hub integer, p_done hub_made_by_023f470.completion_batch, p_room hub_made_by_023f470.room) RETURNS hub_made_by_023f470.commit_effect
    LANGUAGE plpgsql
    AS $$
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
       and i.execution_id = p_done.execution_id[1] and i.status not in (1, 3, 5)
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
CREATE FUNCTION hub_made_by_023f470._committurn(p_hub integer, p_turns hub_made_by_023f470.turn_batch, p_consumed hub_made_by_023f470.consumed_batch, p_chunks hub_made_by_023f470.chunk_batch, p_payloads hub_made_by_023f470.payload_batch, p_tasks hub_made_by_023f470.task_batch, p_room hub_made_by_023f470.room) RETURNS hub_made_by_023f470.commit_effect
    LANGUAGE plpgsql
    AS $$
declare
    v_key constant bigint := p_turns.instance_key[1];
    v_now timestamptz;
    v_ends constant boolean := p_turns.status[1] in (1, 3);
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
           last_committer = v_instance.last_committer, last_committed = p_turns.token[1],
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
CREATE FUNCTION hub_made_by_023f470._completetasks(p_hub integer, p_done hub_made_by_023f470.completion_batch, p_now timestamp with time zone) RETURNS smallint[]
    LANGUAGE plpgsql
    AS $$
declare
    v_count constant integer := cardinality(p_done.task);
    v_outcomes smallint[];
    v_places integer[];
begin
    perform _UnqueueFinished(p_hub, p_done.instance_key, p_done.task, p_done.execution_id,
                             p_done.token);
    with done as (
        delete from NewTasks t
         using unnest(p_done.instance_key, p_done.task, p_done.execution_id, p_done.token,
                      p_done.event) with ordinality
               as d(instance_key, task, execution_id, token, event, n), Instances i
         where i.instance_key = any(array[d.instance_key]) and i.task_hub is not distinct from p_hub
           and t.instance_key = any(array[d.instance_key]) and t.task = d.task
           and t.execution_id = d.execution_id and t.token = d.token
        returning d.*, case when i.status in (1, 3, 5) or i.execution_id <> d.execution_id
                            then 2 else 0 end::smallint as outcome
    ), judged as (
        select d.* from done d order by d.n
    ), arrived as (
        insert into NewEvents (instance_key, due, visible_at, task, for_execution, is_timer,
                               completed_by, event)
        select j.instance_key, p_now, p_now, j.task, true, false, j.token, j.event
          from judged j where j.outcome = 0
    )
    select array_agg(j.outcome), array_agg(j.n::integer) into v_outcomes, v_places from judged j;
    if cardinality(v_places) = v_count then
        return v_outcomes;
    end if;
    return (select array_agg(
                       case when d.n = any(v_places)
                            then v_outcomes[array_position(v_places, d.n::integer)]
                            when exists (select from NewEvents e
                                           join Instances i on i.instance_key = any(array[e.instance_key])
                                          where e.instance_key = d.instance_key
                                            and i.task_hub is not distinct from p_hub
                                            and e.task = d.task and e.completed_by = d.token)
                            then 0 else 1 end::smallint order by d.n)
              from unnest(p_done.instance_key, p_done.task, p_done.token) with ordinality
                   as d(instance_key, task, token, n));
end
$$;
CREATE FUNCTION hub_made_by_023f470._continueasnew(p_key bigint, p_execution uuid, p_version text, p_start_event text, p_kept_count integer, p_kept_events text, p_tags text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_definition Lanes;
    v_lane integer;
begin
    select l.* into v_definition
      from Instances i join Lanes l on l.lane = i.lane where i.instance_key = p_key;
    v_lane := v_definition.lane;
    if v_definition.variant <> p_version then
        v_lane := (_Lanes(false, array[v_definition.name], array[p_version], array[0]))[1];
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
           lane = v_lane, status = 0, tags = p_tags::jsonb, needs_turn = true,
           history_length = 1 + p_kept_count, last_committer = null, completed_at = null,
           start_at = null
     where i.instance_key = p_key;
end
$$;
CREATE FUNCTION hub_made_by_023f470._createhub() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
    insert into TaskHubs (name) values (CurrentTaskHub()) on conflict (name) do nothing
$$;
CREATE FUNCTION hub_made_by_023f470._createinstances(p_new hub_made_by_023f470.instance_batch, p_request uuid DEFAULT NULL::uuid, p_worker integer DEFAULT NULL::integer, p_token bigint DEFAULT NULL::bigint, p_lease bigint DEFAULT NULL::bigint, OUT outcomes smallint[], OUT statuses smallint[], OUT left_ready boolean, OUT next_due timestamp with time zone, OUT store_time timestamp with time zone, OUT handed hub_made_by_023f470.orchestration_batch) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_count integer := cardinality(p_new.instance_id);
    v_touched bigint[];
    v_keys bigint[];
    v_found Instances;
    v_key bigint;
    v_until timestamptz;
begin
    if v_count = 1 then
        if p_token is not null then
            -- As in _Lock: whoever repeats that call waits for this one.
            perform pg_advisory_xact_lock(v_hub, hashtext(p_request::text));
        end if;
        store_time := _Now();
        v_until := store_time + p_lease * interval '1 microsecond';
        v_key := _InsertOne(v_hub, store_time, p_new, p_request, p_worker, p_token, v_until);
        if v_key is not null then
            outcomes := '{0}';
            statuses := '{6}';
            left_ready := p_token is null;
            if p_new.start_at[1] > store_time then
                next_due := p_new.start_at[1];
            end if;
            if p_token is not null then
                handed := row(array[v_key], array[p_token], p_new.instance_id, p_new.execution_id,
                              p_new.lane, statuses, array[1], array[1], array[0], array[false],
                              array[false], null, null, null, null, null,
                              array[1], array[0], array[1],
                              array['[' || p_new.start_event[1] || ']']);
            end if;
            return;
        end if;
    end if;
    perform _CheckLanes(v_hub, p_new.lane);
    select l.keys into v_touched from _LockInstances(v_hub, null, p_new.instance_id, true) l;
    store_time := _Now();
    v_keys := _Insert(v_hub, store_time, p_new);
    outcomes := array_fill(0::smallint, array[v_count]);
    statuses := array_fill(6::smallint, array[v_count]);
    if 0 = any(v_keys) then
        for n in 1..v_count loop
            continue when v_keys[n] <> 0;
            select i.* into v_found from Instances i
             where i.task_hub = v_hub and i.instance_id = p_new.instance_id[n];
            if p_new.execution_id[n]
               in (v_found.execution_id, coalesce(v_found.created_as, v_found.execution_id)) then
                statuses[n] := v_found.status;
                continue;
            end if;
            if (p_new.replaceable[n] >> v_found.status) & 1 = 0 then
                outcomes[n] := 1;
                statuses[n] := v_found.status;
                continue;
            end if;
            -- One that was created meanwhile by another call is not ours to take away.
            if v_found.instance_key <> all(v_touched || v_keys) then
                raise exception 'instance "%" was created meanwhile', v_found.instance_id
                    using errcode = 'PD003';
            end if;
            perform _Erase(array[v_found.instance_key]);
            if v_found.status not in (1, 3, 5) and v_found.parent_instance is not null then
                perform _TellParent(v_hub, store_time, v_found.parent_instance,
                                    v_found.parent_execution, v_found.parent_task,
                                    p_new.replaced_event[n]);
            end if;
            v_keys[n] := (_Insert(v_hub, store_time, _One(p_new, n)))[1];
        end loop;
    end if;
    if cardinality(v_touched) > 0 then
        select s.left_ready, s.next_due into left_ready, next_due from _Settle(v_touched, store_time) s;
    end if;
    left_ready := true;
    select least(next_due, min(s.start_at)) into next_due
      from unnest(p_new.start_at) as s(start_at) where s.start_at > store_time;
end
$$;
CREATE FUNCTION hub_made_by_023f470._declineturns(p_hub integer, p_turns hub_made_by_023f470.turn_batch, p_outcomes smallint[], p_now timestamp with time zone) RETURNS smallint[]
    LANGUAGE plpgsql
    AS $$
declare
    v_places integer[];
    v_declined completion_batch;
    v_ends smallint[];
begin
    select array_agg(t.n::integer), array_agg(t.instance_key), array_agg(t.task),
           array_agg(t.execution_id), array_agg(t.token), array_agg(t.event)
      into v_places, v_declined.instance_key, v_declined.task, v_declined.execution_id,
           v_declined.token, v_declined.event
      from unnest(p_turns.instance_key, p_turns.after_task, p_turns.execution_id, p_turns.token,
                  p_turns.after_event) with ordinality
           as t(instance_key, task, execution_id, token, event, n)
     where p_outcomes[t.n] = 3;
    v_ends := _CompleteTasks(p_hub, v_declined, p_now);
    return (select array_agg(case when o.outcome <> 3 then o.outcome
                                  else coalesce(nullif(v_ends[array_position(v_places, o.n::integer)], 0), 3)
                             end order by o.n)
              from unnest(p_outcomes) with ordinality as o(outcome, n));
end
$$;
CREATE FUNCTION hub_made_by_023f470._deletehub(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
declare
    v_hub integer := _Hub();
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
    return 0;
end
$$;
CREATE FUNCTION hub_made_by_023f470._discardeventsandunlockinstance(p_request uuid, p_keys bigint[], p_tokens bigint[], p_delay bigint) RETURNS smallint[]
    LANGUAGE sql
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
    select r.outcomes
      from _ReturnLeases(p_request, p_keys, array_fill(0::bigint, array[cardinality(p_keys)]),
                         p_tokens, p_delay, null) r
$$;
CREATE FUNCTION hub_made_by_023f470._earlieroutcomes(p_hub integer, p_request uuid) RETURNS smallint[]
    LANGUAGE plpgsql STABLE
    AS $$
begin
    return (select r.outcomes from Requests r
             where r.task_hub = p_hub and r.request_id = p_request);
end
$$;
CREATE FUNCTION hub_made_by_023f470._endsleep(p_work boolean, p_ends boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
declare
    v_bed record;
begin
    if p_work then
        v_bed := _Bed('work');
        execute format('unlisten %I', v_bed.channel);
        perform pg_advisory_unlock_shared(v_bed.lock_key);
    end if;
    if p_ends then
        v_bed := _Bed('ended');
        execute format('unlisten %I', v_bed.channel);
        perform pg_advisory_unlock_shared(v_bed.lock_key);
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._endturns(p_turns hub_made_by_023f470.turn_batch, p_firsts bigint[], p_now timestamp with time zone, p_continued hub_made_by_023f470.continued_batch) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_ended bigint[];
    v_terminated bigint[];
begin
    select array_agg(t.instance_key), array_agg(t.instance_key) filter (where t.status = 5)
      into v_ended, v_terminated
      from unnest(p_turns.instance_key, p_turns.status) with ordinality as t(instance_key, status, n)
     where p_firsts[t.n] <> 0 and t.status in (1, 3, 5)
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
CREATE FUNCTION hub_made_by_023f470._erase(p_keys bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform _Unqueue(p_keys, '-infinity', true);
    delete from NewEvents e where e.instance_key = any(p_keys);
    delete from History h where h.instance_key = any(p_keys);
    delete from Payloads p where p.instance_key = any(p_keys);
    delete from MessageIds m where m.instance_key = any(p_keys);
    delete from Instances i where i.instance_key = any(p_keys);
end
$$;
CREATE FUNCTION hub_made_by_023f470._eventtime(p_microseconds text) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE
    AS $$
    select timestamptz '1970-01-01 00:00:00+00' + p_microseconds::bigint * interval '1 microsecond'
$$;
CREATE FUNCTION hub_made_by_023f470._expireleases(p_hub integer, p_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION hub_made_by_023f470._expirethese(p_keys bigint[], p_tokens bigint[], p_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    with expired as (
        update Instances i
           set ready_at = p_now, suspect = true,
               attempts = i.attempts + case when i.leased_alone then 1 else 0 end
         where i.instance_key = any(p_keys) and i.token = any(p_tokens)
           and i.lease_until <= p_now and i.ready_at is null
        returning i.lane, i.instance_key
    )
    insert into Ready (lane, due, instance_key, task)
    select -e.lane, p_now, e.instance_key, 0 from expired e;
    with expired as (
        update NewTasks t
           set ready_at = p_now, suspect = true,
               attempts = t.attempts + case when t.leased_alone then 1 else 0 end
         where t.instance_key = any(p_keys) and t.token = any(p_tokens)
           and t.lease_until <= p_now and t.ready_at is null
        returning t.lane, t.instance_key, t.task, t.execution_id
    )
    insert into Ready (lane, due, instance_key, task, execution_id)
    select -e.lane, p_now, e.instance_key, e.task, e.execution_id from expired e;
end
$$;
CREATE FUNCTION hub_made_by_023f470._filtered(p_hub integer, p_statuses smallint[], p_name text, p_version text, p_tag text, p_parent text, p_parked boolean, p_prefix bytea, p_created_from timestamp with time zone, p_created_to timestamp with time zone, p_completed_from timestamp with time zone, p_completed_to timestamp with time zone, p_terminal boolean, p_after text, p_limit integer) RETURNS TABLE(instance_key bigint, instance_id text)
    LANGUAGE sql STABLE
    AS $$
    select i.instance_key, i.instance_id from Instances i
     where i.task_hub = p_hub and i.instance_id > p_after
       and (length(p_prefix) = 0
            or substr(convert_to(i.instance_id, 'UTF8'), 1, length(p_prefix)) = p_prefix)
       and (p_statuses = '{}' or i.status = any(p_statuses))
       and (p_name is null and p_version is null
            or exists (select from Lanes l
                        where l.lane = i.lane and l.name = coalesce(p_name, l.name)
                          and l.variant = coalesce(p_version, l.variant)))
       and (p_tag is null or i.tags @> p_tag::jsonb)
       and (p_parent is null or i.parent_instance = p_parent)
       and (p_parked is null or (i.parked_reason is not null) = p_parked)
       and (p_created_from is null or i.created_at >= p_created_from)
       and (p_created_to is null or i.created_at <= p_created_to)
       and (p_completed_from is null or i.completed_at >= p_completed_from)
       and (p_completed_to is null or i.completed_at <= p_completed_to)
       and (p_terminal is null or (i.completed_at is not null) = p_terminal)
     order by i.instance_id limit p_limit
$$;
CREATE FUNCTION hub_made_by_023f470._forgetleases(p_hub integer, p_room hub_made_by_023f470.room) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if cardinality(p_room.ended_calls) > 0
       and exists (select from Requests r
                    where r.task_hub = p_hub and r.request_id = p_room.ended_before) then
        update Requests r
           set until = r.answered_at + interval '2 minutes', lease_keys = null, lease_tasks = null,
               lease_tokens = null
         where r.ctid = any(array(
                   select q.place
                     from unnest(p_room.ended_calls) as e(request_id)
                    cross join lateral (
                          select a.ctid as place from Requests a
                           where a.task_hub = p_hub and a.request_id = e.request_id
                           limit 1 for update skip locked) q));
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._getinstances(p_ids text[]) RETURNS SETOF hub_made_by_023f470.instancerecords
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_keys bigint[];
begin
    if cardinality(p_ids) = 1 then
        return next _RecordOf((select i.instance_key from Instances i
                                where i.task_hub = v_hub and i.instance_id = p_ids[1]));
        return;
    end if;
    -- The keys first: joined in one statement, the planner may walk through the whole view.
    select array_agg(i.instance_key order by w.n) into v_keys
      from unnest(p_ids) with ordinality as w(instance_id, n)
      left join lateral (
           select x.instance_key from Instances x
            where x.task_hub = v_hub and x.instance_id = w.instance_id limit 1) i on true;
    return query
    select r.* from unnest(v_keys) with ordinality as w(instance_key, n)
      left join lateral (
           select q.* from InstanceRecords q
            where q.instance_key = w.instance_key offset 0) r on true
     order by w.n;
end
$$;
CREATE FUNCTION hub_made_by_023f470._getversions(OUT semantic_version text, OUT upgrade_time timestamp with time zone, OUT task_hub text) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
    select v.semantic_version, v.upgrade_time, CurrentTaskHub()
      from Versions v order by string_to_array(v.semantic_version, '.')::integer[] desc
$$;
CREATE FUNCTION hub_made_by_023f470._havework(p_keys bigint[], p_now timestamp with time zone, OUT ready bigint[], OUT unsettled boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    select array_agg(s.instance_key) filter (where s.due <= p_now),
           coalesce(bool_or(s.due is null or s.due > p_now), false)
      into ready, unsettled
      from (select i.instance_key, i.ready_at,
                   case when i.status in (1, 3, 5) or i.parked_reason is not null then null
                        when i.token is not null then i.ready_at
                        when i.needs_turn then greatest(i.not_before, p_now)
                        else (select greatest(e.due, i.not_before, p_now)
                                from NewEvents e where e.instance_key = i.instance_key
                               order by e.due limit 1) end as due
              from unnest(p_keys) as k(instance_key)
              join Instances i on i.instance_key = any(array[k.instance_key])) s
     where s.due is not null or s.ready_at is not null;
end
$$;
CREATE FUNCTION hub_made_by_023f470._hub() RETURNS integer
    LANGUAGE plpgsql STABLE
    AS $$
declare
    v_hub integer;
begin
    -- The usual case by itself, in two thirds of the time: without isolation, the name as it is.
    select h.task_hub into v_hub
      from TaskHubs h
     where h.name = current_setting('application_name')
       and exists (select from GlobalSettings g where g.name = 'TaskHubMode' and g.value = '0');
    if v_hub is null then
        select h.task_hub into v_hub from TaskHubs h where h.name = _HubName();
    end if;
    if v_hub is null then
        raise exception 'there is no task hub "%"', _HubName() using errcode = 'PD001';
    end if;
    return v_hub;
end
$$;
CREATE FUNCTION hub_made_by_023f470._hubname() RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
begin
    return (select _HubNameOf(case when g.value = '1' then session_user::text
                                   else current_setting('application_name') end)
              from GlobalSettings g where g.name = 'TaskHubMode');
end
$$;
CREATE FUNCTION hub_made_by_023f470._hubnameof(p_name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select case when p_name is null or p_name = '' then 'default'
                when length(p_name) > 50 then left(p_name, 16) || '__' || md5(p_name)
                else p_name end
$$;
CREATE FUNCTION hub_made_by_023f470._hubstatus(OUT schema_version text, OUT store_time timestamp with time zone, OUT live_workers text[], OUT ready_orchestrations bigint, OUT ready_activities bigint, OUT parked bigint, OUT unserved text[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_max constant integer := 10000;
    v_leased bigint[];
    v_over integer[];
begin
    store_time := _Now();
    -- What is leased and over waits as well, but a look must not make a suspect of it.
    v_leased := array(select distinct unnest(r.lease_keys) from Requests r
                       where r.task_hub = v_hub and r.lease_keys is not null and r.until <= store_time);
    v_over := array(select i.lane from Instances i
                     where i.instance_key = any(v_leased) and i.token is not null
                       and i.lease_until <= store_time and i.ready_at is null
                     union all
                    select t.lane from NewTasks t
                     where t.instance_key = any(v_leased) and t.token is not null
                       and t.lease_until <= store_time and t.ready_at is null);
    select v.semantic_version into schema_version from _GetVersions() v limit 1;
    select coalesce(array_agg(w.worker_id order by w.worker), '{}') into live_workers
      from Workers w where w.task_hub = v_hub and w.live_until > store_time;
    select coalesce(sum(r.n) filter (where not l.is_activity), 0),
           coalesce(sum(r.n) filter (where l.is_activity), 0)
      into ready_orchestrations, ready_activities
      from Lanes l
     cross join lateral (
           select count(*) as n
             from (select from Ready q where q.lane = l.lane and q.due <= store_time limit v_max) c
           ) waiting
     cross join lateral (
           select waiting.n + count(*) + coalesce(cardinality(array_positions(v_over, l.lane)), 0) as n
             from (select from Ready q where q.lane = -l.lane and q.due <= store_time limit v_max) c
           ) r
     where l.task_hub = v_hub;
    ready_orchestrations := least(ready_orchestrations, v_max);
    ready_activities := least(ready_activities, v_max);
    select count(*) into parked
      from (select from Instances i
             where i.task_hub = v_hub and i.parked_reason is not null limit v_max) p;
    select coalesce(array_agg(distinct u.what order by u.what), '{}') into unserved
      from (select case when l.is_activity then 'activity ' || l.name
                        when l.variant = '' then 'orchestration ' || l.name
                        else 'orchestration ' || l.name || ' ' || l.variant end as what
              from Lanes l
             where l.task_hub = v_hub
               and (l.lane = any(v_over)
                    or exists (select from Ready q where q.lane = l.lane and q.due <= store_time limit 1)
                    or exists (select from Ready q
                                where q.lane = -l.lane and q.due <= store_time limit 1))
               and not exists (select from Workers w
                                where w.task_hub = v_hub and w.live_until > store_time
                                  and case when l.is_activity
                                           then l.name = any(w.activities) and l.variant = any(w.queues)
                                           else l.lane = any(w.definitions) end)) u;
end
$$;
CREATE FUNCTION hub_made_by_023f470._insert(p_hub integer, p_now timestamp with time zone, p_new hub_made_by_023f470.instance_batch) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
    v_keys bigint[];
    v_inserted bigint[];
begin
    v_keys := array(select nextval('instance_keys')
                      from generate_series(1, cardinality(p_new.instance_id)));
    with added as (
        insert into Instances (instance_key, task_hub, lane, status, execution_id, ready_at,
                               not_before, needs_turn, history_length, history_version, updated_at,
                               created_at, start_at, instance_id, parent_instance, parent_execution,
                               parent_task, tags)
        select v_keys[n.n], p_hub, n.lane, 6, n.execution_id, greatest(p_now, n.start_at),
               coalesce(n.start_at, '-infinity'), true, 1, 1, p_now, p_now, n.start_at,
               n.instance_id, n.parent_instance, n.parent_execution, n.parent_task, n.tags::jsonb
          from unnest(p_new.instance_id, p_new.execution_id, p_new.lane, p_new.start_at,
                      p_new.parent_instance, p_new.parent_execution, p_new.parent_task, p_new.tags)
               with ordinality as n(instance_id, execution_id, lane, start_at, parent_instance,
                                    parent_execution, parent_task, tags, n)
         order by n.instance_id, n.n
        on conflict (task_hub, instance_id) do nothing
        returning instance_key, lane, ready_at
    ), queued as (
        insert into Ready (lane, due, instance_key, task)
        select a.lane, a.ready_at, a.instance_key, 0 from added a
    )
    select array_agg(a.instance_key) into v_inserted from added a;
    if cardinality(v_inserted) is distinct from cardinality(v_keys) then
        select array_agg(case when k.key = any(v_inserted) then k.key else 0 end order by k.n)
          into v_keys from unnest(v_keys) with ordinality as k(key, n);
    end if;
    insert into History (instance_key, first, count, events)
    select v_keys[n.n], 0, 1, '[' || n.start_event || ']'
      from unnest(p_new.start_event) with ordinality as n(start_event, n)
     where v_keys[n.n] <> 0;
    return v_keys;
end
$$;
CREATE FUNCTION hub_made_by_023f470._insertone(p_hub integer, p_now timestamp with time zone, p_new hub_made_by_023f470.instance_batch, p_request uuid, p_worker integer, p_token bigint, p_until timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_key bigint;
begin
    with added as (
        insert into Instances (task_hub, lane, status, execution_id, token, holder, lease_until,
                               ready_at, not_before, needs_turn, history_length, history_version,
                               updated_at, created_at, start_at, instance_id, parent_instance,
                               parent_execution, parent_task, tags)
        select p_hub, l.lane, 6, p_new.execution_id[1], p_token, p_worker, p_until,
               case when p_token is null then greatest(p_now, p_new.start_at[1]) end,
               coalesce(p_new.start_at[1], '-infinity'), true, 1, 1, p_now, p_now, p_new.start_at[1],
               p_new.instance_id[1], p_new.parent_instance[1], p_new.parent_execution[1],
               p_new.parent_task[1], p_new.tags[1]::jsonb
          from Lanes l where l.lane = p_new.lane[1] and l.task_hub = p_hub
        on conflict (task_hub, instance_id) do nothing
        returning instance_key, lane, ready_at
    ), queued as (
        insert into Ready (lane, due, instance_key, task)
        select a.lane, a.ready_at, a.instance_key, 0 from added a where a.ready_at is not null
    ), recorded as (
        insert into History (instance_key, first, count, events)
        select a.instance_key, 0, 1, '[' || p_new.start_event[1] || ']' from added a
    ), kept as (
        insert into Requests (task_hub, request_id, answered_at, until, outcomes, lease_keys,
                              lease_tasks, lease_tokens)
        select p_hub, p_request, p_now, p_until, '{}', array[a.instance_key], '{0}', array[p_token]
          from added a where p_token is not null
    )
    select a.instance_key into v_key from added a;
    return v_key;
end
$$;
CREATE FUNCTION hub_made_by_023f470._issleptfor(p_lock_key bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    if pg_try_advisory_lock(p_lock_key) then
        perform pg_advisory_unlock(p_lock_key);
        return false;
    end if;
    return true;
end
$$;
CREATE FUNCTION hub_made_by_023f470._jsonpayload(p_what text, p_text text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
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
CREATE FUNCTION hub_made_by_023f470._keepanswer(p_hub integer, p_request uuid, p_now timestamp with time zone, p_outcomes smallint[], p_turns integer, p_detail bigint, p_until timestamp with time zone, p_keys bigint[], p_tasks bigint[], p_tokens bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    insert into Requests (task_hub, request_id, answered_at, until, outcomes, turns, detail,
                          lease_keys, lease_tasks, lease_tokens)
    values (p_hub, p_request, p_now, coalesce(p_until, p_now + interval '2 minutes'), p_outcomes,
            p_turns, p_detail, p_keys, p_tasks, p_tokens);
end
$$;
CREATE FUNCTION hub_made_by_023f470._keepcommit(p_hub integer, p_request uuid, p_now timestamp with time zone, p_room hub_made_by_023f470.room, p_turn_outcomes smallint[], p_done_outcomes smallint[], p_dropped integer, p_turns hub_made_by_023f470.turn_batch, p_firsts bigint[], p_tasks hub_made_by_023f470.task_batch, p_handed hub_made_by_023f470.orchestration_batch, p_taken hub_made_by_023f470.orchestration_batch, p_activities hub_made_by_023f470.activity_batch) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION hub_made_by_023f470._lanenames(p_lanes integer[], OUT names text[], OUT variants text[]) RETURNS record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
    select array_agg(l.name order by w.n), array_agg(l.variant order by w.n)
      from unnest(p_lanes) with ordinality as w(lane, n)
      join Lanes l on l.lane = w.lane and l.task_hub = _Hub()
$$;
CREATE FUNCTION hub_made_by_023f470._lanes(p_is_activity boolean, p_names text[], p_variants text[], p_priorities integer[]) RETURNS integer[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
declare
    v_hub integer := _Hub();
    v_lanes integer[];
begin
    insert into Lanes (task_hub, is_activity, name, variant, priority)
    select distinct v_hub, p_is_activity, w.name, w.variant, w.priority
      from unnest(p_names, p_variants, p_priorities) as w(name, variant, priority)
     where not exists (select from Lanes l
                        where l.task_hub = v_hub and l.is_activity = p_is_activity
                          and l.name = w.name and l.variant = w.variant and l.priority = w.priority)
     order by w.name, w.variant, w.priority
    on conflict do nothing;
    select array_agg(l.lane order by w.n) into v_lanes
      from unnest(p_names, p_variants, p_priorities) with ordinality as w(name, variant, priority, n)
      join Lanes l on l.task_hub = v_hub and l.is_activity = p_is_activity
                  and l.name = w.name and l.variant = w.variant and l.priority = w.priority;
    return v_lanes;
end
$$;
CREATE FUNCTION hub_made_by_023f470._leaseall(p_keys bigint[], p_now timestamp with time zone, p_room hub_made_by_023f470.room) RETURNS hub_made_by_023f470.orchestration_batch
    LANGUAGE plpgsql
    AS $$
declare
    v_batch orchestration_batch;
    v_bytes bigint;
begin
    select sum(octet_length(e.event)) into v_bytes
      from unnest(p_keys) as k(instance_key)
      join NewEvents e on e.instance_key = any(array[k.instance_key]);
    if v_bytes > p_room.bytes / 2 then
        return null;
    end if;
    with leased as (
        update Instances i
           set token = p_room.tokens[k.n], holder = p_room.worker, leased_alone = i.suspect,
               lease_until = p_now + p_room.lease * interval '1 microsecond'
          from unnest(p_keys) with ordinality as k(instance_key, n)
         where i.instance_key = any(array[k.instance_key]) and not i.suspect
           and i.lane = any(p_room.definitions)
        returning i.instance_key, i.token, i.instance_id, i.execution_id, i.lane, i.status,
                  i.history_version, i.history_length, i.attempts, i.suspect,
                  coalesce(i.last_committer = p_room.worker, false) as has_frame
    )
    select array_agg(l.instance_key), array_agg(l.token), array_agg(l.instance_id),
           array_agg(l.execution_id), array_agg(l.lane), array_agg(l.status),
           array_agg(l.history_version), array_agg(l.history_length), array_agg(l.attempts),
           array_agg(l.suspect), array_agg(l.has_frame),
           null, null, null, null, null, null, null, null, null
      into v_batch
      from leased l;
    if v_batch.instance_key is null then
        return null;
    end if;
    return _WithHistory(_WithInbox(v_batch, p_now, p_room.messages), p_room.bytes);
end
$$;
CREATE FUNCTION hub_made_by_023f470._leasedbefore(p_now timestamp with time zone, p_room hub_made_by_023f470.room, p_keys bigint[], p_tasks bigint[], p_tokens bigint[], OUT orchestrations hub_made_by_023f470.orchestration_batch, OUT activities hub_made_by_023f470.activity_batch) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    select array_agg(s.instance_key), array_agg(s.token), array_agg(s.instance_id),
           array_agg(s.execution_id), array_agg(s.lane), array_agg(s.status),
           array_agg(s.history_version), array_agg(s.history_length), array_agg(s.attempts),
           array_agg(s.suspect), array_agg(coalesce(s.last_committer = p_room.worker, false)),
           null, null, null, null, null, null, null, null, null
      into orchestrations
      from (select i.* from unnest(p_keys, p_tasks, p_tokens)
                            with ordinality as k(instance_key, task, token, n)
              join Instances i on i.instance_key = any(array[k.instance_key])
             where k.task = 0 and i.token = k.token and i.ready_at is null
             order by k.n) s;
    orchestrations := _WithInbox(orchestrations, p_now, p_room.messages);
    orchestrations := _WithHistory(orchestrations, p_room.bytes);
    select array_agg(s.instance_key), array_agg(s.task), array_agg(s.execution_id),
           array_agg(s.token), array_agg(s.instance_id), array_agg(s.name), array_agg(s.variant),
           array_agg(s.version), array_agg(s.input_codec), array_agg(s.input),
           array_agg(s.details), array_agg(s.attempts), array_agg(s.suspect)
      into activities
      from (select t.*, i.instance_id, l.name, l.variant
              from unnest(p_keys, p_tasks, p_tokens)
                   with ordinality as k(instance_key, task, token, n)
              join NewTasks t on t.instance_key = any(array[k.instance_key]) and t.task = k.task
              join Instances i on i.instance_key = any(array[k.instance_key])
              join Lanes l on l.lane = t.lane
             where k.task <> 0 and t.token = k.token and t.ready_at is null
             order by k.n) s;
end
$$;
CREATE FUNCTION hub_made_by_023f470._leaseorchestrations(p_places tid[], p_queued tid[], p_now timestamp with time zone, p_room hub_made_by_023f470.room) RETURNS hub_made_by_023f470.orchestration_batch
    LANGUAGE plpgsql
    AS $$
declare
    v_batch orchestration_batch;
begin
    with candidate as materialized (
        select i.instance_key, w.place, w.queued, row_number() over (order by w.ordinal) as n
          from unnest(p_places, p_queued) with ordinality as w(place, queued, ordinal)
          join Instances i on i.ctid = w.place
         where (i.token is null or i.ready_at is not null)
           and i.status not in (1, 3, 5) and i.parked_reason is null
           and i.suspect = p_room.suspects and i.lane = any(p_room.definitions)
           and i.not_before <= p_now
           and (i.needs_turn or exists (select from NewEvents e
                                         where e.instance_key = i.instance_key and e.due <= p_now))
         order by w.ordinal
         limit cardinality(p_room.tokens)
    ), message as (
        select c.n, c.place, c.queued, e.sequence, e.visible_at, e.task, e.event,
               row_number() over (partition by c.n order by e.due, e.sequence) as nth,
               sum(256 + coalesce(octet_length(e.event), 0)) over (order by c.n, e.due, e.sequence)
                 - coalesce(octet_length(e.event), 0) - 256 as before
          from candidate c
          left join lateral (
               select m.due, m.sequence, m.visible_at, m.task, m.event from NewEvents m
                where m.instance_key = c.instance_key and m.due <= p_now
                order by m.due, m.sequence limit p_room.messages) e on true
    ), offered as materialized (
        select m.* from message m where m.before < p_room.bytes
    ), leased as (
        update Instances i
           set token = p_room.tokens[o.n], holder = p_room.worker, ready_at = null,
               lease_until = p_now + p_room.lease * interval '1 microsecond',
               leased_alone = i.suspect
          from offered o
         where o.nth = 1 and i.ctid = o.place
        returning o.n, o.queued, i.instance_key, i.token, i.instance_id, i.execution_id, i.lane,
                  i.status, i.history_version, i.history_length, i.attempts, i.suspect,
                  coalesce(i.last_committer = p_room.worker, false) as has_frame
    ), gone as (
        delete from Ready r using leased l where r.ctid = l.queued
    )
    select l.instance_key, l.token, l.instance_id, l.execution_id, l.lane, l.status,
           l.history_version, l.history_length, l.attempts, l.suspect, l.has_frame,
           m.item, m.sequence, m.visible_at, m.task, m.event,
           null::integer[], null::bigint[], null::integer[], null::text[]
      into v_batch
      from (select array_agg(s.instance_key), array_agg(s.token), array_agg(s.instance_id),
                   array_agg(s.execution_id), array_agg(s.lane), array_agg(s.status),
                   array_agg(s.history_version), array_agg(s.history_length),
                   array_agg(s.attempts), array_agg(s.suspect), array_agg(s.has_frame)
              from (select * from leased order by n) s) as l(
               instance_key, token, instance_id, execution_id, lane, status, history_version,
               history_length, attempts, suspect, has_frame)
     cross join (select array_agg(o.n::integer), array_agg(o.sequence), array_agg(o.visible_at),
                        array_agg(o.task), array_agg(o.event)
                   from (select * from offered where sequence is not null order by n, nth) o) as m(
               item, sequence, visible_at, task, event);
    if v_batch.instance_key is null then
        return null;
    end if;
    return _WithHistory(v_batch, p_room.bytes);
end
$$;
CREATE FUNCTION hub_made_by_023f470._lock(p_request uuid, p_room hub_made_by_023f470.room, OUT store_time timestamp with time zone, OUT orchestrations hub_made_by_023f470.orchestration_batch, OUT activities hub_made_by_023f470.activity_batch, OUT contended boolean, OUT suspects boolean, OUT next_due timestamp with time zone, OUT left_ready boolean, OUT low_water hub_made_by_023f470.low_water) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_earlier Requests;
    v_before record;
    v_waiting record;
    v_next record;
    v_keys bigint[];
    v_tasks bigint[];
    v_tokens bigint[];
begin
    -- Whoever repeats a call that is still running waits for its answer.
    perform pg_advisory_xact_lock(v_hub, hashtext(p_request::text));
    store_time := _Now();
    p_room := _Unfiltered(v_hub, p_room);
    contended := false;
    left_ready := false;
    if p_room.expire then
        perform _ForgetLeases(v_hub, p_room);
        perform _ExpireLeases(v_hub, store_time);
    end if;
    select r.* into v_earlier
      from Requests r where r.task_hub = v_hub and r.request_id = p_request;
    if v_earlier.request_id is not null then
        select b.* into v_before
          from _LeasedBefore(store_time, p_room, v_earlier.lease_keys, v_earlier.lease_tasks,
                             v_earlier.lease_tokens) b;
        orchestrations := v_before.orchestrations;
        activities := v_before.activities;
    else
        v_next := _LockNext(v_hub, store_time, p_room);
        orchestrations := v_next.orchestrations;
        activities := v_next.activities;
        low_water := v_next.low_water;
        -- Whoever has as much as he wanted does not ask what others hold.
        if cardinality(orchestrations.instance_key) = cardinality(p_room.tokens) then
            p_room.since := low_water.since;
        end if;
        if cardinality(activities.instance_key) = cardinality(p_room.task_tokens) then
            p_room.task_since := low_water.task_since;
        end if;
        v_keys := coalesce(orchestrations.instance_key, '{}') || coalesce(activities.instance_key, '{}');
        v_tasks := array_fill(0::bigint, array[coalesce(cardinality(orchestrations.instance_key), 0)])
                   || coalesce(activities.task, '{}');
        v_tokens := coalesce(orchestrations.token, '{}') || coalesce(activities.token, '{}');
        if cardinality(v_keys) > 0 then
            -- A lease that a crash of the server takes back was never used: whoever commits by it
            -- has lost it. So nobody waits for the disk.
            perform set_config('synchronous_commit', 'off', true);
            perform _KeepAnswer(v_hub, p_request, store_time, '{}', 0, 0,
                                store_time + p_room.lease * interval '1 microsecond',
                                v_keys, v_tasks, v_tokens);
        end if;
    end if;
    select w.* into v_waiting from _Waiting(v_hub, store_time, p_room) w;
    suspects := v_waiting.suspects;
    next_due := v_waiting.next_due;
    contended := v_waiting.waits and not p_room.suspects
                 and (cardinality(p_room.tokens) = 0
                      or coalesce(cardinality(orchestrations.instance_key), 0)
                         < cardinality(p_room.tokens))
                 and (cardinality(p_room.task_tokens) = 0
                      or coalesce(cardinality(activities.instance_key), 0)
                         < cardinality(p_room.task_tokens));
    left_ready := v_waiting.waits;
end
$$;
CREATE FUNCTION hub_made_by_023f470._lockinstances(p_hub integer, p_keys bigint[], p_ids text[], p_with_parents boolean, OUT keys bigint[], OUT places tid[], OUT has_expired boolean, OUT has_queued boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    keys := p_keys;
    if p_ids is not null then
        select coalesce(keys, '{}') || coalesce(array_agg(i.instance_key), '{}') into keys
          from (select distinct unnest(p_ids) as instance_id) w
         cross join lateral (
               select x.instance_key from Instances x
                where x.task_hub = p_hub and x.instance_id = w.instance_id limit 1) i;
        if p_with_parents then
            select keys || coalesce(array_agg(p.instance_key), '{}') into keys
              from unnest(keys) as k(instance_key)
              join Instances i on i.instance_key = any(array[k.instance_key])
             cross join lateral (
                   select x.instance_key from Instances x
                    where x.task_hub = p_hub and x.instance_id = i.parent_instance limit 1) p;
        end if;
    end if;
    select coalesce(array_agg(l.instance_key), '{}'), array_agg(l.place),
           coalesce(bool_or(l.token is not null and l.ready_at is not null), false),
           coalesce(bool_or(l.ready_at is not null), false)
      into keys, places, has_expired, has_queued
      from (select i.instance_key, i.ctid as place, i.token, i.ready_at
              from Instances i
             where i.instance_key = any(keys) and i.task_hub is not distinct from p_hub
             order by i.instance_key for no key update) l;
end
$$;
CREATE FUNCTION hub_made_by_023f470._locknext(p_hub integer, p_now timestamp with time zone, p_room hub_made_by_023f470.room, OUT orchestrations hub_made_by_023f470.orchestration_batch, OUT activities hub_made_by_023f470.activity_batch, OUT low_water hub_made_by_023f470.low_water) RETURNS record
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION hub_made_by_023f470._locknextorchestration(p_hub integer, p_now timestamp with time zone, p_room hub_made_by_023f470.room, OUT batch hub_made_by_023f470.orchestration_batch, OUT since timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_keys bigint[];
    v_queued tid[];
    v_places tid[];
    v_oldest timestamptz;
    v_sign constant integer := case when p_room.suspects then -1 else 1 end;
begin
    select array_agg(w.instance_key order by w.due, w.instance_key),
           array_agg(w.place order by w.due, w.instance_key), min(w.due)
      into v_keys, v_queued, v_oldest
      from (select r.instance_key, r.place, r.due
              from Lanes d
             cross join lateral (
                   select q.instance_key, q.ctid as place, q.due from Ready q
                    where q.lane = v_sign * d.lane and q.due >= p_room.since and q.due <= p_now
                      and q.task = 0
                    order by q.due, q.instance_key
                    limit cardinality(p_room.tokens) for update skip locked) r
             where d.lane = any(p_room.definitions) and d.task_hub is not distinct from p_hub
               and not d.is_activity
             order by r.due, r.instance_key
             limit cardinality(p_room.tokens)) w;
    since := coalesce(v_oldest, p_now) - interval '100 milliseconds';
    if v_keys is null then
        return;
    end if;
    -- Whoever holds one of these rows may wait for its row in Ready, so this must not wait for him.
    select array_agg(l.place), array_agg(l.queued) into v_places, v_queued
      from (select i.ctid as place, k.queued
              from unnest(v_keys, v_queued) with ordinality as k(instance_key, queued, n)
              join Instances i on i.instance_key = any(array[k.instance_key])
                              and i.task_hub is not distinct from p_hub
             order by k.n for no key update of i skip locked) l;
    if v_places is not null then
        batch := _LeaseOrchestrations(v_places, v_queued, p_now, p_room);
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._locknexttask(p_hub integer, p_now timestamp with time zone, p_tokens bigint[], p_room hub_made_by_023f470.room, OUT batch hub_made_by_023f470.activity_batch, OUT since timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_oldest timestamptz;
    v_sign constant integer := case when p_room.suspects then -1 else 1 end;
begin
    select min(r.due) into v_oldest
      from Lanes l
     cross join lateral (
           select q.due from Ready q
            where q.lane = v_sign * l.lane and q.due >= p_room.task_since and q.due <= p_now
            order by q.due limit 1) r
     where l.task_hub = p_hub and l.is_activity
       and l.name = any(p_room.activities) and l.variant = any(p_room.queues);
    since := coalesce(v_oldest, p_now) - interval '100 milliseconds';
    if v_oldest is null then
        return;
    end if;
    with waiting as materialized (
        select r.place, r.due, r.instance_key, r.task, r.execution_id, l.priority, l.name, l.variant
          from Lanes l
         cross join lateral (
               select q.ctid as place, q.due, q.instance_key, q.task, q.execution_id from Ready q
                where q.lane = v_sign * l.lane and q.due >= v_oldest and q.due <= p_now
                order by q.due, q.instance_key, q.task
                limit cardinality(p_tokens) for update skip locked) r
         where l.task_hub = p_hub and l.is_activity
           and l.name = any(p_room.activities) and l.variant = any(p_room.queues)
    ), sized as (
        select w.*, t.instance_id,
               row_number() over (order by w.priority desc, w.due, w.instance_key, w.task) as n,
               sum(256 + t.bytes) over (order by w.priority desc, w.due, w.instance_key, w.task)
                 - t.bytes - 256 as before
          from waiting w
         cross join lateral (
               select coalesce(octet_length(t.input), 0) + octet_length(t.details) as bytes,
                      i.instance_id
                 from NewTasks t join Instances i on i.instance_key = any(array[t.instance_key])
                where t.instance_key = any(array[w.instance_key]) and t.task = w.task
                  and t.execution_id = w.execution_id
                limit 1) t
    ), offered as materialized (
        select s.* from sized s where s.before < p_room.bytes and s.n <= cardinality(p_tokens)
    ), gone as (
        delete from Ready r where r.ctid = any(array(select o.place from offered o))
    ), leased as (
        update NewTasks t
           set token = p_tokens[o.n], holder = p_room.worker, ready_at = null,
               lease_until = p_now + p_room.lease * interval '1 microsecond',
               leased_alone = t.suspect
          from offered o
         where t.instance_key = any(array[o.instance_key]) and t.task = o.task
           and t.execution_id = o.execution_id
        returning t.*, o.n, o.instance_id, o.name, o.variant
    )
    select array_agg(s.instance_key), array_agg(s.task), array_agg(s.execution_id),
           array_agg(s.token), array_agg(s.instance_id), array_agg(s.name), array_agg(s.variant),
           array_agg(s.version), array_agg(s.input_codec), array_agg(s.input),
           array_agg(s.details), array_agg(s.attempts), array_agg(s.suspect)
      into batch
      from (select * from leased order by n) s;
    if batch.task is null then
        batch := null;
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._offerone(p_instance hub_made_by_023f470.instances, p_now timestamp with time zone, p_room hub_made_by_023f470.room, OUT handed hub_made_by_023f470.orchestration_batch, OUT waits boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
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
           array[p_instance.history_version], array[p_instance.history_length],
           array[p_instance.attempts], array[false],
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
CREATE FUNCTION hub_made_by_023f470._one(p_new hub_made_by_023f470.instance_batch, p_n bigint) RETURNS hub_made_by_023f470.instance_batch
    LANGUAGE sql IMMUTABLE
    AS $$
    select row(null, (p_new).instance_id[p_n:p_n], (p_new).execution_id[p_n:p_n], (p_new).lane[p_n:p_n],
               (p_new).start_event[p_n:p_n], (p_new).start_at[p_n:p_n], (p_new).tags[p_n:p_n],
               (p_new).parent_instance[p_n:p_n], (p_new).parent_execution[p_n:p_n],
               (p_new).parent_task[p_n:p_n], null, null, null)::instance_batch
$$;
CREATE FUNCTION hub_made_by_023f470._payloadtext(p_event json) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select case json_typeof(p_event -> 'data')
               when 'string' then p_event ->> 'data'
               when 'object' then coalesce(p_event -> 'data' ->> 'text', p_event -> 'data' ->> 'base64')
           end
$$;
CREATE FUNCTION hub_made_by_023f470._placesof(p_keys bigint[], OUT places tid[], OUT queued tid[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    select array_agg(p.place order by p.ordinal), array_agg(p.queued order by p.ordinal)
      into places, queued
      from (select i.ctid as place, r.place as queued, k.ordinal
              from (select w.instance_key, min(w.ordinal) as ordinal
                      from unnest(p_keys) with ordinality as w(instance_key, ordinal)
                     group by w.instance_key) k
              join Instances i on i.instance_key = any(array[k.instance_key])
              left join lateral (
                   select q.ctid as place from Ready q
                    where i.ready_at is not null
                      and q.lane = any(array[case when i.suspect then -i.lane else i.lane end])
                      and q.due = i.ready_at and q.instance_key = i.instance_key and q.task = 0
                    limit 1) r on true) p;
end
$$;
CREATE FUNCTION hub_made_by_023f470._post(p_key bigint, p_now timestamp with time zone, p_visible_at timestamp with time zone, p_task bigint, p_for_execution boolean, p_event text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_sequence bigint;
begin
    insert into NewEvents (instance_key, due, visible_at, task, for_execution, is_timer, event)
    values (p_key, greatest(p_visible_at, p_now), p_visible_at, p_task, p_for_execution, false, p_event)
    returning sequence into v_sequence;
    return v_sequence;
end
$$;
CREATE FUNCTION hub_made_by_023f470._purgeable(p_statuses smallint[], p_name text, p_version text, p_tag text, p_parent text, p_parked boolean, p_prefix bytea, p_created_from timestamp with time zone, p_created_to timestamp with time zone, p_completed_from timestamp with time zone, p_completed_to timestamp with time zone, p_all boolean, p_limit integer) RETURNS text[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
    select coalesce(array_agg(f.instance_id), '{}')
      from _Filtered(_Hub(), p_statuses, p_name, p_version, p_tag, p_parent, p_parked, p_prefix,
                     p_created_from, p_created_to, p_completed_from, p_completed_to,
                     case when p_all then null else true end, '', p_limit) f
$$;
CREATE FUNCTION hub_made_by_023f470._purgedurablestate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_hub constant integer := _Hub();
    v_key bigint;
begin
    -- Rows come in any order here, so that to wait for one of them could be a deadlock.
    select i.instance_key into v_key from Instances i
     where i.task_hub = v_hub and i.instance_id = old.instance_id and i.status in (1, 3, 5)
     order by i.instance_key limit 1 for update skip locked;
    if v_key is null then
        return null;
    end if;
    perform _Erase(array[v_key]);
    return old;
end
$$;
CREATE FUNCTION hub_made_by_023f470._purgeinstances(p_request uuid, p_ids text[], p_force boolean, p_parent_event text, p_detail bigint, OUT outcomes smallint[], OUT ended text[], OUT detail bigint, OUT left_ready boolean, OUT next_due timestamp with time zone, OUT store_time timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_touched bigint[];
    v_found Instances;
    v_gone bigint[] := '{}';
begin
    select l.keys into v_touched from _LockInstances(v_hub, null, p_ids, p_force) l;
    select r.outcomes, r.detail into outcomes, detail
      from Requests r where r.task_hub = v_hub and r.request_id = p_request;
    if outcomes is not null then
        return;
    end if;
    detail := p_detail;
    store_time := _Now();
    outcomes := '{}';
    ended := '{}';
    for n in 1..cardinality(p_ids) loop
        select i.* into v_found from Instances i
         where i.task_hub = v_hub and i.instance_id = p_ids[n];
        if v_found.instance_key is null or v_found.instance_key = any(v_gone) then
            outcomes[n] := 2;
        elsif v_found.status not in (1, 3, 5) and not p_force then
            outcomes[n] := 1;
        elsif v_found.instance_key <> all(v_touched) then
            raise exception 'instance "%" was created meanwhile', p_ids[n] using errcode = 'PD003';
        else
            outcomes[n] := 0;
            ended := ended || p_ids[n];
            v_gone := v_gone || v_found.instance_key;
            if v_found.status not in (1, 3, 5) and v_found.parent_instance is not null then
                perform _TellParent(v_hub, store_time, v_found.parent_instance,
                                    v_found.parent_execution, v_found.parent_task,
                                    p_parent_event);
            end if;
        end if;
    end loop;
    perform _Erase(v_gone);
    select s.left_ready, s.next_due into left_ready, next_due from _Settle(v_touched, store_time) s;
    perform _KeepAnswer(v_hub, p_request, store_time, outcomes, 0, detail, null, null, null, null);
end
$$;
CREATE FUNCTION hub_made_by_023f470._querymanyorchestrations(p_statuses smallint[], p_name text, p_version text, p_tag text, p_parent text, p_parked boolean, p_prefix bytea, p_created_from timestamp with time zone, p_created_to timestamp with time zone, p_completed_from timestamp with time zone, p_completed_to timestamp with time zone, p_after text, p_limit integer) RETURNS SETOF hub_made_by_023f470.instancerecords
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
    v_keys bigint[];
begin
    select array_agg(f.instance_key) into v_keys
      from _Filtered(_Hub(), p_statuses, p_name, p_version, p_tag, p_parent, p_parked, p_prefix,
                     p_created_from, p_created_to, p_completed_from, p_completed_to, null, p_after,
                     p_limit) f;
    return query
    select r.* from InstanceRecords r where r.instance_key = any(v_keys) order by r.instance_id;
end
$$;
CREATE FUNCTION hub_made_by_023f470._readhistory(p_id text, p_from bigint, p_bytes bigint, OUT execution_id uuid, OUT history_version bigint, OUT history_length bigint, OUT firsts bigint[], OUT counts integer[], OUT events text[]) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    return query
    select i.execution_id, i.history_version, i.history_length, c.firsts, c.counts, c.events
      from Instances i
     cross join lateral (
           select array_agg(s.first) as firsts, array_agg(s.count) as counts,
                  array_agg(s.events) as events
             from (select h.first, h.count, h.events,
                          sum(octet_length(h.events)) over (order by h.first)
                            - octet_length(h.events) as before
                     from History h
                    where h.instance_key = i.instance_key
                      and h.first >= coalesce((select max(g.first) from History g
                                                where g.instance_key = i.instance_key
                                                  and g.first <= p_from), 0)
                      and h.first + h.count > p_from
                    order by h.first) s
            where s.before < p_bytes) c
     where i.task_hub = _Hub() and i.instance_id = p_id;
end
$$;
CREATE FUNCTION hub_made_by_023f470._recordof(p_key bigint) RETURNS hub_made_by_023f470.instancerecords
    LANGUAGE plpgsql STABLE
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
declare
    v_record InstanceRecords;
begin
    select r.* into v_record from InstanceRecords r where r.instance_key = p_key;
    return v_record;
end
$$;
CREATE FUNCTION hub_made_by_023f470._releaseinstances(p_request uuid, p_ids text[], OUT outcomes smallint[], OUT left_ready boolean, OUT next_due timestamp with time zone, OUT store_time timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_keys bigint[];
    v_found record;
begin
    select l.keys into v_keys from _LockInstances(v_hub, null, p_ids, false) l;
    outcomes := _EarlierOutcomes(v_hub, p_request);
    if outcomes is not null then
        return;
    end if;
    store_time := _Now();
    outcomes := '{}';
    for n in 1..cardinality(p_ids) loop
        select i.instance_key, i.parked_reason into v_found
          from Instances i where i.task_hub = v_hub and i.instance_id = p_ids[n];
        if v_found.instance_key is null then
            outcomes[n] := 2;
        elsif v_found.instance_key <> all(v_keys) then
            raise exception 'instance "%" was created meanwhile', p_ids[n] using errcode = 'PD003';
        elsif v_found.parked_reason is null then
            outcomes[n] := 1;
        else
            outcomes[n] := 0;
            update Instances i
               set parked_reason = null, attempts = 0, suspect = false, updated_at = store_time
             where i.instance_key = v_found.instance_key;
        end if;
    end loop;
    select s.left_ready, s.next_due into left_ready, next_due from _Settle(v_keys, store_time) s;
    perform _KeepAnswer(v_hub, p_request, store_time, outcomes, 0, 0, null, null, null, null);
end
$$;
CREATE FUNCTION hub_made_by_023f470._renewlocks(p_worker integer, p_lease bigint, p_definitions integer[], p_activities text[], p_queues text[], p_keys bigint[], p_tasks bigint[], p_tokens bigint[], OUT outcomes smallint[], OUT store_time timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_until timestamptz;
    v_untracked boolean;
begin
    store_time := _Now();
    v_until := store_time + p_lease * interval '1 microsecond';
    update Workers w
       set live_until = v_until, definitions = coalesce(p_definitions, w.definitions),
           activities = coalesce(p_activities, w.activities), queues = coalesce(p_queues, w.queues)
     where w.worker = p_worker and w.task_hub = v_hub;
    outcomes := '{}';
    if cardinality(p_keys) = 0 then
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
CREATE FUNCTION hub_made_by_023f470._reneworchestrationlocks(p_hub integer, p_until timestamp with time zone, p_keys bigint[], p_tasks bigint[], p_tokens bigint[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_untracked boolean;
begin
    with held as materialized (
        select i.instance_key, i.ready_at, i.lane, i.lease_until
          from unnest(p_keys, p_tasks, p_tokens) as r(instance_key, task, token)
          join Instances i on i.instance_key = any(array[r.instance_key])
         where r.task = 0 and i.token = r.token and i.task_hub is not distinct from p_hub
         order by i.instance_key for no key update of i skip locked
    ), gone as (
        delete from Ready r using held h
         where h.ready_at is not null and r.lane = any(array[-h.lane]) and r.due = h.ready_at
           and r.instance_key = h.instance_key and r.task is not distinct from 0
    ), renewed as (
        update Instances i set lease_until = p_until, ready_at = null
          from held h where i.instance_key = any(array[h.instance_key])
    )
    select bool_or(h.ready_at is not null or h.lease_until > p_until) into v_untracked from held h;
    return coalesce(v_untracked, false);
end
$$;
CREATE FUNCTION hub_made_by_023f470._renewtasklocks(p_hub integer, p_until timestamp with time zone, p_keys bigint[], p_tasks bigint[], p_tokens bigint[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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
        select t.instance_key, t.task, t.execution_id, t.ready_at, t.lane, t.lease_until
          from owner o
          join NewTasks t on t.instance_key = any(array[o.instance_key]) and t.task = o.task
         where t.token = o.token
         for no key update of t skip locked
    ), place as materialized (
        -- Who takes a suspect has its row in Ready first, and waits for us: so we do not wait for him.
        select r.ctid as place, h.instance_key, h.task, h.execution_id
          from held h
          join Ready r on r.lane = any(array[-h.lane]) and r.due = h.ready_at
                      and r.instance_key = h.instance_key and r.task = h.task
                      and r.execution_id = h.execution_id
         where h.ready_at is not null
         order by r.instance_key, r.task for update of r skip locked
    ), gone as (
        delete from Ready r where r.ctid = any(array(select p.place from place p))
    ), renewed as (
        update NewTasks t set lease_until = p_until, ready_at = null
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
CREATE FUNCTION hub_made_by_023f470._returnleases(p_request uuid, p_keys bigint[], p_tasks bigint[], p_tokens bigint[], p_delay bigint, p_reasons text[], OUT outcomes smallint[], OUT left_ready boolean, OUT next_due timestamp with time zone, OUT store_time timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_locked bigint[];
    v_due timestamptz;
    v_done integer[];
begin
    select l.keys into v_locked
      from _LockInstances(v_hub, array(select distinct unnest(p_keys)), null, false) l;
    outcomes := _EarlierOutcomes(v_hub, p_request);
    if outcomes is not null then
        return;
    end if;
    store_time := _Now();
    v_due := store_time + coalesce(p_delay, 0) * interval '1 microsecond';
    perform _UnqueueReturned(v_locked, p_keys, p_tasks, p_tokens);
    with returned as (
        update Instances i
           set token = null, lease_until = null, holder = null, ready_at = null,
               not_before = case when p_delay is null then i.not_before else v_due end,
               attempts = i.attempts + case when p_delay is null then 0 else 1 end,
               parked_reason = case when p_reasons is null then i.parked_reason else p_reasons[r.n] end,
               updated_at = case when p_reasons is null then i.updated_at else store_time end
          from unnest(p_keys, p_tasks, p_tokens) with ordinality as r(instance_key, task, token, n)
         where r.task = 0 and i.instance_key = any(array[r.instance_key]) and i.token = r.token
           and r.instance_key = any(v_locked)
        returning r.n
    ), queued as (
        update NewTasks t
           set token = null, lease_until = null, holder = null, ready_at = v_due,
               attempts = t.attempts + case when p_delay is null then 0 else 1 end
          from unnest(p_keys, p_tasks, p_tokens) with ordinality as r(instance_key, task, token, n)
         where r.task <> 0 and t.instance_key = any(array[r.instance_key]) and t.task = r.task
           and t.token = r.token and r.instance_key = any(v_locked)
        returning r.n, case when t.suspect then -t.lane else t.lane end as lane, t.instance_key,
                  t.task, t.execution_id
    ), added as (
        insert into Ready (lane, due, instance_key, task, execution_id)
        select q.lane, v_due, q.instance_key, q.task, q.execution_id from queued q
    )
    select array_agg(d.n::integer), bool_or(d.is_task) into v_done, left_ready
      from (select n, false as is_task from returned union all select n, true from queued) d;
    select array_agg(case when r.n = any(v_done) then 0 else 1 end::smallint order by r.n)
      into outcomes from unnest(p_keys) with ordinality as r(instance_key, n);
    left_ready := coalesce(left_ready, false) and v_due <= store_time;
    next_due := case when v_due > store_time then v_due end;
    select _ReturnLeases.left_ready or s.left_ready, least(_ReturnLeases.next_due, s.next_due)
      into left_ready, next_due
      from _Settle(v_locked, store_time) s;
    perform _KeepAnswer(v_hub, p_request, store_time, outcomes, 0, 0, null, null, null, null);
end
$$;
CREATE FUNCTION hub_made_by_023f470._ring(p_work boolean, p_ended text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_bed record;
begin
    if p_work then
        v_bed := _Bed('work');
        if _IsSleptFor(v_bed.lock_key) then
            perform pg_notify(v_bed.channel, 'work');
        end if;
    end if;
    if p_ended is not null then
        v_bed := _Bed('ended');
        if _IsSleptFor(v_bed.lock_key) then
            perform pg_notify(v_bed.channel, E'ended\n' || p_ended);
        end if;
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._schedule(p_turns hub_made_by_023f470.turn_batch, p_firsts bigint[], p_now timestamp with time zone, p_room hub_made_by_023f470.room, p_tasks hub_made_by_023f470.task_batch, p_cancelled hub_made_by_023f470.cancelled_batch, p_timers hub_made_by_023f470.timer_batch, OUT left_ready boolean) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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
           and r.lane = any(array[case when t.suspect then -t.lane else t.lane end])
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
            insert into NewTasks (instance_key, task, execution_id, lane, token, lease_until,
                                  holder, ready_at, version, input_codec, input, details)
            select p_turns.instance_key[a.turn], a.task, p_turns.execution_id[a.turn], a.lane,
                   a.token,
                   case when a.token is not null
                        then p_now + p_room.lease * interval '1 microsecond' end,
                   case when a.token is not null then p_room.worker end,
                   case when a.token is null then p_now end,
                   a.version, a.input_codec, a.input, a.details
              from unnest(p_tasks.turn, p_tasks.task, p_tasks.lane, p_tasks.token, p_tasks.version,
                          p_tasks.input_codec, p_tasks.input, p_tasks.details)
                   as a(turn, task, lane, token, version, input_codec, input, details)
             where p_firsts[a.turn] <> 0
            returning lane, ready_at, instance_key, task, execution_id
        ), queued as (
            insert into Ready (lane, due, instance_key, task, execution_id)
            select a.lane, a.ready_at, a.instance_key, a.task, a.execution_id
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
CREATE FUNCTION hub_made_by_023f470._send(p_hub integer, p_now timestamp with time zone, p_target text, p_event text, p_message_id text, p_execution uuid, p_task bigint, p_visible_at timestamp with time zone, p_locked bigint[], OUT outcome smallint, OUT key bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_target record;
    v_sequence bigint;
begin
    select i.instance_key, i.status, i.execution_id into v_target
      from Instances i where i.task_hub = p_hub and i.instance_id = p_target;
    if v_target is null then
        outcome := 2;
        return;
    end if;
    if v_target.instance_key <> all(p_locked) then
        raise exception 'instance "%" was created meanwhile', p_target using errcode = 'PD003';
    end if;
    if v_target.status in (1, 3, 5) then
        outcome := 3;
        return;
    end if;
    if p_message_id is not null and exists (
            select from MessageIds m
             where m.instance_key = v_target.instance_key and m.message_id = p_message_id) then
        outcome := 1;
        return;
    end if;
    outcome := 0;
    if p_execution is not null and p_execution <> v_target.execution_id then
        return;  -- [SEND-4]
    end if;
    key := v_target.instance_key;
    v_sequence := _Post(key, p_now, coalesce(p_visible_at, p_now), p_task,
                        p_execution is not null, p_event);
    if p_message_id is not null then
        insert into MessageIds (instance_key, message_id, sequence, accepted_at)
        values (key, p_message_id, v_sequence, p_now);
        if v_sequence % 1024 = 0 then
            delete from MessageIds m
             where m.instance_key = v_target.instance_key
               and m.accepted_at < p_now - interval '24 hours'
               and m.sequence < (select n.sequence from MessageIds n
                                  where n.instance_key = v_target.instance_key
                                  order by n.sequence desc offset 9999 limit 1);
        end if;
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._setpayload(p_key bigint, p_kind smallint, p_codec text, p_bytes bytea) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if p_codec is null then
        delete from Payloads p where p.instance_key = p_key and p.kind = p_kind;
    else
        insert into Payloads (instance_key, kind, codec, bytes)
        values (p_key, p_kind, p_codec, p_bytes)
        on conflict (instance_key, kind) do update
           set codec = excluded.codec, bytes = excluded.bytes;
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._settle(p_keys bigint[], p_now timestamp with time zone, OUT left_ready boolean, OUT next_due timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    with state as materialized (
        select i.instance_key, i.ready_at,
               case when i.suspect then -i.lane else i.lane end as lane,
               case when i.status in (1, 3, 5) or i.parked_reason is not null then null
                    when i.token is not null then i.ready_at
                    when i.needs_turn then greatest(i.not_before, p_now)
                    else (select greatest(e.due, i.not_before, p_now)
                            from NewEvents e where e.instance_key = i.instance_key
                           order by e.due limit 1) end as due
          from (select distinct unnest(p_keys) as instance_key) k
          join Instances i on i.instance_key = any(array[k.instance_key])
    ), moved as materialized (
        -- What is ready stays ready since then, whatever came later [LOCK-6].
        select s.* from state s
         where s.ready_at is distinct from s.due
           and (s.ready_at is null or s.due is null or s.due < s.ready_at)
    ), gone as (
        delete from Ready r using moved m
         where m.ready_at is not null and r.lane = any(array[m.lane]) and r.due = m.ready_at
           and r.instance_key = m.instance_key and r.task is not distinct from 0
    ), added as (
        insert into Ready (lane, due, instance_key, task)
        select m.lane, m.due, m.instance_key, 0 from moved m where m.due is not null
    ), marked as (
        update Instances i set ready_at = m.due
          from moved m where i.instance_key = any(array[m.instance_key])
    )
    select coalesce(bool_or(s.due <= p_now), false), min(s.due) filter (where s.due > p_now)
      into left_ready, next_due
      from state s;
end
$$;
CREATE FUNCTION hub_made_by_023f470._startchildren(p_hub integer, p_now timestamp with time zone, p_turns hub_made_by_023f470.turn_batch, p_firsts bigint[], p_children hub_made_by_023f470.instance_batch) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
    v_wanted instance_batch := p_children;
    v_keys bigint[];
    v_found Instances;
begin
    if 0 = any(p_firsts) then
        select array_agg(c.turn), array_agg(c.instance_id), array_agg(c.execution_id),
               array_agg(c.lane), array_agg(c.start_event), array_agg(c.start_at),
               array_agg(c.tags), array_agg(c.parent_instance), array_agg(c.parent_execution),
               array_agg(c.parent_task), array_agg(c.refused_event), null, null
          into v_wanted
          from unnest(p_children.turn, p_children.instance_id, p_children.execution_id,
                      p_children.lane, p_children.start_event, p_children.start_at, p_children.tags,
                      p_children.parent_instance, p_children.parent_execution,
                      p_children.parent_task, p_children.refused_event)
               as c(turn, instance_id, execution_id, lane, start_event, start_at, tags,
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
CREATE FUNCTION hub_made_by_023f470._statusnumber(p_word text) RETURNS smallint
    LANGUAGE sql IMMUTABLE
    AS $$
    select (array_position(array['running', 'completed', null, 'failed', null, 'terminated', 'pending',
                                 'suspended'], nullif(lower(p_word), '')) - 1)::smallint
$$;
CREATE FUNCTION hub_made_by_023f470._statusword(p_status smallint) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select (array['running', 'completed', null, 'failed', null, 'terminated', 'pending',
                  'suspended'])[p_status + 1]
$$;
CREATE FUNCTION hub_made_by_023f470._tagstext(p_tags jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
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
CREATE FUNCTION hub_made_by_023f470._takefurther(p_hub integer, p_now timestamp with time zone, p_room hub_made_by_023f470.room, OUT taken hub_made_by_023f470.orchestration_batch, OUT activities hub_made_by_023f470.activity_batch, OUT suspects boolean, OUT low_water hub_made_by_023f470.low_water) RETURNS record
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION hub_made_by_023f470._takeover(p_worker_ids text[], OUT store_time timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
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
    update Workers w set live_until = '-infinity' where w.worker = any(v_workers);
    -- Leases are found by the answers that gave them, because no index may stand on a lease.
    v_leased := array(select distinct unnest(r.lease_keys) from Requests r
                       where r.task_hub = v_hub and r.lease_keys is not null);
    select array_agg(distinct h.instance_key) into v_keys
      from (select i.instance_key from Instances i
             where i.instance_key = any(v_leased) and i.holder = any(v_workers)
             union all
            select t.instance_key from NewTasks t
             where t.instance_key = any(v_leased) and t.holder = any(v_workers)) h;
    select l.keys into v_keys from _LockInstances(v_hub, v_keys, null, false) l;
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
CREATE FUNCTION hub_made_by_023f470._tellparent(p_hub integer, p_now timestamp with time zone, p_parent text, p_execution uuid, p_task bigint, p_event text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_key bigint;
begin
    select i.instance_key into v_key from Instances i
     where i.task_hub = p_hub and i.instance_id = p_parent and i.execution_id = p_execution
       and i.status not in (1, 3, 5);
    if v_key is not null then
        perform _Post(v_key, p_now, p_now, p_task, true, p_event);
    end if;
    return v_key;
end
$$;
CREATE FUNCTION hub_made_by_023f470._terminate(p_hub integer, p_now timestamp with time zone, p_target text, p_event text, p_final_event text, p_codec text, p_bytes bytea, p_parent_event text, p_locked bigint[], OUT outcome smallint, OUT key bigint, OUT parent_key bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_target Instances;
begin
    select i.* into v_target
      from Instances i where i.task_hub = p_hub and i.instance_id = p_target;
    if v_target.instance_key is null then
        outcome := 2;
        return;
    end if;
    if v_target.instance_key <> all(p_locked) then
        raise exception 'instance "%" was created meanwhile', p_target using errcode = 'PD003';
    end if;
    if v_target.status in (1, 3, 5) then
        outcome := 3;
        return;
    end if;
    key := v_target.instance_key;
    if (v_target.status <> 6 and v_target.parked_reason is null)
       or (v_target.token is not null and v_target.lease_until > p_now) then
        outcome := 1;
        update Instances i set not_before = '-infinity' where i.instance_key = key;
        perform _Post(key, p_now, p_now, 0, false, p_event);
        return;
    end if;
    outcome := 0;
    perform _Unqueue(array[key], p_now, false);
    delete from NewEvents e where e.instance_key = v_target.instance_key;
    insert into History (instance_key, first, count, events)
    values (key, v_target.history_length, 1, '[' || p_final_event || ']');
    perform _SetPayload(key, 1::smallint, p_codec, p_bytes);
    update Instances i
       set status = 5, token = null, holder = null, lease_until = null, parked_reason = null,
           history_length = i.history_length + 1, history_version = i.history_version + 1,
           updated_at = p_now, completed_at = p_now
     where i.instance_key = key;
    if v_target.parent_instance is not null then
        parent_key := _TellParent(p_hub, p_now, v_target.parent_instance,
                                  v_target.parent_execution, v_target.parent_task, p_parent_event);
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._terminateinstances(p_request uuid, p_wishes hub_made_by_023f470.termination_batch, OUT outcomes smallint[], OUT ended text[], OUT left_ready boolean, OUT next_due timestamp with time zone, OUT store_time timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
    v_keys bigint[];
    v_end record;
begin
    select l.keys into v_keys from _LockInstances(v_hub, null, p_wishes.target, true) l;
    outcomes := _EarlierOutcomes(v_hub, p_request);
    if outcomes is not null then
        return;
    end if;
    store_time := _Now();
    outcomes := '{}';
    ended := '{}';
    for n in 1..cardinality(p_wishes.target) loop
        select t.* into v_end
          from _Terminate(v_hub, store_time, p_wishes.target[n], p_wishes.event[n],
                          p_wishes.final_event[n], p_wishes.codec[n], p_wishes.bytes[n],
                          p_wishes.parent_event[n], v_keys) t;
        outcomes[n] := v_end.outcome;
        if v_end.outcome = 0 then
            ended := ended || p_wishes.target[n];
        end if;
    end loop;
    select s.left_ready, s.next_due into left_ready, next_due from _Settle(v_keys, store_time) s;
    perform _KeepAnswer(v_hub, p_request, store_time, outcomes, 0, 0, null, null, null, null);
end
$$;
CREATE FUNCTION hub_made_by_023f470._unfiltered(p_hub integer, p_room hub_made_by_023f470.room) RETURNS hub_made_by_023f470.room
    LANGUAGE plpgsql
    AS $$
begin
    if p_room.everything then
        p_room.definitions := array(select l.lane from Lanes l
                                     where l.task_hub = p_hub and not l.is_activity);
        p_room.activities := array(select distinct l.name from Lanes l
                                    where l.task_hub = p_hub and l.is_activity);
        p_room.queues := array(select distinct l.variant from Lanes l
                                where l.task_hub = p_hub and l.is_activity);
    end if;
    return p_room;
end
$$;
CREATE FUNCTION hub_made_by_023f470._unqueue(p_keys bigint[], p_now timestamp with time zone, p_all boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    delete from Ready r using Instances i
     where i.instance_key = any(p_keys) and i.ready_at is not null
       and r.lane = any(array[case when i.suspect then -i.lane else i.lane end])
       and r.due = i.ready_at and r.instance_key = i.instance_key and r.task is not distinct from 0;
    update Instances i set ready_at = null
     where i.instance_key = any(p_keys) and i.ready_at is not null;
    delete from Ready r using NewTasks t
     where t.instance_key = any(p_keys) and t.ready_at is not null
       and r.lane = any(array[case when t.suspect then -t.lane else t.lane end])
       and r.due = t.ready_at and r.instance_key = t.instance_key and r.task = t.task
       and r.execution_id = t.execution_id;
    delete from NewTasks t
     where t.instance_key = any(p_keys)
       and (p_all or t.token is null or t.lease_until <= p_now);
end
$$;
CREATE FUNCTION hub_made_by_023f470._unqueuefinished(p_hub integer, p_keys bigint[], p_tasks bigint[], p_executions uuid[], p_tokens bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from unnest(p_keys, p_tasks, p_executions, p_tokens)
                           as d(instance_key, task, execution_id, token)
                 join NewTasks t on t.instance_key = any(array[d.instance_key]) and t.task = d.task
                                and t.execution_id = d.execution_id
                where t.token = d.token and t.ready_at is not null) then
        delete from Ready r
         using unnest(p_keys, p_tasks, p_executions, p_tokens)
               as d(instance_key, task, execution_id, token), Instances i, NewTasks t
         where i.instance_key = any(array[d.instance_key]) and i.task_hub is not distinct from p_hub
           and t.instance_key = any(array[d.instance_key]) and t.task = d.task
           and t.execution_id = d.execution_id and t.token = d.token and t.ready_at is not null
           and r.lane = any(array[-t.lane]) and r.due = t.ready_at and r.instance_key = t.instance_key
           and r.task = t.task and r.execution_id = t.execution_id;
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._unqueueheld(p_hub integer, p_turns hub_made_by_023f470.turn_batch) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    delete from Ready r
     using unnest(p_turns.instance_key, p_turns.token, p_turns.after_task)
           as t(instance_key, token, after_task), Instances i
     where t.after_task is null
       and i.instance_key = any(array[t.instance_key]) and i.token = t.token and i.ready_at is not null
       and i.task_hub is not distinct from p_hub and r.lane = any(array[-i.lane])
       and r.due = i.ready_at and r.instance_key = i.instance_key and r.task is not distinct from 0;
end
$$;
CREATE FUNCTION hub_made_by_023f470._unqueuereturned(p_locked bigint[], p_keys bigint[], p_tasks bigint[], p_tokens bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    delete from Ready r
     using unnest(p_keys, p_tasks, p_tokens) as g(instance_key, task, token), Instances i
     where g.task = 0 and i.instance_key = any(array[g.instance_key]) and i.token = g.token
       and i.instance_key = any(p_locked)
       and i.ready_at is not null and r.lane = any(array[-i.lane]) and r.due = i.ready_at
       and r.instance_key = i.instance_key and r.task is not distinct from 0;
    delete from Ready r
     using unnest(p_keys, p_tasks, p_tokens) as g(instance_key, task, token), NewTasks t
     where g.task <> 0 and t.instance_key = any(array[g.instance_key]) and t.task = g.task
       and t.instance_key = any(p_locked) and t.token = g.token and t.ready_at is not null and r.lane = any(array[-t.lane])
       and r.due = t.ready_at and r.instance_key = t.instance_key and r.task = t.task
       and r.execution_id = t.execution_id;
end
$$;
CREATE FUNCTION hub_made_by_023f470._usetestclock() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
begin
    if exists (select from GlobalSettings g where g.name = 'TestClock') then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtext(current_schema), hashtext('TestClock'));
    insert into GlobalSettings (name, value) values ('TestClock', 'on') on conflict do nothing;
    if found then
        execute 'create or replace function _Now() returns timestamptz language sql volatile as '
             || quote_literal('select clock_timestamp() + h.clock_offset * interval ''1 microsecond'''
                              || ' from TaskHubs h where h.task_hub = _Hub()');
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._waiting(p_hub integer, p_now timestamp with time zone, p_room hub_made_by_023f470.room, OUT waits boolean, OUT suspects boolean, OUT next_due timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    with lane as materialized (
        select l.lane, p_room.since from Lanes l
         where cardinality(p_room.tokens) > 0
           and l.lane = any(p_room.definitions) and l.task_hub is not distinct from p_hub
           and not l.is_activity
         union all
        select l.lane, p_room.task_since from Lanes l
         where l.task_hub = p_hub and l.is_activity and cardinality(p_room.task_tokens) > 0
           and l.name = any(p_room.activities) and l.variant = any(p_room.queues)
    ), suspect_lane as (
        select l.lane from Lanes l
         where l.lane = any(p_room.definitions) and l.task_hub is not distinct from p_hub
           and not l.is_activity
         union all
        select l.lane from Lanes l
         where l.task_hub = p_hub and l.is_activity
           and l.name = any(p_room.activities) and l.variant = any(p_room.queues)
    )
    select exists (select from lane l
                    cross join lateral (select from Ready q
                                         where q.lane = l.lane and q.due >= l.since
                                           and q.due <= p_now limit 1) r),
           exists (select from suspect_lane l
                    cross join lateral (select from Ready q
                                         where q.lane = -l.lane and q.due <= p_now limit 1) r),
           (select min(n.due) from lane l
             cross join lateral (select q.due from Ready q
                                  where q.lane = l.lane and q.due > p_now
                                  order by q.due limit 1) n)
      into waits, suspects, next_due;
end
$$;
CREATE FUNCTION hub_made_by_023f470._watch(p_work boolean, p_since timestamp with time zone, p_awaited text[], OUT store_time timestamp with time zone, OUT is_ready boolean, OUT next_due timestamp with time zone, OUT ended text[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
declare
    v_hub integer := _Hub();
begin
    store_time := _Now();
    if cardinality(p_awaited) > 0 then
        ended := _AnyEnded(p_awaited);
    end if;
    if p_work then
        select coalesce(bool_or(r.due <= store_time), false), min(n.due)
          into is_ready, next_due
          from Lanes l
          left join lateral (select q.due from Ready q
                              where q.lane = l.lane and q.due >= p_since
                              order by q.due limit 1) r on true
          left join lateral (select q.due from Ready q
                              where q.lane = l.lane and q.due > store_time
                              order by q.due limit 1) n on true
         where l.task_hub = v_hub;
    end if;
end
$$;
CREATE FUNCTION hub_made_by_023f470._withhistory(p_batch hub_made_by_023f470.orchestration_batch, p_bytes bigint) RETURNS hub_made_by_023f470.orchestration_batch
    LANGUAGE plpgsql
    AS $$
begin
    if false = any(p_batch.has_frame) then
        select array_agg(h.item), array_agg(h.first), array_agg(h.count), array_agg(h.events)
          into p_batch.chunk_item, p_batch.chunk_first, p_batch.chunk_count, p_batch.chunk_events
          from (select k.item::integer as item, c.first, c.count, c.events,
                       sum(octet_length(c.events)) over (order by k.item, c.first)
                         - octet_length(c.events) as before
                  from unnest(p_batch.instance_key, p_batch.has_frame)
                       with ordinality as k(instance_key, has_frame, item)
                 cross join lateral (
                       select h.first, h.count, h.events from History h
                        where h.instance_key = k.instance_key order by h.first) c
                 where not k.has_frame
                 order by k.item, c.first) h
         where h.before < p_bytes or h.first = 0 and h.before < 2 * p_bytes;
    end if;
    return p_batch;
end
$$;
CREATE FUNCTION hub_made_by_023f470._withinbox(p_batch hub_made_by_023f470.orchestration_batch, p_now timestamp with time zone, p_messages integer) RETURNS hub_made_by_023f470.orchestration_batch
    LANGUAGE plpgsql
    AS $$
begin
    select array_agg(m.item), array_agg(m.sequence), array_agg(m.visible_at), array_agg(m.task),
           array_agg(m.event)
      into p_batch.message_item, p_batch.message_sequence, p_batch.message_visible_at,
           p_batch.message_task, p_batch.message_event
      from (select k.item::integer as item, e.*
              from unnest(p_batch.instance_key) with ordinality as k(instance_key, item)
             cross join lateral (
                   select v.sequence, v.visible_at, v.task, v.event from NewEvents v
                    where v.instance_key = k.instance_key and v.due <= p_now
                    order by v.due, v.sequence limit p_messages) e) m;
    return p_batch;
end
$$;
CREATE FUNCTION hub_made_by_023f470._worker(p_worker_id text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
declare
    v_hub integer := _Hub();
    v_worker integer;
begin
    insert into Workers (task_hub, worker_id) values (v_hub, p_worker_id) on conflict do nothing;
    select w.worker into v_worker
      from Workers w where w.task_hub = v_hub and w.worker_id = p_worker_id;
    return v_worker;
end
$$;
CREATE FUNCTION hub_made_by_023f470._writepayloads(p_turns hub_made_by_023f470.turn_batch, p_firsts bigint[], p_payloads hub_made_by_023f470.payload_batch) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION hub_made_by_023f470._writeturns(p_turns hub_made_by_023f470.turn_batch, p_firsts bigint[], p_consumed hub_made_by_023f470.consumed_batch, p_chunks hub_made_by_023f470.chunk_batch, p_payloads hub_made_by_023f470.payload_batch) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION hub_made_by_023f470.createinstance(p_name text, p_version text DEFAULT NULL::text, p_instance_id text DEFAULT NULL::text, p_execution_id uuid DEFAULT NULL::uuid, p_input_text text DEFAULT NULL::text, p_start_time timestamp with time zone DEFAULT NULL::timestamp with time zone, p_dedupe_statuses text DEFAULT 'Pending,Running,Suspended,Completed,Failed,Terminated'::text, p_trace_context text DEFAULT NULL::text, p_tags jsonb DEFAULT NULL::jsonb) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
declare
    v_id constant text := coalesce(p_instance_id, gen_random_uuid()::text);
    v_execution constant uuid := coalesce(p_execution_id, gen_random_uuid());
    v_tags constant text := _TagsText(p_tags);
    v_word text;
    -- A bit for each of the six statuses.
    v_replaceable integer := case when p_dedupe_statuses is null then 0 else 235 end;
    v_event text;
    v_made record;
begin
    perform _CheckName('orchestration name', p_name);
    perform _CheckName('instance id', v_id);
    if p_version <> '' then
        perform _CheckName('version', p_version);
    end if;
    if not isfinite(p_start_time) then
        raise exception 'the start time is not a time' using errcode = 'PD002';
    end if;
    foreach v_word in array string_to_array(coalesce(p_dedupe_statuses, ''), ',') loop
        if trim(v_word) <> '' and _StatusNumber(trim(v_word)) is null then
            raise exception '"%" is no status; allowed are pending, running, suspended, completed, '
                            'failed and terminated', trim(v_word) using errcode = 'PD002';
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
                   _Lanes(false, array[p_name], array[coalesce(p_version, '')], array[0]),
                   array[v_event], array[p_start_time], array[nullif(v_tags, '{}')], null, null, null,
                   null, array[v_replaceable],
                   array[_ChildGone(v_id, 'perdure.replaced',
                                    'instance "' || v_id || '" was replaced')])::instance_batch) c;
    if v_made.outcomes[1] = 1 then
        raise exception 'instance "%" exists already and is %', v_id, _StatusWord(v_made.statuses[1])
            using errcode = 'unique_violation';
    end if;
    perform _Ring(v_made.left_ready and coalesce(p_start_time <= _Now(), true), null);
    return v_id;
end
$$;
CREATE FUNCTION hub_made_by_023f470.currenttaskhub() RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
begin
    return _HubName();
end
$$;
CREATE FUNCTION hub_made_by_023f470.getinstancehistory(p_instance_id text, p_get_inputs_and_outputs boolean DEFAULT true) RETURNS TABLE(executionid uuid, sequencenumber bigint, eventtype text, taskid bigint, "timestamp" timestamp with time zone, name text, version text, runtimestatus text, visibletime timestamp with time zone, payload text, failuretext text, reason text, targetinstanceid text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    select v.ExecutionID, v.SequenceNumber, v.EventType, v.TaskID, v.Timestamp, v.Name, v.Version,
           v.RuntimeStatus, v.VisibleTime, case when p_get_inputs_and_outputs then v.Payload end,
           v.FailureText, v.Reason, v.TargetInstanceID
      from vHistory v where v.InstanceID = p_instance_id
     order by v.SequenceNumber
$$;
CREATE FUNCTION hub_made_by_023f470.getscalemetric() RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS $$
    select (b.orchestrations + b.activities)::integer from _Backlog() b
$$;
CREATE FUNCTION hub_made_by_023f470.getscalerecommendation(p_max_orchestrations_per_worker integer, p_max_activities_per_worker integer) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS $$
    select (ceil(b.orchestrations::numeric / greatest(p_max_orchestrations_per_worker, 1))
            + ceil(b.activities::numeric / greatest(p_max_activities_per_worker, 1)))::integer
      from _Backlog() b
$$;
CREATE FUNCTION hub_made_by_023f470.purgeinstancestatebyid(p_instance_id text, p_force boolean DEFAULT false) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
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
    perform _Ring(v_purge.left_ready, case when v_purge.outcome = 0 then p_instance_id end);
    return 1 - v_purge.outcome / 2;
end
$$;
CREATE FUNCTION hub_made_by_023f470.purgeinstancestatebytime(p_threshold_time timestamp with time zone, p_filter_type integer DEFAULT 0, p_limit integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
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
             where i.task_hub = v_hub and i.status in (1, 3, 5)
               and (p_filter_type = 1 or i.created_at <= p_threshold_time)
               and i.completed_at <= case when p_filter_type = 1
                                          then p_threshold_time else 'infinity' end
             order by i.instance_key limit coalesce(p_limit, 1000) for update skip locked) l;
    perform _Erase(v_keys);
    return coalesce(cardinality(v_keys), 0);
end
$$;
CREATE FUNCTION hub_made_by_023f470.querysingleorchestration(p_instance_id text, p_execution_id uuid DEFAULT NULL::uuid, p_fetch_input boolean DEFAULT true, p_fetch_output boolean DEFAULT true) RETURNS TABLE(instanceid text, executionid uuid, name text, version text, createdtime timestamp with time zone, lastupdatedtime timestamp with time zone, completedtime timestamp with time zone, runtimestatus text, parentinstanceid text, customstatustext text, inputtext text, outputtext text, failuretext text, parkedreason text, tags jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    select v.InstanceID, v.ExecutionID, v.Name, v.Version, v.CreatedTime, v.LastUpdatedTime,
           v.CompletedTime, v.RuntimeStatus, v.ParentInstanceID, v.CustomStatusText,
           case when p_fetch_input then v.InputText end,
           case when p_fetch_output then v.OutputText end,
           v.FailureText, v.ParkedReason, v.Tags
      from vInstances v
     where v.InstanceID = p_instance_id
       and (p_execution_id is null or v.ExecutionID = p_execution_id)
$$;
CREATE FUNCTION hub_made_by_023f470.raiseevent(p_name text, p_instance_id text, p_payload_text text DEFAULT NULL::text, p_delivery_time timestamp with time zone DEFAULT NULL::timestamp with time zone, p_message_id text DEFAULT NULL::text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
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
                   array[0::bigint], array[p_delivery_time])::message_batch) a;
    if v_sent.outcome = 2 then
        raise exception 'there is no instance "%"', p_instance_id using errcode = 'no_data_found';
    elsif v_sent.outcome = 3 then
        raise exception 'instance "%" has ended and takes no more messages', p_instance_id
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    perform _Ring(v_sent.left_ready, null);
    return v_sent.outcome = 0;
end
$$;
CREATE FUNCTION hub_made_by_023f470.setglobalsetting(p_name text, p_value text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
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
CREATE FUNCTION hub_made_by_023f470.terminateinstance(p_instance_id text, p_reason text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'hub_made_by_023f470', 'pg_temp'
    AS $$
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
               row(null, array[p_instance_id], array[v_event], array[v_event], array['json'],
                   array[convert_to(to_json(coalesce(p_reason, ''))::text, 'UTF8')],
                   array[_ChildGone(p_instance_id, 'perdure.terminated',
                                    'instance "' || p_instance_id || '" was terminated'
                                    || coalesce(': ' || nullif(p_reason, ''), ''))]
                  )::termination_batch) t;
    if v_end.outcome = 2 then
        raise exception 'there is no instance "%"', p_instance_id using errcode = 'no_data_found';
    end if;
    perform _Ring(v_end.left_ready, case when v_end.outcome = 0 then p_instance_id end);
    return (array['terminated', 'requested', null, 'ended'])[v_end.outcome + 1];
end
$$;
CREATE TABLE hub_made_by_023f470.history (
    instance_key bigint NOT NULL,
    first bigint NOT NULL,
    count integer NOT NULL,
    events text NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.05');
CREATE TABLE hub_made_by_023f470.taskhubs (
    task_hub integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    clock_offset bigint DEFAULT 0 NOT NULL,
    wakeup_key uuid DEFAULT gen_random_uuid() NOT NULL
);
CREATE VIEW hub_made_by_023f470.durable_state WITH (security_barrier='true') AS
 SELECT i.instance_id,
    jsonb_build_object('status', hub_made_by_023f470._statusword(i.status), 'execution_id', i.execution_id, 'version', l.variant, 'input', ( SELECT hub_made_by_023f470._payloadtext(((s.events)::json -> 0)) AS _payloadtext
           FROM hub_made_by_023f470.history s
          WHERE ((s.instance_key = i.instance_key) AND (s.first = 0))), 'output', ( SELECT hub_made_by_023f470._bytestext(o.bytes) AS _bytestext
           FROM hub_made_by_023f470.payloads o
          WHERE ((o.instance_key = i.instance_key) AND (o.kind = 1))), 'custom_status', ( SELECT hub_made_by_023f470._bytestext(c.bytes) AS _bytestext
           FROM hub_made_by_023f470.payloads c
          WHERE ((c.instance_key = i.instance_key) AND (c.kind = 2))), 'parent', i.parent_instance, 'tags', i.tags, 'parked_reason', i.parked_reason, 'history_length', i.history_length, 'history', ( SELECT COALESCE(jsonb_agg(e.event ORDER BY e.first, e.n), '[]'::jsonb) AS "coalesce"
           FROM ( SELECT c.first,
                    d.event,
                    d.n
                   FROM (( SELECT r.first,
                            r.events
                           FROM hub_made_by_023f470.history r
                          WHERE (r.instance_key = i.instance_key)
                          ORDER BY r.first
                         LIMIT 1000) c
                     CROSS JOIN LATERAL jsonb_array_elements((c.events)::jsonb) WITH ORDINALITY d(event, n))) e)) AS state_json,
    l.name AS function_name,
    COALESCE(i.ready_at, ( SELECT e.due
           FROM hub_made_by_023f470.newevents e
          WHERE (e.instance_key = i.instance_key)
          ORDER BY e.due
         LIMIT 1), i.completed_at, i.updated_at) AS execute_after,
    (i.completed_at IS NOT NULL) AS is_completed,
        CASE
            WHEN (i.token IS NOT NULL) THEN w.worker_id
            ELSE NULL::text
        END AS lease_owner,
    i.lease_until AS lease_expires_at,
    i.history_version AS version,
    i.created_at,
    i.updated_at
   FROM (((hub_made_by_023f470.taskhubs h
     JOIN hub_made_by_023f470.instances i ON ((i.task_hub = h.task_hub)))
     JOIN hub_made_by_023f470.lanes l ON (((l.lane = i.lane) AND (l.task_hub = h.task_hub))))
     LEFT JOIN hub_made_by_023f470.workers w ON (((w.worker = i.holder) AND (w.task_hub = h.task_hub))))
  WHERE (h.name = hub_made_by_023f470.currenttaskhub());
CREATE TABLE hub_made_by_023f470.globalsettings (
    name text NOT NULL COLLATE pg_catalog."C",
    value text,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_modified_by text DEFAULT SESSION_USER NOT NULL
);
ALTER TABLE hub_made_by_023f470.lanes ALTER COLUMN lane ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME hub_made_by_023f470.lanes_lane_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE hub_made_by_023f470.messageids (
    instance_key bigint NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    accepted_at timestamp with time zone NOT NULL
);
CREATE TABLE hub_made_by_023f470.newtasks (
    instance_key bigint NOT NULL,
    task bigint NOT NULL,
    execution_id uuid NOT NULL,
    lane integer NOT NULL,
    token bigint,
    lease_until timestamp with time zone,
    holder integer,
    ready_at timestamp with time zone,
    suspect boolean DEFAULT false NOT NULL,
    leased_alone boolean DEFAULT false NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    version text NOT NULL COLLATE pg_catalog."C",
    input_codec text,
    input bytea,
    details text NOT NULL
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='1');
CREATE TABLE hub_made_by_023f470.ready (
    lane integer NOT NULL,
    due timestamp with time zone NOT NULL,
    instance_key bigint NOT NULL,
    task bigint NOT NULL,
    execution_id uuid
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='1');
CREATE TABLE hub_made_by_023f470.requests (
    task_hub integer NOT NULL,
    request_id uuid NOT NULL,
    answered_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    outcomes smallint[] NOT NULL,
    turns integer DEFAULT 0 NOT NULL,
    detail bigint DEFAULT 0 NOT NULL,
    lease_keys bigint[],
    lease_tasks bigint[],
    lease_tokens bigint[]
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='1');
ALTER TABLE ONLY hub_made_by_023f470.requests ALTER COLUMN outcomes SET STORAGE EXTERNAL;
ALTER TABLE ONLY hub_made_by_023f470.requests ALTER COLUMN lease_keys SET STORAGE EXTERNAL;
ALTER TABLE ONLY hub_made_by_023f470.requests ALTER COLUMN lease_tasks SET STORAGE EXTERNAL;
ALTER TABLE ONLY hub_made_by_023f470.requests ALTER COLUMN lease_tokens SET STORAGE EXTERNAL;
ALTER TABLE hub_made_by_023f470.taskhubs ALTER COLUMN task_hub ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME hub_made_by_023f470.taskhubs_task_hub_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE hub_made_by_023f470.versions (
    semantic_version text NOT NULL COLLATE pg_catalog."C",
    upgrade_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE VIEW hub_made_by_023f470.vhistory WITH (security_barrier='true') AS
 SELECT h.name AS taskhub,
    i.instance_id AS instanceid,
    i.execution_id AS executionid,
    ((c.first + e.n) - 1) AS sequencenumber,
    (e.event ->> 'type'::text) AS eventtype,
    ((e.event ->> 'task'::text))::bigint AS taskid,
    COALESCE(hub_made_by_023f470._eventtime((e.event ->> 'at'::text)),
        CASE
            WHEN ((c.first + e.n) = 1) THEN i.created_at
            ELSE i.completed_at
        END) AS "timestamp",
    (e.event ->> 'name'::text) AS name,
    (e.event ->> 'version'::text) AS version,
        CASE (e.event ->> 'type'::text)
            WHEN 'execution_started'::text THEN 'pending'::text
            WHEN 'execution_completed'::text THEN 'completed'::text
            WHEN 'execution_failed'::text THEN 'failed'::text
            WHEN 'execution_terminated'::text THEN 'terminated'::text
            WHEN 'execution_suspended'::text THEN 'suspended'::text
            WHEN 'execution_resumed'::text THEN 'running'::text
            ELSE NULL::text
        END AS runtimestatus,
    hub_made_by_023f470._eventtime((e.event ->> 'fire_at'::text)) AS visibletime,
    hub_made_by_023f470._payloadtext(e.event) AS payload,
    ((e.event -> 'failure'::text) ->> 'message'::text) AS failuretext,
    (e.event ->> 'note'::text) AS reason,
    (e.event ->> 'instance'::text) AS targetinstanceid,
    e.event
   FROM (((hub_made_by_023f470.taskhubs h
     JOIN hub_made_by_023f470.instances i ON ((i.task_hub = h.task_hub)))
     JOIN hub_made_by_023f470.history c ON ((c.instance_key = i.instance_key)))
     CROSS JOIN LATERAL json_array_elements((c.events)::json) WITH ORDINALITY e(event, n))
  WHERE (h.name = hub_made_by_023f470.currenttaskhub());
CREATE VIEW hub_made_by_023f470.vinbox WITH (security_barrier='true') AS
 SELECT h.name AS taskhub,
    i.instance_id AS instanceid,
    e.sequence AS sequencenumber,
    ((e.event)::json ->> 'type'::text) AS eventtype,
    NULLIF(e.task, 0) AS taskid,
    e.due AS visibletime,
    ((e.event)::json ->> 'name'::text) AS name,
    hub_made_by_023f470._payloadtext((e.event)::json) AS payload,
    (((e.event)::json -> 'failure'::text) ->> 'message'::text) AS failuretext
   FROM ((hub_made_by_023f470.taskhubs h
     JOIN hub_made_by_023f470.instances i ON ((i.task_hub = h.task_hub)))
     JOIN hub_made_by_023f470.newevents e ON ((e.instance_key = i.instance_key)))
  WHERE (h.name = hub_made_by_023f470.currenttaskhub());
CREATE VIEW hub_made_by_023f470.vinstances WITH (security_barrier='true') AS
 SELECT h.name AS taskhub,
    i.instance_id AS instanceid,
    i.execution_id AS executionid,
    l.name,
    l.variant AS version,
    i.created_at AS createdtime,
    i.updated_at AS lastupdatedtime,
    i.completed_at AS completedtime,
    hub_made_by_023f470._statusword(i.status) AS runtimestatus,
        CASE
            WHEN (i.token IS NOT NULL) THEN w.worker_id
            ELSE NULL::text
        END AS lockedby,
    i.lease_until AS lockexpiration,
    ( SELECT hub_made_by_023f470._payloadtext(((s.events)::json -> 0)) AS _payloadtext
           FROM hub_made_by_023f470.history s
          WHERE ((s.instance_key = i.instance_key) AND (s.first = 0))) AS inputtext,
    ( SELECT hub_made_by_023f470._bytestext(o.bytes) AS _bytestext
           FROM hub_made_by_023f470.payloads o
          WHERE ((o.instance_key = i.instance_key) AND (o.kind = 1))) AS outputtext,
    ( SELECT hub_made_by_023f470._bytestext(c.bytes) AS _bytestext
           FROM hub_made_by_023f470.payloads c
          WHERE ((c.instance_key = i.instance_key) AND (c.kind = 2))) AS customstatustext,
    ( SELECT hub_made_by_023f470._bytestext(f.bytes) AS _bytestext
           FROM hub_made_by_023f470.payloads f
          WHERE ((f.instance_key = i.instance_key) AND (f.kind = 3))) AS failuretext,
    i.parent_instance AS parentinstanceid,
    i.tags,
    i.parked_reason AS parkedreason,
    i.start_at AS starttime,
    i.ready_at AS readysince,
    i.attempts,
    i.history_length AS historylength,
    ( SELECT count(*) AS count
           FROM hub_made_by_023f470.newevents e
          WHERE (e.instance_key = i.instance_key)) AS inboxlength,
    ( SELECT count(*) AS count
           FROM hub_made_by_023f470.newtasks t
          WHERE (t.instance_key = i.instance_key)) AS taskcount
   FROM (((hub_made_by_023f470.taskhubs h
     JOIN hub_made_by_023f470.instances i ON ((i.task_hub = h.task_hub)))
     JOIN hub_made_by_023f470.lanes l ON (((l.lane = i.lane) AND (l.task_hub = h.task_hub))))
     LEFT JOIN hub_made_by_023f470.workers w ON (((w.worker = i.holder) AND (w.task_hub = h.task_hub))))
  WHERE (h.name = hub_made_by_023f470.currenttaskhub());
CREATE VIEW hub_made_by_023f470.vtasks WITH (security_barrier='true') AS
 SELECT h.name AS taskhub,
    i.instance_id AS instanceid,
    t.execution_id AS executionid,
    t.task AS taskid,
    l.name,
    l.variant AS queue,
    l.priority,
    t.ready_at AS readysince,
        CASE
            WHEN (t.token IS NOT NULL) THEN w.worker_id
            ELSE NULL::text
        END AS lockedby,
    t.lease_until AS lockexpiration,
    t.attempts,
    hub_made_by_023f470._bytestext(t.input) AS inputtext
   FROM ((((hub_made_by_023f470.taskhubs h
     JOIN hub_made_by_023f470.instances i ON ((i.task_hub = h.task_hub)))
     JOIN hub_made_by_023f470.newtasks t ON ((t.instance_key = i.instance_key)))
     JOIN hub_made_by_023f470.lanes l ON (((l.lane = t.lane) AND (l.task_hub = h.task_hub))))
     LEFT JOIN hub_made_by_023f470.workers w ON (((w.worker = t.holder) AND (w.task_hub = h.task_hub))))
  WHERE (h.name = hub_made_by_023f470.currenttaskhub());
ALTER TABLE hub_made_by_023f470.workers ALTER COLUMN worker ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME hub_made_by_023f470.workers_worker_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
INSERT INTO hub_made_by_023f470.globalsettings VALUES ('TaskHubMode', '0', '2026-11-30 08:08:07.214215+00', 'perdure_owner');
INSERT INTO hub_made_by_023f470.history VALUES (1, 0, 1, '[{"type":"execution_started","name":"Letter","data":"\"event\"","execution":"b8a4488e-e44c-4fd7-a079-ef63f6e85f36","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (2, 0, 1, '[{"type":"execution_started","name":"Letter","data":"\"suspended\"","execution":"2f1ec813-ba6a-400c-8377-650b24f8f22d","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (3, 0, 1, '[{"type":"execution_started","name":"Letter","data":"\"completed\"","execution":"5ac6957c-9e12-4ff1-9874-e7e64400e21c","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (4, 0, 1, '[{"type":"execution_started","name":"Draft","data":"\"parked\"","execution":"330b6d8e-7ca8-4391-a125-810ee2991af7","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (5, 0, 1, '[{"type":"execution_started","name":"AlarmClock","data":"\"timer\"","execution":"c2a9e904-1f80-4989-a285-86a040de2c3e","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (6, 0, 1, '[{"type":"execution_started","name":"Parcel","data":"\"queued\"","execution":"5fe30017-f126-4624-ae73-24e1814a0995","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (7, 0, 1, '[{"type":"execution_started","name":"Family","data":"\"family\"","execution":"1302142d-9fb8-4e44-a925-4b9ba54a4154","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (8, 0, 1, '[{"type":"execution_started","name":"Broken","data":"\"failed\"","execution":"ad202258-b6c0-4d6a-a9e7-32070f0026ff","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (1, 1, 2, '[{"type":"turn_started","at":1735689605091563},
{"type":"task_scheduled","at":1735689605091563,"task":1,"name":"Note","data":"\"event\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (2, 1, 2, '[{"type":"turn_started","at":1735689605091618},
{"type":"task_scheduled","at":1735689605091618,"task":1,"name":"Note","data":"\"suspended\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (3, 1, 2, '[{"type":"turn_started","at":1735689605091635},
{"type":"task_scheduled","at":1735689605091635,"task":1,"name":"Note","data":"\"completed\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (4, 1, 2, '[{"type":"turn_started","at":1735689605091652},
{"type":"task_scheduled","at":1735689605091652,"task":1,"name":"Note","data":"\"parked\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (9, 0, 1, '[{"type":"execution_started","at":1735689605094004,"name":"Letter","data":"\"first\"","execution":"c6f43d00-c2bf-2e08-36c3-f3dddb5dbc40","tags":{"made":"by 023f470"},"parent":{"instance":"family","execution":"1302142d-9fb8-4e44-a925-4b9ba54a4154","task":1}}]');
INSERT INTO hub_made_by_023f470.history VALUES (10, 0, 1, '[{"type":"execution_started","at":1735689605094004,"name":"Letter","data":"\"second\"","execution":"761963ba-ef1a-261d-64b5-0a94b08e62dc","tags":{"made":"by 023f470"},"parent":{"instance":"family","execution":"1302142d-9fb8-4e44-a925-4b9ba54a4154","task":2}}]');
INSERT INTO hub_made_by_023f470.history VALUES (5, 1, 3, '[{"type":"turn_started","at":1735689605093931},
{"type":"custom_status_set","at":1735689605093931,"data":"\"asleep\""},
{"type":"timer_created","at":1735689605093931,"task":1,"fire_at":3312489605093931}]');
INSERT INTO hub_made_by_023f470.history VALUES (6, 1, 2, '[{"type":"turn_started","at":1735689605093985},
{"type":"task_scheduled","at":1735689605093985,"task":1,"name":"Note","data":"\"queued\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (7, 1, 3, '[{"type":"turn_started","at":1735689605094004},
{"type":"child_created","at":1735689605094004,"task":1,"name":"Letter","data":"\"first\"","instance":"family-1","execution":"c6f43d00-c2bf-2e08-36c3-f3dddb5dbc40","tags":{"made":"by 023f470"}},
{"type":"child_created","at":1735689605094004,"task":2,"name":"Letter","data":"\"second\"","instance":"family-2","execution":"761963ba-ef1a-261d-64b5-0a94b08e62dc","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (8, 1, 2, '[{"type":"turn_started","at":1735689605094060},
{"type":"task_scheduled","at":1735689605094060,"task":1,"name":"Note","data":"\"failed\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (1, 3, 2, '[{"type":"turn_started","at":1735689605128328},
{"type":"task_completed","at":1735689605128328,"task":1,"data":"\"noted event\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (2, 3, 2, '[{"type":"turn_started","at":1735689605132981},
{"type":"task_completed","at":1735689605132981,"task":1,"data":"\"noted suspended\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (3, 3, 2, '[{"type":"turn_started","at":1735689605133821},
{"type":"task_completed","at":1735689605133821,"task":1,"data":"\"noted completed\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (4, 3, 2, '[{"type":"turn_started","at":1735689605135312},
{"type":"task_completed","at":1735689605135312,"task":1,"data":"\"noted parked\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (9, 1, 2, '[{"type":"turn_started","at":1735689605159232},
{"type":"task_scheduled","at":1735689605159232,"task":1,"name":"Note","data":"\"first\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (10, 1, 2, '[{"type":"turn_started","at":1735689605159268},
{"type":"task_scheduled","at":1735689605159268,"task":1,"name":"Note","data":"\"second\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (8, 3, 3, '[{"type":"turn_started","at":1735689605159289},
{"type":"task_completed","at":1735689605159289,"task":1,"data":"\"noted failed\""},
{"type":"execution_failed","at":1735689605159289,"failure":{"type":"std::runtime_error","message":"no way on from noted failed"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (10, 3, 2, '[{"type":"turn_started","at":1735689605207570},
{"type":"task_completed","at":1735689605207570,"task":1,"data":"\"noted second\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (9, 3, 2, '[{"type":"turn_started","at":1735689605207480},
{"type":"task_completed","at":1735689605207480,"task":1,"data":"\"noted first\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (2, 5, 2, '[{"type":"turn_started","at":1735689605306302},
{"type":"execution_suspended","at":1735689605306302,"note":"until the upgrade"}]');
INSERT INTO hub_made_by_023f470.history VALUES (3, 5, 3, '[{"type":"turn_started","at":1735689605417027},
{"type":"event_raised","at":1735689605417027,"name":"reply","data":"\"thanks\""},
{"type":"execution_completed","at":1735689605417027,"data":"\"noted completed, thanks\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (2, 7, 2, '[{"type":"turn_started","at":1735689605416964},
{"type":"event_raised","at":1735689605416964,"name":"reply","data":"\"thanks\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (9, 5, 3, '[{"type":"turn_started","at":1735689605442322},
{"type":"event_raised","at":1735689605442322,"name":"reply","data":"\"thanks\""},
{"type":"execution_completed","at":1735689605442322,"data":"\"noted first, thanks\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (7, 4, 2, '[{"type":"turn_started","at":1735689605454704},
{"type":"child_completed","at":1735689605454704,"task":1,"data":"\"noted first, thanks\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (11, 0, 1, '[{"type":"execution_started","name":"Keeper","data":"\"held\"","execution":"94f96bbd-8900-4c97-b6cd-27b9488370dd","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.history VALUES (11, 1, 2, '[{"type":"turn_started","at":1735689605630883},
{"type":"task_scheduled","at":1735689605630883,"task":1,"name":"Hold","data":"\"held\""}]');
INSERT INTO hub_made_by_023f470.history VALUES (12, 0, 1, '[{"type":"execution_started","name":"Brink","data":"\"turn\"","execution":"19280c83-66a4-49ec-a599-b74a65af0108","tags":{"made":"by 023f470"}}]');
INSERT INTO hub_made_by_023f470.instances VALUES (5, 1, 3, 0, 'c2a9e904-1f80-4989-a285-86a040de2c3e', NULL, NULL, NULL, '2074-12-20 00:00:05.093931+00', '-infinity', false, false, false, 0, 4, 2, 1, -6790106828975953875, '2025-01-01 00:00:05.159182+00', '2025-01-01 00:00:05.0417+00', NULL, NULL, NULL, 'timer', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (1, 1, 1, 0, 'b8a4488e-e44c-4fd7-a079-ef63f6e85f36', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 5, 3, 1, -9090273840218827153, '2025-01-01 00:00:05.176777+00', '2025-01-01 00:00:05.030901+00', NULL, NULL, NULL, 'event', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (3, 1, 1, 1, '5ac6957c-9e12-4ff1-9874-e7e64400e21c', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 8, 4, 1, -7517486182767455695, '2025-01-01 00:00:05.444782+00', '2025-01-01 00:00:05.03931+00', NULL, '2025-01-01 00:00:05.444782+00', NULL, 'completed', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (2, 1, 1, 7, '2f1ec813-ba6a-400c-8377-650b24f8f22d', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 9, 5, 1, -4390801975047237442, '2025-01-01 00:00:05.454684+00', '2025-01-01 00:00:05.038465+00', NULL, NULL, NULL, 'suspended', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (7, 1, 5, 0, '1302142d-9fb8-4e44-a925-4b9ba54a4154', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 6, 3, 1, -7820602120444375848, '2025-01-01 00:00:05.463368+00', '2025-01-01 00:00:05.048163+00', NULL, NULL, NULL, 'family', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (6, 1, 4, 0, '5fe30017-f126-4624-ae73-24e1814a0995', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 3, 2, 1, -1283660124193450170, '2025-01-01 00:00:05.159182+00', '2025-01-01 00:00:05.047155+00', NULL, NULL, NULL, 'queued', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (8, 1, 6, 3, 'ad202258-b6c0-4d6a-a9e7-32070f0026ff', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 6, 3, 1, 194763377587427156, '2025-01-01 00:00:05.20743+00', '2025-01-01 00:00:05.049066+00', NULL, '2025-01-01 00:00:05.20743+00', NULL, 'failed', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (4, 1, 2, 0, '330b6d8e-7ca8-4391-a125-810ee2991af7', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 5, 3, 1, -7768933564632569451, '2025-01-01 00:00:05.519293+00', '2025-01-01 00:00:05.0406+00', NULL, NULL, NULL, 'parked', NULL, NULL, NULL, 'history and code disagree at event 2
  history: task_scheduled #1 "Note"
  code:    task_scheduled #1 "Hold"
the history before it, on which both agree:
       0 execution_started "Draft"
       1 turn_started
Deploy code that makes the recorded decisions again, or give changed code a new version; then release the instance.', '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (10, 1, 1, 0, '761963ba-ef1a-261d-64b5-0a94b08e62dc', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 5, 3, 1, -2188270697354579127, '2025-01-01 00:00:05.215803+00', '2025-01-01 00:00:05.159182+00', NULL, NULL, NULL, 'family-2', 'family', '1302142d-9fb8-4e44-a925-4b9ba54a4154', 2, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (9, 1, 1, 1, 'c6f43d00-c2bf-2e08-36c3-f3dddb5dbc40', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 8, 4, 1, 6058024718545679952, '2025-01-01 00:00:05.454684+00', '2025-01-01 00:00:05.159182+00', NULL, '2025-01-01 00:00:05.454684+00', NULL, 'family-1', 'family', '1302142d-9fb8-4e44-a925-4b9ba54a4154', 1, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (11, 1, 8, 0, '94f96bbd-8900-4c97-b6cd-27b9488370dd', NULL, NULL, NULL, NULL, '-infinity', false, false, false, 0, 3, 2, 3, 2103043176716356664, '2025-01-01 00:00:05.63535+00', '2025-01-01 00:00:05.630845+00', NULL, NULL, NULL, 'held', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.instances VALUES (12, 1, 7, 6, '19280c83-66a4-49ec-a599-b74a65af0108', -5554639900719460750, '2025-01-01 00:00:20.733404+00', 3, NULL, '-infinity', true, false, false, 0, 1, 1, NULL, NULL, '2025-01-01 00:00:05.733404+00', '2025-01-01 00:00:05.733404+00', NULL, NULL, NULL, 'turn', NULL, NULL, NULL, NULL, '{"made": "by 023f470"}');
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (1, 1, false, 'Letter', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (2, 1, false, 'Draft', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (3, 1, false, 'AlarmClock', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (4, 1, false, 'Parcel', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (5, 1, false, 'Family', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (6, 1, false, 'Broken', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (7, 1, false, 'Brink', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (8, 1, false, 'Keeper', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (9, 1, true, 'Note', '', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (10, 1, true, 'Note', 'later', 0);
INSERT INTO hub_made_by_023f470.lanes OVERRIDING SYSTEM VALUE VALUES (11, 1, true, 'Hold', '', 0);
INSERT INTO hub_made_by_023f470.messageids VALUES (2, '317e88c2-adf4-4a3a-b07f-94d56c30abee', 2, '2025-01-01 00:00:05.296538+00');
INSERT INTO hub_made_by_023f470.messageids VALUES (2, 'fb016742-658e-4093-98cb-c02a37ad3ca9', 3, '2025-01-01 00:00:05.415028+00');
INSERT INTO hub_made_by_023f470.messageids VALUES (3, '15650e7f-9ce4-432a-af0e-281239518d6b', 4, '2025-01-01 00:00:05.416044+00');
INSERT INTO hub_made_by_023f470.messageids VALUES (9, '7bac3d6e-7e9d-4738-acdf-eb27d3b88494', 5, '2025-01-01 00:00:05.420964+00');
INSERT INTO hub_made_by_023f470.messageids VALUES (4, 'da209b7b-651c-47bd-b519-34cefa24706d', 7, '2025-01-01 00:00:05.502436+00');
INSERT INTO hub_made_by_023f470.newevents VALUES (5, '2074-12-20 00:00:05.093931+00', 1, '2074-12-20 00:00:05.093931+00', 1, true, true, NULL, '{"type":"timer_fired"}');
INSERT INTO hub_made_by_023f470.newevents VALUES (4, '2025-01-01 00:00:05.502436+00', 7, '2025-01-01 00:00:05.502436+00', 0, false, false, NULL, '{"type":"event_raised","name":"reply","data":"\"thanks\""}');
INSERT INTO hub_made_by_023f470.newtasks VALUES (6, 1, '5fe30017-f126-4624-ae73-24e1814a0995', 10, NULL, NULL, NULL, '2025-01-01 00:00:05.159182+00', false, false, 0, '', 'json', '\x2271756575656422', '');
INSERT INTO hub_made_by_023f470.newtasks VALUES (11, 1, '94f96bbd-8900-4c97-b6cd-27b9488370dd', 11, -5294394020299181585, '2025-01-01 00:00:20.63535+00', 3, NULL, false, false, 0, '', 'json', '\x2268656c6422', '');
INSERT INTO hub_made_by_023f470.payloads VALUES (5, 2, 'json', '\x2261736c65657022');
INSERT INTO hub_made_by_023f470.payloads VALUES (8, 3, 'json', '\x7b2274797065223a227374643a3a72756e74696d655f6572726f72222c226d657373616765223a226e6f20776179206f6e2066726f6d206e6f746564206661696c6564227d');
INSERT INTO hub_made_by_023f470.payloads VALUES (3, 1, 'json', '\x226e6f74656420636f6d706c657465642c207468616e6b7322');
INSERT INTO hub_made_by_023f470.payloads VALUES (9, 1, 'json', '\x226e6f7465642066697273742c207468616e6b7322');
INSERT INTO hub_made_by_023f470.ready VALUES (10, '2025-01-01 00:00:05.159182+00', 6, 1, '5fe30017-f126-4624-ae73-24e1814a0995');
INSERT INTO hub_made_by_023f470.ready VALUES (3, '2074-12-20 00:00:05.093931+00', 5, 0, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'bf5e93ba-21eb-4abc-ad40-13048239dd6c', '2025-01-01 00:00:05.09149+00', '2025-01-01 00:00:20.09149+00', '{}', 0, 0, '{1,2,3,4,5,6,7,8}', '{0,0,0,0,0,0,0,0}', '{2115605172313833796,-5758721987765430267,5898808433064820467,5105117104905649248,-6790106828975953875,-1283660124193450170,-2462721200037298536,5683249347652157154}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'b9a5cad6-cbdb-4263-8290-81b38146ce78', '2025-01-01 00:00:05.128191+00', '2025-01-01 00:00:20.128191+00', '{0,0,0,0}', 4, 0, '{1,2,3,4}', '{1,1,1,1}', '{-9090273840218827153,7685838636060491103,2543156232050208518,-7768933564632569451}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'ab3d0f40-3d02-4a8b-9941-8fbf0db73fbd', '2025-01-01 00:00:05.159182+00', '2025-01-01 00:00:20.159182+00', '{0,0,0,0}', 4, 0, '{9,10,8}', '{0,0,1}', '{-2965972491538786899,7891006519933030397,194763377587427156}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, '5aff0d02-d34d-43ad-95a6-672d0f4d56aa', '2025-01-01 00:00:05.176777+00', '2025-01-01 00:02:05.176777+00', '{0,0,0,0}', 4, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, '6171d57b-d1c6-4e35-bc0d-c35de72586dc', '2025-01-01 00:00:05.20743+00', '2025-01-01 00:00:20.20743+00', '{0,0,0}', 3, 0, '{9,10}', '{1,1}', '{3807734920094031945,-2188270697354579127}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'acdf9904-797a-483b-b701-4a0a9fee38b9', '2025-01-01 00:00:05.215803+00', '2025-01-01 00:02:05.215803+00', '{0}', 1, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, '9a42d5b0-2888-41e8-b7c9-81067123cf9e', '2025-01-01 00:00:05.23183+00', '2025-01-01 00:02:05.23183+00', '{0}', 1, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'c4b1f3a5-9f72-40d8-a8d5-85e5def3983b', '2025-01-01 00:00:05.296538+00', '2025-01-01 00:02:05.296538+00', '{0}', 0, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, '687eed98-bf8c-40e1-895f-9b8d70e86f27', '2025-01-01 00:00:05.306278+00', '2025-01-01 00:00:20.306278+00', '{}', 0, 0, '{2}', '{0}', '{-5302198856255438157}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'dda1e149-0c4f-4cca-8d37-1fa5a43e822d', '2025-01-01 00:00:05.316747+00', '2025-01-01 00:02:05.316747+00', '{0}', 1, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'ef1909ef-c259-4101-9fd0-39c353600957', '2025-01-01 00:00:05.415028+00', '2025-01-01 00:02:05.415028+00', '{0}', 0, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, '6b1fbcf4-3f4f-4215-819b-632a1a8788e1', '2025-01-01 00:00:05.416044+00', '2025-01-01 00:02:05.416044+00', '{0}', 0, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, '0905c2a8-bf5f-42cf-a53f-4bf9463afbf7', '2025-01-01 00:00:05.416937+00', '2025-01-01 00:00:20.416937+00', '{}', 0, 0, '{2,3}', '{0,0}', '{-4390801975047237442,-7517486182767455695}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, '4da47ae5-8260-41c4-89ba-e86768f6ef12', '2025-01-01 00:00:05.420964+00', '2025-01-01 00:02:05.420964+00', '{0}', 0, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'f405bbdc-4945-418a-ae17-7add6fb8c816', '2025-01-01 00:00:05.442303+00', '2025-01-01 00:00:20.442303+00', '{}', 0, 0, '{9}', '{0}', '{6058024718545679952}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'ded7090d-5d6b-4d6c-a13f-a561dbe32691', '2025-01-01 00:00:05.444782+00', '2025-01-01 00:02:05.444782+00', '{0}', 1, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'a5ebdd8c-5ce6-4c10-837e-50e65cf8daea', '2025-01-01 00:00:05.454684+00', '2025-01-01 00:00:20.454684+00', '{0,0}', 2, 0, '{7}', '{0}', '{-7820602120444375848}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, '7f6ec629-b6a6-4dca-aaa4-9e75eaafb902', '2025-01-01 00:00:05.463368+00', '2025-01-01 00:02:05.463368+00', '{0}', 1, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'efb20439-770c-4dc7-adf7-4dfc37956052', '2025-01-01 00:00:05.502436+00', '2025-01-01 00:02:05.502436+00', '{0}', 0, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, '5af9ed7f-f471-4427-b527-ab40fd1c9eff', '2025-01-01 00:00:05.503015+00', '2025-01-01 00:00:20.503015+00', '{}', 0, 0, '{4}', '{0}', '{1053236723078159108}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, '22e8fa5b-5d3c-4821-bb22-37e743917f5b', '2025-01-01 00:00:05.519293+00', '2025-01-01 00:02:05.519293+00', '{0}', 0, 0, NULL, NULL, NULL);
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'ee6c29d4-4bb0-4983-bc85-b7243a1f9aa0', '2025-01-01 00:00:05.630845+00', '2025-01-01 00:00:20.630845+00', '{}', 0, 0, '{11}', '{0}', '{2103043176716356664}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'c821546c-93d6-4bf1-bf0e-bb48a833959a', '2025-01-01 00:00:05.63535+00', '2025-01-01 00:00:20.63535+00', '{0}', 1, 0, '{11}', '{1}', '{-5294394020299181585}');
INSERT INTO hub_made_by_023f470.requests VALUES (1, 'd642210d-c711-4655-91ec-a901907b231e', '2025-01-01 00:00:05.733404+00', '2025-01-01 00:00:20.733404+00', '{}', 0, 0, '{12}', '{0}', '{-5554639900719460750}');
INSERT INTO hub_made_by_023f470.taskhubs OVERRIDING SYSTEM VALUE VALUES (1, 'upgrade', 0, '567e7bba-c817-4c91-b4a8-59635109278c');
INSERT INTO hub_made_by_023f470.versions VALUES ('1.0.0', '2026-11-30 08:08:07.247912+00');
INSERT INTO hub_made_by_023f470.workers OVERRIDING SYSTEM VALUE VALUES (1, 1, 'machine-5069-947b78bf38d15bbc', '2025-01-01 00:00:20.086841+00', '{3,7,6,2,5,8,1,4}', '{Hold,Note}', '{""}');
INSERT INTO hub_made_by_023f470.workers OVERRIDING SYSTEM VALUE VALUES (3, 1, 'machine-5069-8426d2537dafb7d2', '2025-01-01 00:00:20.502475+00', '{3,7,6,2,5,8,1,4}', '{Hold,Note}', '{""}');
SELECT pg_catalog.setval('hub_made_by_023f470.event_sequence', 7, true);
SELECT pg_catalog.setval('hub_made_by_023f470.instance_keys', 12, true);
SELECT pg_catalog.setval('hub_made_by_023f470.lanes_lane_seq', 11, true);
SELECT pg_catalog.setval('hub_made_by_023f470.taskhubs_task_hub_seq', 2, true);
SELECT pg_catalog.setval('hub_made_by_023f470.workers_worker_seq', 4, true);
ALTER TABLE ONLY hub_made_by_023f470.globalsettings
    ADD CONSTRAINT globalsettings_pkey PRIMARY KEY (name);
ALTER TABLE ONLY hub_made_by_023f470.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (instance_key, first);
ALTER TABLE ONLY hub_made_by_023f470.instances
    ADD CONSTRAINT instances_pkey PRIMARY KEY (instance_key);
ALTER TABLE ONLY hub_made_by_023f470.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (lane);
ALTER TABLE ONLY hub_made_by_023f470.messageids
    ADD CONSTRAINT messageids_pkey PRIMARY KEY (instance_key, message_id);
ALTER TABLE ONLY hub_made_by_023f470.newevents
    ADD CONSTRAINT newevents_pkey PRIMARY KEY (instance_key, due, sequence);
ALTER TABLE ONLY hub_made_by_023f470.newtasks
    ADD CONSTRAINT newtasks_pkey PRIMARY KEY (instance_key, task, execution_id);
ALTER TABLE ONLY hub_made_by_023f470.lanes
    ADD CONSTRAINT one_lane_for_each_kind UNIQUE (task_hub, is_activity, name, variant, priority);
ALTER TABLE ONLY hub_made_by_023f470.workers
    ADD CONSTRAINT one_row_for_each_start UNIQUE (task_hub, worker_id);
ALTER TABLE ONLY hub_made_by_023f470.payloads
    ADD CONSTRAINT payloads_pkey PRIMARY KEY (instance_key, kind);
ALTER TABLE ONLY hub_made_by_023f470.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (task_hub, request_id);
ALTER TABLE ONLY hub_made_by_023f470.taskhubs
    ADD CONSTRAINT taskhubs_name_key UNIQUE (name);
ALTER TABLE ONLY hub_made_by_023f470.taskhubs
    ADD CONSTRAINT taskhubs_pkey PRIMARY KEY (task_hub);
ALTER TABLE ONLY hub_made_by_023f470.versions
    ADD CONSTRAINT versions_pkey PRIMARY KEY (semantic_version);
ALTER TABLE ONLY hub_made_by_023f470.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (worker);
CREATE UNIQUE INDEX instances_by_id ON hub_made_by_023f470.instances USING btree (task_hub, instance_id);
CREATE INDEX instances_by_parent ON hub_made_by_023f470.instances USING btree (task_hub, parent_instance) WHERE (parent_instance IS NOT NULL);
CREATE INDEX instances_parked ON hub_made_by_023f470.instances USING btree (task_hub, instance_key) WHERE (parked_reason IS NOT NULL);
CREATE INDEX ready_by_lane ON hub_made_by_023f470.ready USING btree (lane, due, instance_key, task);
CREATE INDEX requests_with_leases ON hub_made_by_023f470.requests USING btree (task_hub, until) WHERE (lease_keys IS NOT NULL);
CREATE INDEX requests_without_leases ON hub_made_by_023f470.requests USING btree (task_hub, until) WHERE (lease_keys IS NULL);
CREATE TRIGGER delete_purges_what_has_ended INSTEAD OF DELETE ON hub_made_by_023f470.durable_state FOR EACH ROW EXECUTE FUNCTION hub_made_by_023f470._purgedurablestate();
