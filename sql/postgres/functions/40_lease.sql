-- Leasing what is ready, orchestrations and activities, with all that a worker needs to begin.

set search_path = :"schema", pg_temp;

-- What a worker has, as it says itself, or without a filter everything that there is. Tables, read only:
-- WorkKeys.
create or replace function _Unfiltered(p_hub integer, p_room room) returns room
language plpgsql volatile
as $$
begin
    if p_room.everything then
        p_room.definitions := array(select l.work_key from WorkKeys l
                                     where l.task_hub = p_hub and not l.is_activity);
        p_room.activities := array(select distinct l.name from WorkKeys l
                                    where l.task_hub = p_hub and l.is_activity);
        p_room.queues := array(select distinct l.variant from WorkKeys l
                                where l.task_hub = p_hub and l.is_activity);
    end if;
    return p_room;
end
$$;

-- The history of leased orchestrations whose worker has not the frame [LOCK-7], as far as p_bytes
-- allow; the rest is read by itself. Tables, read only: History.
create or replace function _WithHistory(p_batch orchestration_batch, p_bytes bigint)
returns orchestration_batch
language plpgsql volatile
as $$
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

-- Which of these instances have work now, in the order of their keys; `unsettled`: one of them has work
-- later, or stands in Ready for no reason any more. Their rows are locked already. Tables, read only:
-- Instances, NewEvents.
create or replace function _HaveWork(
    p_keys bigint[], p_now timestamptz, out ready bigint[], out unsettled boolean)
language plpgsql volatile
as $$
begin
    select array_agg(s.instance_key) filter (where s.due <= p_now),
           coalesce(bool_or(s.due is null or s.due > p_now), false)
      into ready, unsettled
      from (select i.instance_key, i.ready_at, d.due
              from unnest(p_keys) as k(instance_key)
              join Instances i on i.instance_key = any(array[k.instance_key])
             cross join lateral _Due(i, p_now) as d(due)) s
     where s.due is not null or s.ready_at is not null;
end
$$;

-- These instances, which have just been leased, as the worker is told of them, in this order; without their
-- messages and histories. The only place that knows the columns of leased work; one instance needs no query.
-- Tables: none.
create or replace function _Leased(p_instances Instances[], p_worker integer) returns orchestration_batch
language plpgsql volatile
as $$
declare
    v_only constant Instances := p_instances[1];
    v_batch orchestration_batch;
begin
    if cardinality(p_instances) = 1 then
        return row(array[v_only.instance_key], array[v_only.token], array[v_only.instance_id],
                   array[v_only.execution_id], array[v_only.work_key], array[v_only.status],
                   array[v_only.history_version], array[v_only.last_committed],
                   array[v_only.history_length], array[v_only.deliveries], array[v_only.suspect],
                   array[coalesce(v_only.last_committer = p_worker, false)],
                   null, null, null, null, null, null, null, null, null)::orchestration_batch;
    end if;
    select array_agg(i.instance_key), array_agg(i.token), array_agg(i.instance_id),
           array_agg(i.execution_id), array_agg(i.work_key), array_agg(i.status),
           array_agg(i.history_version), array_agg(i.last_committed), array_agg(i.history_length),
           array_agg(i.deliveries), array_agg(i.suspect),
           array_agg(coalesce(i.last_committer = p_worker, false)),
           null, null, null, null, null, null, null, null, null
      into v_batch
      from unnest(p_instances) as i;
    return v_batch;
end
$$;

-- The messages that leased orchestrations begin their turn with [LOCK-5]. Tables, read only: NewEvents.
create or replace function _WithInbox(
    p_batch orchestration_batch, p_now timestamptz, p_messages integer)
returns orchestration_batch
language plpgsql volatile
as $$
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

-- Where the rows of these instances lie, each once in the order given, and their rows in Ready, null for one
-- that has none. Their rows are locked already, so that they stay there until this transaction moves
-- them. Tables, read only: Instances, Ready.
create or replace function _PlacesOf(p_keys bigint[], out places tid[], out queued tid[])
language plpgsql volatile
as $$
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
                      and q.work_key = any(array[case when i.suspect then -i.work_key else i.work_key end])
                      and q.due = i.ready_at and q.instance_key = i.instance_key and q.task = 0
                    limit 1) r on true) p;
end
$$;

-- Leases those of the instances in these places that are ready, in that order, as far as room and bytes
-- allow. Their rows are locked already; `p_queued` are the places of their rows in Ready. Tables: Instances,
-- NewEvents (read), Ready, History (read).
create or replace function _LeaseOrchestrations(
    p_places tid[], p_queued tid[], p_now timestamptz, p_room room)
returns orchestration_batch
language plpgsql volatile
as $$
declare
    v_work record;
    v_batch orchestration_batch;
begin
    with candidate as materialized (
        select i.instance_key, w.place, w.queued, row_number() over (order by w.ordinal) as n
          from unnest(p_places, p_queued) with ordinality as w(place, queued, ordinal)
          join Instances i on i.ctid = w.place
         cross join lateral _Due(i, p_now) as d(due)
         where d.due <= p_now and i.suspect = p_room.suspects and i.work_key = any(p_room.definitions)
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
        returning o.n, o.queued, i as instance
    ), gone as (
        delete from Ready r using leased l where r.ctid = l.queued
    )
    select l.instances, m.item, m.sequence, m.visible_at, m.task, m.event
      into v_work
      from (select array_agg(s.instance) as instances
              from (select * from leased order by n) s) l
     cross join (select array_agg(o.n::integer) as item, array_agg(o.sequence) as sequence,
                        array_agg(o.visible_at) as visible_at, array_agg(o.task) as task,
                        array_agg(o.event) as event
                   from (select * from offered where sequence is not null order by n, nth) o) m;
    if v_work.instances is null then
        return null;
    end if;
    v_batch := _Leased(v_work.instances, p_room.worker);
    v_batch.message_item := v_work.item;
    v_batch.message_sequence := v_work.sequence;
    v_batch.message_visible_at := v_work.visible_at;
    v_batch.message_task := v_work.task;
    v_batch.message_event := v_work.event;
    return _WithHistory(v_batch, p_room.bytes);
end
$$;

-- [LOCK-1] [LOCK-4] [LOCK-6] Leases the orchestrations that have been ready longest. Tables: Ready,
-- Instances, NewEvents (read), History (read). No row: null. `since`: what is older is taken, but for
-- what was put there by a call that took longer than that.
create or replace function _LockNextOrchestration(
    p_hub integer, p_now timestamptz, p_room room,
    out batch orchestration_batch, out since timestamptz)
language plpgsql volatile
as $$
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
              from WorkKeys d
             cross join lateral (
                   select q.instance_key, q.ctid as place, q.due from Ready q
                    where q.work_key = v_sign * d.work_key and q.due >= p_room.since and q.due <= p_now
                      and q.task = 0
                    order by q.due, q.instance_key
                    limit cardinality(p_room.tokens) for update skip locked) r
             where d.work_key = any(p_room.definitions) and d.task_hub is not distinct from p_hub
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

-- The same for activities: the highest priority first, then what has been ready longest. Tables:
-- WorkKeys (read), Ready, Instances (only of suspects), NewTasks.
create or replace function _LockNextTask(
    p_hub integer, p_now timestamptz, p_tokens bigint[], p_room room,
    out batch activity_batch, out since timestamptz)
language plpgsql volatile
as $$
declare
    v_oldest timestamptz;
    v_sign constant integer := case when p_room.suspects then -1 else 1 end;
begin
    select min(r.due) into v_oldest
      from WorkKeys l
     cross join lateral (
           select q.due from Ready q
            where q.work_key = v_sign * l.work_key and q.due >= p_room.task_since and q.due <= p_now
            order by q.due limit 1) r
     where l.task_hub = p_hub and l.is_activity
       and l.name = any(p_room.activities) and l.variant = any(p_room.queues);
    since := coalesce(v_oldest, p_now) - interval '100 milliseconds';
    if v_oldest is null then
        return;
    end if;
    with waiting as materialized (
        select r.place, r.due, r.instance_key, r.task, r.execution_id, l.priority, l.name, l.variant
          from WorkKeys l
         cross join lateral (
               select q.ctid as place, q.due, q.instance_key, q.task, q.execution_id from Ready q
                where q.work_key = v_sign * l.work_key and q.due >= v_oldest and q.due <= p_now
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
           array_agg(s.details), array_agg(s.deliveries), array_agg(s.suspect)
      into batch
      from (select * from leased order by n) s;
    if batch.task is null then
        batch := null;
    end if;
end
$$;
