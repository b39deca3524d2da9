-- What is wrong with the plans in table plan (function_name text, content jsonb).
--
-- :bound is the most rows that one node may visit. Functions that are not in any worker's loop, and
-- those that count up to 10,000, may look at more, and use an index in another way.
with recursive node as (
    select p.function_name, p.content ->> 'Query Text' as query, p.content -> 'Plan' as n,
           null::text as join_above
      from plan p
     union all
    select a.function_name, a.query, c.n,
           case when a.n ->> 'Node Type' in ('Hash Join', 'Merge Join') then a.n ->> 'Node Type'
                -- What feeds a CTE is no side of a join above it.
                when c.n ->> 'Parent Relationship' in ('InitPlan', 'SubPlan') then null
                else a.join_above end
      from node a cross join lateral jsonb_array_elements(a.n -> 'Plans') as c(n)
), intended (index_name, columns) as (
    values ('instances_pkey', 'instance_key = '), ('instances_by_id', 'instance_id [=>]'),
           ('instances_by_parent', 'parent_instance = '), ('history_pkey', 'instance_key = '),
           ('newevents_pkey', 'instance_key = '), ('newtasks_pkey', 'instance_key = '),
           ('ready_by_work_key', 'work_key = '), ('messageids_pkey', 'instance_key = '),
           ('payloads_pkey', 'instance_key = '), ('requests_pkey', 'request_id = '),
           ('requests_with_leases', 'until <= '), ('requests_without_leases', 'until <= '),
           ('instances_parked', 'task_hub = ')
), scan as (
    select s.*, s.n ->> 'Node Type' as kind, s.n ->> 'Relation Name' as relation,
           s.n ->> 'Index Name' as index_name, s.n ->> 'Index Cond' as condition,
           (coalesce((s.n ->> 'Actual Rows')::numeric, 0)
            + coalesce((s.n ->> 'Rows Removed by Filter')::numeric, 0)
            + coalesce((s.n ->> 'Rows Removed by Join Filter')::numeric, 0)
            + coalesce((s.n ->> 'Rows Removed by Index Recheck')::numeric, 0))
           * coalesce((s.n ->> 'Actual Loops')::numeric, 0) as visited
      from node s
), big (relation) as (
    values ('instances'), ('history'), ('newevents'), ('newtasks'), ('ready'), ('messageids'),
           ('payloads'), ('requests')
), rare (function_name) as (
    values ('_backlog'), ('_hubstatus'), ('_workkeysofexpired'), ('_querymanyorchestrations'), ('_takeover'),
           ('getscalemetric')
), fault as (
    select s.*, 'sequential scan of ' || s.relation as what
      from scan s join big b using (relation) where s.kind = 'Seq Scan'
     union all
    select s.*, s.join_above || ' above ' || s.relation
      from scan s join big b using (relation)
     where s.join_above is not null and s.kind like '%Scan'
     union all
    select s.*, format('%s without its key: %s', s.index_name, coalesce(s.condition, 'no condition'))
      from scan s left join intended i using (index_name)
     where s.index_name is not null and s.function_name not in (select r.function_name from rare r)
       and exists (select from big b where s.index_name like b.relation || '\_%')
       and (i.columns is null or s.condition is null or s.condition !~ i.columns)
     union all
    select s.*, format('%s of %s visits %s rows', s.kind,
                       coalesce(s.relation, s.index_name, 'no table'), s.visited)
      from scan s
     where s.visited > case when s.function_name in (select r.function_name from rare r)
                            then 50000 else :bound end
)
select distinct f.function_name || ': ' || f.what || ': '
                || left(regexp_replace(f.query, '\s+', ' ', 'g'), 160)
  from fault f order by 1;
