-- Who may do what. Re-runnable; after the functions, in the same transaction.
--
-- The schema belongs to Perdure alone, and to the login that installs it. Two roles without login are
-- named after it, for the logins that an administrator grants them to:
--   SCHEMA_runtime   what a worker, a client or a person calls; no table, no view, no internal function
--   SCHEMA_reader    the views, and the functions that only read
-- A name that would be longer than 63 bytes, or begin with pg_, is perdure_HASH_runtime instead. Roles
-- belong to the server, so that schemas of one name in several databases share them. A login that may
-- not create roles uses those that are there, and leaves out the others.
--
-- psql does not look for variables inside a body, so bodies find the schema as current_schema.

set search_path = :"schema", pg_temp;

revoke all on schema :"schema" from public;
revoke all on all tables in schema :"schema" from public;
revoke all on all sequences in schema :"schema" from public;
revoke all on all functions in schema :"schema" from public;

do $$
declare
    v_type record;
begin
    -- A stranger's object of one of our types would stand in the way of an upgrade.
    for v_type in
        select t.oid::regtype as name
          from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
         where n.nspname = current_schema and t.typcategory <> 'A'
    loop
        execute format('revoke all on type %s from public', v_type.name);
    end loop;
end
$$;

do $$
declare
    -- A function that a plugin calls checks its hub by itself. Any other may take the caller's word
    -- for it, and is never to be listed here.
    v_for_plugins constant text[] := array[
        '_AddOrchestrationEvents', '_AdvanceClock', '_Announce', '_AnyEnded', '_BeginSleep',
        '_ChangeRole', '_Changes', '_CheckHub', '_ClosedReason', '_Commit', '_CommitLoneTurn',
        '_CountChanges', '_CreateHub', '_CreateInstances', '_DeleteHub',
        '_DiscardEventsAndUnlockInstance', '_EndSleep', '_ForgetChanges', '_GetInstances',
        '_GetVersions', '_HubIdentity', '_HubStatus', '_KeysOf', '_Lock', '_Purgeable',
        '_PurgeInstances', '_QueryManyOrchestrations', '_ReadHistory', '_ReadImages', '_RemoveImages',
        '_RenewLocks', '_RepairHub', '_ReturnLeases', '_Role', '_SetClosed', '_TakeOver',
        '_TerminateInstances', '_UnparkInstances', '_Watch', '_Worker', '_WorkKeyNames', '_WorkKeys',
        '_WriteImages'];
    v_for_people constant text[] := array[
        'CreateInstance', 'PurgeInstanceStateByID', 'PurgeInstanceStateByTime', 'RaiseEvent',
        'TerminateInstance'];
    v_for_reading constant text[] := array[
        'CurrentTaskHub', 'GetInstanceHistory', 'GetScaleMetric', 'GetScaleRecommendation',
        'GetUnreachableLeases', 'QuerySingleOrchestration'];
    -- Views call functions with the rights of their reader.
    v_in_views constant text[] := array[
        '_BytesText', '_EventTime', '_GetVersions', '_HubStatus', '_PayloadText', '_StatusWord'];
    v_views constant text[] := array['vInstances', 'vHistory', 'vInbox', 'vTasks', 'durable_state'];
    v_kind text;
    v_role text;
    v_name text;
    v_names text[];
begin
    foreach v_kind in array array['_runtime', '_reader'] loop
        v_role := current_schema || v_kind;
        if octet_length(v_role) > 63 or left(v_role, 3) = 'pg_' then
            v_role := 'perdure_' || md5(current_schema) || v_kind;
        end if;
        if not exists (select from pg_catalog.pg_roles r where r.rolname = v_role) then
            begin
                execute format('create role %I nologin', v_role);
                execute format('comment on role %I is %L', v_role, 'Perdure: made by permissions.sql');
            exception
                when duplicate_object or unique_violation then
                    null;  -- Somebody does the same in another database.
                when insufficient_privilege then
                    raise notice 'role % is left out: this login may not create roles', v_role;
            end;
        end if;
        if exists (select from pg_catalog.pg_roles r where r.rolname = v_role and r.rolcanlogin) then
            raise notice 'role % is left out: it is a login of its own', v_role;
            continue;
        end if;
        continue when not exists (select from pg_catalog.pg_roles r where r.rolname = v_role);
        -- What an earlier version granted and this one does not.
        execute format('revoke all on all tables in schema %I from %I', current_schema, v_role);
        execute format('revoke all on all functions in schema %I from %I', current_schema, v_role);
        execute format('grant usage on schema %I to %I', current_schema, v_role);
        if v_kind = '_runtime' then
            v_names := v_for_plugins || v_for_people || v_for_reading;
        else
            v_names := v_for_reading || v_in_views;
            foreach v_name in array v_views loop
                execute format('grant select on %I.%I to %I', current_schema, lower(v_name), v_role);
            end loop;
        end if;
        foreach v_name in array v_names loop
            execute format('grant execute on function %I.%I to %I', current_schema, lower(v_name),
                           v_role);
        end loop;
    end loop;
end
$$;
