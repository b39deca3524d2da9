#!/usr/bin/env bash
# plans_test.sh [ROWS]: the plan of every statement that a worker's or client's call executes, while the
# tables are empty, when they have ROWS instances (200,000 by default) without statistics, with them, and
# when the queues among them have been emptied. No sequential scan, no hash or merge join, the index by
# its key, and rows in proportion to the batch.
source "$(dirname "$0")/fixture.sh"
rows=${1:-200000}
schema=sql_plans
export PGAPPNAME=plans
parts=$sql_folder/tests/plans
folder=$(mktemp -d)
trap 'rm -rf "$folder"; drop' EXIT

# plans_of FILE: executes it as the runtime role, and writes its plans, one a line: the innermost function,
# a tab, JSON. The server sends them to the client, so nobody needs to read its log.
plans_of() {
    local code=0
    {
        cat <<'END'
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_analyze = on;
set auto_explain.log_timing = off;
set auto_explain.log_format = json;
set auto_explain.log_level = notice;
set session authorization perdure_user;
set client_min_messages = notice;
\set SHOW_CONTEXT always
END
        cat "$1"
    } | as postgres >/dev/null 2>"$folder/notices" || code=$?
    if [ "$code" -ne 0 ]; then
        check "the calls of ${1##*/} succeed" "" "$(grep -A3 ERROR: "$folder/notices")" >&2
        return 1
    fi
    awk '
        /NOTICE:  duration:/ { plan = ""; inside = 1; next }
        inside && /^}/ { plan = plan "}"; inside = 0; next }
        inside { sub(/^ +/, ""); plan = plan $0; next }
        plan != "" && match($0, /(PL\/pgSQL|SQL) function "?[a-z_]+/) {
            name = substr($0, RSTART, RLENGTH)
            sub(/.* "?/, "", name)
            print name "\t" plan
            plan = ""
        }
    ' "$folder/notices"
}

# faults FILE: what is wrong with these plans.
faults() {
    {
        echo "create temp table plan (function_name text, content jsonb);"
        # No character of a plan may mean anything to COPY.
        printf '%s\n' "copy plan from stdin with (format csv, delimiter E'\t', quote E'\x01');"
        cat "$1"
        echo '\.'
        cat "$parts/faults.sql"
    } | as postgres -v bound=3000
}

# judge NAME FILE: the plans of the file are good, and of all the functions that matter.
judge() {
    local missing
    check "$1: faults" "" "$(faults "$2")"
    missing=$(comm -13 <(cut -f1 "$2" | sort -u) <(printf '%s\n' _accept _acceptloneturn _acceptturns _anyended _commit \
        _commitbatch _commitloneturn _committask _committurn _completetasks _createinstances _endturns \
        _erase _expireleases _forgetleases _getinstances _havework _insert _insertone _judgespeculation _keepanswer \
        _leased _leaseorchestrations \
        _locknextorchestration _locknexttask _lockinstances _placesof _purgeinstances \
        _readhistory _recordof _renewlocks _reneworchestrationlocks _renewtasklocks _returnleases _schedule _send \
        _settle _terminate _unqueuefinished _watch _writepayloads _writeturns | sort))
    check "$1: functions whose plans were not seen" "" "$missing"
}

begin=$SECONDS
install
grant_role runtime perdure_user
tables=(Instances History NewEvents NewTasks Ready MessageIds Payloads Requests)
# Nobody may make statistics but the test.
for table in "${tables[@]}"; do
    as postgres -c "alter table $table set (autovacuum_enabled = off)"
done
as perdure_owner >/dev/null <<'END'
select _CreateHub();
select _WorkKeys(false, array['Known', 'Stranger'], array['', ''], array[0, 0]);
select _WorkKeys(true, array['Step'], array[''], array[0]);
END
plans_of "$parts/calls.sql" >"$folder/empty" &&
    judge "empty tables" "$folder/empty"

as perdure_owner -v rows="$rows" -f "$parts/fill.sql"
plans_of "$parts/calls.sql" >"$folder/filled" &&
    judge "$rows instances without statistics" "$folder/filled"

as perdure_owner -c "analyze $(IFS=,; echo "${tables[*]}")"
plans_of "$parts/calls.sql" >"$folder/analyzed" &&
    judge "$rows instances with statistics" "$folder/analyzed"

# Queues have been long and are nearly empty: few rows in many pages, as statistics and reltuples say.
for table in NewTasks NewEvents Ready; do
    as perdure_owner -c "delete from $table where instance_key not in
        (select instance_key from Instances where instance_id like 'filled-%'
          order by instance_key desc limit 20)"
    as perdure_owner -c "vacuum (analyze) $table"
done
as perdure_owner -c "delete from Requests where request_id not in (select request_id from Requests limit 20)"
as perdure_owner -c "vacuum (analyze) Requests"
plans_of "$parts/calls.sql" >"$folder/drained" &&
    judge "$rows instances whose queues were long" "$folder/drained"

# The judge knows a bad plan when it sees one.
cat >"$folder/bad.sql" <<'END'
do $$ begin
    perform count(*) from Instances;
    perform count(*) from Instances i join History h using (instance_key);
    set local enable_seqscan = off;
    perform from NewTasks t where t.execution_id = gen_random_uuid();
end $$;
END
as postgres -c 'grant select on all tables in schema sql_plans to perdure_user'
plans_of "$folder/bad.sql" >"$folder/bad"
found=$(faults "$folder/bad")
for word in "sequential scan of instances" "Join above history" "newtasks_pkey without its key" "visits"; do
    check "a bad plan is found: $word" yes "$(grep -q "$word" <<<"$found" && echo yes || echo "$found")"
done
echo "$(cat "$folder"/{empty,filled,analyzed,drained} | wc -l) plans, $((SECONDS - begin)) s"
finish
