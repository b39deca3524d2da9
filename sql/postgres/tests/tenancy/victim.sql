-- The tenant perdure_user: waiting and leased instances and activities, a timer, messages,
-- payloads, an answer that is kept, a live worker. What nobody else may learn contains SECRET. Then
-- all numbers and tokens of it go into variables, because a tenant that guesses well must not get
-- further either.

\connect - perdure_user
select _CreateHub();
select _Worker('SECRET worker') as worker \gset
select CreateInstance('SECRET name', 'SECRET version', id,
                      p_input_text => '"SECRET input"', p_tags => '{"SECRET": "SECRET"}')
  from unnest(array['victim-1', 'victim-2', 'victim-3', 'victim-4', 'SECRET-5', 'victim-6']) id;
select RaiseEvent('SECRET event', id, '"SECRET content"', p_message_id => 'SECRET id')
  from unnest(array['victim-1', 'victim-2', 'victim-3', 'victim-4', 'SECRET-5', 'victim-6']) id;
select TerminateInstance('victim-6', 'SECRET reason');
select (_WorkKeys(false, array['SECRET name'], array['SECRET version'], array[0]))[1] as definition,
       (_WorkKeys(true, array['SECRET activity'], array[''], array[0]))[1] as activity_work_key \gset

select cardinality((l.orchestrations).token)
  from _Lock('10000000-0000-0000-0000-000000000001', jsonb_populate_record(null::room,
           jsonb_build_object('worker', :worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
                              'definitions', array[:definition], 'tokens', array[11, 12, 13],
                              'activities', array[]::text[], 'queues', array[]::text[],
                              'task_tokens', array[]::bigint[], 'suspects', false, 'expire', false,
                              'everything', false, 'since', '-infinity',
                              'task_since', '-infinity'))) l;

\connect - postgres
select i.instance_key as turn_key, i.execution_id as turn_execution
  from Instances i where i.token = 11 \gset

-- One checkpoint: three activities, two of them leased, a timer, a custom status.
\connect - perdure_user
select c.turn_outcomes
  from _Commit(
      '10000000-0000-0000-0000-000000000002',
      row(
          array[:turn_key]::bigint[], null,
          jsonb_populate_record(null::turn_batch, jsonb_build_object(
              'instance_key', array[:turn_key], 'token', array[11], 'status', array[0],
              'execution_id', array[:'turn_execution'], 'events', array[1])),
          null,
          jsonb_populate_record(null::chunk_batch, jsonb_build_object(
              'turn', array[1], 'skip', array[0], 'count', array[1],
              'events', array['[{"type":"turn_started"}]'])),
          jsonb_populate_record(null::payload_batch, jsonb_build_object(
              'turn', array[1], 'kind', array[2], 'codec', array['json'],
              'bytes', array['"SECRET status"'::bytea])),
          jsonb_populate_record(null::task_batch, jsonb_build_object(
              'turn', array[1, 1, 1], 'task', array[1, 2, 3], 'token', array[21, 22, null],
              'work_key', array[:activity_work_key, :activity_work_key, :activity_work_key],
              'version', array['', '', ''], 'input_codec', array['json', 'json', 'json'],
              'input', array['"SECRET"'::bytea, '"SECRET"'::bytea, '"SECRET"'::bytea],
              'details', array['{}', '{}', '{}'])),
          null,
          jsonb_populate_record(null::timer_batch, jsonb_build_object(
              'turn', array[1], 'task', array[4], 'fire_at', array['2099-01-01 00:00:00+00'],
              'event', array['{"type":"timer_fired"}'])),
          null, null, null, false, null)::commit_batch,
      jsonb_populate_record(null::room, jsonb_build_object(
          'worker', :worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
          'definitions', array[]::integer[], 'tokens', array[]::bigint[],
          'activities', array[]::text[], 'queues', array[]::text[],
          'task_tokens', array[]::bigint[], 'suspects', false, 'expire', false,
          'everything', false, 'since', '-infinity',
                              'task_since', '-infinity'))) c;

-- One lease of either kind is over.
\connect - postgres
update Instances set lease_until = '-infinity' where token = 13;
update NewTasks set lease_until = '-infinity' where token = 22;
update Requests set until = '-infinity' where lease_keys is not null;
\connect - perdure_user
select l.suspects
  from _Lock('10000000-0000-0000-0000-000000000003', jsonb_populate_record(null::room,
           jsonb_build_object('worker', :worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
                              'definitions', array[:definition], 'tokens', array[]::bigint[],
                              'activities', array[]::text[], 'queues', array[]::text[],
                              'task_tokens', array[]::bigint[], 'suspects', false, 'expire', true,
                              'everything', false, 'since', '-infinity',
                              'task_since', '-infinity'))) l;

\connect - postgres
select i.instance_key as suspect_key, i.execution_id as suspect_execution
  from Instances i where i.token = 13 and i.suspect and i.ready_at is not null \gset
select t.instance_key as suspect_task_key
  from NewTasks t where t.token = 22 and t.suspect and t.ready_at is not null \gset
-- A leased instance, a leased activity, one that waits, a message.
select i.instance_key as held_key, i.execution_id as held_execution, i.instance_id as held_id
  from Instances i where i.token = 12 \gset
select t.instance_key as task_key, t.execution_id as task_execution, t.task as task
  from NewTasks t where t.token = 21 \gset
select e.sequence, e.instance_key as message_key
  from NewEvents e join Instances i on i.instance_key = e.instance_key
 where i.token is null and not e.is_timer limit 1 \gset
select h.task_hub as hub from TaskHubs h \gset
select i.instance_key as waiting_key, i.instance_id as waiting_id
  from Instances i where i.token is null and i.ready_at is not null limit 1 \gset

-- All rows of the tenant, as one text each.
create view pg_temp.victim as
select 'Instances' as what, i::text as content from Instances i where i.task_hub = :hub
 union all select 'History', h::text from History h join Instances i using (instance_key)
            where i.task_hub = :hub
 union all select 'NewEvents', e::text from NewEvents e join Instances i using (instance_key)
            where i.task_hub = :hub
 union all select 'NewTasks', t::text from NewTasks t join Instances i using (instance_key)
            where i.task_hub = :hub
 union all select 'MessageIds', m::text from MessageIds m join Instances i using (instance_key)
            where i.task_hub = :hub
 union all select 'Payloads', p::text from Payloads p join Instances i using (instance_key)
            where i.task_hub = :hub
 -- Whatever waits under the tenant's work keys, whosever it is.
 union all select 'Ready', r::text from Ready r
            join WorkKeys l on l.work_key = abs(r.work_key) where l.task_hub = :hub
 union all select 'Ready', r::text from Ready r join Instances i using (instance_key)
            where i.task_hub = :hub
 union all select 'Requests', r::text from Requests r where r.task_hub = :hub
 union all select 'Workers', w::text from Workers w where w.task_hub = :hub
 union all select 'WorkKeys', l::text from WorkKeys l where l.task_hub = :hub
 union all select 'TaskHubs', h::text from TaskHubs h where h.task_hub = :hub;
