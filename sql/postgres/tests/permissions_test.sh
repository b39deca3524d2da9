#!/usr/bin/env bash
# permissions_test.sh: the runtime role can execute its functions and nothing else; the reader sees the
# views and changes nothing; a stranger can do nothing; temporary objects shadow nothing; a login that
# may not create roles can install.
source "$(dirname "$0")/fixture.sh"
schema=sql_permissions
install
grant_role runtime perdure_user
grant_role reader perdure_reader
as perdure_user -c "select _CreateHub(), CreateInstance('Order', p_instance_id => 'a')" >/dev/null

# --- What the catalogue says ------------------------------------------------------------------------

check "the runtime role has no right on any relation" "" "$(as postgres -c "
    select c.relname, a.privilege_type
      from pg_class c cross join lateral aclexplode(c.relacl) a
     where c.relnamespace = '$schema'::regnamespace
       and a.grantee in (0, '${schema}_runtime'::regrole)")"
check "the reader only reads views" 'durable_state vhistory vinbox vinstances vtasks|SELECT' "$(as postgres -c "
    select string_agg(distinct c.relname, ' ' order by c.relname), string_agg(distinct a.privilege_type, ' ')
      from pg_class c cross join lateral aclexplode(c.relacl) a
     where c.relnamespace = '$schema'::regnamespace and a.grantee = '${schema}_reader'::regrole")"
check "nothing is for everybody" "" "$(as postgres -c "
    select p.proname from pg_proc p
     where p.pronamespace = '$schema'::regnamespace
       and (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))
     union all
    select t.typname from pg_type t
     where t.typnamespace = '$schema'::regnamespace and t.typcategory <> 'A'
       and (t.typacl is null or exists (select from aclexplode(t.typacl) a where a.grantee = 0))
     union all
    select 'schema' from pg_namespace n, aclexplode(n.nspacl) a
     where n.nspname = '$schema' and a.grantee = 0")"
check "every function for the runtime role runs with the owner's rights, or is one line over one" \
    '_discardeventsandunlockinstance' "$(as postgres -c "
    select string_agg(p.proname, ' ') from pg_proc p
     where p.pronamespace = '$schema'::regnamespace and not p.prosecdef
       and has_function_privilege('${schema}_runtime', p.oid, 'execute')")"
# A function that takes the number of a hub believes its caller.
check "no function for the runtime role takes a hub or a key to open one" "" "$(as postgres -c "
    select p.proname from pg_proc p
     where p.pronamespace = '$schema'::regnamespace and 'p_hub' = any(p.proargnames)
       and has_function_privilege('${schema}_runtime', p.oid, 'execute')")"

# --- What a login finds ----------------------------------------------------------------------------

for login in perdure_user perdure_reader perdure_other; do
    all_refused "refused to $login" "$login" 42501 < <(as postgres -v login="$login" <<'END'
select format(s.statement, 'sql_permissions.' || c.relname, a.attname)
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
 cross join lateral unnest(array[
           'delete from %s', 'truncate %s', 'begin; lock %s in share mode; rollback',
           'update %s set %s = default', 'insert into %s select',
           case when not has_table_privilege(:'login', c.oid, 'select') then 'select from %s' end,
           case when not has_table_privilege(:'login', c.oid, 'select') then 'copy %s to stdout' end])
       as s(statement)
 where c.relnamespace = current_schema::regnamespace and c.relkind in ('r', 'v', 'S')
   and s.statement is not null and (c.relkind <> 'S' or s.statement ~ '^(select|update)')
   -- A view of several tables knows no change, whoever asks.
   and not (c.relkind = 'v' and s.statement ~ '^(update|insert|truncate)')
   and not (c.relkind = 'v' and s.statement ~ '^delete' and c.relname <> 'durable_state')
union all
select unnest(array[
    $$select sql_permissions.SetGlobalSetting('TaskHubMode', '0')$$,
    'select sql_permissions._UseTestClock()', 'create table sql_permissions.mine (n integer)',
    $$create function sql_permissions.mine() returns integer language sql as 'select 1'$$,
    $$create or replace function sql_permissions._Now() returns timestamptz language sql as 'select now()'$$,
    'drop schema sql_permissions cascade', $$select nextval('sql_permissions.instance_keys')$$,
    'create temp table mine (r sql_permissions.room)',
    'alter table sql_permissions.Instances add n integer',
    'create trigger mine before update on sql_permissions.Instances for each row '
    || 'execute function suppress_redundant_updates_trigger()'])
END
    )
done
all_refused "internal" perdure_user 42501 < <(as postgres <<'END'
select format('select sql_permissions.%I(%s)', p.proname,
              (select string_agg(format('null::%s', t::regtype), ', ') from unnest(p.proargtypes) t))
  from pg_proc p where p.pronamespace = current_schema::regnamespace
   and not has_function_privilege('sql_permissions_runtime', p.oid, 'execute')
   and p.prorettype <> 'trigger'::regtype
END
)
check "a reader reads each view" '1|1|0|0|1' "$(as perdure_reader -c "
    select (select count(*) from vInstances), (select count(*) from vHistory),
           (select count(*) from vInbox), (select count(*) from vTasks),
           (select count(state_json) from durable_state)")"
refused "a reader starts nothing" perdure_reader 42501 "select \"$schema\".CreateInstance('Order')"
refused "a stranger starts nothing" perdure_other 42501 "select \"$schema\".CreateInstance('Order')"
refused "a stranger counts nothing" perdure_other 42501 "select \"$schema\".GetScaleMetric()"

# --- Temporary objects ------------------------------------------------------------------------------

check "temporary objects shadow nothing" 'a|pending|1|psql' "$(as perdure_user <<'END'
create temp table Instances (instance_id text);
create temp table TaskHubs (task_hub integer, name text, clock_offset bigint);
insert into pg_temp.TaskHubs values (99, 'psql', 0);
create temp table GlobalSettings (name text, value text);
insert into pg_temp.GlobalSettings values ('TaskHubMode', '1');
create temp view vInstances as select 'mine' as InstanceID;
create type pg_temp.room as (n integer);
create function pg_temp._Hub() returns integer language sql as 'select 99';
create function pg_temp._Now() returns timestamptz language sql as $$ select 'infinity'::timestamptz $$;
create function pg_temp.CurrentTaskHub() returns text language sql as $$ select 'mine'::text $$;
create function pg_temp.same(text, text) returns boolean language sql as 'select true';
create operator pg_temp.= (leftarg = text, rightarg = text, function = pg_temp.same);
set search_path = pg_temp, sql_permissions;
select q.InstanceID, q.RuntimeStatus, GetScaleMetric(), sql_permissions.CurrentTaskHub()
  from sql_permissions.QuerySingleOrchestration('a') q where q.CreatedTime < now();
END
)"

# --- Without the right to create roles --------------------------------------------------------------

schema=sql_permissions_no_roles
drop
arguments=()
for file in "$sql_folder"/schema/*.sql "$sql_folder"/functions/*.sql "$sql_folder"/permissions.sql; do
    arguments+=(-f "$file")
done
as perdure_owner <<<'create schema :"schema";'
notices=$(as perdure_owner -1 -c 'set client_min_messages = notice' "${arguments[@]}" 2>&1)
check "a login that may not create roles installs without them" 2 "$(grep -c 'is left out' <<<"$notices")"
check "there are none" 0 "$(as postgres -c "select count(*) from pg_roles where rolname like '${schema}%'")"
as postgres -c "create role ${schema}_runtime"
as perdure_owner -1 -f "$sql_folder/permissions.sql"
check "it uses those that are there" t \
    "$(as postgres -c "select has_function_privilege('${schema}_runtime', 'CreateInstance', 'execute')" 2>/dev/null ||
        as postgres -c "select has_function_privilege('${schema}_runtime', p.oid, 'execute')
                          from pg_proc p where p.proname = 'createinstance' and p.pronamespace = '$schema'::regnamespace")"
as perdure_owner -1 -f "$sql_folder/drop.sql"
check "a role that somebody else made stays" 1 \
    "$(as postgres -c "select count(*) from pg_roles where rolname = '${schema}_runtime'")"
as postgres -c "drop role ${schema}_runtime"
as postgres -c "create role ${schema}_runtime login"
install
check "a login of that name is given nothing" f \
    "$(as postgres -c "select has_schema_privilege('${schema}_runtime', '$schema', 'usage')")"
as postgres -1 -f "$sql_folder/drop.sql"
as postgres -c "drop role ${schema}_runtime"
finish
