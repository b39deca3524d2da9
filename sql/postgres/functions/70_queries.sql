-- The client side that only reads.

set search_path = :"schema", pg_temp;

-- The keys of the instances with these ids, in the same order, null for an unknown one. Caller: the plugin,
-- for leases whose holder does not know the key [LOCK-9]. Tables, read only: Instances.
create or replace function _KeysOf(p_ids text[]) returns bigint[]
language plpgsql stable security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    v_hub constant integer := _AnyHub();
begin
    return array(
        select (select i.instance_key from Instances i
                 where i.task_hub = v_hub and i.instance_id = w.instance_id)
          from unnest(p_ids) with ordinality as w(instance_id, n)
         order by w.n);
end
$$;

-- The instances with these ids, in the same order, a row of nulls for an unknown one, all as of the moment of
-- the call, because it is stable [READ-1]. Caller: the plugin. Tables, read only: those of InstanceRecords.
create or replace function _GetInstances(p_ids text[]) returns setof InstanceRecords
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
    v_hub integer := _OpenHub();
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

-- The keys and ids of the instances that a filter means, of those that have ended (p_ended) or not, or of all
-- (null), in the byte order of their ids, after p_after. Caller: the functions below. Tables, read only:
-- Instances, WorkKeys.
create or replace function _Filtered(
    p_hub integer, p_filter instance_filter, p_ended boolean, p_after text, p_limit integer)
returns table (instance_key bigint, instance_id text)
language sql stable
as $$
    select i.instance_key, i.instance_id from Instances i
     where i.task_hub = p_hub and i.instance_id > p_after
       and (length(p_filter.prefix) = 0
            or substr(convert_to(i.instance_id, 'UTF8'), 1, length(p_filter.prefix)) = p_filter.prefix)
       and (p_filter.statuses = '{}' or i.status = any(p_filter.statuses))
       and (p_filter.name is null and p_filter.version is null and p_filter.kind is null
            or exists (select from WorkKeys l
                        where l.work_key = i.work_key and l.name = coalesce(p_filter.name, l.name)
                          and l.variant = coalesce(p_filter.version, l.variant)
                          and l.kind = coalesce(p_filter.kind, l.kind)))
       and (p_filter.tag is null or i.tags @> p_filter.tag::jsonb)
       and (p_filter.parent is null or i.parent_instance = p_filter.parent)
       and (p_filter.parked is null or (i.parked_reason is not null) = p_filter.parked)
       and (p_filter.created_from is null or i.created_at >= p_filter.created_from)
       and (p_filter.created_to is null or i.created_at <= p_filter.created_to)
       and (p_filter.completed_from is null or i.completed_at >= p_filter.completed_from)
       and (p_filter.completed_to is null or i.completed_at <= p_filter.completed_to)
       and (p_ended is null or _IsEnded(i.status) = p_ended)
     order by i.instance_id limit p_limit
$$;

-- [READ-2] A page of instances in the byte order of their ids, all as of the moment of the call, because it
-- is stable. Caller: the plugin. Tables, read only: those of InstanceRecords.
create or replace function _QueryManyOrchestrations(
    p_filter instance_filter, p_after text, p_limit integer)
returns setof InstanceRecords
language plpgsql stable security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_keys bigint[];
begin
    select array_agg(f.instance_key) into v_keys
      from _Filtered(_OpenHub(), p_filter, null, p_after, p_limit) f;
    return query
    select r.* from InstanceRecords r where r.instance_key = any(v_keys) order by r.instance_id;
end
$$;

-- The ids of instances to purge: of those that a filter means the ones that have ended, or all. Caller: the
-- plugin. Tables, read only: Instances, WorkKeys.
create or replace function _Purgeable(p_filter instance_filter, p_all boolean, p_limit integer)
returns text[]
language sql stable security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
    select coalesce(array_agg(f.instance_id), '{}')
      from _Filtered(_AnyHub(), p_filter, case when p_all then null else true end, '', p_limit) f
$$;

-- Chunks of a history from the one with event p_from on, until p_bytes are reached, at least one.
-- No row for an unknown instance. Caller: the plugin. Tables, read only: Instances, History.
create or replace function _ReadHistory(
    p_id text, p_from bigint, p_bytes bigint, out execution_id uuid, out history_version bigint,
    out last_committed bigint, out history_length bigint, out firsts bigint[], out counts integer[],
    out events text[])
returns setof record
language plpgsql stable security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
    return query
    select i.execution_id, i.history_version, i.last_committed, i.history_length, c.firsts, c.counts, c.events
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
     where i.task_hub = _AnyHub() and i.instance_id = p_id;
end
$$;
