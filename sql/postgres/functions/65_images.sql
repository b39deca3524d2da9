-- Images of instances: all that there is of one, read, and written into another hub
-- (core/include/perdure/instance_image.hpp).

set search_path = :"schema", pg_temp;

-- The keys of a page of instances after p_after, in the order of their creation, or with p_ids of these, null
-- for an unknown one and when there are none. `allowed`: how many bytes of each one's history; `next`: what
-- to pass for those that follow, null if there are none. Tables, read only: Instances, History, NewEvents,
-- NewTasks, MessageIds, Payloads.
create or replace function _PageOfImages(
    p_hub integer, p_after bigint, p_limit integer, p_ids text[], p_bytes bigint,
    out keys bigint[], out allowed bigint[], out next bigint)
language plpgsql stable
as $$
declare
    v_found record;
    v_bytes bigint := 0;
begin
    if p_ids is not null then
        keys := array(select (select i.instance_key from Instances i
                               where i.task_hub = p_hub and i.instance_id = w.instance_id)
                        from unnest(p_ids) with ordinality as w(instance_id, n)
                       order by w.n);
        allowed := array_fill(p_bytes, array[cardinality(p_ids)]);
        return;
    end if;
    for v_found in
        select i.instance_key,
               512 + coalesce((select sum(octet_length(h.events)) from History h
                                where h.instance_key = i.instance_key), 0)
                   + coalesce((select sum(256 + octet_length(e.event)) from NewEvents e
                                where e.instance_key = i.instance_key), 0)
                   + coalesce((select sum(256 + coalesce(octet_length(t.input), 0) + octet_length(t.details))
                                 from NewTasks t where t.instance_key = i.instance_key), 0)
                   + coalesce((select sum(64 + octet_length(m.message_id)) from MessageIds m
                                where m.instance_key = i.instance_key), 0)
                   + coalesce((select sum(octet_length(p.bytes)) from Payloads p
                                where p.instance_key = i.instance_key), 0) as bytes
          from Instances i
         where i.instance_key > p_after and i.task_hub is not distinct from p_hub
         order by i.instance_key limit p_limit + 1
    loop
        if cardinality(keys) = p_limit or v_bytes >= p_bytes then
            next := keys[cardinality(keys)];
            exit;
        end if;
        keys := keys || v_found.instance_key;
        -- So only the last one can lack something: if another follows, all of it fitted.
        allowed := allowed || p_bytes - v_bytes;
        v_bytes := v_bytes + v_found.bytes;
    end loop;
    keys := coalesce(keys, array[null::bigint]);
end
$$;

-- [IMAGE-2] [IMAGE-3] Images of at most p_limit instances after p_after, and until p_bytes are reached, or of
-- those with these ids, a row of nulls for an unknown one and when there are none; all as of the moment of
-- the call, because it is stable. `last_sequence` was read later: no message that is seen has a higher one.
-- Caller: the plugin. Tables, read only: Instances and all that belongs to them, WorkKeys, Workers.
create or replace function _ReadImages(
    p_after bigint, p_limit integer, p_ids text[], p_bytes bigint,
    out instance InstanceRecords, out state image_state, out chunks image_chunk_batch,
    out inbox image_message_batch, out accepted image_accepted_batch, out tasks image_task_batch,
    out next bigint, out last_sequence bigint)
returns setof record
language plpgsql stable security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub constant integer := _AnyHub();
    v_page record;
begin
    v_page := _PageOfImages(v_hub, p_after, p_limit, p_ids, p_bytes);
    return query
    select r.record,
           row(coalesce(i.created_as, i.execution_id), i.history_version, i.last_committed, c.worker_id,
               i.needs_turn, i.not_before, i.token, i.lease_until, h.worker_id, i.ready_at, i.suspect,
               i.leased_alone, i.deliveries)::image_state,
           (select row(null, array_agg(g.first), array_agg(g.count), array_agg(g.events))::image_chunk_batch
              from (select g.first, g.count, g.events,
                           sum(octet_length(g.events)) over (order by g.first)
                             - octet_length(g.events) as before
                      from History g where g.instance_key = i.instance_key order by g.first) g
             where g.before < k.allowed),
           (select row(null, array_agg(e.sequence), array_agg(e.due), array_agg(e.visible_at),
                       array_agg(e.task), array_agg(e.for_execution), array_agg(e.is_timer),
                       array_agg(e.completed_by), array_agg(e.event))::image_message_batch
              from (select e.* from NewEvents e
                     where e.instance_key = i.instance_key order by e.due, e.sequence) e),
           (select row(null, array_agg(m.message_id), array_agg(m.accepted_at))::image_accepted_batch
              from (select m.* from MessageIds m
                     where m.instance_key = i.instance_key order by m.sequence) m),
           (select row(null, array_agg(t.task), array_agg(t.execution_id), null, array_agg(t.token),
                       array_agg(t.lease_until), array_agg(w.worker_id), array_agg(t.ready_at),
                       array_agg(t.suspect), array_agg(t.leased_alone), array_agg(t.deliveries),
                       array_agg(t.version), array_agg(t.input_codec), array_agg(t.input),
                       array_agg(t.details), array_agg(l.name), array_agg(l.variant),
                       array_agg(l.priority))::image_task_batch
              from NewTasks t
              join WorkKeys l on l.work_key = t.work_key
              left join Workers w on w.worker = t.holder and w.task_hub is not distinct from v_hub
             where t.instance_key = i.instance_key),
           v_page.next,
           (select s.last_value - case when s.is_called then 0 else 1 end from event_sequence s)
      from unnest(v_page.keys, v_page.allowed) with ordinality as k(instance_key, allowed, n)
      left join Instances i on i.instance_key = any(array[k.instance_key])
      left join Workers c on c.worker = i.last_committer and c.task_hub is not distinct from v_hub
      left join Workers h on h.worker = i.holder and h.task_hub is not distinct from v_hub
      left join lateral (
           select q as record from InstanceRecords q
            where q.instance_key = i.instance_key offset 0) r on true
     order by k.n;
end
$$;

-- [SEND-5] Sees to it that sequences from now on are higher than this one. setval belongs to no transaction,
-- and may go back behind what a call has taken meanwhile with nextval; hence the margin, which nobody takes
-- in that time, and one caller at a time. What leaves too few to all hubs is PD002. Tables: event_sequence.
create or replace function _RaiseSequence(p_last bigint) returns void
language plpgsql volatile
as $$
begin
    if p_last > 1::bigint << 62 then
        raise exception 'sequence % leaves too few', p_last using errcode = 'PD002';
    end if;
    for attempt in 1..2 loop
        if p_last <= (select s.last_value - case when s.is_called then 0 else 1 end
                        from event_sequence s) then
            return;
        elsif attempt = 1 then
            perform pg_advisory_xact_lock(hashtext(current_schema), hashtext('event_sequence'));
        end if;
    end loop;
    perform setval('event_sequence', p_last + 1000000);
end
$$;

-- Rows for workers with these names, as of workers that are dead; those that are there live as long as they
-- say, but are not removed for the next hour. Nulls are ignored. Tables: Workers.
create or replace function _MakeWorkers(p_hub integer, p_names text[]) returns void
language sql volatile
as $$
    insert into Workers (task_hub, worker_id, live_until)
    select p_hub, w.name, _Now() - interval '1 minute'
      from (select distinct unnest(p_names) as name) w where w.name is not null order by w.name
    on conflict (task_hub, worker_id) do update
       set live_until = greatest(Workers.live_until, excluded.live_until)
$$;

-- [IMAGE-7] Whether an image with this beginning may be written over an instance, whose row is locked
-- already: it has all events, or begins where a chunk of the same execution does. Tables: History (read).
create or replace function _CanReplace(
    p_there Instances, p_first bigint, p_execution uuid, p_created_as uuid)
returns boolean
language plpgsql stable
as $$
begin
    return p_first = 0
        or p_there.execution_id = p_execution
           and coalesce(p_there.created_as, p_there.execution_id) = p_created_as
           and (p_there.history_length = p_first
                or exists (select from History h
                            where h.instance_key = p_there.instance_key and h.first = p_first));
end
$$;

-- [IMAGE-4] [IMAGE-5] [IMAGE-7] Which images are written: `keys` of their instances, 0 for the others;
-- `finals` the same, and 0 for an image that another one of the call continues; `continued` are instances
-- that are there already, `replaced` those of them that give way, with how many of their events they keep.
-- Tables: Instances, History (read).
create or replace function _PlaceImages(
    p_hub integer, p_images image_batch, p_replace boolean, out keys bigint[], out finals bigint[],
    out continued bigint[], out replaced bigint[], out kept bigint[])
language plpgsql volatile
as $$
declare
    v_image record;
    v_states Instances[];
    v_state Instances;
    v_lasts integer[];
    v_last integer;
begin
    perform _LockInstances(p_hub, null, p_images.instance_id);
    for v_image in
        select w.*, x.found
          from unnest(p_images.instance_id, p_images.earlier, p_images.execution_id, p_images.created_as,
                      p_images.first, p_images.history_length, p_images.history_version)
               with ordinality as w(instance_id, earlier, execution_id, created_as, first, length, version, n)
          left join lateral (
               select i as found from Instances i
                where i.task_hub = p_hub and i.instance_id = w.instance_id limit 1) x on true
         order by w.n
    loop
        v_state := case when v_image.earlier is null then v_image.found else v_states[v_image.earlier] end;
        v_last := v_lasts[v_image.earlier];
        keys := keys || 0::bigint;
        finals := finals || 0::bigint;
        v_states[v_image.n] := v_state;
        v_lasts[v_image.n] := v_last;
        if v_state.instance_key is null then
            continue when v_image.first <> 0;
            v_state.instance_key := nextval('instance_keys');
        elsif p_replace and v_last is null and _CanReplace(v_state, v_image.first, v_image.execution_id,
                                                           v_image.created_as) then
            continued := continued || v_state.instance_key;
            replaced := replaced || v_state.instance_key;
            kept := kept || v_image.first;
        elsif v_state.history_version <> 0 or v_state.history_length <> v_image.first
              or v_state.execution_id <> v_image.execution_id
              or coalesce(v_state.created_as, v_state.execution_id) <> v_image.created_as then
            continue;
        elsif v_last is null then
            continued := continued || v_state.instance_key;
        else
            finals[v_last] := 0;
        end if;
        keys[v_image.n] := v_state.instance_key;
        finals[v_image.n] := v_state.instance_key;
        v_state.execution_id := v_image.execution_id;
        v_state.created_as := v_image.created_as;
        v_state.history_length := v_image.length;
        v_state.history_version := v_image.version;
        v_states[v_image.n] := v_state;
        v_lasts[v_image.n] := v_image.n;
    end loop;
end
$$;

-- Removes what belongs to instances that images replace, but for the events before these. Tables: Ready,
-- NewTasks, NewEvents, History, MessageIds, Instances.
create or replace function _ClearImages(p_keys bigint[], p_kept bigint[]) returns void
language plpgsql volatile
as $$
begin
    if p_keys is null then
        return;
    end if;
    perform _Unqueue(p_keys, '-infinity', true);
    delete from NewEvents e where e.instance_key = any(p_keys);
    delete from MessageIds m where m.instance_key = any(p_keys);
    delete from History h using unnest(p_keys, p_kept) as k(instance_key, kept)
     where h.instance_key = any(array[k.instance_key]) and h.first >= k.kept;
end
$$;

-- Inserts the instances; where they wait comes later. An id that was taken meanwhile is PD003. Tables:
-- Workers (read), Instances.
create or replace function _InsertImages(
    p_hub integer, p_now timestamptz, p_images image_batch, p_finals bigint[])
returns void
language plpgsql volatile
as $$
declare
    v_inserted bigint;
begin
    insert into Instances (
        instance_key, task_hub, work_key, status, execution_id, token, lease_until, holder, ready_at,
        not_before, needs_turn, suspect, leased_alone, deliveries, history_length, history_version,
        last_committer, last_committed, updated_at, created_at, start_at, completed_at, created_as,
        instance_id, parent_instance, parent_execution, parent_task, parked_reason, tags)
    select n.instance_key, p_hub, n.work_key, n.status, n.execution_id, n.token,
           -- One that is over, nobody knows since when.
           case when n.token is not null then coalesce(n.lease_until, p_now) end, h.worker,
           case when n.token is null then null when n.lease_until is null then p_now else n.ready_at end,
           n.not_before, n.needs_turn, n.suspect, n.leased_alone, n.deliveries, n.history_length,
           n.history_version, c.worker, n.last_committed, n.updated_at, n.created_at, n.start_at,
           n.completed_at, nullif(n.created_as, n.execution_id), n.instance_id, n.parent_instance,
           n.parent_execution, n.parent_task, n.parked_reason, n.tags::jsonb
      from unnest(p_finals, p_images.instance_id, p_images.execution_id, p_images.created_as,
                  p_images.work_key, p_images.status, p_images.token, p_images.lease_until, p_images.holder,
                  p_images.ready_at, p_images.suspect, p_images.leased_alone, p_images.deliveries,
                  p_images.not_before, p_images.needs_turn, p_images.history_length,
                  p_images.history_version, p_images.last_committer, p_images.last_committed,
                  p_images.updated_at, p_images.created_at, p_images.start_at, p_images.completed_at,
                  p_images.parent_instance, p_images.parent_execution, p_images.parent_task,
                  p_images.parked_reason, p_images.tags)
           as n(instance_key, instance_id, execution_id, created_as, work_key, status, token, lease_until,
                holder, ready_at, suspect, leased_alone, deliveries, not_before, needs_turn, history_length,
                history_version, last_committer, last_committed, updated_at, created_at, start_at,
                completed_at, parent_instance, parent_execution, parent_task, parked_reason, tags)
      left join lateral (
           select w.worker from Workers w
            where w.task_hub = p_hub and w.worker_id = n.holder limit 1) h on true
      left join lateral (
           select w.worker from Workers w
            where w.task_hub = p_hub and w.worker_id = n.last_committer limit 1) c on true
     where n.instance_key <> 0
     -- So that two calls never wait for each other.
     order by n.instance_id
    on conflict (task_hub, instance_id) do nothing;
    get diagnostics v_inserted = row_count;
    if v_inserted <> (select count(*) from unnest(p_finals) as f(instance_key) where f.instance_key <> 0) then
        raise exception 'an instance of an image was created meanwhile' using errcode = 'PD003';
    end if;
end
$$;

-- What belongs to the instances and waits for nobody. Accepted ids get sequences in their order, behind those
-- of the images and before those of all messages to come. Tables: NewEvents, History, Payloads, MessageIds.
create or replace function _FillImages(
    p_keys bigint[], p_finals bigint[], p_chunks image_chunk_batch, p_payloads payload_batch,
    p_inbox image_message_batch, p_accepted image_accepted_batch)
returns void
language plpgsql volatile
as $$
begin
    insert into NewEvents (instance_key, due, sequence, visible_at, task, for_execution, is_timer,
                           completed_by, event)
    select p_keys[m.image], m.due, m.sequence, m.visible_at, m.task, m.for_execution, m.is_timer,
           m.completed_by, m.event
      from unnest(p_inbox.image, p_inbox.due, p_inbox.sequence, p_inbox.visible_at, p_inbox.task,
                  p_inbox.for_execution, p_inbox.is_timer, p_inbox.completed_by, p_inbox.event)
           as m(image, due, sequence, visible_at, task, for_execution, is_timer, completed_by, event)
     where p_keys[m.image] <> 0;
    insert into History (instance_key, first, count, events)
    select p_keys[c.image], c.first, c.count, c.events
      from unnest(p_chunks.image, p_chunks.first, p_chunks.count, p_chunks.events)
           as c(image, first, count, events)
     where p_keys[c.image] <> 0;
    insert into Payloads (instance_key, kind, codec, bytes)
    select p_finals[c.turn], c.kind, c.codec, c.bytes
      from unnest(p_payloads.turn, p_payloads.kind, p_payloads.codec, p_payloads.bytes)
           as c(turn, kind, codec, bytes)
     where p_finals[c.turn] <> 0;
    insert into MessageIds (instance_key, message_id, sequence, accepted_at)
    select p_keys[a.image], a.message_id, nextval('event_sequence'), a.accepted_at
      from unnest(p_accepted.image, p_accepted.message_id, p_accepted.accepted_at)
           with ordinality as a(image, message_id, accepted_at, n)
     where p_keys[a.image] <> 0
     order by a.n
    -- An instance whose image was incomplete may have accepted messages since.
    on conflict (instance_key, message_id) do nothing;
end
$$;

-- Their activities. Tables: Workers (read), Ready, NewTasks.
create or replace function _FillTasks(p_hub integer, p_keys bigint[], p_tasks image_task_batch)
returns void
language plpgsql volatile
as $$
begin
    with added as (
        insert into NewTasks (instance_key, task, execution_id, work_key, token, lease_until, holder,
                              ready_at, suspect, leased_alone, deliveries, version, input_codec, input,
                              details)
        select p_keys[t.image], t.task, t.execution_id, t.work_key, t.token, t.lease_until, h.worker,
               t.ready_at, t.suspect, t.leased_alone, t.deliveries, t.version, t.input_codec, t.input,
               t.details
          from unnest(p_tasks.image, p_tasks.task, p_tasks.execution_id, p_tasks.work_key, p_tasks.token,
                      p_tasks.lease_until, p_tasks.holder, p_tasks.ready_at, p_tasks.suspect,
                      p_tasks.leased_alone, p_tasks.deliveries, p_tasks.version, p_tasks.input_codec,
                      p_tasks.input, p_tasks.details)
               as t(image, task, execution_id, work_key, token, lease_until, holder, ready_at, suspect,
                    leased_alone, deliveries, version, input_codec, input, details)
          left join lateral (
               select w.worker from Workers w
                where w.task_hub = p_hub and w.worker_id = t.holder limit 1) h on true
         where p_keys[t.image] <> 0
        returning instance_key, task, execution_id, work_key, ready_at, suspect
    )
    insert into Ready (work_key, due, instance_key, task, execution_id)
    select case when a.suspect then -a.work_key else a.work_key end, a.ready_at, a.instance_key, a.task,
           a.execution_id
      from added a where a.ready_at is not null;
end
$$;

-- Lets the instances wait [WAKE-1]: from when on _Due says, or later if their image says so; and enters the
-- leases where their ends are looked for. `left_ready` and `next_due` as of _Settle, of activities as well.
-- Tables: Instances, NewEvents (read), Ready, Requests.
create or replace function _QueueImages(
    p_hub integer, p_now timestamptz, p_keys bigint[], p_finals bigint[], p_images image_batch,
    p_tasks image_task_batch, out left_ready boolean, out next_due timestamptz)
language plpgsql volatile
as $$
begin
    with state as materialized (
        select i.instance_key, case when i.suspect then -i.work_key else i.work_key end as work_key,
               case when i.token is not null or d.due is null then d.due
                    else greatest(d.due, coalesce(w.stated, p_now)) end as due
          from unnest(p_finals, p_images.ready_at) as w(instance_key, stated)
          join Instances i on i.instance_key = any(array[w.instance_key])
         cross join lateral _Due(i, '-infinity') as d(due)
    ), queued as (
        insert into Ready (work_key, due, instance_key, task)
        select s.work_key, s.due, s.instance_key, 0 from state s where s.due is not null
    ), marked as (
        update Instances i set ready_at = s.due
          from state s where i.instance_key = any(array[s.instance_key]) and s.due is not null
    )
    select coalesce(bool_or(s.due <= p_now), false), min(s.due) filter (where s.due > p_now)
      into left_ready, next_due
      from (select s.due from state s
             union all
            select t.ready_at from unnest(p_tasks.image, p_tasks.ready_at) as t(image, ready_at)
             where p_keys[t.image] <> 0) s;
    perform _KeepAnswer(p_hub, gen_random_uuid(), p_now, '{}', 0, 0, l.lease_until, l.keys, l.tasks, l.tokens)
       from (select h.lease_until, array_agg(h.instance_key) as keys, array_agg(h.task) as tasks,
                    array_agg(h.token) as tokens
               from (select w.instance_key, 0::bigint as task, w.token, w.lease_until, w.ready_at
                       from unnest(p_finals, p_images.token, p_images.lease_until, p_images.ready_at)
                            as w(instance_key, token, lease_until, ready_at)
                      union all
                     select p_keys[t.image], t.task, t.token, t.lease_until, t.ready_at
                       from unnest(p_tasks.image, p_tasks.task, p_tasks.token, p_tasks.lease_until,
                                   p_tasks.ready_at)
                            as t(image, task, token, lease_until, ready_at)) h
              where h.instance_key <> 0 and h.token is not null and h.lease_until is not null
                and h.ready_at is null
              group by h.lease_until) l;
end
$$;

-- [IMAGE-1] Writes images, whose leases are held by workers that may be dead. `outcomes`: 0 written, 1
-- refused, because the id is taken, unless p_replace, or the beginning is nowhere. A lost race is PD003.
-- p_era: as of _CheckMover. Caller: the plugin. Tables: TaskHubs (read), WorkKeys (read), Workers,
-- Instances, NewEvents, History, Payloads, MessageIds, Ready, NewTasks, Requests.
create or replace function _WriteImages(
    p_images image_batch, p_chunks image_chunk_batch, p_payloads payload_batch,
    p_inbox image_message_batch, p_accepted image_accepted_batch, p_tasks image_task_batch,
    p_last_sequence bigint, p_replace boolean, p_era bigint, out outcomes smallint[],
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
    v_hub constant integer := _AnyHub();
    v_places record;
begin
    perform _CheckMover(v_hub, p_era);
    perform _CheckWorkKeys(v_hub, array(select distinct unnest(p_images.work_key || p_tasks.work_key)));
    perform _RaiseSequence(p_last_sequence);
    perform _MakeWorkers(v_hub, p_images.holder || p_images.last_committer || p_tasks.holder);
    v_places := _PlaceImages(v_hub, p_images, p_replace);
    store_time := _Now();
    perform _ClearImages(v_places.replaced, v_places.kept);
    -- All of it is in its image, but for messages that it has got since.
    delete from Payloads p where p.instance_key = any(v_places.continued);
    delete from Instances i where i.instance_key = any(v_places.continued);
    perform _InsertImages(v_hub, store_time, p_images, v_places.finals);
    perform _FillImages(v_places.keys, v_places.finals, p_chunks, p_payloads, p_inbox, p_accepted);
    perform _FillTasks(v_hub, v_places.keys, p_tasks);
    select q.left_ready, q.next_due into left_ready, next_due
      from _QueueImages(v_hub, store_time, v_places.keys, v_places.finals, p_images, p_tasks) q;
    outcomes := array(select case when k.instance_key = 0 then 1 else 0 end::smallint
                        from unnest(v_places.keys) with ordinality as k(instance_key, n) order by k.n);
end
$$;

-- [IMAGE-8] Removes instances as if they had never been; p_era as of _CheckMover. Caller: the plugin. Tables:
-- TaskHubs (read), those of _Erase. PD003 when one was created meanwhile.
create or replace function _RemoveImages(p_ids text[], p_era bigint) returns timestamptz
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    v_hub constant integer := _AnyHub();
begin
    perform _CheckMover(v_hub, p_era);
    perform _Erase((_LockInstances(v_hub, null, p_ids)).keys);
    return _Now();
end
$$;

-- [CLOSED-1] Closes the hub of this login, or opens it when the reason is empty. Caller: the plugin. Tables:
-- TaskHubs. PD007 when calls are under way for too long.
create or replace function _SetClosed(p_reason text) returns timestamptz
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_hub integer;
begin
    v_hub := _Barrier();
    perform _EndWaits();
    update TaskHubs h set closed_reason = nullif(p_reason, '') where h.task_hub = v_hub;
    return _Now();
end
$$;

-- Why it is closed; empty when it is open. Caller: the plugin. Tables, read only: TaskHubs.
create or replace function _ClosedReason() returns text
language plpgsql stable security definer
set search_path from current
as $$
begin
    return (select coalesce(h.closed_reason, '') from TaskHubs h where h.task_hub = _AnyHub());
end
$$;
