-- The ends of activities: the other part of a commit.

set search_path = :"schema", pg_temp;

-- Takes finished activities out of Ready that wait as suspects although their lease is still good
-- [LOCK-3]. Tables: Instances (read), NewTasks (read), Ready.
create or replace function _UnqueueFinished(
    p_hub integer, p_keys bigint[], p_tasks bigint[], p_executions uuid[], p_tokens bigint[])
returns void
language plpgsql volatile
as $$
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
           and r.work_key = any(array[-t.work_key]) and r.due = t.ready_at and r.instance_key = t.instance_key
           and r.task = t.task and r.execution_id = t.execution_id;
    end if;
end
$$;

-- [COMMIT-2] [COMMIT-7] Ends activities and puts their events into inboxes. Returns the outcomes: 0
-- committed, 1 lease lost, 2 the instance has ended or is in a later execution. The rows of
-- Instances are locked already. Tables: Ready, NewTasks, Instances (read), NewEvents.
create or replace function _CompleteTasks(
    p_hub integer, p_done completion_batch, p_now timestamptz)
returns smallint[]
language plpgsql volatile
as $$
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
        returning d.*, case when _IsEnded(i.status) or i.execution_id <> d.execution_id
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

-- [SPECULATIVE-2] Ends the activities of the speculative turns that did not happen. Returns all outcomes of
-- turns. The rows are locked already. Tables: those of _CompleteTasks.
create or replace function _DeclineTurns(
    p_hub integer, p_turns turn_batch, p_outcomes smallint[], p_now timestamptz)
returns smallint[]
language plpgsql volatile
as $$
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
