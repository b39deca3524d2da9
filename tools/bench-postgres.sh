#!/usr/bin/env bash
# bench-postgres.sh [--built DIR] [--snapshot MINUTES] [--backlog COUNT]: what Perdure reaches on PostgreSQL on
# this machine, each figure beside what is wanted of it.
#
#   --built DIR         measures the programs of this build instead of making build/release
#   --snapshot MINUTES  also a stranger's idle transaction under load, for so long: 3, or 10 for a soak
#   --backlog COUNT     that many pending orchestrations instead of 1,000,000
#
# Starts a private server with PostgreSQL's own settings but for shared_buffers, installs the schema
# as its owner, works as a login that only has the runtime role, and stops the server. Each workload
# finds new tables. Takes three minutes. Exits with 1 when a figure misses what is wanted.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
built=""
snapshot_minutes=0
backlog=1000000
usage() {
    sed -n '2,12s/^# \?//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --built) built=$(realpath "$2") && shift 2 ;;
    --snapshot)
        [[ ${2:-} =~ ^[0-9]+$ ]] || usage
        snapshot_minutes=$2 && shift 2
        ;;
    --backlog) backlog=$2 && shift 2 ;;
    *) usage ;;
    esac
done
folder=$(mktemp -d)
server=$folder/server
schema=dt
missed=0

finish() {
    local job
    # A bench would wait for its server to come back.
    for job in $(jobs -p); do
        pkill -TERM -P "$job" || true
    done
    [ ! -e "$server/location" ] || "$root/tools/postgres-server" stop "$server"
    rm -rf "$folder"
}
trap finish EXIT

make_programs() {
    [ -z "$built" ] || return 0
    built=$root/build/release
    (cd "$root" && cmake --preset release >/dev/null &&
        ninja -C build/release perdure_tool perdure_postgres perdure-postgres-floor >/dev/null)
}

# as LOGIN ARGUMENTS...: psql in the schema and the hub.
as() {
    local login=$1
    shift
    "$root/tools/postgres-server" exec "$server" -- \
        env PGOPTIONS="-c search_path=$schema,pg_temp -c client_min_messages=warning" PGAPPNAME=bench \
        psql -X -q -A -t -v ON_ERROR_STOP=1 -v schema="$schema" -U "$login" "$@"
}

# New tables, made by the owner; and the role, which an administrator makes and grants.
new_tables() {
    local arguments=() file
    for file in "$root"/sql/postgres/{schema,functions}/*.sql "$root/sql/postgres/permissions.sql"; do
        arguments+=(-f "$file")
    done
    as postgres -c "drop schema if exists $schema cascade" \
        -c "create schema $schema authorization perdure_owner"
    as perdure_owner -1 "${arguments[@]}"
    as postgres -1 -f "$root/sql/postgres/permissions.sql" -c "grant ${schema}_runtime to perdure_user"
    as postgres -c checkpoint
}

# measure WORDS...: the JSON of `perdure bench` as the runtime role.
measure() {
    "$built/bin/perdure" bench --json --hub "$user_uri" "$@"
}

value() { # KEY, of the JSON on standard input
    sed -nE "s/.*\"$1\":([0-9.e+-]+).*/\\1/p"
}

calculate() { # an expression of awk
    awk "BEGIN { printf \"%.4g\", $1 }"
}

# row WORKLOAD FIGURE OPERATOR WANTED UNIT: one line of the table.
row() {
    local verdict=met
    if ! awk "BEGIN { exit !($2 $3 $4) }"; then
        verdict=MISSED
        missed=1
    fi
    printf '%-62s %10s %-3s %2s %8s %s\n' "$1" "$2" "$5" "$3" "$4" "$verdict"
}

measure_sequence() {
    local rate floor
    new_tables
    rate=$(measure --workload sequence --workers 1 | value orchestrations_per_second)
    floor=$(PERDURE_FLOOR_HUB=$owner_uri "$built/bin/perdure-postgres-floor" 25000 |
        value orchestrations_per_second)
    row "sequence of 5 activities, 1 worker" "$rate" ">=" 2500 "/s"
    row "  part of the floor, which is $floor/s" "$(calculate "$rate / $floor")" ">=" 0.25 ""
    single=$rate
}

# Four clients with a worker each; whoever is done first takes his worker with him.
measure_four() {
    local n processes=() seconds deadlocks share
    new_tables
    deadlocks=$(count_deadlocks)
    for n in 1 2 3 4; do
        measure --workload sequence --workers 1 --count 6250 >"$folder/four.$n" &
        processes+=($!)
    done
    for n in "${processes[@]}"; do
        wait "$n"
    done
    seconds=$(cat "$folder"/four.* | value seconds | sort -g | tail -1)
    row "the same with 4 workers and 4 clients, part of 1 worker's" \
        "$(calculate "25000 / $seconds / $single")" ">=" 0.7 ""
    row "  deadlocks" "$(($(count_deadlocks) - deadlocks))" "<=" 0 ""
    # Who has committed an orchestration's last turn.
    share=$(as postgres <<'END'
select coalesce(min(n) / sum(n), 0)
  from (select (select count(*) from Instances i where i.last_committer = w.worker) as n
          from Workers w) w
END
    )
    row "  smallest part of the work that a worker has had" "$(calculate "$share")" ">=" 0.1 ""
}

count_deadlocks() {
    as postgres -c "select pg_stat_force_next_flush()" \
        -c "select deadlocks from pg_stat_database where datname = 'perdure'" | tail -1
}

measure_others() {
    local before after long short
    new_tables
    row "orchestrations without activities" \
        "$(measure --workload noop | value orchestrations_per_second)" ">=" 10000 "/s"
    new_tables
    row "latency of 5 activities, one at a time, median" \
        "$(measure --workload latency | value p50_ms)" "<=" 6 "ms"
    new_tables
    row "fan-out of 1,000 activities" "$(measure --workload fanout | value seconds)" "<=" 0.25 "s"
    new_tables
    # The short one before and after the long one, because a machine is not equally fast all the time.
    before=$(measure --workload long | value seconds)
    long=$(measure --workload long --count 10000 | value seconds)
    after=$(measure --workload long | value seconds)
    short=$(calculate "($before + $after) / 2")
    row "2,000 activities in sequence" "$short" "<=" 3 "s"
    row "  10,000 in sequence, times as long" "$(calculate "$long / $short")" "<=" 5.5 ""
}

# fill NAME COUNT: so many pending orchestrations, in one statement.
fill() {
    as perdure_owner -v name="$1" -v count="$2" >/dev/null <<'END'
select _CreateHub();
with work_key as (
    select (_WorkKeys(false, array[:'name'], array[''], array[0]))[1] as work_key, _Hub() as hub, _Now() as now
), added as (
    insert into Instances (task_hub, work_key, status, execution_id, ready_at, needs_turn,
                           history_length, history_version, updated_at, created_at, instance_id)
    select l.hub, l.work_key, 6, gen_random_uuid(), l.now, true, 1, 1, l.now, l.now,
           :'name' || '-' || gen_random_uuid()
      from work_key l, generate_series(1, :count)
    returning instance_key, work_key, ready_at
), queued as (
    insert into Ready (work_key, due, instance_key, task)
    select a.work_key, a.ready_at, a.instance_key, 0 from added a
)
insert into History (instance_key, first, count, events)
select a.instance_key, 0, 1,
       '[{"kind":"execution_started","at":"2026-11-21T08:15:36.123456Z","name":"Pending"}]'
  from added a;
END
}

# How many orchestrations a second one connection of the runtime role locks, 100 at a time. Each is
# given back, which is not counted, so that there are always as many as there were.
lock_rate() {
    as perdure_user 2>&1 <<'END' | sed -n 's/.*rate //p'
set client_min_messages = notice;
do $$
declare
    v_room room;
    v_tokens bigint[] := array(select generate_series(1, 100));
    v_got record;
    v_keys bigint[];
    v_begin timestamptz;
    v_spent interval := '0';
    v_count bigint := 0;
begin
    v_room.worker := _Worker('bench');
    v_room.lease := 60000000;
    v_room.definitions := _WorkKeys(false, array['Known'], array[''], array[0]);
    v_room.activities := '{}';
    v_room.queues := '{}';
    v_room.task_tokens := '{}';
    v_room.messages := 500;
    v_room.bytes := 16777216;
    v_room.suspects := false;
    v_room.expire := false;
    v_room.everything := false;
    v_room.since := '-infinity';
    v_room.task_since := '-infinity';
    for n in 1..220 loop
        v_room.tokens := array(select 1000 * n + t from unnest(v_tokens) t);
        v_begin := clock_timestamp();
        select l.* into v_got from _Lock(gen_random_uuid(), v_room) l;
        commit;
        v_keys := (v_got.orchestrations).instance_key;
        -- The first ones make plans and fill caches.
        if n > 20 then
            v_spent := v_spent + (clock_timestamp() - v_begin);
            v_count := v_count + cardinality(v_keys);
        end if;
        perform _ReturnLeases(gen_random_uuid(), v_keys, array_fill(0::bigint, array[100]),
                              (v_got.orchestrations).token, null, null);
        commit;
    end loop;
    raise notice 'rate %', round(v_count / extract(epoch from v_spent));
end
$$;
END
}

# The median of the numbers in a file.
median() {
    sort -g "$1" | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'
}

# In turns, because a machine is not equally fast all the time, and after the work that so many new rows
# leave to the server.
measure_backlog() {
    local turn few
    for schema in few many strangers; do
        new_tables
        if [ $schema = many ]; then
            fill Known "$backlog"
        else
            fill Known 1000
        fi
        [ $schema != strangers ] || fill Unknown "$backlog"
    done
    as postgres -c "vacuum (analyze)" -c checkpoint
    for turn in 1 2 3; do
        for schema in few many strangers; do
            lock_rate >>"$folder/rates.$schema"
        done
    done
    for schema in few many strangers; do
        as postgres -c "drop schema $schema cascade"
    done
    schema=dt
    few=$(median "$folder/rates.few")
    row "lock rate with $backlog pending, part of $few/s with 1,000" \
        "$(calculate "$(median "$folder/rates.many") / $few")" ">=" 0.8 ""
    row "  with 1,000, and $backlog of a name that no worker has" \
        "$(calculate "$(median "$folder/rates.strangers") / $few")" ">=" 0.8 ""
}

activities() {
    as postgres -c "select n_tup_ins from pg_stat_user_tables
                     where schemaname = '$schema' and relname = 'newtasks'"
}

# Orchestrations a second during one minute, by the activities that they have scheduled.
rate_of_a_minute() {
    local before
    before=$(activities)
    sleep 60
    calculate "($(activities) - $before) / 5 / 60"
}

# Nothing that is deleted from now on can be removed while the stranger's transaction is open.
measure_snapshot() {
    local clean minute busy input
    new_tables
    # Beyond what is measured below, by a little.
    measure --workload sequence --workers 1 --seconds $((90 + 62 * snapshot_minutes)) >/dev/null &
    busy=$!
    sleep 15
    clean=$(rate_of_a_minute)
    coproc stranger { as postgres; }
    echo 'begin isolation level repeatable read; select count(*) from pg_class;' >&"${stranger[1]}"
    for minute in $(seq "$snapshot_minutes"); do
        row "a stranger's snapshot, minute $minute, part of $clean/s without" \
            "$(calculate "$(rate_of_a_minute) / $clean")" ">=" 0.7 ""
    done
    input=${stranger[1]}
    exec {input}>&-
    wait "$busy"
}

make_programs
"$root/tools/postgres-server" start "$server" --bench
user_uri="$("$root/tools/postgres-server" uri "$server" perdure_user)&schema=$schema&task_hub=bench"
owner_uri="$("$root/tools/postgres-server" uri "$server")&schema=$schema&task_hub=bench"
printf '%-62s %14s %11s\n' WORKLOAD MEASURED WANTED
measure_sequence
measure_four
measure_others
measure_backlog
[ "$snapshot_minutes" -eq 0 ] || measure_snapshot
exit "$missed"
