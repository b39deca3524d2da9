#!/usr/bin/env bash
# tenancy_test.sh: with TaskHubMode 1 a tenant's login, which knows every number, id and token of another
# tenant, tries each function that it may execute. It learns nothing, changes nothing, and holds nothing
# that the other would wait for. The SQL is in the folder tenancy.
source "$(dirname "$0")/fixture.sh"
schema=sql_tenancy
install
as postgres -c "select SetGlobalSetting('TaskHubMode', '1')" >/dev/null
grant_role runtime perdure_user perdure_other
grant_role reader perdure_user perdure_other
steps=$(dirname "$0")/tenancy
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

check "every function is tried" "" "$(as postgres -v role="${schema}_runtime" <<'END' |
select p.proname from pg_proc p
 where p.pronamespace = :'schema'::regnamespace and has_function_privilege(:'role', p.oid, 'execute')
END
    while read -r name; do
        grep -qiE "(^|[^a-z_])$name\(" "$steps/intruder.sql" || echo "$name"
    done)"

# One session of psql, because its variables go from step to step; the snapshot is of the same session,
# and so survives no change of login: it is taken by the postgres of before and after.
cat >"$folder/all.sql" <<END
\o /dev/null
\i $steps/victim.sql
\o $folder/before
select what, content from pg_temp.victim order by 1, 2;
\o $folder/learnt
\i $steps/intruder.sql
\o /dev/null
\setenv PGOPTIONS '-c search_path=$schema,pg_temp'
\setenv worker :worker
\setenv definition :definition
\setenv held_key :held_key
\setenv task_key :task_key
\setenv task :task
\! psql -X -q -A -t -U perdure_user -v worker=\$worker -v definition=\$definition -v held_key=\$held_key -v task_key=\$task_key -v task=\$task -f $steps/victim_works.sql >$folder/works 2>&1
commit;
\set ON_ERROR_STOP on
\connect - postgres
\o $folder/after
END
# The view of the rows is made again, for the other session.
sed -n '/^create view pg_temp.victim/,/;$/p' "$steps/victim.sql" >>"$folder/all.sql"
echo 'select what, content from pg_temp.victim order by 1, 2;' >>"$folder/all.sql"
as postgres -f "$folder/all.sql" >"$folder/output" 2>"$folder/errors" ||
    check "the steps can be executed" "" "$(tail -5 "$folder/errors")"

check "the steps call what there is" "" "$(grep -A1 -E 'function .* does not exist' "$folder/errors" | head -5)"
check "something was there" yes "$([ "$(wc -l <"$folder/before")" -gt 20 ] && echo yes)"
check "nothing of the other tenant is changed" "" "$(diff "$folder/before" "$folder/after" | cut -c1-200)"
check "nothing of the other tenant is learnt" "" \
    "$(grep -nE 'SECRET|U0VDUkVU|534543524554' "$folder/learnt" | cut -c1-200)"
check "nobody waits, and gets all of his own" \
    'waiting: 3 1|renewed: {0,0}|events: 5|purged: 1|created: mine-there|seen: 6|returned: {0,0}' \
    "$(paste -sd'|' "$folder/works")"
finish
