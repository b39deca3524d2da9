#!/usr/bin/env bash
# bench-moving.sh [--built DIR] [--instances N] [--cuts N]: what moving, exporting and checking a hub costs on
# this machine, each figure beside what is wanted of it.
#
#   --built DIR      measures the programs of this build instead of making build/release
#   --instances N    so many instead of 100,000; each has a history of 18 events
#   --cuts N         so many live moves instead of 20
#
# Starts a private server with PostgreSQL's own settings, and stops it. Takes some ten minutes. Exits with
# 1 when a figure misses what is wanted.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
built=""
instances=100000
cuts=20
usage() {
    sed -n '2,10s/^# \?//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --built) built=$(realpath "$2") && shift 2 ;;
    --instances) instances=$2 && shift 2 ;;
    --cuts) cuts=$2 && shift 2 ;;
    *) usage ;;
    esac
done
[[ $instances =~ ^[1-9][0-9]*$ && $cuts =~ ^[1-9][0-9]*$ ]] || usage
folder=$(mktemp -d)
server=$folder/server
missed=0
load=

finish() {
    touch "$folder/stop"
    [ -z "$load" ] || wait "$load" || true
    [ ! -e "$server/location" ] || "$root/tools/postgres-server" stop "$server" >/dev/null
    rm -rf "$folder"
}
trap finish EXIT

perdure() {
    "$root/tools/postgres-server" exec "$server" -- "$built/bin/perdure" "$@"
}

# member NAME: of the JSON on standard input.
member() {
    sed -nE "s/.*\"$1\":\"?([^,\"}]+).*/\1/p" | tail -1
}

# row WHAT VALUE UNIT WANTED: WANTED is ">= 5", "<= 5" or empty.
row() {
    local verdict=""
    if [ -n "$4" ]; then
        verdict=$(awk -v v="$2" -v op="${4%% *}" -v w="${4##* }" \
            'BEGIN { print (op == ">=" ? v >= w : v <= w) ? "reached" : "MISSED" }')
        [ "$verdict" = reached ] || missed=1
    fi
    printf '%-52s %12s %-10s %-14s %s\n' "$1" "$2" "$3" "$4" "$verdict"
}

# measured FILE WORDS...: executes a verb of perdure, its output into FILE, and leaves the seconds that it took in
# `seconds` and the most memory that it held in `mebibytes`.
measured() {
    local file=$1 begin=$EPOCHREALTIME pid code=0 now
    shift
    "$root/tools/postgres-server" exec "$server" -- "$built/bin/perdure" "$@" \
        >"$file" 2>"$folder/errors" &
    pid=$!
    mebibytes=0
    while kill -0 "$pid" 2>/dev/null; do
        # The server's script becomes the program, so the process stays the same one.
        now=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$pid/status" 2>/dev/null || echo 0)
        [ "${now:-0}" -le "$mebibytes" ] || mebibytes=$now
        sleep 0.1
    done
    wait "$pid" || code=$?
    seconds=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    if [ "$code" -ne 0 ]; then
        echo "perdure $1 failed:" >&2
        cat "$folder/errors" "$file" >&2
        exit 1
    fi
}

fresh_postgres() {
    echo "postgres://perdure_owner@/perdure?host={postgres_host}&schema=$1"
}

[ -n "$built" ] || {
    built=$root/build/release
    (cd "$root" && cmake --preset release >/dev/null &&
        ninja -C build/release perdure_tool perdure_postgres perdure_sqlite >/dev/null)
}
"$root/tools/postgres-server" start "$server" --fresh --bench >/dev/null
here=sqlite:$folder/here.db

measured "$folder/bench" bench --hub "$here" --workload sequence --count "$instances" --json
events=$((instances * 18))
echo "$instances instances with $events events, made in $seconds s"
echo

measured "$folder/out" export --hub "$here" --output "$folder/file.zst" --json
row "export" "$(member events_per_second <"$folder/out" | cut -d. -f1)" events/s ">= 50000"
row "  memory" "$mebibytes" MiB "<= 200"
measured "$folder/out" import --hub "sqlite:$folder/copy.db" "$folder/file.zst" --json
row "import into SQLite" "$(member events_per_second <"$folder/out" | cut -d. -f1)" events/s ">= 50000"
row "  memory" "$mebibytes" MiB "<= 200"
rm -f "$folder"/copy.db* "$folder/file.zst"

measured "$folder/out" hub fsck --hub "$here" --json
row "fsck, SQLite" "$seconds" s "<= 60"
row "  memory" "$mebibytes" MiB "<= 200"

measured "$folder/out" migrate --from "$here" --to "$(fresh_postgres at_rest)" --leave-open --json
row "migrate at rest, SQLite to PostgreSQL" "$seconds" s "<= 120"
row "  memory" "$mebibytes" MiB ""
measured "$folder/out" hub fsck --hub "$(fresh_postgres at_rest)" --json
row "fsck, PostgreSQL" "$seconds" s "<= 60"
row "  memory" "$mebibytes" MiB "<= 200"

# Live, with two workers and a client that never pause.
rate_on() {
    perdure bench --hub "$1" --workload sequence --count 300 --seconds 10 --workers 2 --json |
        member orchestrations_per_second
}
alone_here=$(rate_on "sqlite:$folder/alone.db")
alone_there=$(rate_on "$(fresh_postgres alone)")
slower=$(awk -v a="$alone_here" -v b="$alone_there" 'BEGIN { print a < b ? a : b }')
there=$(fresh_postgres live)
sides=(--from "$here" --to "$there")
work() {
    while [ ! -e "$folder/stop" ]; do
        perdure bench --hub "$here" --workload sequence --count 300 --seconds 5 --workers 2 --json \
            >>"$folder/rates" || return 1
    done
}
work &
load=$!
begin=$EPOCHREALTIME
perdure migrate begin "${sides[@]}" --quiet
perdure migrate run "${sides[@]}" --quiet
perdure migrate cut "${sides[@]}" --json >"$folder/stalls"
row "migrate live, SQLite to PostgreSQL" \
    "$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')" s "<= 300"
rates=$(member orchestrations_per_second <"$folder/rates" || true)
row "  rate meanwhile, of the slower backend alone" \
    "$(awk -v a="${rates:-0}" -v b="$slower" 'BEGIN { printf "%.2f", a / b }')" times ">= 0.6"
row "  stall" "$(member stall_ms <"$folder/stalls" | cut -d. -f1)" ms "<= 250"
touch "$folder/stop"
wait "$load"
load=
rm -f "$folder/stop" "$folder"/here.db*

# Cuts of a small hub under the same load.
here=sqlite:$folder/small.db
there=$(fresh_postgres small)
sides=(--from "$here" --to "$there")
perdure bench --hub "$here" --workload sequence --count 300 --json >/dev/null
work &
load=$!
: >"$folder/stalls"
for ((n = 0; n < cuts; ++n)); do
    perdure migrate begin "${sides[@]}" --quiet
    perdure migrate run "${sides[@]}" --quiet
    perdure migrate cut "${sides[@]}" --json | member stall_ms >>"$folder/stalls"
    perdure migrate abort "${sides[@]}" --quiet
done
row "live, stall, median of $cuts cuts" \
    "$(sort -g "$folder/stalls" | awk '{ v[NR] = $1 } END { printf "%.1f", v[int((NR + 1) / 2)] }')" ms "<= 100"
row "  the longest" "$(sort -g "$folder/stalls" | awk 'END { printf "%.1f", $1 }')" ms "<= 250"
touch "$folder/stop"
wait "$load"
load=

exit "$missed"
