#!/usr/bin/env bash
# functions_test.sh: every function has a header that tells who calls it and what it touches; no name is
# overloaded; plpgsql_check, where it is installed, finds nothing; the search path of what runs with the
# owner's rights is pinned; the scripts can be executed again and by the drop script be undone.
source "$(dirname "$0")/fixture.sh"
schema=sql_functions
install

# A call of another worker may have taken its time before the row was there, and must not list it.
as perdure_owner -c "select _CreateHub()" >/dev/null
as perdure_owner -c "select _Worker('new')" >/dev/null
check "a worker that has never renewed was not alive a moment ago either" t "$(as perdure_owner -c "
    select live_until < _Now() - interval '30 seconds' from Workers where worker_id = 'new'")"

# --- Headers ------------------------------------------------------------------------------------

# Prints "FILE:LINE NAME" for each function whose comment lacks a sentence or "Tables". Helpers without
# tables say so by "Caller: ..." alone.
headers=$(awk '
    /^-- / { comment = comment " " substr($0, 4); next }
    /^create or replace function/ {
        name = $5; sub(/\(.*/, "", name)
        if (comment !~ /[a-z].*\./) print FILENAME ":" FNR " " name " has no header"
        else if (name ~ /^[^_]/ && comment !~ /Caller: /) print FILENAME ":" FNR " " name " names no caller"
        else if (name ~ /^[^_]/ && comment !~ /Tables/) print FILENAME ":" FNR " " name " names no tables"
    }
    /^(create|do|\$\$;|delete|insert)/ { comment = "" }
' "$sql_folder"/functions/*.sql)
check "every function has a header" "" "$headers"

# What plugins and people call has the whole header.
granted=$(as postgres -v role="${schema}_runtime" <<'END'
select p.proname from pg_proc p
 where p.pronamespace = :'schema'::regnamespace and has_function_privilege(:'role', p.oid, 'execute')
 order by 1
END
)
for name in $granted; do
    header=$(awk -v wanted="$name" '
        /^-- / { comment = comment " " substr($0, 4); next }
        /^create or replace function/ {
            name = $5; sub(/\(.*/, "", name)
            if (tolower(name) == wanted) print comment
        }
        { comment = "" }
    ' "$sql_folder"/functions/*.sql)
    case $header in
    *Caller:*[Tt]ables*) ;;
    *) check "the header of $name names caller and tables" "" "$header" ;;
    esac
    # README.md is for those who call them.
    grep -qiwF -- "$name" "$sql_folder/README.md" || check "README.md describes $name" yes no
done

# --- What the catalogue says ----------------------------------------------------------------------

overloaded=$(as postgres <<'END'
select p.proname from pg_proc p
 where p.pronamespace = :'schema'::regnamespace group by p.proname having count(*) > 1
END
)
check "no name has two functions" "" "$overloaded"

loose=$(as postgres <<'END'
select p.proname from pg_proc p
 where p.pronamespace = :'schema'::regnamespace and p.prosecdef
   and not exists (select from unnest(p.proconfig) c
                    where c like 'search_path=%' and c like '%pg_temp')
END
)
check "whatever runs with the owner's rights has a pinned search path" "" "$loose"

unguarded=$(as postgres <<'END'
select c.relname from pg_class c
 where c.relnamespace = :'schema'::regnamespace and c.relkind = 'v'
   and has_table_privilege(:'schema' || '_reader', c.oid, 'select') and not coalesce('security_barrier=true' = any(c.reloptions), false)
END
)
check "every view for people is a security barrier" "" "$unguarded"

if [ "$(as postgres -c "select exists (select from pg_available_extensions where name = 'plpgsql_check')")" = t ]; then
    as postgres -c "create extension if not exists plpgsql_check schema public"
    as postgres -c "select _CreateHub()" >/dev/null
    # Two of its warnings are about how composite values are filled and returned, which is meant.
    complaints=$(as postgres -c "set search_path = \"$schema\", public, pg_temp" -c "
        select c.functionid || ' ' || coalesce(c.lineno::text, '') || ': ' || c.level || ' ' || c.message
          from pg_proc p join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
         cross join lateral plpgsql_check_function_tb(
               p.oid, case when p.proname like '\_note%' then 'instances'::regclass
                           when p.prorettype = 'trigger'::regtype then 'durable_state'::regclass else 0 end,
               newtable => case when p.proname like '\_note%' then 'changed'::name end,
               performance_warnings => false, extra_warnings => true, security_warnings => true) c
         where p.pronamespace = '$schema'::regnamespace
           and c.message not like 'composite OUT variable%'
           and c.message <> 'target type is different type than source type'
         order by 1")
    check "plpgsql_check finds nothing" "" "$complaints"
else
    echo "plpgsql_check is not installed: left out"
fi

# --- Again, and away ------------------------------------------------------------------------------

before=$(as postgres -c "select count(*), sum(hashtext(p.prosrc)::bigint) from pg_proc p where p.pronamespace = '$schema'::regnamespace")
again=()
for file in "$sql_folder"/functions/*.sql "$sql_folder"/permissions.sql; do
    again+=(-f "$file")
done
as perdure_owner -1 "${again[@]}"
check "the functions can be made again" "$before" "$(as postgres -c "select count(*), sum(hashtext(p.prosrc)::bigint) from pg_proc p where p.pronamespace = '$schema'::regnamespace")"

as postgres -1 -f "$sql_folder/drop.sql"
as postgres -1 -f "$sql_folder/drop.sql"
left=$(as postgres -c "
    select (select string_agg(oid::regclass::text, ' ') from pg_class where relnamespace = n.oid),
           (select string_agg(oid::regprocedure::text, ' ') from pg_proc where pronamespace = n.oid),
           (select string_agg(oid::regtype::text, ' ') from pg_type where typnamespace = n.oid)
      from pg_namespace n where n.nspname = '$schema'
     union all select rolname, null, null from pg_roles where rolname like '${schema}\\_%'")
check "the drop script leaves nothing" "" "$left"
finish
