#!/usr/bin/env bash
# names_test.sh: any name of a schema works, a hostile one is harmless, and what is dropped leaves the
# neighbours alone.
source "$(dirname "$0")/fixture.sh"
export PGAPPNAME=names
names=('a"b; drop table x' 'select' "it's one" ' two  spaces ' '$$; drop schema other' 'Größe' '\backslash'
    'pg' ':"schema"' "$(printf 'x%.0s' {1..63})" "$(printf 'ü%.0s' {1..31})" 'a.b,c' 'DT' '%I %s')

schema=x_stranger
drop
as postgres <<'END'
create schema x_stranger;
create table x_stranger.x (n integer);
drop table if exists public.x;
create table public.x (n integer);
END

for schema in "${names[@]}"; do
    install
    as perdure_owner -c "select _CreateHub(), CreateInstance('Order', p_instance_id => 'a')" >/dev/null
    check "schema '$schema' works" 'a|1|1' "$(as perdure_owner -c "select InstanceID, GetScaleMetric(),
        (select count(*) from vHistory) from vInstances")"
    check "schema '$schema' has its roles" 2 "$(as postgres <<'END'
select count(*) from pg_roles r
 where has_schema_privilege(r.rolname, :'schema', 'usage') and not r.rolcanlogin and r.rolname !~ '^pg_'
    or r.rolname in (:'schema' || '_runtime', :'schema' || '_reader') and octet_length(r.rolname) > 63
END
)"
done
check "each has only its own" "${#names[@]}" "$(as postgres -c "
    select count(*) from pg_class c where c.relname = 'instances' and c.relkind = 'r'
       and c.relnamespace::regnamespace::text !~ '^(sql_|conformance|x_|people|dt$)'")"

schema=x_stranger
check "nothing of a stranger is gone" '0|0' \
    "$(as postgres -c 'select (select count(*) from x_stranger.x), (select count(*) from public.x)')"

for schema in "${names[@]}"; do
    as postgres -1 -f "$sql_folder/drop.sql"
    check "schema '$schema' can be dropped" 0 \
        "$(as postgres <<<"select count(*) from pg_namespace where nspname = :'schema'")"
done
check "the roles went with them" "" "$(as postgres -c "select r.rolname from pg_roles r
    where shobj_description(r.oid, 'pg_authid') = 'Perdure: made by permissions.sql'
      and r.rolname !~ '^(sql_|conformance|people|dt_)'")"

# A stranger's object keeps the schema, another database's schema of that name keeps the roles.
schema=x_kept
install
as perdure_owner <<<'create table mine (n integer); create view looks as select InstanceID from vInstances;'
as postgres -c "drop database if exists x_second" -c "create database x_second"
(
    export PGDATABASE=x_second
    install
)
as postgres -1 -f "$sql_folder/drop.sql"
check "what a stranger has put there stays" mine "$(as postgres -c "select string_agg(relname, ' ')
    from pg_class where relnamespace = 'x_kept'::regnamespace and relkind in ('r', 'v')")"
check "roles that another database needs stay" 2 \
    "$(as postgres -c "select count(*) from pg_roles where rolname like 'x\\_kept\\_%'")"
(
    export PGDATABASE=x_second
    as postgres -1 -f "$sql_folder/drop.sql"
)
check "and go with the last of them" 0 \
    "$(as postgres -c "select count(*) from pg_roles where rolname like 'x\\_kept\\_%'")"
as postgres -c "drop database x_second" -c "drop schema x_kept cascade" -c "drop schema x_stranger cascade" \
    -c "drop table public.x"
finish
