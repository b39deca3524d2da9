-- What the other functions share: readiness, messages, the end of an instance, answers to repeats.
-- Only for them; nobody else may call these. Whoever calls one holds the rows of Instances.
--
-- How joins are written: a table that grows is joined by "key = any(array[other.key])", which only an
-- index on that key can answer, or by a lateral query with a limit. An ordinary equality would let a
-- plan that was made while the table was empty, and is kept, walk through all of a full one
-- (docs/adr/0007). For the same reason a filter on the hub alone is "is not distinct from".
--
-- Lock order everywhere: Instances by instance_key, then Ready, NewTasks, NewEvents, the rest. Who
-- looks for work takes what is free (skip locked) and waits for nobody.

set search_path = :"schema", pg_temp;

-- Since when or from when on an instance is ready [WAKE-1], null for one that waits for nothing, or that
-- somebody has leased; what stands in Ready already, suspects included, counts from then on. The only place
-- that says so. Without a search path, so that it becomes part of the query that asks. Tables, read only:
-- NewEvents.
create or replace function _Due(p_instance Instances, p_now timestamptz) returns setof timestamptz
language sql stable
as $$
    select case when _IsEnded(p_instance.status) or p_instance.parked_reason is not null then null
                when p_instance.token is not null then p_instance.ready_at
                when p_instance.needs_turn then greatest(p_instance.not_before, p_now)
                else (select greatest(e.due, p_instance.not_before, p_now)
                        from NewEvents e where e.instance_key = p_instance.instance_key
                       order by e.due limit 1) end
$$;

-- Recomputes where instances stand in Ready, as the last step of a call that changed them
-- [WAKE-1]. `left_ready`: something waits now and nobody holds it; `next_due`: when the next one
-- falls due. Tables: Instances, NewEvents (read), Ready.
create or replace function _Settle(
    p_keys bigint[], p_now timestamptz, out left_ready boolean, out next_due timestamptz)
language plpgsql volatile
as $$
begin
    with state as materialized (
        select i.instance_key, i.ready_at, d.due,
               case when i.suspect then -i.work_key else i.work_key end as work_key
          from (select distinct unnest(p_keys) as instance_key) k
          join Instances i on i.instance_key = any(array[k.instance_key])
         cross join lateral _Due(i, p_now) as d(due)
    ), moved as materialized (
        -- What is ready stays ready since then, whatever came later [LOCK-6].
        select s.* from state s
         where s.ready_at is distinct from s.due
           and (s.ready_at is null or s.due is null or s.due < s.ready_at)
    ), gone as (
        delete from Ready r using moved m
         where m.ready_at is not null and r.work_key = any(array[m.work_key]) and r.due = m.ready_at
           and r.instance_key = m.instance_key and r.task is not distinct from 0
    ), added as (
        insert into Ready (work_key, due, instance_key, task)
        select m.work_key, m.due, m.instance_key, 0 from moved m where m.due is not null
    ), marked as (
        update Instances i set ready_at = m.due
          from moved m where i.instance_key = any(array[m.instance_key])
    )
    select coalesce(bool_or(s.due <= p_now), false), min(s.due) filter (where s.due > p_now)
      into left_ready, next_due
      from state s;
end
$$;

-- Makes the work keys that instances will wait under when their levels are raised. Before any row is locked,
-- and in one order, because two calls that make the same work key wait for each other. Tables: Instances
-- (read), WorkKeys.
create or replace function _MakeLevels(
    p_hub integer, p_keys bigint[], p_key_levels smallint[], p_targets text[],
    p_target_levels smallint[])
returns void
language plpgsql volatile
as $$
begin
    insert into WorkKeys (task_hub, is_activity, name, variant, priority, kind, feature_level)
    select distinct p_hub, false, l.name, l.variant, 0, l.kind, w.level
      from (select i.work_key, k.level
              from unnest(p_keys, p_key_levels) as k(instance_key, level)
              join Instances i on i.instance_key = any(array[k.instance_key])
                              and i.task_hub is not distinct from p_hub
             union all
            select i.work_key, t.level
              from unnest(p_targets, p_target_levels) as t(instance_id, level)
             cross join lateral (
                   select x.work_key from Instances x
                    where x.task_hub = p_hub and x.instance_id = t.instance_id limit 1) i) w
      join WorkKeys l on l.work_key = w.work_key
     where w.level > l.feature_level
       and not exists (select from WorkKeys o
                        where o.task_hub = p_hub and not o.is_activity and o.name = l.name
                          and o.variant = l.variant and o.priority = 0 and o.kind = l.kind
                          and o.feature_level = w.level)
     order by 3, 4, 6, 7
    on conflict do nothing;
end
$$;

-- [LEVEL-1] Raises feature levels: each of these instances waits under another work key from then on, unless
-- its level is as high. Their rows are locked already. Tables: WorkKeys, Instances, Ready.
create or replace function _RaiseLevels(p_keys bigint[], p_levels smallint[]) returns void
language plpgsql volatile
as $$
declare
    v_raised record;
    v_work_key integer;
begin
    for v_raised in
        select i.instance_key, i.work_key, i.suspect, i.ready_at, l.name, l.variant, l.kind, k.level
          from (select w.instance_key, max(w.level) as level
                  from unnest(p_keys, p_levels) as w(instance_key, level)
                 where w.level > 1 group by w.instance_key) k
          join Instances i on i.instance_key = any(array[k.instance_key])
          join WorkKeys l on l.work_key = i.work_key
         where l.feature_level < k.level
         order by i.instance_key
    loop
        v_work_key := (_WorkKeys(false, array[v_raised.name], array[v_raised.variant], array[0],
                          array[v_raised.kind], array[v_raised.level]))[1];
        update Instances i set work_key = v_work_key where i.instance_key = v_raised.instance_key;
        update Ready r
           set work_key = case when v_raised.suspect then -v_work_key else v_work_key end
         where r.work_key = case when v_raised.suspect then -v_raised.work_key else v_raised.work_key end
           and r.due = v_raised.ready_at and r.instance_key = v_raised.instance_key
           and r.task is not distinct from 0;
    end loop;
end
$$;

-- Puts a message into an inbox. Tables: NewEvents.
create or replace function _Post(
    p_key bigint, p_now timestamptz, p_visible_at timestamptz, p_task bigint,
    p_for_execution boolean, p_event text)
returns bigint
language plpgsql volatile
as $$
declare
    v_sequence bigint;
begin
    insert into NewEvents (instance_key, due, visible_at, task, for_execution, is_timer, event)
    values (p_key, greatest(p_visible_at, p_now), p_visible_at, p_task, p_for_execution, false, p_event)
    returning sequence into v_sequence;
    return v_sequence;
end
$$;

-- Tells a parent, if it is still the same execution of it; returns its key, or null. Its row is
-- locked already. Tables: Instances (read), NewEvents.
create or replace function _TellParent(
    p_hub integer, p_now timestamptz, p_parent text, p_execution uuid, p_task bigint, p_event text)
returns bigint
language plpgsql volatile
as $$
declare
    v_key bigint;
begin
    select i.instance_key into v_key from Instances i
     where i.task_hub = p_hub and i.instance_id = p_parent and i.execution_id = p_execution
       and not _IsEnded(i.status);
    if v_key is not null then
        perform _Post(v_key, p_now, p_now, p_task, true, p_event);
    end if;
    return v_key;
end
$$;

-- Deletes instances with everything that belongs to them [PURGE-2]. Tables: Ready, NewTasks,
-- NewEvents, History, Payloads, MessageIds, Instances.
create or replace function _Erase(p_keys bigint[]) returns void
language plpgsql volatile
as $$
begin
    perform _Unqueue(p_keys, '-infinity', true);
    delete from NewEvents e where e.instance_key = any(p_keys);
    delete from History h where h.instance_key = any(p_keys);
    delete from Payloads p where p.instance_key = any(p_keys);
    delete from MessageIds m where m.instance_key = any(p_keys);
    delete from Instances i where i.instance_key = any(p_keys);
end
$$;

-- Takes instances out of Ready, and removes their activities: all, or those that nobody holds at
-- p_now. Tables: Ready, NewTasks, Instances.
create or replace function _Unqueue(p_keys bigint[], p_now timestamptz, p_all boolean) returns void
language plpgsql volatile
as $$
begin
    delete from Ready r using Instances i
     where i.instance_key = any(p_keys) and i.ready_at is not null
       and r.work_key = any(array[case when i.suspect then -i.work_key else i.work_key end])
       and r.due = i.ready_at and r.instance_key = i.instance_key and r.task is not distinct from 0;
    update Instances i set ready_at = null
     where i.instance_key = any(p_keys) and i.ready_at is not null;
    delete from Ready r using NewTasks t
     where t.instance_key = any(p_keys) and t.ready_at is not null
       and r.work_key = any(array[case when t.suspect then -t.work_key else t.work_key end])
       and r.due = t.ready_at and r.instance_key = t.instance_key and r.task = t.task
       and r.execution_id = t.execution_id;
    delete from NewTasks t
     where t.instance_key = any(p_keys)
       and (p_all or t.token is null or t.lease_until <= p_now);
end
$$;

-- Sets or clears a payload of an instance. Tables: Payloads.
create or replace function _SetPayload(p_key bigint, p_kind smallint, p_codec text, p_bytes bytea)
returns void
language plpgsql volatile
as $$
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

-- Keeps the answer of a call for two minutes, and the leases that it gave until they are over
-- [REPEAT-1]. Tables: Requests.
create or replace function _KeepAnswer(
    p_hub integer, p_request uuid, p_now timestamptz, p_outcomes smallint[], p_turns integer,
    p_detail bigint, p_until timestamptz, p_keys bigint[], p_tasks bigint[], p_tokens bigint[])
returns void
language plpgsql volatile
as $$
begin
    insert into Requests (task_hub, request_id, answered_at, until, outcomes, turns, detail,
                          lease_keys, lease_tasks, lease_tokens)
    values (p_hub, p_request, p_now, coalesce(p_until, p_now + interval '2 minutes'), p_outcomes,
            p_turns, p_detail, p_keys, p_tasks, p_tokens);
end
$$;

-- The outcomes that an earlier call with this request id gave, or null. Tables: Requests, read only.
create or replace function _EarlierOutcomes(p_hub integer, p_request uuid) returns smallint[]
language plpgsql stable
as $$
begin
    return (select r.outcomes from Requests r
             where r.task_hub = p_hub and r.request_id = p_request);
end
$$;

-- Puts one message into an inbox, unless its id was accepted before [SEND-1..4]. `outcome`: 0
-- accepted, 1 duplicate, 2 no such instance, 3 it is terminal; `key` of a message that was stored.
-- Ids are remembered for 24 hours and at least 10,000 messages. The row is locked already: it is
-- one of p_locked, and one that was created since is a lost race. A level that is null is the first.
-- Tables: Instances, MessageIds, NewEvents, WorkKeys, Ready.
create or replace function _Send(
    p_hub integer, p_now timestamptz, p_target text, p_event text, p_message_id text,
    p_execution uuid, p_task bigint, p_visible_at timestamptz, p_level smallint,
    p_locked bigint[],
    out outcome smallint, out key bigint)
language plpgsql volatile
as $$
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
    if _IsEnded(v_target.status) then
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
    if p_level > 1 then
        perform _RaiseLevels(array[key], array[p_level]);
    end if;
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

-- Ends an instance at once, or leaves it to its next turn [TERM-1] [TERM-2]. `outcome`: 0 ended, 1
-- its next turn ends it, 2 no such instance, 3 it is terminal; `key` of the instance and
-- `parent_key` of its parent if they changed. Both rows are locked already: the
-- target is one of p_locked, and one that was created since is a lost race. Tables: Instances,
-- Ready, NewTasks, NewEvents, History, Payloads.
create or replace function _Terminate(
    p_hub integer, p_now timestamptz, p_target text, p_event text, p_final_event text,
    p_codec text, p_bytes bytea, p_parent_event text, p_locked bigint[],
    out outcome smallint, out key bigint, out parent_key bigint)
language plpgsql volatile
as $$
declare
    v_target Instances;
    v_is_noticed boolean;
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
    if _IsEnded(v_target.status) then
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
    -- The last lease ends with the instance; that it was over is counted no more.
    v_is_noticed := v_target.token is not null and v_target.ready_at is not null;
    perform _Unqueue(array[key], p_now, false);
    delete from NewEvents e where e.instance_key = v_target.instance_key;
    insert into History (instance_key, first, count, events)
    values (key, v_target.history_length, 1, '[' || p_final_event || ']');
    perform _SetPayload(key, 1::smallint, p_codec, p_bytes);
    update Instances i
       set status = 5, token = null, holder = null, lease_until = null, parked_reason = null,
           suspect = case when v_is_noticed then v_target.leased_alone else i.suspect end,
           deliveries = i.deliveries - case when v_is_noticed and v_target.leased_alone then 1 else 0 end,
           history_length = i.history_length + 1, history_version = i.history_version + 1,
           updated_at = p_now, completed_at = p_now
     where i.instance_key = key;
    if v_target.parent_instance is not null then
        parent_key := _TellParent(p_hub, p_now, v_target.parent_instance,
                                  v_target.parent_execution, v_target.parent_task, p_parent_event);
    end if;
end
$$;

-- Locks the instances with these keys and ids in the order of their keys, with p_with_parents the parents of
-- those with ids too, whom their end or removal is told. Returns the keys, and the places of their rows,
-- where they stay until this transaction moves them; `has_expired`: one of them waits as a suspect although
-- its token is still good. Tables: Instances.
create or replace function _LockInstances(
    p_hub integer, p_keys bigint[], p_ids text[], p_with_parents boolean default false,
    out keys bigint[], out places tid[], out has_expired boolean)
language plpgsql volatile
as $$
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
           coalesce(bool_or(l.token is not null and l.ready_at is not null), false)
      into keys, places, has_expired
      from (select i.instance_key, i.ctid as place, i.token, i.ready_at
              from Instances i
             where i.instance_key = any(keys) and i.task_hub is not distinct from p_hub
             order by i.instance_key for no key update) l;
end
$$;
