-- The tenant perdure_other tries everything with what it knows of perdure_user, in one transaction
-- that stays open while the other works. A call may fail; then it has held nothing.

\set ON_ERROR_STOP off
\set ON_ERROR_ROLLBACK on
\connect - perdure_other
select _CreateHub();
select _DeleteHub(100);
select CreateInstance('Mine', p_instance_id => 'mine-' || n) from generate_series(1, 4) n;
select _Worker('mine') as own_worker \gset
select (_WorkKeys(false, array['Mine'], array[''], array[0]))[1] as own_work_key \gset
select cardinality((l.orchestrations).token)
  from _Lock('20000000-0000-0000-0000-000000000001', jsonb_populate_record(null::room,
           jsonb_build_object('worker', :own_worker, 'lease', 600000000, 'bytes', 1000000,
                              'messages', 10, 'definitions', array[:own_work_key],
                              'tokens', array[31, 32, 33],
                              'activities', array[]::text[], 'queues', array[]::text[],
                              'task_tokens', array[]::bigint[], 'suspects', false, 'expire', false,
                              'everything', false, 'since', '-infinity',
                              'task_since', '-infinity'))) l;
\connect - postgres
select i.instance_key as own_key, i.execution_id as own_execution
  from Instances i where i.token = 31 \gset
select i.instance_key as task_giver, i.execution_id as task_giver_execution
  from Instances i where i.token = 32 \gset
select i.instance_key as parent, i.execution_id as parent_execution
  from Instances i where i.token = 33 \gset
\connect - perdure_other

begin;
\echo by id
select CreateInstance('Mine', p_instance_id => :'waiting_id', p_dedupe_statuses => '');
select PurgeInstanceStateByID(:'waiting_id', true);
select RaiseEvent('Mine', :'held_id');
select TerminateInstance(:'held_id');
select TerminateInstance('victim-6');
select PurgeInstanceStateByID('victim-6');
select PurgeInstanceStateByTime(now() + interval '1 day', 0, 10000);
select PurgeInstanceStateByTime(now() + interval '1 day', 1, 10000);
select QuerySingleOrchestration('victim-6');
select GetInstanceHistory('victim-6');
select GetScaleMetric(), GetScaleRecommendation(1, 1), CurrentTaskHub();
select GetUnreachableLeases();
select _GetInstances(array[:'held_id', 'victim-6']);
select _KeysOf(array[:'held_id', 'victim-6']);
select _QueryManyOrchestrations(f, '', 100), _Purgeable(f, true, 100)
  from (values ('{"statuses": [], "prefix": ""}'::jsonb),
               ('{"statuses": [], "prefix": "", "name": "SECRET name"}')) as w(wanted)
 cross join lateral jsonb_populate_record(null::instance_filter, w.wanted) f;
select _ReadHistory('victim-6', 0, 1000000);
select _ReadImages(0, 1000, null, 1000000);
select _ReadImages(:held_key - 1, 1, null, 1000000);
select _ReadImages(null, null, array[:'held_id', 'victim-6'], 1000000);
select _AnyEnded(array['victim-6', :'held_id']);
select _Watch(true, '-infinity', array['victim-6', :'held_id']);
select _HubStatus(), _HubIdentity(), _GetVersions();
select _AddOrchestrationEvents(
    '20000000-0000-0000-0000-000000000002', jsonb_populate_record(null::message_batch,
        jsonb_build_object('target', array[:'held_id'], 'event', array['{}'], 'task', array[0],
                           'message_id', array['x'], 'execution_id', array[:'held_execution'])));
select _TerminateInstances(
    '20000000-0000-0000-0000-000000000003', jsonb_populate_record(null::termination_batch,
        jsonb_build_object('target', array[:'held_id'], 'event', array['{}'],
                           'final_event', array['{}'], 'codec', array['json'],
                           'bytes', array['1'::bytea], 'parent_event', array['{}'])));
select _PurgeInstances('20000000-0000-0000-0000-000000000004', array[:'held_id', 'victim-6'], true, '{}', 0);
select _UnparkInstances('20000000-0000-0000-0000-000000000005', array[:'held_id']);
select _TakeOver(array['SECRET worker']);

\echo by number and token
select _WorkKeyNames(array[:definition, :activity_work_key]);
select _RenewLocks(null, :worker, 1, array[]::integer[], array[]::text[], array[]::text[],
                   array[:held_key, :task_key]::bigint[], array[0, :task]::bigint[],
                   array[12, 21]::bigint[]);
select _RenewLocks(null, :own_worker, 1, null, null, null, array[:held_key, :task_key]::bigint[],
                   array[0, :task]::bigint[], array[12, 21]::bigint[]);
select _RenewLocks(null, :own_worker, 1, null, null, null, array[:task_key, :waiting_key]::bigint[],
                   array[1, 1]::bigint[], array[99, 99]::bigint[]);
select _ReturnLeases('20000000-0000-0000-0000-000000000006', array[:held_key, :task_key]::bigint[],
                     array[0, :task]::bigint[], array[12, 21]::bigint[], null, null);
select _ReturnLeases('20000000-0000-0000-0000-000000000007', array[:held_key]::bigint[],
                     array[0]::bigint[], array[12]::bigint[], 0, array['mine']);
-- Of leases that are over, which wait as suspects.
select _RenewLocks(null, :own_worker, 1, null, null, null, array[:suspect_key, :suspect_task_key]::bigint[],
                   array[0, 2]::bigint[], array[13, 22]::bigint[]);
select _ReturnLeases('20000000-0000-0000-0000-000000000009',
                     array[:suspect_key, :suspect_task_key]::bigint[], array[0, 2]::bigint[],
                     array[13, 22]::bigint[], null, null);
select _DiscardEventsAndUnlockInstance('20000000-0000-0000-0000-000000000008',
                                       array[:held_key]::bigint[], array[12]::bigint[], 0);
-- Work out of the other's work keys, regular and suspect, and of leases that are over.
select _Lock(gen_random_uuid(), jsonb_populate_record(null::room, jsonb_build_object(
           'worker', :own_worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
           'definitions', array[:definition, :own_work_key, :activity_work_key],
           'tokens', array[41, 42, 43, 44, 45, 46], 'activities', array['SECRET activity'],
           'queues', array[''], 'task_tokens', array[51, 52], 'suspects', suspects, 'expire', true,
           'everything', everything, 'since', '-infinity',
                              'task_since', '-infinity')))
  from unnest(array[false, true, false], array[false, false, true]) as k(suspects, everything);
-- The answer to the other's call, whose leases are to be forgotten.
select _Lock('10000000-0000-0000-0000-000000000001', jsonb_populate_record(null::room,
           jsonb_build_object(
           'worker', :worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
           'definitions', array[:definition], 'tokens', array[11, 12, 13],
           'activities', array['SECRET activity'], 'queues', array[''], 'task_tokens', array[51],
           'suspects', false, 'expire', true, 'everything', false, 'since', '-infinity',
           'task_since', '-infinity',
           'ended_calls', array['10000000-0000-0000-0000-000000000001'],
           'ended_by', array['20000000-0000-0000-0000-000000000001'])));

\echo instances in the work_keys of another
select _CreateInstances(jsonb_populate_record(null::instance_batch, jsonb_build_object(
           'instance_id', array['mine-there'], 'execution_id', array[gen_random_uuid()],
           'work_key', array[:definition], 'start_event', array['{}'], 'replaceable', array[0],
           'start_at', array[null::text], 'parent_instance', array[:'held_id'],
           'parent_execution', array[:'held_execution'], 'parent_task', array[1])));

\echo images in the work_keys of another, an image of what the other has, and sequences for nobody
select jsonb_build_object(
           'execution_id', array[:'held_execution'], 'created_as', array[:'held_execution'],
           'status', array[6], 'token', array[12], 'lease_until', array['2099-01-01 00:00:00+00'],
           'holder', array['mine'], 'suspect', array[false], 'leased_alone', array[false],
           'deliveries', array[0], 'not_before', array['-infinity'], 'needs_turn', array[true],
           'first', array[0], 'history_length', array[0], 'history_version', array[1],
           'updated_at', array['2026-01-01 00:00:00+00'], 'created_at', array['2026-01-01 00:00:00+00'],
           'parent_instance', array[:'held_id'], 'parent_execution', array[:'held_execution'],
           'parent_task', array[1]) as image \gset
select _WriteImages(
           jsonb_populate_record(null::image_batch, :'image'::jsonb || jsonb_build_object(
               'instance_id', array['mine-image-1'], 'work_key', array[:definition])),
           null, null, null, null, null, 0, false, 0);
select _WriteImages(
           jsonb_populate_record(null::image_batch, :'image'::jsonb || jsonb_build_object(
               'instance_id', array['mine-image-2'], 'work_key', array[:own_work_key])),
           null, null, null, null,
           jsonb_populate_record(null::image_task_batch, jsonb_build_object(
               'image', array[1], 'task', array[1], 'execution_id', array[:'held_execution'],
               'work_key', array[:activity_work_key], 'suspect', array[false],
               'leased_alone', array[false], 'deliveries', array[0], 'version', array[''],
               'ready_at', array['2026-01-01 00:00:00+00'], 'details', array['{}'])), 0, true, 0);
select _WriteImages(
           jsonb_populate_record(null::image_batch, :'image'::jsonb || jsonb_build_object(
               'instance_id', array[:'held_id'], 'work_key', array[:own_work_key])),
           jsonb_populate_record(null::image_chunk_batch, jsonb_build_object(
               'image', array[1], 'first', array[0], 'count', array[1], 'events', array['[{}]'])),
           null, null, null, null, 0, true, 0);
select _WriteImages(
           jsonb_populate_record(null::image_batch, :'image'::jsonb || jsonb_build_object(
               'instance_id', array['mine-image-3'], 'work_key', array[:own_work_key])),
           null, null, null, null, null, 9223372036854775807, false, 0);
select _RemoveImages(array[:'held_id', 'victim-6'], 0);
select _CheckHub(null, 1000);
select _CheckHub(0, 1000);
select _RepairHub(array['nothing_after_end', 'work_is_found', 'lease_can_end', 'consumed_once'],
                  array_fill(:'held_id'::text, array[4]), array_fill(gen_random_uuid(), array[4]),
                  array[0, 0, 0, 1], array['', '', '', 'activity']);
select _SetClosed('mine is closed');
select _ClosedReason();
select _SetClosed(null);
select _Role();
select _ChangeRole(0, 1::smallint, gen_random_uuid(), 0, '', '');
select _Changes(1000);
select _CountChanges(1000);
select _ForgetChanges(array(select generate_series(1, 1000)));
select _ChangeRole(0, 4::smallint, gen_random_uuid(), 0, '', 'mine is closed');
select _RemoveImages(array[:'held_id', 'victim-6'], 1);
select _ChangeRole(1, 0::smallint, null, 0, '', '');

\echo a commit with everything of another
select _Commit(
    gen_random_uuid(),
    row(
        array[:own_key, :held_key, :task_key, :message_key, :waiting_key, :suspect_key]::bigint[],
        array[:'held_id', 'victim-6'],
        jsonb_populate_record(null::turn_batch, jsonb_build_object(
            'instance_key', array[:own_key, :held_key, :waiting_key, :suspect_key],
            'token', array[31, 12, 41, 13], 'status', array[0, 0, 0, 0], 'events', array[1, 1, 1, 1],
            'execution_id', array[:'own_execution', :'held_execution', :'held_execution',
                                  :'suspect_execution'])),
        jsonb_populate_record(null::consumed_batch, jsonb_build_object(
            'turn', array[1], 'instance_key', array[:message_key], 'sequence', array[:sequence])),
        jsonb_populate_record(null::chunk_batch, jsonb_build_object(
            'turn', array[1, 2, 3], 'skip', array[0, 0, 0], 'count', array[1, 1, 1],
            'events', array['[{}]', '[{}]', '[{}]'])),
        jsonb_populate_record(null::payload_batch, jsonb_build_object(
            'turn', array[1, 2], 'kind', array[2, 2], 'codec', array['json', null],
            'bytes', array['1'::bytea, null])),
        null, null, null,
        jsonb_populate_record(null::message_batch, jsonb_build_object(
            'turn', array[1, 2], 'target', array[:'held_id', :'held_id'], 'event', array['{}', '{}'],
            'message_id', array['y', 'z'], 'task', array[0, 0])),
        null, null, false,
        jsonb_populate_record(null::completion_batch, jsonb_build_object(
            'instance_key', array[:task_key, :suspect_task_key], 'task', array[:task, 2],
            'token', array[21, 22], 'event', array['{}', '{}'],
            'execution_id', array[:'task_execution', :'task_execution'])))::commit_batch,
    jsonb_populate_record(null::room, jsonb_build_object(
        'worker', :worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
        'definitions', array[:definition, :own_work_key], 'tokens', array[61, 62, 63, 64, 65, 66],
        'activities', array['SECRET activity'], 'queues', array[''], 'task_tokens', array[71, 72],
        'suspects', false, 'expire', true, 'everything', false, 'since', '-infinity',
                              'task_since', '-infinity')));

\echo a lone turn of another, leased and ahead, and one of its own for an activity in the work_keys of another
select _CommitLoneTurn(
    gen_random_uuid(),
    jsonb_populate_record(null::room, jsonb_build_object(
        'worker', :worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
        'definitions', array[:definition], 'tokens', array[81, 82]::bigint[],
        'activities', array['SECRET activity'], 'queues', array[''],
        'task_tokens', array[83]::bigint[], 'suspects', false, 'expire', true,
        'everything', false, 'since', '-infinity', 'task_since', '-infinity')),
    row(:held_key, 12, :'held_execution', 1, null, null, null, 1, '[{}]', 'json', '1')::lone_turn,
    row(null, null, null, '', 'json', '1', '{}')::lone_task, true);
select _CommitLoneTurn(
    gen_random_uuid(),
    jsonb_populate_record(null::room, jsonb_build_object(
        'worker', :worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
        'definitions', array[:definition], 'tokens', array[84]::bigint[],
        'activities', array['SECRET activity'], 'queues', array[''],
        'task_tokens', array[85]::bigint[], 'suspects', false, 'expire', true,
        'everything', false, 'since', '-infinity', 'task_since', '-infinity')),
    row(:task_key, 21, :'task_execution', 1, :task, v, 11, 1, '[{}]', 'json', '1')::lone_turn,
    row(null, null, null, null, null, null, null)::lone_task, true)
  from generate_series(1, 5) v;
select _CommitLoneTurn(
    gen_random_uuid(),
    jsonb_populate_record(null::room, jsonb_build_object(
        'worker', :own_worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
        'definitions', array[:definition], 'tokens', array[]::bigint[],
        'activities', array['SECRET activity'], 'queues', array[''],
        'task_tokens', array[]::bigint[], 'suspects', false, 'expire', true,
        'everything', false, 'since', '-infinity', 'task_since', '-infinity')),
    row(:task_giver, 32, :'task_giver_execution', 0, null, null, null, 1, '[{}]', null, null)::lone_turn,
    row(1, :activity_work_key, 86, '', 'json', '1', '{}')::lone_task, true);

\echo an activity, and a child, in the work_keys of another
select _Commit(
    gen_random_uuid(),
    row(
        array[:task_giver]::bigint[], null,
        jsonb_populate_record(null::turn_batch, jsonb_build_object(
            'instance_key', array[:task_giver], 'token', array[32], 'status', array[0],
            'execution_id', array[:'task_giver_execution'], 'events', array[1])),
        null, null, null,
        jsonb_populate_record(null::task_batch, jsonb_build_object(
            'turn', array[1], 'task', array[1], 'work_key', array[:activity_work_key],
            'token', array[null::text], 'version', array[''], 'input_codec', array['json'],
            'input', array['1'::bytea], 'details', array['{}'])),
        null, null, null, null, null, false, null)::commit_batch,
    jsonb_populate_record(null::room, jsonb_build_object(
        'worker', :own_worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
        'definitions', array[]::integer[], 'tokens', array[]::bigint[],
        'activities', array[]::text[], 'queues', array[]::text[],
        'task_tokens', array[]::bigint[], 'suspects', false, 'expire', false,
        'everything', false, 'since', '-infinity',
                              'task_since', '-infinity')));
select _Commit(
    gen_random_uuid(),
    row(
        array[:parent]::bigint[], null,
        jsonb_populate_record(null::turn_batch, jsonb_build_object(
            'instance_key', array[:parent], 'token', array[33], 'status', array[0],
            'execution_id', array[:'parent_execution'], 'events', array[1])),
        null, null, null, null, null, null, null,
        jsonb_populate_record(null::instance_batch, jsonb_build_object(
            'turn', array[1], 'instance_id', array['mine-child'], 'work_key', array[:definition],
            'execution_id', array[gen_random_uuid()], 'start_event', array['{}'],
            'start_at', array[null::text])),
        null, false, null)::commit_batch,
    jsonb_populate_record(null::room, jsonb_build_object(
        'worker', :own_worker, 'lease', 600000000, 'bytes', 1000000, 'messages', 10,
        'definitions', array[]::integer[], 'tokens', array[]::bigint[],
        'activities', array[]::text[], 'queues', array[]::text[],
        'task_tokens', array[]::bigint[], 'suspects', false, 'expire', false,
        'everything', false, 'since', '-infinity',
                              'task_since', '-infinity')));

\echo views
select InstanceID, Name, LockedBy, ParentInstanceID from vInstances;
select InstanceID, Payload from vHistory;
select InstanceID, Payload from vInbox;
select InstanceID, Name, InputText from vTasks;
select instance_id, state_json from durable_state;

\echo the hub
select _AdvanceClock(1000000), _Announce(true, array['mine'], true);
select _BeginSleep(true, true);
select _EndSleep(true, true);
-- Own instances that name a worker of the other's as their holder.
select _GetInstances(array['mine-1', 'mine-2', 'mine-3']);
