-- What must always be true of these tables, and how it is put right (core/include/perdure/store_check.hpp).
-- A question is about the instances with keys from after p_from up to p_to, and of one moment: it is stable,
-- so that a transaction under way is no violation. Rows without an instance belong to no hub; whoever asks
-- is told of them.

set search_path = :"schema", pg_temp;

-- Rows of the tables of an instance that has none: where they stand. Tables, read only: History, NewEvents,
-- NewTasks, MessageIds, Payloads, Instances.
create or replace function _Orphans(p_from bigint, p_to bigint, p_limit integer, out place text)
returns setof text
language sql stable
as $$
    select r.place
      from (select distinct 'History ' || h.instance_key as place, h.instance_key from History h
             where h.instance_key > p_from and h.instance_key <= p_to
             union all
            select distinct 'NewEvents ' || e.instance_key, e.instance_key from NewEvents e
             where e.instance_key > p_from and e.instance_key <= p_to
             union all
            select distinct 'NewTasks ' || t.instance_key, t.instance_key from NewTasks t
             where t.instance_key > p_from and t.instance_key <= p_to
             union all
            select distinct 'MessageIds ' || m.instance_key, m.instance_key from MessageIds m
             where m.instance_key > p_from and m.instance_key <= p_to
             union all
            select distinct 'Payloads ' || p.instance_key, p.instance_key from Payloads p
             where p.instance_key > p_from and p.instance_key <= p_to) r
     where not exists (select from Instances i where i.instance_key = r.instance_key)
     limit p_limit
$$;

-- Rows of Ready that nothing put there, or that stand there twice: of this hub's work keys, and of none.
-- Tables, read only: Ready, WorkKeys, Instances, NewTasks.
create or replace function _ReadyOfNothing(
    p_hub integer, p_limit integer, out row_place tid, out work_key integer, out due timestamptz,
    out instance_key bigint, out task bigint)
returns setof record
language sql stable
as $$
    select r.ctid, r.work_key, r.due, r.instance_key, r.task
      from Ready r
      left join lateral (select w.task_hub from WorkKeys w
                          where w.work_key = any(array[abs(r.work_key)]) limit 1) k on true
     where coalesce(k.task_hub, p_hub) = p_hub
       and (case when r.task = 0
                 then not exists (select from Instances i
                                   where i.instance_key = any(array[r.instance_key]) and i.ready_at = r.due
                                     and r.work_key = case when i.suspect then -i.work_key
                                                           else i.work_key end)
                 else not exists (select from NewTasks t
                                   where t.instance_key = any(array[r.instance_key]) and t.task = r.task
                                     and t.execution_id = r.execution_id and t.ready_at = r.due
                                     and r.work_key = case when t.suspect then -t.work_key
                                                           else t.work_key end) end
            or exists (select from Ready o
                        where o.work_key = any(array[r.work_key]) and o.due = r.due
                          and o.instance_key = r.instance_key and o.task = r.task
                          and o.execution_id is not distinct from r.execution_id and o.ctid < r.ctid))
     limit p_limit
$$;

-- Instances and activities that whoever looks for work does not find where their state says, or finds without
-- work. Task 0 is an instance. Tables, read only: Instances, NewEvents, NewTasks, Ready.
create or replace function _Misplaced(
    p_hub integer, p_from bigint, p_to bigint, p_limit integer, out instance_key bigint, out task bigint,
    out execution_id uuid, out has_work boolean)
returns setof record
language sql stable
as $$
    select i.instance_key, 0::bigint, i.execution_id, d.due is not null
      from Instances i
     cross join lateral (select _Due(i, _Now()) as due offset 0) d
     where i.instance_key > p_from and i.instance_key <= p_to and i.task_hub is not distinct from p_hub
       and (i.token is null or i.ready_at is not null)
       and ((i.ready_at is null) <> (d.due is null)
            or i.ready_at > greatest(d.due, _Now() + interval '1 minute')
            or i.ready_at is not null
               and not exists (select from Ready r
                                where r.work_key = any(array[case when i.suspect then -i.work_key
                                                                  else i.work_key end])
                                  and r.due = i.ready_at and r.instance_key = i.instance_key
                                  and r.task = 0))
     union all
    select t.instance_key, t.task, t.execution_id, true
      from NewTasks t join Instances i on i.instance_key = any(array[t.instance_key])
     where t.instance_key > p_from and t.instance_key <= p_to and i.task_hub is not distinct from p_hub
       and (t.token is null or t.ready_at is not null)
       and not exists (select from Ready r
                        where r.work_key = any(array[case when t.suspect then -t.work_key
                                                          else t.work_key end])
                          and r.due = t.ready_at and r.instance_key = t.instance_key
                          and r.task = t.task and r.execution_id = t.execution_id)
     limit p_limit
$$;

-- What is violated: `broken` is the name of the invariant. Of about p_limit instances after p_after; what
-- belongs to no instance is looked for with the first. `next`: what to pass for those that follow, null if
-- there are none; a row that only says so has no `broken`. Caller: the plugin. Tables, read only: Instances
-- and all that belongs to them, Ready, WorkKeys, Requests.
create or replace function _CheckHub(
    p_after bigint, p_limit integer, out broken text, out instance_id text, out execution_id uuid,
    out number bigint, out place text, out found text, out next bigint)
returns setof record
language plpgsql stable security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_hub constant integer := _AnyHub();
    v_from constant bigint := coalesce(p_after, -1);
    v_next constant bigint := (select k.instance_key from Instances k where k.instance_key > v_from
                                order by k.instance_key offset p_limit - 1 limit 1);
    v_to constant bigint := coalesce(v_next, 9223372036854775807);
begin
    return query
    select 'no_orphans', null::text, null::uuid, 0::bigint, o, 'rows of ' || o || ' have no instance', v_next
      from _Orphans(v_from, v_to, p_limit) o;
    return query
    select 'work_is_found', i.instance_id, m.execution_id, m.task,
           case when m.task <> 0 then 'activity' else '' end,
           case when m.task <> 0 then 'activity ' || m.task || ' is queued, and whoever looks for work'
                                   || ' does not find it'
                when m.has_work then 'it has work, and whoever looks for work does not find it'
                else 'it has no work, and waits for a worker' end, v_next
      from _Misplaced(v_hub, v_from, v_to, p_limit) m
      join Instances i on i.instance_key = any(array[m.instance_key]);
    if p_after is null then
        return query
        select 'no_orphans', null::text, null::uuid, 0::bigint,
               concat_ws(' ', 'Ready', r.work_key, r.instance_key, r.task),
               format('work key %s has a row of Ready for task %s of instance key %s, which does not wait'
                      || ' there', r.work_key, r.task, r.instance_key), v_next
          from _ReadyOfNothing(v_hub, p_limit) r;
        return query
        select 'lease_can_end', i.instance_id, coalesce(t.execution_id, i.execution_id), u.task,
               case when u.task <> 0 then 'activity' else '' end,
               case when u.task <> 0 then 'activity ' || u.task else 'it' end
                   || ' is leased, and whoever looks for leases that have ended does not find it', v_next
          from _UnreachableLeases(v_hub) u
          join Instances i on i.instance_key = u.instance_key
          left join NewTasks t on t.instance_key = u.instance_key and t.task = u.task and t.token = u.token
         limit p_limit;
    end if;
    return query select null::text, null::text, null::uuid, null::bigint, null::text, null::text, v_next;
end
$$;

-- Deletes rows that have no instance, or stand in Ready for nothing; returns how many. Tables: Ready,
-- NewTasks, NewEvents, History, MessageIds, Payloads, Instances (read).
create or replace function _DeleteOrphans(p_hub integer, p_places text[]) returns integer
language plpgsql volatile
as $$
declare
    v_keys bigint[];
    v_deleted integer := 0;
    v_count integer;
    v_table text;
begin
    foreach v_table in array array['NewTasks', 'NewEvents', 'History', 'MessageIds', 'Payloads'] loop
        v_keys := array(select split_part(w.place, ' ', 2)::bigint from unnest(p_places) as w(place)
                         where split_part(w.place, ' ', 1) = v_table);
        continue when cardinality(v_keys) = 0;
        execute format('delete from %I r where r.instance_key = any($1) and not exists'
                       || ' (select from Instances i where i.instance_key = r.instance_key)', lower(v_table))
          using v_keys;
        get diagnostics v_count = row_count;
        v_deleted := v_deleted + v_count;
    end loop;
    if exists (select from unnest(p_places) as w(place) where w.place like 'Ready %') then
        delete from Ready r using _ReadyOfNothing(p_hub, 100000) n
         where r.ctid = n.row_place and r.work_key = n.work_key and r.due = n.due
           and r.instance_key = n.instance_key and r.task = n.task;
        get diagnostics v_count = row_count;
        v_deleted := v_deleted + v_count;
    end if;
    return v_deleted;
end
$$;

-- Puts an instance where its state says; its row is locked already. One that was leased by somebody whose
-- lease has ended waits as a suspect. Tables: Instances, Ready, NewEvents (read).
create or replace function _PutRight(p_key bigint, p_now timestamptz) returns void
language plpgsql volatile
as $$
begin
    delete from Ready r using Instances i
     where i.instance_key = p_key and r.work_key in (i.work_key, -i.work_key) and r.instance_key = p_key
       and r.task = 0;
    update Instances i set ready_at = case when i.token is not null then p_now end
     where i.instance_key = p_key;
    insert into Ready (work_key, due, instance_key, task)
    select case when i.suspect then -i.work_key else i.work_key end, i.ready_at, i.instance_key, 0
      from Instances i where i.instance_key = p_key and i.token is not null;
    perform _Settle(array[p_key], p_now);
end
$$;

-- The same for an activity.
create or replace function _PutTaskRight(p_key bigint, p_task bigint, p_execution uuid, p_now timestamptz)
returns void
language plpgsql volatile
as $$
begin
    delete from Ready r using NewTasks t
     where t.instance_key = p_key and t.task = p_task and t.execution_id = p_execution
       and r.work_key in (t.work_key, -t.work_key) and r.instance_key = p_key and r.task = p_task
       and r.execution_id = p_execution;
    update NewTasks t set ready_at = coalesce(t.ready_at, p_now)
     where t.instance_key = p_key and t.task = p_task and t.execution_id = p_execution;
    insert into Ready (work_key, due, instance_key, task, execution_id)
    select case when t.suspect then -t.work_key else t.work_key end, t.ready_at, p_key, p_task, p_execution
      from NewTasks t
     where t.instance_key = p_key and t.task = p_task and t.execution_id = p_execution;
end
$$;

-- Lets a lease be found when it ends, which is now if it has no end. The row of Instances is locked already.
-- Tables: Instances, NewTasks, Requests.
create or replace function _LetLeaseEnd(
    p_hub integer, p_key bigint, p_task bigint, p_execution uuid, p_now timestamptz)
returns void
language plpgsql volatile
as $$
declare
    v_token bigint;
    v_until timestamptz;
begin
    if p_task = 0 then
        update Instances i
           set lease_until = case when i.lease_until < 'infinity' then i.lease_until else p_now end
         where i.instance_key = p_key and i.token is not null and i.ready_at is null
        returning i.token, i.lease_until into v_token, v_until;
    else
        update NewTasks t
           set lease_until = case when t.lease_until < 'infinity' then t.lease_until else p_now end
         where t.instance_key = p_key and t.task = p_task and t.execution_id = p_execution
           and t.token is not null and t.ready_at is null
        returning t.token, t.lease_until into v_token, v_until;
    end if;
    if v_token is not null then
        perform _KeepAnswer(p_hub, gen_random_uuid(), p_now, '{}', 0, 0, v_until, array[p_key],
                            array[p_task], array[v_token]);
    end if;
end
$$;

-- Leaves an instance that has ended nothing but its history. Its row is locked already. Tables: Instances,
-- Ready, NewEvents.
create or replace function _LeaveNothing(p_key bigint) returns void
language plpgsql volatile
as $$
begin
    delete from Ready r using Instances i
     where i.instance_key = p_key and _IsEnded(i.status) and r.work_key in (i.work_key, -i.work_key)
       and r.instance_key = p_key and r.task = 0;
    delete from NewEvents e using Instances i
     where i.instance_key = p_key and _IsEnded(i.status) and e.instance_key = p_key;
    update Instances i
       set token = null, lease_until = null, holder = null, ready_at = null, parked_reason = null
     where i.instance_key = p_key and _IsEnded(i.status);
end
$$;

-- Deletes an activity, with its row of Ready. The row of Instances is locked already. Tables: Ready,
-- NewTasks.
create or replace function _DeleteTask(p_key bigint, p_task bigint, p_execution uuid) returns void
language plpgsql volatile
as $$
begin
    delete from Ready r using NewTasks t
     where t.instance_key = p_key and t.task = p_task and t.execution_id = p_execution
       and r.work_key in (t.work_key, -t.work_key) and r.instance_key = p_key and r.task = p_task
       and r.execution_id = p_execution;
    delete from NewTasks t
     where t.instance_key = p_key and t.task = p_task and t.execution_id = p_execution;
end
$$;

-- [CHECK-2] Repairs these violations, as _CheckHub and the plugin's caller name them; those of an instance
-- that is gone are none any more. Caller: the plugin. Tables: Instances, Ready, NewTasks, NewEvents,
-- Requests, what belongs to instances, event_sequence.
create or replace function _RepairHub(
    p_broken text[], p_ids text[], p_executions uuid[], p_numbers bigint[], p_places text[],
    out store_time timestamptz, out repaired integer)
language plpgsql volatile security definer
set search_path from current
set jit = off
as $$
declare
    v_hub constant integer := _AnyHub();
    v_unreachable bigint[] := '{}';
    v_wrong record;
begin
    perform _LockInstances(v_hub, null, array_remove(p_ids, null));
    store_time := _Now();
    if 'lease_can_end' = any(p_broken) then
        v_unreachable := array(select u.instance_key from _UnreachableLeases(v_hub) u);
    end if;
    repaired := _DeleteOrphans(v_hub, array(select w.place from unnest(p_ids, p_places) as w(id, place)
                                             where w.id is null));
    for v_wrong in
        select w.broken, i.instance_key, w.execution_id, w.number, w.place
          from unnest(p_broken, p_ids, p_executions, p_numbers, p_places)
               as w(broken, id, execution_id, number, place)
         cross join lateral (
               select x.instance_key from Instances x
                where x.task_hub = v_hub and x.instance_id = w.id limit 1) i
    loop
        repaired := repaired + 1;
        case v_wrong.broken
            when 'work_is_found' then
                if not exists (select from _Misplaced(v_hub, v_wrong.instance_key - 1,
                                                      v_wrong.instance_key, 1000000) m
                                where m.task = v_wrong.number) then
                    repaired := repaired - 1;
                elsif v_wrong.number = 0 then
                    perform _PutRight(v_wrong.instance_key, store_time);
                else
                    perform _PutTaskRight(v_wrong.instance_key, v_wrong.number, v_wrong.execution_id,
                                          store_time);
                end if;
            when 'lease_can_end' then
                if v_wrong.instance_key = any(v_unreachable) then
                    perform _LetLeaseEnd(v_hub, v_wrong.instance_key, v_wrong.number,
                                         v_wrong.execution_id, store_time);
                else
                    repaired := repaired - 1;
                end if;
            when 'nothing_after_end' then
                perform _LeaveNothing(v_wrong.instance_key);
            when 'messages_distinct' then
                perform _RaiseSequence(v_wrong.number);
            when 'consumed_once', 'activity_is_awaited' then
                if v_wrong.place = 'activity' then
                    perform _DeleteTask(v_wrong.instance_key, v_wrong.number, v_wrong.execution_id);
                else
                    delete from NewEvents e
                     where e.instance_key = v_wrong.instance_key and e.sequence = v_wrong.number
                       and e.is_timer;
                    perform _PutRight(v_wrong.instance_key, store_time);
                end if;
            else
                repaired := repaired - 1;
        end case;
    end loop;
end
$$;
