#!/usr/bin/env bash
# export_postgres_test.sh BIN_DIR: instances move from SQLite to PostgreSQL and back, by file and directly.
# Exits with 77 where there is no PostgreSQL, or its backend cannot move instances, and says so.
set -euo pipefail
bin=$1
folder=$(cd "$(dirname "$0")" && pwd)
server=$folder/../postgres-server
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    echo "skipped: there is no PostgreSQL (tools/setup.sh tests)"
    exit 77
fi
scratch=$(mktemp -d)
trap '"$server" stop "$scratch/server" >/dev/null; rm -rf "$scratch"' EXIT
"$server" start "$scratch/server" >/dev/null
hub="$("$server" uri "$scratch/server" perdure_owner)"
separator='?'
if [[ $hub == *\?* ]]; then
    separator='&'
fi
hub=$hub${separator}task_hub=moved
"$bin/perdure" bench --hub "$hub" --workload noop --count 1 >/dev/null
code=0
found=$("$bin/perdure" export --hub "$hub" --output "$scratch/probe.jsonl.zst" 2>&1) || code=$?
if [ "$code" -eq 2 ] && grep -q "cannot move its instances" <<<"$found"; then
    echo "skipped: $found"
    exit 77
fi
"$folder/export_import_test.sh" "$bin" "${hub/task_hub=moved/task_hub=empty}"
