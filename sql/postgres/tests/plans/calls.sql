-- Every call of a worker and a client, as the runtime role, with batches as large as the engine's.
do $$
declare
    v_work_key integer := (_WorkKeys(false, array['Known'], array[''], array[0]))[1];
    v_step integer := (_WorkKeys(true, array['Step'], array[''], array[0]))[1];
    v_ids text[] := array(select 'started-' || gen_random_uuid() from generate_series(1, 110));
    v_new instance_batch;
    v_one instance_batch;
    v_room room;
    v_got record;
    v_next record;
    v_orchestrations orchestration_batch;
    v_activities activity_batch;
    v_turns turn_batch;
    v_consumed consumed_batch;
    v_chunks chunk_batch;
    v_payloads payload_batch;
    v_tasks task_batch;
    v_cancelled cancelled_batch;
    v_timers timer_batch;
    v_messages message_batch;
    v_children instance_batch;
    v_terminations termination_batch;
    v_done completion_batch;
    v_request uuid;
    v_some integer[] := array(select generate_series(1, 50));
begin
    v_new.instance_id := v_ids;
    v_new.execution_id := array(select gen_random_uuid() from unnest(v_ids));
    -- The last ten are not locked by anybody.
    v_new.work_key := array_fill(v_work_key, array[100])
                  || array_fill((_WorkKeys(false, array['Stranger'], array[''], array[0]))[1], array[10]);
    v_new.start_event := array_fill('{"kind":"execution_started"}'::text, array[110]);
    v_new.start_at := array_fill(null::timestamptz, array[110]);
    v_new.tags := array_fill(null::text, array[110]);
    v_new.parent_instance := array_fill(null::text, array[110]);
    v_new.parent_execution := array_fill(null::uuid, array[110]);
    v_new.parent_task := array_fill(null::bigint, array[110]);
    v_new.replaceable := array_fill(0, array[110]);
    v_new.replaced_event := array_fill('{}'::text, array[110]);
    perform from _CreateInstances(v_new);
    -- One alone, which nobody locks, and another one, for an idle worker.
    for n in 1..2 loop
        v_one.instance_id := array['one-' || gen_random_uuid()];
        v_one.execution_id := array[gen_random_uuid()];
        v_one.work_key := v_new.work_key[110:110];
        v_one.start_event := v_new.start_event[1:1];
        if n = 1 then
            perform from _CreateInstances(v_one);
        else
            v_room.worker := _Worker('plans');
            v_room.lease := 60000000;
            v_room.definitions := v_one.work_key;
            v_room.tokens := '{1}';
            perform from _CreateInstances(v_one, gen_random_uuid(), v_room);
        end if;
    end loop;

    v_room.worker := _Worker('plans');
    v_room.lease := 60000000;
    v_room.definitions := array[v_work_key];
    v_room.tokens := array(select (random() * 1e18)::bigint from generate_series(1, 100));
    v_room.activities := array['Step'];
    v_room.queues := array[''];
    v_room.task_tokens := array(select (random() * 1e18)::bigint from generate_series(1, 100));
    v_room.messages := 100;
    v_room.bytes := 10000000;
    v_room.suspects := false;
    v_room.expire := true;
    v_room.everything := false;
    v_room.since := '-infinity';
    v_room.task_since := '-infinity';
    v_room.ended_calls := array(select gen_random_uuid() from generate_series(1, 50));
    select l.* into v_got from _Lock(gen_random_uuid(), v_room) l;
    v_orchestrations := v_got.orchestrations;
    assert cardinality(v_orchestrations.token) = 100, 'a lock of 100';

    -- Fifty turns that do everything but end.
    v_turns.instance_key := v_orchestrations.instance_key[1:50];
    v_turns.token := v_orchestrations.token[1:50];
    v_turns.execution_id := v_orchestrations.execution_id[1:50];
    v_turns.status := array_fill(0::smallint, array[50]);
    v_turns.events := array_fill(2, array[50]);
    v_chunks.turn := v_some;
    v_chunks.skip := array_fill(0, array[50]);
    v_chunks.count := array_fill(2, array[50]);
    v_chunks.events := array_fill('[{},{}]'::text, array[50]);
    v_payloads.turn := v_some;
    v_payloads.kind := array_fill(2::smallint, array[50]);
    v_payloads.codec := array_fill('json'::text, array[50]);
    v_payloads.bytes := array_fill('1'::bytea, array[50]);
    v_tasks.turn := v_some;
    v_tasks.task := array_fill(7::bigint, array[50]);
    v_tasks.work_key := array_fill(v_step, array[50]);
    -- Every second one is the caller's at once.
    v_tasks.token := array(select case when n % 2 = 0 then 1000 + n end from unnest(v_some) n);
    v_tasks.version := array_fill(''::text, array[50]);
    v_tasks.input_codec := array_fill('json'::text, array[50]);
    v_tasks.input := array_fill('1'::bytea, array[50]);
    v_tasks.details := array_fill('{}'::text, array[50]);
    v_timers.turn := v_some;
    v_timers.task := array_fill(8::bigint, array[50]);
    v_timers.fire_at := array_fill(clock_timestamp() + interval '1 day', array[50]);
    v_timers.event := array_fill('{}'::text, array[50]);
    v_messages.turn := array[1, 2, 3];
    v_messages.target := v_ids[1:3];
    v_messages.event := array['{}', '{}', '{}'];
    v_messages.message_id := array[null, 'a', 'b'];
    v_messages.execution_id := array_fill(null::uuid, array[3]);
    v_messages.task := array[0, 0, 0];
    v_messages.visible_at := array_fill(clock_timestamp(), array[3]);
    v_children.turn := array[1, 2];
    v_children.instance_id := array['child-' || v_ids[1], 'child-' || v_ids[2]];
    v_children.execution_id := array[gen_random_uuid(), gen_random_uuid()];
    v_children.work_key := array[v_work_key, v_work_key];
    v_children.start_event := array['{}', '{}'];
    v_children.start_at := array_fill(null::timestamptz, array[2]);
    v_children.tags := array_fill(null::text, array[2]);
    v_children.parent_instance := v_orchestrations.instance_id[1:2];
    v_children.parent_execution := v_orchestrations.execution_id[1:2];
    v_children.parent_task := array[9, 9];
    v_children.refused_event := array['{}', '{}'];
    v_done.instance_key := (v_got.activities).instance_key;
    v_done.task := (v_got.activities).task;
    v_done.execution_id := (v_got.activities).execution_id;
    v_done.token := (v_got.activities).token;
    v_done.event := array(select '{}' from unnest(v_done.task));
    v_request := gen_random_uuid();
    v_room.tokens := array(select (random() * 1e18)::bigint from generate_series(1, 100));
    for n in 1..2 loop
        -- The second one is a repeat.
        select c.* into v_next
          from _Commit(
              p_request => v_request,
              p_batch => row(array(select distinct unnest(v_turns.instance_key || v_done.instance_key)),
                             v_messages.target, v_turns, v_consumed, v_chunks, v_payloads, v_tasks,
                             v_cancelled, v_timers, v_messages, v_children, null, false,
                             v_done)::commit_batch,
              p_room => v_room) c;
        v_activities := coalesce(v_activities, v_next.activities);
        assert v_next.turn_outcomes = array_fill(0::smallint, array[50]), 'turns that count';
        assert v_next.repeated = (n = 2), 'a repeat';
    end loop;
    assert cardinality(v_activities.token) >= 25, 'activities that were queued';
    v_room.ended_calls := array(select gen_random_uuid() from generate_series(1, 50));
    v_room.ended_by := array(select gen_random_uuid() from generate_series(1, 50));
    perform _ReturnLeases(e.call, '{0}', '{0}', '{0}', null, null)
       from unnest(v_room.ended_calls || v_room.ended_by) as e(call);

    -- The next turns of the same instances consume what came, cancel, and end.
    v_done.instance_key := v_turns.instance_key;
    v_done.task := v_tasks.task;
    v_done.execution_id := v_turns.execution_id;
    v_done.token := v_tasks.token;
    v_done.event := array_fill('{}'::text, array[50]);
    select c.* into v_next
      from _Commit(
          p_request => gen_random_uuid(),
          p_batch => row(v_turns.instance_key, null, null, null, null, null, null, null, null, null, null,
                         null, false, v_done)::commit_batch,
          p_room => v_room) c;
    assert 0 = any(v_next.done_outcomes), 'activities that count';
    v_orchestrations := v_next.handed;
    -- Those with a message from before were handed on by their own commit.
    assert cardinality(v_orchestrations.message_sequence) >= 10, 'instances that are handed on';
    v_turns.instance_key := v_orchestrations.instance_key;
    v_turns.token := v_orchestrations.token;
    v_turns.execution_id := v_orchestrations.execution_id;
    v_turns.status := array(select 1::smallint from unnest(v_turns.token));
    v_turns.events := array(select 2 from unnest(v_turns.token));
    v_consumed.turn := v_orchestrations.message_item;
    v_consumed.instance_key := array(select v_turns.instance_key[t] from unnest(v_consumed.turn) t);
    v_consumed.sequence := v_orchestrations.message_sequence;
    v_cancelled.turn := array[1, 1];
    v_cancelled.task := array[8, 7];
    v_cancelled.is_timer := array[true, false];
    v_terminations.event := array['{}'];
    v_terminations.final_event := array['{}'];
    v_terminations.codec := array['json'];
    v_terminations.bytes := array['1'::bytea];
    v_terminations.parent_event := array['{}'];
    v_chunks.turn := array(select generate_series(1, cardinality(v_turns.token)));
    v_payloads.turn := v_chunks.turn;
    v_payloads.kind := array(select 1::smallint from unnest(v_payloads.turn));
    select c.* into v_next from _Commit(
        p_request => gen_random_uuid(),
        p_batch => row(v_turns.instance_key, null, v_turns, v_consumed, v_chunks, v_payloads, null,
                       v_cancelled, null, null, null, null, true, null)::commit_batch,
        p_room => v_room) c;
    assert v_next.turn_outcomes <@ '{0}'::smallint[], 'turns that end their instances';

    -- A turn alone, which schedules an activity for its worker, and then the end of that one alone.
    v_orchestrations := v_got.orchestrations;
    v_turns.instance_key := v_orchestrations.instance_key[51:51];
    v_turns.token := v_orchestrations.token[51:51];
    v_turns.execution_id := v_orchestrations.execution_id[51:51];
    v_turns.status := '{0}';
    v_turns.events := '{2}';
    v_consumed.turn := '{1}';
    v_consumed.instance_key := v_turns.instance_key;
    v_consumed.sequence := '{0}';
    v_chunks.turn := '{1}';
    v_tasks.turn := '{1}';
    v_tasks.token := '{77}';
    select c.* into v_next from _Commit(
        p_request => gen_random_uuid(),
        p_batch => row(v_turns.instance_key, null, v_turns, v_consumed, v_chunks, null, v_tasks, null, null,
                       null, null, null, false, null)::commit_batch,
        p_room => v_room) c;
    assert v_next.turn_outcomes = '{0}', 'a turn alone';

    -- The speculative turn that follows from that activity, alone; it schedules the next. And a first turn
    -- alone, with a result.
    select c.* into v_next from _CommitLoneTurn(
        p_request => gen_random_uuid(), p_room => v_room,
        p_turn => row(v_turns.instance_key[1], 77, v_turns.execution_id[1], 0, v_tasks.task[1],
                      v_orchestrations.history_version[51] + 1, v_turns.token[1], 2, '[{},{}]', null,
                      null)::lone_turn,
        p_next => row(8, v_step, 78, '', 'json', '1', '{}')::lone_task, p_is_awaited => true) c;
    assert v_next.store_time is not null, 'a speculative turn alone';
    v_tasks.task := '{8}';
    v_tasks.token := '{78}';
    select c.* into v_next from _CommitLoneTurn(
        p_request => gen_random_uuid(), p_room => v_room,
        p_turn => row(v_orchestrations.instance_key[92], v_orchestrations.token[92],
                      v_orchestrations.execution_id[92], 1, null, null, null, 2, '[{},{}]', 'json',
                      '1')::lone_turn,
        p_next => null, p_is_awaited => true) c;
    assert v_next.store_time is not null
           or exists (select from unnest(v_orchestrations.message_item) m where m = 92),
           'a first turn alone';
    v_done.instance_key := v_turns.instance_key;
    v_done.task := v_tasks.task[1:1];
    v_done.execution_id := v_turns.execution_id;
    v_done.token := v_tasks.token;
    v_done.event := '{"{}"}';
    select c.* into v_next from _Commit(
        p_request => gen_random_uuid(),
        p_batch => row(v_turns.instance_key, null, null, null, null, null, null, null, null, null, null,
                       null, false, v_done)::commit_batch,
        p_room => v_room) c;
    assert v_next.done_outcomes = '{0}', 'an activity alone';
    assert (v_next.handed).instance_key = v_turns.instance_key, 'that hands its instance on';

    -- Forty turns, each with an activity for the worker, and then the speculative turns that follow; one of
    -- them is declined, and those with a message in their inbox.
    v_turns.instance_key := v_orchestrations.instance_key[52:91];
    v_turns.token := v_orchestrations.token[52:91];
    v_turns.execution_id := v_orchestrations.execution_id[52:91];
    v_turns.status := array_fill(0::smallint, array[40]);
    v_turns.events := array_fill(2, array[40]);
    v_turns.after_task := null;
    v_turns.after_version := null;
    v_turns.after_committed := null;
    v_turns.after_event := null;
    v_chunks.turn := array(select generate_series(1, 40));
    v_tasks.turn := v_chunks.turn;
    v_tasks.task := array_fill(7::bigint, array[40]);
    v_tasks.token := array(select 2000 + t from unnest(v_tasks.turn) t);
    for n in 1..2 loop
        select c.* into v_next from _Commit(
            p_request => gen_random_uuid(),
            p_batch => row(v_turns.instance_key, null, v_turns, null, v_chunks, null, v_tasks, null, null,
                           null, null, null, false, null)::commit_batch,
            p_room => v_room) c;
        assert v_next.turn_outcomes <@ case when n = 1 then '{0}' else '{0,3}' end::smallint[],
               'turns of both kinds';
        assert n = 1 or v_next.turn_outcomes[1] = 3, 'a turn that is declined';
        v_turns.after_committed := v_turns.token;
        v_turns.token := v_tasks.token;
        v_turns.after_task := v_tasks.task;
        v_turns.after_version := array(
            select v + 1 from unnest(v_orchestrations.history_version[52:91]) v);
        v_turns.after_version[1] := 99;
        v_turns.after_event := array_fill('{}'::text, array[40]);
        v_tasks.task := array_fill(8::bigint, array[40]);
        v_tasks.token := array(select 3000 + t from unnest(v_tasks.turn) t);
    end loop;

    -- What was locked first and not worked on is renewed, and returned.
    perform from _RenewLocks(
        null, v_room.worker, v_room.lease, array[v_work_key], array['Step'], array[''],
        v_orchestrations.instance_key[51:] || v_activities.instance_key,
        array_fill(0::bigint, array[50]) || v_activities.task,
        v_orchestrations.token[51:] || v_activities.token);
    perform from _ReturnLeases(
        gen_random_uuid(), v_orchestrations.instance_key[51:] || v_activities.instance_key,
        array_fill(0::bigint, array[50]) || v_activities.task,
        v_orchestrations.token[51:] || v_activities.token, null, null);
    perform from _TakeOver(array['dead']);

    -- The client's calls.
    v_messages.turn := null;
    v_messages.target := v_ids;
    v_messages.event := array_fill('{}'::text, array[110]);
    v_messages.message_id := array_fill('once'::text, array[110]);
    v_messages.execution_id := array_fill(null::uuid, array[110]);
    v_messages.task := array_fill(0::bigint, array[110]);
    v_messages.visible_at := array_fill(clock_timestamp(), array[110]);
    perform from _AddOrchestrationEvents(gen_random_uuid(), v_messages);
    v_terminations.target := v_ids[106:106];
    perform from _TerminateInstances(gen_random_uuid(), v_terminations);
    perform from _PurgeInstances(gen_random_uuid(), v_ids[80:99], true, '{}', 0);
    perform from _UnparkInstances(gen_random_uuid(), v_ids);
    perform _AnyEnded(v_ids);
    perform from _Watch(true, '-infinity', v_ids);
    perform from _GetInstances(v_ids);
    perform _KeysOf(v_ids);
    perform from _GetInstances(v_ids[1:1]);
    perform from _ReadHistory(v_ids[1], 0, 1000000);
    perform from _QueryManyOrchestrations(null, 'filled-1', 100);
    perform from _HubStatus();
    perform GetScaleMetric();
end
$$;
