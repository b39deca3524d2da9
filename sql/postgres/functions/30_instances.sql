-- The client side that changes something: create, send, terminate, purge, release; and what an instance is to
-- a client.

set search_path = :"schema", pg_temp;

-- Everything that a query tells about an instance, of all hubs. Only for the functions here.
create or replace view InstanceRecords as
select i.instance_key, i.instance_id, i.execution_id, l.name, l.variant as version, i.status,
       i.created_at, i.updated_at, i.completed_at, i.start_at,
       c.codec as custom_status_codec, c.bytes as custom_status,
       o.codec as output_codec, o.bytes as output,
       f.bytes as failure,
       array(select t.key from jsonb_each_text(i.tags) t order by t.key) as tag_keys,
       array(select t.value from jsonb_each_text(i.tags) t order by t.key) as tag_values,
       i.parent_instance, i.parent_execution, i.parent_task,
       i.parked_reason, i.history_length,
       (select count(*) from NewEvents e where e.instance_key = i.instance_key) as inbox_length,
       case when i.ready_at is null and i.lease_until > _Now() then w.worker_id end as leased_by,
       l.kind, l.feature_level
  from Instances i
  join WorkKeys l on l.work_key = i.work_key
  left join Payloads o on o.instance_key = i.instance_key and o.kind = 1
  left join Payloads c on c.instance_key = i.instance_key and c.kind = 2
  left join Payloads f on f.instance_key = i.instance_key and f.kind = 3
  left join Workers w on w.worker = i.holder and w.task_hub = i.task_hub;

-- The record of this instance, as the calling statement sees it; nulls if there is none. Tables, read only:
-- those of InstanceRecords.
create or replace function _RecordOf(p_key bigint) returns InstanceRecords
language plpgsql stable
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    v_record InstanceRecords;
begin
    select r.* into v_record from InstanceRecords r where r.instance_key = p_key;
    return v_record;
end
$$;

-- Inserts instances with their start event, ready from their start time on; those whose id is taken
-- are left out. Returns the keys in the order of the batch, 0 for those left out. In the order of
-- ids, so that two calls never wait for each other. Tables: Instances, History, Ready.
create or replace function _Insert(p_hub integer, p_now timestamptz, p_new instance_batch)
returns bigint[]
language plpgsql volatile
as $$
declare
    v_keys bigint[];
    v_inserted bigint[];
begin
    v_keys := array(select nextval('instance_keys')
                      from generate_series(1, cardinality(p_new.instance_id)));
    with added as (
        insert into Instances (instance_key, task_hub, work_key, status, execution_id, ready_at,
                               not_before, needs_turn, history_length, history_version, updated_at,
                               created_at, start_at, instance_id, parent_instance, parent_execution,
                               parent_task, tags)
        select v_keys[n.n], p_hub, n.work_key, 6, n.execution_id, greatest(p_now, n.start_at),
               coalesce(n.start_at, '-infinity'), true, 1, 1, p_now, p_now, n.start_at,
               n.instance_id, n.parent_instance, n.parent_execution, n.parent_task, n.tags::jsonb
          from unnest(p_new.instance_id, p_new.execution_id, p_new.work_key, p_new.start_at,
                      p_new.parent_instance, p_new.parent_execution, p_new.parent_task, p_new.tags)
               with ordinality as n(instance_id, execution_id, work_key, start_at, parent_instance,
                                    parent_execution, parent_task, tags, n)
         order by n.instance_id, n.n
        on conflict (task_hub, instance_id) do nothing
        returning instance_key, work_key, ready_at
    ), queued as (
        insert into Ready (work_key, due, instance_key, task)
        select a.work_key, a.ready_at, a.instance_key, 0 from added a
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

-- Inserts the only instance of a batch likewise, in one statement, and leases it if there is a token, for the
-- request; then it does not pass through Ready. Returns its row, or null if nothing was done because its id
-- or its work key wants a closer look. Tables: WorkKeys (read), Instances, History, Ready, Requests.
create or replace function _InsertOne(
    p_hub integer, p_now timestamptz, p_new instance_batch, p_request uuid, p_worker integer,
    p_token bigint, p_until timestamptz)
returns Instances
language plpgsql volatile
as $$
declare
    v_added Instances;
begin
    with added as (
        insert into Instances (task_hub, work_key, status, execution_id, token, holder, lease_until,
                               ready_at, not_before, needs_turn, history_length, history_version,
                               updated_at, created_at, start_at, instance_id, parent_instance,
                               parent_execution, parent_task, tags)
        select p_hub, l.work_key, 6, p_new.execution_id[1], p_token, p_worker, p_until,
               case when p_token is null then greatest(p_now, p_new.start_at[1]) end,
               coalesce(p_new.start_at[1], '-infinity'), true, 1, 1, p_now, p_now, p_new.start_at[1],
               p_new.instance_id[1], p_new.parent_instance[1], p_new.parent_execution[1],
               p_new.parent_task[1], p_new.tags[1]::jsonb
          from WorkKeys l where l.work_key = p_new.work_key[1] and l.task_hub = p_hub
        on conflict (task_hub, instance_id) do nothing
        returning *
    ), queued as (
        insert into Ready (work_key, due, instance_key, task)
        select a.work_key, a.ready_at, a.instance_key, 0 from added a where a.ready_at is not null
    ), recorded as (
        insert into History (instance_key, first, count, events)
        select a.instance_key, 0, 1, '[' || p_new.start_event[1] || ']' from added a
    ), kept as (
        insert into Requests (task_hub, request_id, answered_at, until, outcomes, lease_keys,
                              lease_tasks, lease_tokens)
        select p_hub, p_request, p_now, p_until, '{}', array[a.instance_key], '{0}', array[p_token]
          from added a where p_token is not null
    )
    select a.* into v_added from added a;
    return v_added;
end
$$;

-- One of the instances of a batch, as a batch.
create or replace function _One(p_new instance_batch, p_n bigint) returns instance_batch
language sql immutable
as $$
    select row(null, (p_new).instance_id[p_n:p_n], (p_new).execution_id[p_n:p_n], (p_new).work_key[p_n:p_n],
               (p_new).start_event[p_n:p_n], (p_new).start_at[p_n:p_n], (p_new).tags[p_n:p_n],
               (p_new).parent_instance[p_n:p_n], (p_new).parent_execution[p_n:p_n],
               (p_new).parent_task[p_n:p_n], null, null, null)::instance_batch
$$;

-- Decides upon those of a batch whose id is taken (p_keys has 0 for them), and makes those that may take the
-- place of what is there. The rows of p_touched are locked already, and those of p_keys are new. Results as
-- of _CreateInstances; `keys`: of all that are new. Tables: those of _Erase and _Insert.
create or replace function _DecideTaken(
    p_hub integer, p_now timestamptz, p_new instance_batch, p_keys bigint[], p_touched bigint[],
    out outcomes smallint[], out statuses smallint[], out keys bigint[])
language plpgsql volatile
as $$
declare
    v_found Instances;
begin
    outcomes := array_fill(0::smallint, array[cardinality(p_keys)]);
    statuses := array_fill(6::smallint, array[cardinality(p_keys)]);
    for n in 1..cardinality(p_keys) loop
        continue when p_keys[n] <> 0;
        select i.* into v_found from Instances i
         where i.task_hub = p_hub and i.instance_id = p_new.instance_id[n];
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
        if v_found.instance_key <> all(p_touched || p_keys) then
            raise exception 'instance "%" was created meanwhile', v_found.instance_id
                using errcode = 'PD003';
        end if;
        perform _Erase(array[v_found.instance_key]);
        -- A parent that comes later in the batch, and is there already, is not the one to be told.
        if not _IsEnded(v_found.status) and v_found.parent_instance is not null
           and not exists (select from unnest(p_new.instance_id, p_keys) with ordinality as l(id, key, m)
                            where l.id = v_found.parent_instance and l.key <> 0 and l.m > n) then
            perform _TellParent(p_hub, p_now, v_found.parent_instance, v_found.parent_execution,
                                v_found.parent_task, p_new.replaced_event[n]);
        end if;
        p_keys[n] := (_Insert(p_hub, p_now, _One(p_new, n)))[1];
    end loop;
    keys := array_remove(p_keys, 0::bigint);
end
$$;

-- [HANDOFF-3] The end of a client's call: of these instances, whose rows are locked already, it leases those
-- that have work now, as far as there is room, lets the others stand in Ready, and keeps its answer; one
-- without outcomes is kept if it leases something. Tables: Instances, NewEvents (read), Ready, History
-- (read), Requests.
create or replace function _HandOut(
    p_hub integer, p_request uuid, p_now timestamptz, p_keys bigint[], p_room room, p_outcomes smallint[],
    out handed orchestration_batch, out left_ready boolean, out next_due timestamptz)
language plpgsql volatile
as $$
declare
    v_next record;
begin
    if cardinality(p_room.tokens) > 0 then
        v_next := _HandOn(p_keys, '{}', p_now, _Unfiltered(p_hub, p_room));
        handed := v_next.handed;
    else
        v_next := _Settle(p_keys, p_now);
    end if;
    left_ready := v_next.left_ready;
    next_due := v_next.next_due;
    if handed.instance_key is not null then
        perform _KeepAnswer(p_hub, p_request, p_now, coalesce(p_outcomes, '{}'), 0, 0,
                            p_now + p_room.lease * interval '1 microsecond', handed.instance_key,
                            array_fill(0::bigint, array[cardinality(handed.instance_key)]), handed.token);
    elsif p_outcomes is not null then
        perform _KeepAnswer(p_hub, p_request, p_now, p_outcomes, 0, 0, null, null, null, null);
    end if;
end
$$;

-- Creates what _InsertOne does not: several instances, or one whose id or work key wants a closer look.
-- Parameters and results: those of _CreateInstances.
create or replace function _CreateSeveral(
    p_hub integer, p_new instance_batch, p_request uuid, p_room room,
    out outcomes smallint[], out statuses smallint[], out left_ready boolean,
    out next_due timestamptz, out store_time timestamptz, out handed orchestration_batch)
language plpgsql volatile
as $$
declare
    v_touched bigint[];
    v_made record;
    v_earlier Requests;
    v_next record;
begin
    perform _CheckWorkKeys(p_hub, p_new.work_key);
    select l.keys into v_touched from _LockInstances(p_hub, null, p_new.instance_id, true) l;
    store_time := _Now();
    v_made := _DecideTaken(p_hub, store_time, p_new, _Insert(p_hub, store_time, p_new), v_touched);
    outcomes := v_made.outcomes;
    statuses := v_made.statuses;
    left_ready := true;
    if cardinality(v_touched) > 0 then
        select s.next_due into next_due from _Settle(v_touched, store_time) s;
    end if;
    if cardinality(p_room.tokens) > 0 then
        select r.* into v_earlier from Requests r where r.task_hub = p_hub and r.request_id = p_request;
        if v_earlier.request_id is null then
            v_next := _HandOut(p_hub, p_request, store_time, v_made.keys, p_room, null);
            handed := v_next.handed;
            left_ready := v_next.left_ready or cardinality(v_touched) > 0;
        elsif v_earlier.lease_keys is not null then
            handed := (_LeasedBefore(store_time, p_room, v_earlier.lease_keys, v_earlier.lease_tasks,
                                     v_earlier.lease_tokens)).orchestrations;
        end if;
    end if;
    select least(next_due, min(s.start_at)) into next_due
      from unnest(p_new.start_at) as s(start_at) where s.start_at > store_time;
end
$$;

-- [ROLE-6] What _CreateInstances has answered to this request while the hub was open: nothing is created now.
-- Tables, read only: Instances, Requests, those of _LeasedBefore.
create or replace function _CreatedBefore(
    p_hub integer, p_new instance_batch, p_request uuid, p_room room,
    out outcomes smallint[], out statuses smallint[], out store_time timestamptz,
    out handed orchestration_batch)
language plpgsql volatile
as $$
begin
    store_time := _Now();
    select array_agg(case when (n.replaceable >> i.status) & 1 = 0
                               and n.execution_id <> i.execution_id
                               and n.execution_id <> coalesce(i.created_as, i.execution_id)
                          then 1 else 0 end::smallint order by n.n),
           array_agg(coalesce(i.status, 6::smallint) order by n.n)
      into outcomes, statuses
      from unnest(p_new.instance_id, p_new.execution_id, p_new.replaceable)
           with ordinality as n(instance_id, execution_id, replaceable, n)
      left join Instances i on i.task_hub = p_hub and i.instance_id = n.instance_id;
    handed := (select (_LeasedBefore(store_time, _Unfiltered(p_hub, p_room), r.lease_keys, r.lease_tasks,
                                     r.lease_tokens)).orchestrations
                 from Requests r
                where r.task_hub = p_hub and r.request_id = p_request and r.lease_keys is not null);
end
$$;

-- [CREATE-1] [CREATE-2] [CREATE-3] Creates instances. `outcomes`: 0 created, 1 the id is taken; `statuses`
-- found, also by a repeat; `handed`: those for which there is room [HANDOFF-3]; one that comes alone does not
-- pass through Ready then. Caller: the plugin. Tables: Instances, Ready, NewTasks, NewEvents, History,
-- Payloads, MessageIds, Requests. PD003 when an id was taken during the call by an instance to be replaced.
create or replace function _CreateInstances(
    p_new instance_batch, p_request uuid default null, p_room room default null,
    out outcomes smallint[], out statuses smallint[], out left_ready boolean,
    out next_due timestamptz, out store_time timestamptz, out handed orchestration_batch)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub(p_request, -1);
    v_room room := _Unfiltered(v_hub, p_room);
    v_token bigint;
    v_only Instances;
    v_made record;
begin
    if v_hub < 0 then
        v_made := _CreatedBefore(-v_hub, p_new, p_request, p_room);
        outcomes := v_made.outcomes;
        statuses := v_made.statuses;
        left_ready := false;
        store_time := v_made.store_time;
        handed := v_made.handed;
        return;
    end if;
    if cardinality(v_room.tokens) > 0 then
        -- As in _Lock: whoever asks with the same request waits for this call.
        perform pg_advisory_xact_lock(v_hub, hashtext(p_request::text));
    end if;
    if cardinality(p_new.instance_id) = 1 then
        store_time := _Now();
        if p_new.start_at[1] is null and p_new.work_key[1] = any(v_room.definitions) then
            v_token := v_room.tokens[1];
        end if;
        v_only := _InsertOne(v_hub, store_time, p_new, p_request, v_room.worker, v_token,
                             store_time + v_room.lease * interval '1 microsecond');
        if v_only.instance_key is not null then
            outcomes := '{0}';
            statuses := '{6}';
            left_ready := v_token is null;
            if p_new.start_at[1] > store_time then
                next_due := p_new.start_at[1];
            end if;
            if v_token is not null then
                handed := _Leased(array[v_only], v_room.worker);
                handed.chunk_item := '{1}';
                handed.chunk_first := '{0}';
                handed.chunk_count := '{1}';
                handed.chunk_events := array['[' || p_new.start_event[1] || ']'];
            end if;
            return;
        end if;
    end if;
    v_made := _CreateSeveral(v_hub, p_new, p_request, v_room);
    outcomes := v_made.outcomes;
    statuses := v_made.statuses;
    left_ready := v_made.left_ready;
    next_due := v_made.next_due;
    store_time := v_made.store_time;
    handed := v_made.handed;
end
$$;

-- Sends messages. `outcomes` as of _Send; `handed`: of the instances that have work now, those for which
-- there is room [HANDOFF-3]. Caller: the plugin. Tables: Instances, NewEvents, MessageIds, Ready, History
-- (read), Requests.
create or replace function _AddOrchestrationEvents(
    p_request uuid, p_messages message_batch, p_room room default null,
    out outcomes smallint[], out left_ready boolean, out next_due timestamptz,
    out store_time timestamptz, out handed orchestration_batch)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub(p_request);
    v_keys bigint[];
    v_sent record;
    v_next record;
    v_earlier Requests;
begin
    if cardinality(p_room.tokens) > 0 then
        -- As in _Lock: whoever asks with the same request waits for this call.
        perform pg_advisory_xact_lock(v_hub, hashtext(p_request::text));
    end if;
    if p_messages.level is not null then
        perform _MakeLevels(v_hub, null, null, p_messages.target, p_messages.level);
    end if;
    select l.keys into v_keys from _LockInstances(v_hub, null, p_messages.target) l;
    select r.* into v_earlier from Requests r where r.task_hub = v_hub and r.request_id = p_request;
    if v_earlier.request_id is not null then
        outcomes := v_earlier.outcomes;
        if v_earlier.lease_keys is not null then
            store_time := _Now();
            handed := (_LeasedBefore(store_time, p_room, v_earlier.lease_keys, v_earlier.lease_tasks,
                                     v_earlier.lease_tokens)).orchestrations;
            left_ready := true;
        end if;
        return;
    end if;
    store_time := _Now();
    outcomes := '{}';
    for n in 1..cardinality(p_messages.target) loop
        select s.* into v_sent
          from _Send(v_hub, store_time, p_messages.target[n], p_messages.event[n],
                     p_messages.message_id[n], p_messages.execution_id[n], p_messages.task[n],
                     p_messages.visible_at[n], p_messages.level[n], v_keys) s;
        outcomes[n] := v_sent.outcome;
    end loop;
    v_next := _HandOut(v_hub, p_request, store_time, v_keys, p_room, outcomes);
    handed := v_next.handed;
    left_ready := v_next.left_ready;
    next_due := v_next.next_due;
end
$$;

-- Ends instances. `outcomes` as of _Terminate, `ended` the ids of those that ended at once. Caller:
-- the plugin. Tables: Instances, Ready, NewTasks, NewEvents, History, Payloads, Requests.
create or replace function _TerminateInstances(
    p_request uuid, p_wishes termination_batch, out outcomes smallint[], out ended text[],
    out left_ready boolean, out next_due timestamptz, out store_time timestamptz)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub(p_request);
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

-- [PURGE-1] [PURGE-2] Deletes these instances. `outcomes`: 0 purged, 1 not terminal, 2 no such
-- instance; p_detail is kept with the answer and comes back as `detail` at a repeat. Caller: the
-- plugin. Tables: Instances, Ready, NewTasks, NewEvents, History, Payloads, MessageIds, Requests.
create or replace function _PurgeInstances(
    p_request uuid, p_ids text[], p_force boolean, p_parent_event text, p_detail bigint,
    out outcomes smallint[], out ended text[], out detail bigint, out left_ready boolean,
    out next_due timestamptz, out store_time timestamptz)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub(p_request);
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
        elsif not _IsEnded(v_found.status) and not p_force then
            outcomes[n] := 1;
        elsif v_found.instance_key <> all(v_touched) then
            raise exception 'instance "%" was created meanwhile', p_ids[n] using errcode = 'PD003';
        else
            outcomes[n] := 0;
            ended := ended || p_ids[n];
            v_gone := v_gone || v_found.instance_key;
            if not _IsEnded(v_found.status) and v_found.parent_instance is not null then
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

-- [PARK-3] Makes parked instances ready again. `outcomes`: 0 released, 1 not parked, also one whose image is
-- incomplete [IMAGE-4], 2 no such instance. Caller: the plugin. Tables: Instances, Ready, Requests.
create or replace function _UnparkInstances(
    p_request uuid, p_ids text[], out outcomes smallint[], out left_ready boolean,
    out next_due timestamptz, out store_time timestamptz)
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub integer := _Hub(p_request);
    v_keys bigint[];
    v_found record;
begin
    select l.keys into v_keys from _LockInstances(v_hub, null, p_ids) l;
    outcomes := _EarlierOutcomes(v_hub, p_request);
    if outcomes is not null then
        return;
    end if;
    store_time := _Now();
    outcomes := '{}';
    for n in 1..cardinality(p_ids) loop
        select i.instance_key, i.parked_reason, i.history_version into v_found
          from Instances i where i.task_hub = v_hub and i.instance_id = p_ids[n];
        if v_found.instance_key is null then
            outcomes[n] := 2;
        elsif v_found.instance_key <> all(v_keys) then
            raise exception 'instance "%" was created meanwhile', p_ids[n] using errcode = 'PD003';
        elsif v_found.parked_reason is null or v_found.history_version = 0 then
            outcomes[n] := 1;
        else
            outcomes[n] := 0;
            update Instances i
               set parked_reason = null, deliveries = 0, suspect = false, updated_at = store_time
             where i.instance_key = v_found.instance_key;
        end if;
    end loop;
    select s.left_ready, s.next_due into left_ready, next_due from _Settle(v_keys, store_time) s;
    perform _KeepAnswer(v_hub, p_request, store_time, outcomes, 0, 0, null, null, null, null);
end
$$;
