-- Removes what Perdure made: its objects, the two roles if no other database needs them and this
-- login may, and the schema if nothing else is in it. What is not there is not missed. Everything
-- that the hubs hold is lost; workers that still use it fail with an error.

set search_path = :"schema", pg_temp;

do $$
declare
    v_tables constant text[] := array[
        'TaskHubs', 'WorkKeys', 'Workers', 'Instances', 'History', 'NewEvents', 'NewTasks', 'Ready',
        'MessageIds', 'Payloads', 'Requests', 'ChangedInstances', 'GlobalSettings', 'Versions'];
    v_views constant text[] := array[
        'durable_state', 'vTasks', 'vInbox', 'vHistory', 'vInstances', 'InstanceRecords'];
    v_sequences constant text[] := array['instance_keys', 'event_sequence'];
    v_types constant text[] := array[
        'commit_batch', 'turn_batch', 'consumed_batch', 'chunk_batch', 'payload_batch', 'task_batch',
        'cancelled_batch', 'timer_batch', 'message_batch', 'instance_batch', 'termination_batch',
        'continued_batch', 'completion_batch', 'lone_turn', 'lone_task', 'room', 'low_water',
        'orchestration_batch', 'activity_batch', 'commit_effect', 'instance_filter', 'image_state',
        'image_batch', 'image_chunk_batch', 'image_message_batch', 'image_accepted_batch',
        'image_task_batch'];
    v_functions constant text[] := array[
        '_Accept', '_AcceptLoneTurn', '_AcceptTurns', '_AddOrchestrationEvents', '_AdvanceClock',
        '_Announce', '_AnyEnded', '_AnyHub', '_Backlog', '_Barrier', '_BeginFeed', '_BeginSleep',
        '_BytesText', '_CanReplace', '_ChangeRole', '_Changes', '_CheckedHub', '_CheckHub',
        '_CheckMover', '_CheckName', '_CheckpointOrchestration', '_CheckReason', '_CheckWorkKeys',
        '_ChildGone', '_ClearImages', '_ClosedReason', '_Commit', '_CommitBatch', '_CommitLoneTurn',
        '_CommitTask', '_CommittedBefore', '_CommitTurn', '_CommitTurns', '_CompleteTasks',
        '_ContinueAsNew', '_CountChanges', '_CreatedBefore', '_CreateHub', '_CreateInstances',
        '_CreateSeveral', '_DecideTaken', '_DeclineTurns', '_DeleteHub', '_DeleteOrphans',
        '_DeleteTask', '_DiscardEventsAndUnlockInstance', '_Due', '_EarlierOutcomes', '_EndFeed',
        '_EndLeases', '_EndSleep', '_EndTurns', '_EndWaits', '_Erase', '_EventTime', '_ExpireLeases',
        '_ExpireThese', '_FeedTables', '_FillImages', '_FillTasks', '_Filtered', '_ForgetChanges',
        '_ForgetLeases', '_GetInstances', '_GetVersions', '_HandOn', '_HandOut', '_HaveWork',
        '_HoldersOf', '_Hub', '_HubIdentity', '_HubName', '_HubNameOf', '_HubStatus', '_Insert',
        '_InsertImages', '_InsertOne', '_IsAsItWas', '_IsEnded', '_IsLeasedBy', '_IsSleptFor',
        '_JsonPayload', '_JudgeSpeculation', '_KeepAnswer', '_KeepCommit', '_KeepLeases', '_KeysOf',
        '_KindName', '_Leased', '_LeasedBefore', '_LeaseOrchestrations', '_LeaveMove', '_LeaveNothing',
        '_LetLeaseEnd', '_Lock', '_LockFeedTables', '_LockInstances', '_LockNext',
        '_LockNextOrchestration', '_LockNextTask', '_MakeLevels', '_MakeWorkers', '_Misplaced',
        '_NeedsBarrier', '_NotAccepted', '_NoteInstances', '_NoteParts', '_Now', '_One', '_OpenHub',
        '_Orphans', '_PageOfImages', '_PayloadText', '_PlaceImages', '_PlacesOf', '_Post',
        '_Purgeable', '_PurgeDurableState', '_PurgeInstances', '_PutRight', '_PutTaskRight',
        '_QueryManyOrchestrations', '_QueueImages', '_RaiseLevels', '_RaiseSequence', '_ReadHistory',
        '_ReadImages', '_ReadyOfNothing', '_RecordOf', '_RemoveImages', '_RenewLocks',
        '_RenewOrchestrationLocks', '_RenewTaskLocks', '_RepairHub', '_ReturnLeases', '_Role',
        '_RoomLeft', '_Schedule', '_Send', '_SendMessages', '_SetClosed', '_SetPayload', '_Settle',
        '_Signal', '_StartChildren', '_StatusNumber', '_StatusWord', '_TagsText', '_TakeFurther',
        '_TakeOver', '_TellParent', '_Terminate', '_TerminateInstances', '_Tidy', '_Unfiltered',
        '_UnparkInstances', '_Unqueue', '_UnqueueFinished', '_UnqueueHeld', '_UnqueueReturned',
        '_UnreachableLeases', '_UseTestClock', '_Waiting', '_WakeupChannel', '_Watch', '_WithHistory',
        '_WithInbox', '_Worker', '_WorkKeyNames', '_WorkKeys', '_WorkKeysOfExpired', '_WriteImages',
        '_WritePayloads', '_WriteTurns', 'CreateInstance', 'CurrentTaskHub', 'GetInstanceHistory',
        'GetScaleMetric', 'GetScaleRecommendation', 'GetUnreachableLeases', 'PurgeInstanceStateByID',
        'PurgeInstanceStateByTime', 'QuerySingleOrchestration', 'RaiseEvent', 'SetGlobalSetting',
        'TerminateInstance'];
    v_schema constant text := current_schema;
    v_kind text;
    v_role text;
    v_name text;
    v_function regprocedure;
begin
    if v_schema is null then
        return;
    end if;
    foreach v_name in array v_views loop
        execute format('drop view if exists %I.%I cascade', v_schema, lower(v_name));
    end loop;
    for v_function in
        select p.oid::regprocedure
          from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = v_schema
           and p.proname in (select lower(f.name) from unnest(v_functions) as f(name))
         order by p.proname
    loop
        execute format('drop function if exists %s cascade', v_function);
    end loop;
    foreach v_name in array v_types loop
        execute format('drop type if exists %I.%I cascade', v_schema, v_name);
    end loop;
    foreach v_name in array v_tables loop
        execute format('drop table if exists %I.%I cascade', v_schema, lower(v_name));
    end loop;
    foreach v_name in array v_sequences loop
        execute format('drop sequence if exists %I.%I cascade', v_schema, v_name);
    end loop;
    foreach v_kind in array array['_runtime', '_reader'] loop
        v_role := v_schema || v_kind;
        if octet_length(v_role) > 63 or left(v_role, 3) = 'pg_' then
            v_role := 'perdure_' || md5(v_schema) || v_kind;
        end if;
        continue when not exists (select from pg_catalog.pg_roles r where r.rolname = v_role);
        execute format('revoke all on schema %I from %I', v_schema, v_role);
        -- Only one that permissions.sql made.
        continue when not exists (
                select from pg_catalog.pg_roles r
                 where r.rolname = v_role
                   and pg_catalog.shobj_description(r.oid, 'pg_authid')
                       = 'Perdure: made by permissions.sql');
        begin
            execute format('drop role %I', v_role);
        exception
            when dependent_objects_still_exist or insufficient_privilege then
                raise notice 'role % stays: another schema needs it, or it is not ours to drop', v_role;
        end;
    end loop;
    -- A login that could not make the schema again was given it by somebody.
    if not has_database_privilege(current_database(), 'create') then
        return;
    end if;
    begin
        execute format('drop schema %I', v_schema);
    exception
        when dependent_objects_still_exist or insufficient_privilege then
            raise notice 'schema % stays: something else is in it, or it is not ours', v_schema;
    end;
end
$$;
