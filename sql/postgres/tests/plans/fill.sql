-- A hub with :rows instances: half of them wait, the others have ended, and one in four has an
-- inbox, a queued activity, a payload, a message id; none of those that wait for a worker that comes. As the
-- tables' owner.
insert into Instances (task_hub, work_key, status, execution_id, ready_at, needs_turn, history_length,
                       history_version, updated_at, created_at, completed_at, instance_id)
select _Hub(), l.work_key, case when n % 2 = 0 then 6 else 1 end, md5(n::text)::uuid,
       case when n % 2 = 0 then now() - n * interval '1 ms' end, n % 2 = 0, 3, 1, now(), now(),
       case when n % 2 = 1 then now() end, 'filled-' || n
  from generate_series(1, :rows) n
  join WorkKeys l on l.name = case when n % 4 = 0 then 'Stranger' else 'Known' end;
insert into History (instance_key, first, count, events)
select i.instance_key, f, 1, '[{"kind":"filled"}]' from Instances i, generate_series(0, 2) f
 where i.instance_id like 'filled-%';
insert into Ready (work_key, due, instance_key, task)
select i.work_key, i.ready_at, i.instance_key, 0 from Instances i
 where i.ready_at is not null and i.instance_id like 'filled-%';
insert into NewTasks (instance_key, task, execution_id, work_key, ready_at, version, details)
select i.instance_key, 1, i.execution_id, l.work_key, now(), '', '{}' from Instances i, WorkKeys l
 where i.instance_id like 'filled-%' and split_part(i.instance_id, '-', 2)::integer % 4 = 1
   and l.name = 'Step';
insert into Ready (work_key, due, instance_key, task, execution_id)
select t.work_key, t.ready_at, t.instance_key, t.task, t.execution_id
  from NewTasks t join Instances i using (instance_key)
 where t.ready_at is not null and i.instance_id like 'filled-%';
insert into NewEvents (instance_key, due, visible_at, task, for_execution, is_timer, event)
select i.instance_key, now(), now(), 0, true, false, '{"kind":"filled"}' from Instances i
 where i.instance_id like 'filled-%' and split_part(i.instance_id, '-', 2)::integer % 4 = 0;
insert into Payloads (instance_key, kind, codec, bytes)
select i.instance_key, 2, 'json', '1' from Instances i
 where i.instance_id like 'filled-%' and split_part(i.instance_id, '-', 2)::integer % 4 = 3;
insert into MessageIds (instance_key, message_id, sequence, accepted_at)
select i.instance_key, 'id', 1, now() from Instances i
 where i.instance_id like 'filled-%' and split_part(i.instance_id, '-', 2)::integer % 4 = 3;
insert into Requests (task_hub, request_id, answered_at, until, outcomes)
select _Hub(), gen_random_uuid(), now(), now() + interval '1 min', '{0}'
  from generate_series(1, 10000);
