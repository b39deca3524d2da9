#!/usr/bin/env bash
# bench_test.sh BIN_DIR: every workload ends and prints the numbers that it promises, small here.
set -euo pipefail
bin=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# measures KEY WORDS...: `perdure bench --json WORDS...` prints one line with a number for the key.
measures() {
    local key=$1 output
    shift
    output=$("$bin/perdure" bench --json "$@") || true
    if [ "$(wc -l <<<"$output")" -ne 1 ] || ! grep -qE "\"$key\":[0-9]" <<<"$output"; then
        echo "perdure bench $*: no $key in '$output'"
        failed=1
    fi
}

for hub in memory: "sqlite:$folder/bench.db"; do
    measures orchestrations_per_second --hub "$hub" --workload sequence --count 20
    measures orchestrations_per_second --hub "$hub" --workload noop --count 20
    measures commits12_p50_ms --hub "$hub" --workload latency --count 5
    measures activities_per_second --hub "$hub" --workload fanout --count 20
    measures activities_per_second --hub "$hub" --workload long --count 20
    measures idle_cpu_share --hub "$hub" --workload idle --count 20
    measures events_per_second_decoded --hub "$hub" --workload replay --count 20
done
measures commits --hub "sqlite:$folder/bench.db" --workload sequence --count 20
measures p99_ms --hub "sqlite:$folder/bench.db" --workload sequence --count 20 --workers 2
measures floor_ratio --hub "sqlite:$folder/bench.db" --workload sequence --count 20 --floor
if [ "$(find "$folder" -type f ! -name 'bench.db*' | wc -l)" -ne 0 ] ||
    [ -e "$folder/bench.db.commits" ] || [ -e "$folder/bench.db.floor" ]; then
    echo "left over:" "$folder"/*
    failed=1
fi
exit "$failed"
