#!/usr/bin/env bash
# perdure_command_test.sh BIN_DIR: what the command prints, and with which code it ends.
set -euo pipefail
bin=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
hub=sqlite:$folder/shop.db
failed=0

# expect CODE TEXT WORDS...: the command ends with this code, and what it prints contains the text.
expect() {
    local code=$1 text=$2 found=0 output
    shift 2
    output=$("$bin/perdure" "$@" 2>&1) || found=$?
    if [ "$found" -ne "$code" ] || ! grep -qF -- "$text" <<<"$output"; then
        echo "perdure $*"
        echo "  expected code $code and '$text'; got code $found and:"
        sed 's/^/  | /' <<<"$output"
        failed=1
    fi
}

"$bin/06_order" --hub "$hub" start order-1 >/dev/null
"$bin/06_order" --hub "$hub" work >/dev/null
"$bin/06_order" --hub "$hub" start order-2 >/dev/null

expect 0 sqlite plugins
expect 0 '"backend":"memory"' plugins --json
expect 0 order-1 instances list --hub "$hub"
expect 0 '"status":"completed"' instances list --hub "$hub" --json --status completed
expect 0 completed instances list --hub "$hub" --status completed --status failed
expect 0 '"next":null' instances list --hub "$hub" --json
expect 0 "There are more" instances list --hub "$hub" --limit 1
expect 0 '"instances":[]' instances list --hub "$hub" --json --name Nothing
expect 0 "a red bicycle" instances show order-1 --hub "$hub"
expect 0 '"output":"order order-1 is on its way"' instances show order-1 --hub "$hub" --json
expect 0 task_scheduled instances history order-1 --hub "$hub"
expect 0 '"execution_started"' instances history order-1 --hub "$hub" --json
expect 0 "asked to suspend" instances suspend order-2 --hub "$hub" --reason "a pause"
expect 0 "asked to resume" instances resume order-2 --hub "$hub"
expect 0 raised instances raise order-2 Note --hub "$hub" --data '{"by": "me"}'
expect 0 "was not parked" instances unpark order-2 --hub "$hub"
expect 2 "order-2" instances purge order-2 --hub "$hub"
expect 0 "raised" instances raise order-2 Note --hub "$hub" --text '' --message-id once
expect 0 "was raised before" instances raise order-2 Note --hub "$hub" --text '' --message-id once
expect 0 "terminated" instances terminate order-2 --hub "$hub"
expect 4 "it has ended" instances terminate order-2 --hub "$hub"
expect 4 "it has ended" instances raise order-2 Note --hub "$hub"
expect 4 '"done":"nothing done: it has ended"' instances suspend order-2 --hub "$hub" --json
expect 4 "it has ended" instances resume order-2 --hub "$hub"
expect 0 '"status":"terminated"' instances show order-2 --hub "$hub" --json
expect 0 "schema version" hub status --hub "$hub"
expect 0 '"ready_orchestrations":0' hub status --hub "$hub" --json
expect 2 "filters" instances purge order-2 --status failed --hub "$hub"
expect 2 "filters" instances purge order-2 --all --hub "$hub"
expect 0 "order-2" instances show order-2 --hub "$hub"
expect 0 "purged 1" instances purge order-2 --hub "$hub"
expect 0 "purged 1" instances purge --all --hub "$hub"

# hides WORD WORDS...: the command fails, and what it prints does not contain the word.
hides() {
    local secret=$1 output
    shift
    if output=$("$bin/perdure" "$@" 2>&1) || grep -qF -- "$secret" <<<"$output"; then
        echo "perdure $*"
        echo "  expected a failure without '$secret'; got:"
        sed 's/^/  | /' <<<"$output"
        failed=1
    fi
}

for address in user:hunter@127.0.0.1:1/db user:hun?hunter@127.0.0.1:1/db user:hun/hunter@127.0.0.1:1/db \
    user:hun@hunter@127.0.0.1:1/db user:hun#hunter@127.0.0.1:1/db user:hunter; do
    hides hunter hub status --hub "postgres://$address"
    hides hunter hub status "--hub=postgres://$address"
    hides hunter hub status --hbu "postgres://$address"
    hides hunter hub "postgres://$address"
    hides hunter "postgres://$address"
    hides hunter instances list --hub memory: --status "postgres://$address"
    hides hunter instances list --hub memory: "--limit=postgres://$address"
done

expect 3 nobody instances show nobody --hub "$hub"
expect 3 nobody instances history nobody --hub "$hub"
expect 3 nobody instances raise nobody Note --hub "$hub"
expect 3 nobody instances terminate nobody --hub "$hub"
expect 3 nobody instances purge nobody --hub "$hub"
expect 2 --all instances purge --hub "$hub"
expect 2 sleeping instances list --hub "$hub" --status sleeping
expect 2 yesterday instances list --hub "$hub" --created-from yesterday
expect 2 JSON instances raise order-1 Note --hub "$hub" --data '{"by":'
expect 2 abacus instances list --hub abacus:beads
expect 2 --hub instances list
expect 2 subcommand
expect 2 frobnicate frobnicate
expect 2 lst instances lst
expect 2 JSON instances raise order-1 Note --hub "$hub" --data ''
lines=$("$bin/perdure" instances show order-1 2>&1 >/dev/null | wc -l || true)
if [ "$lines" -ne 1 ]; then
    echo "a wrong command line was answered with $lines lines on standard error"
    failed=1
fi

expect 2 "$folder/none.db" instances list --hub "sqlite:$folder/none.db"
expect 0 --workload bench --help
expect 2 nonsense bench --hub memory: --workload nonsense
"$bin/06_order" --hub "$hub" start order-3 >/dev/null
expect 2 "holds instances" bench --hub "$hub" --workload noop --count 1
if "$bin/perdure" plugins >/dev/full 2>/dev/null || "$bin/perdure" --help >/dev/full 2>/dev/null; then
    echo "output that cannot be written is no failure"
    failed=1
fi
if [ -e "$folder/none.db" ]; then
    echo "looking at a hub that is not there created it"
    failed=1
fi
exit "$failed"
