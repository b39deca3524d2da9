#!/usr/bin/env bash
# live_migration_test.sh BIN_DIR FROM_URI TO_URI MOVES [SEED]: a hub moves there and back, MOVES times, while
# other processes start and execute orchestrations on it. At random steps and moments the process that moves
# it is killed; another one goes on. At the end nothing is lost, doubled, or unsound. {folder} in a URI is a
# folder of this run.
set -euo pipefail
bin=$1
wanted=$4
seed=${5:-$RANDOM}
RANDOM=$seed
folder=$(mktemp -d)
from=${2//\{folder\}/$folder}
to=${3//\{folder\}/$folder}
load=
trap 'stop_load; rm -rf "$folder"' EXIT
sides=(--from "$from" --to "$to")
cuts=0
returns=0
kills=0
# What each orchestration of the benchmark leaves in its history.
events_each=18

stop_load() {
    if [ -n "$load" ]; then
        touch "$folder/stop"
        wait "$load" || true
        load=
    fi
}

fail() {
    echo "$1 (seed $seed, $cuts cuts, $returns returns, $kills kills)"
    shift
    sed 's/^/  | /' "$@"
    exit 1
}

# Orchestrations until somebody says stop, by two workers and a client that open the first hub each time.
# What has ended is purged now and then.
work() {
    local rounds=0 purged=0 now
    while [ ! -e "$folder/stop" ]; do
        "$bin/perdure" bench --hub "$from" --workload sequence --count 60 --workers 2 --json \
            >"$folder/bench" 2>&1 || return 1
        rounds=$((rounds + 1))
        if [ $((rounds % 5)) = 0 ]; then
            now=$("$bin/perdure" instances purge --hub "$from" --status completed --json) || return 1
            purged=$((purged + $(sed -E 's/.*"purged":([0-9]+).*/\1/' <<<"$now")))
        fi
        echo $((60 * rounds - purged)) >"$folder/left"
    done
}

# Starts a step, and kills it now and then before it ends.
step() {
    local pid code=0
    "$bin/perdure" migrate "$1" "${sides[@]}" >"$folder/step" 2>&1 &
    pid=$!
    if [ $((RANDOM % 2)) = 0 ]; then
        # The moment is what is random: nothing is waited for.
        sleep "0.$(printf '%03d' $((RANDOM % 250)))"
        kill -9 "$pid" 2>/dev/null && kills=$((kills + 1))
        wait "$pid" 2>/dev/null || true
        return
    fi
    wait "$pid" || code=$?
    if [ "$code" -ne 0 ]; then
        fail "perdure migrate $1 ended with $code" "$folder/step"
    fi
}

role_of() { # source or target
    sed -E "s/.*\"$1\":\"([a-z]+)\".*/\1/" "$folder/status"
}

"$bin/perdure" bench --hub "$from" --workload sequence --count 60 --json >"$folder/bench"
"$bin/perdure" migrate plan "${sides[@]}" >"$folder/step" || fail "something is in the way" "$folder/step"
echo 0 >"$folder/left"
work &
load=$!

# Each look at the roles decides what may come next, as an operator would.
while [ $((cuts + returns)) -lt "$wanted" ]; do
    kill -0 "$load" 2>/dev/null || fail "the work has failed" "$folder/bench"
    "$bin/perdure" migrate status "${sides[@]}" --json >"$folder/status" ||
        fail "no status" "$folder/status"
    before="$(role_of source)/$(role_of target)"
    case $before in
    plain/plain | plain/moved) step begin ;;
    plain/standby | plain/following | plain/sealed) step $([ $((RANDOM % 3)) = 0 ] && echo abort || echo begin) ;;
    tracked/standby | closing/standby) step run ;;
    tracked/* | closing/*)
        case $((RANDOM % 6)) in
        0) step run ;;
        1) step abort ;;
        *) step cut ;;
        esac
        ;;
    moved/sealed) step cut ;;
    moved/plain | standby/* | following/* | sealed/*) step abort ;;
    *) fail "roles that cannot be: $before" "$folder/status" ;;
    esac
    "$bin/perdure" migrate status "${sides[@]}" --json >"$folder/status"
    case $before:$(role_of source)/$(role_of target) in
    tracked/*:moved/* | closing/*:moved/*) cuts=$((cuts + 1)) ;;
    moved/*:plain/moved | standby/*:plain/moved | following/*:plain/moved | sealed/*:plain/moved)
        returns=$((returns + 1))
        ;;
    esac
done

touch "$folder/stop"
wait "$load" || fail "the work has failed" "$folder/bench"
load=
hub=$from
case $(role_of source) in
moved | standby | following | sealed) hub=$to ;;
esac
"$bin/perdure" hub fsck --hub "$hub" --json >"$folder/fsck" || fail "the hub is not sound" "$folder/fsck"
instances=$(sed -E 's/.*"instances":([0-9]+).*/\1/' "$folder/fsck")
events=$(sed -E 's/.*"events":([0-9]+).*/\1/' "$folder/fsck")
expected=$((60 + $(cat "$folder/left")))
if [ "$instances" -ne "$expected" ] || [ "$events" -ne $((instances * events_each)) ]; then
    fail "$expected instances with $events_each events each are expected" "$folder/fsck"
fi
echo "seed $seed: $cuts cuts, $returns returns, $kills kills; $instances instances, $events events, nothing lost"
