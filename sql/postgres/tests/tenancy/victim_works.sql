-- What perdure_user does meanwhile; undone at the end. It waits for nobody for longer than its
-- clock lets it, and gets whatever of its own is ready.

set lock_timeout = '1s';
begin;
select 'waiting: ' || cardinality((l.orchestrations).token) || ' ' || cardinality((l.activities).token)
  from _Lock(gen_random_uuid(), jsonb_populate_record(null::room,
           jsonb_build_object('worker', :worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
                              'definitions', array[:definition], 'tokens', array[91, 92, 93, 94],
                              'activities', array['SECRET activity'], 'queues', array[''],
                              'task_tokens', array[95, 96], 'suspects', false, 'expire', true,
                              'everything', false, 'since', '-infinity',
                              'task_since', '-infinity'))) l;
select 'renewed: ' || (r.outcomes)::text
  from _RenewLocks(null, :worker, 600000000, null, null, null, array[:held_key, :task_key]::bigint[],
                   array[0, :task]::bigint[], array[12, 21]::bigint[]) r;
select 'events: ' || count(*) filter (where RaiseEvent('Go', id))
  from unnest(array['victim-1', 'victim-2', 'victim-3', 'victim-4', 'SECRET-5']) id;
select 'purged: ' || PurgeInstanceStateByID('victim-6');
select 'created: ' || CreateInstance('SECRET name', 'SECRET version', 'mine-there');
select 'seen: ' || count(*) from _QueryManyOrchestrations(
    jsonb_populate_record(null::instance_filter, '{"statuses": [], "prefix": ""}'), '', 100);
select 'returned: ' || r.outcomes::text
  from _ReturnLeases(gen_random_uuid(), array[:held_key, :task_key]::bigint[],
                     array[0, :task]::bigint[], array[12, 21]::bigint[], null, null) r;
rollback;
