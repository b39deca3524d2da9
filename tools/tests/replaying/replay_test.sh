#!/usr/bin/env bash
# replay_test.sh BUILD_DIR PROGRAMS_DIR: what one state of a shop's code has recorded is replayed by others,
# from a hub and from files; each divergence is shown, and everything that is no divergence is told apart.
set -euo pipefail
build=$1
programs=$2
perdure=$build/bin/perdure
libraries=$programs/libraries
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
failed=0

complain() {
    echo "$1"
    sed 's/^/  | /' <<<"${2:-}"
    failed=1
}

# expect CODE WORDS...: the command ends with this code; what it prints is then in $output.
expect() {
    local code=$1 found=0
    shift
    last="perdure $*"
    output=$("$perdure" "$@" 2>&1) || found=$?
    if [ "$found" -ne "$code" ]; then
        complain "$last: expected code $code, got $found and:" "$output"
    fi
}

# has TEXT...: the last output contains each of these.
has() {
    local text
    for text in "$@"; do
        if ! grep -qF -- "$text" <<<"$output"; then
            complain "$last: expected '$text', got:" "$output"
        fi
    done
}

# row HISTORY CODE: the side-by-side has this row.
row() {
    if ! grep -qE -- "^[0-9]+( !)? +$1.* $2" <<<"$output"; then
        complain "$last: expected a row '$1' and '$2', got:" "$output"
    fi
}

hub=sqlite:$folder/shop.db
"$programs/record_shop" "$hub"
"$programs/work_shop" "$hub" parked

# The code that recorded them: one runs still, and one was parked by other code.
expect 0 replay --hub "$hub" --load "$libraries/none.so"
has "Sell: 2 agree" "Approve: 2 agree so far, 1 parked" "replayed 4 histories"
expect 0 replay --hub "$hub" --load "$libraries/none.so" --json
has '"line":"summary","agree":2,"agree_so_far":2,"diverge":0'
expect 0 replay --hub "$hub" --load "$libraries/none.so" --quiet
if [ -n "$output" ]; then
    complain "replay --quiet prints something:" "$output"
fi

# Each change of the code, on both sides.
change() { # NAME
    expect 5 replay --hub "$hub" --load "$libraries/$1.so" sold-1
    has 'diverges: "sold-1" (Sell) at event' "Sell: 1 diverge" "EVENT" "HISTORY" "CODE" "the same"
}
change one_more
row 'task_scheduled #3 "charge"' 'task_scheduled #3 "inspect"'
row 'timer_fired #2' 'the same'
change one_fewer
row 'task_scheduled #4 "ship"' 'execution_completed result "a bicycle is sold"'
change renamed
row 'task_scheduled #3 "charge"' 'task_scheduled #3 "bill"'
change other_order
row 'task_scheduled #3 "charge"' 'task_scheduled #3 "ship"'
change without_timer
row 'timer_created #2' 'task_scheduled #2 "charge"'
change throws
row 'task_scheduled #3 "charge"' 'execution_failed: std::runtime_error: sold out: \\x1b\[2J'
if grep -q $'\x1b' <<<"$output"; then
    complain "the text of an exception reaches the terminal"
fi
expect 5 replay --hub "$hub" --load "$libraries/impatient.so" parked waiting
has 'diverges: "parked" (Approve, parked) at event 2' "2 diverge, 1 parked"
row '\(the history ends here\)' 'task_scheduled #1 "inspect"'
expect 5 replay --hub "$hub" --load "$libraries/unreadable.so"
has 'unreadable: "sold-1" (Sell): the input of orchestration "Sell" cannot be read' \
    "Sell: 2 cannot be read by the code"

# What is no divergence.
expect 0 replay --hub "$hub" --load "$libraries/other_input.so"
has 'other_input: "sold-1" (Sell) at event' 'history: task_scheduled #3 "charge" input "a bicycle"' \
    'code:    task_scheduled #3 "charge" input "the a bicycle"' "Sell: 2 agree, 2 decisions with other inputs"
expect 7 replay --hub "$hub" --load "$libraries/new_version.so"
has 'unknown_definition: "sold-1" (Sell): there is no orchestration "Sell" version ""; of this name there is "2"' \
    "Sell: 2 of an unknown definition"

# Filters, ids, limits, several libraries, words that do not go together.
expect 0 replay --hub "$hub" --load "$libraries/one_more.so" --name Approve
has "replayed 2 histories"
expect 5 replay --hub "$hub" --load "$libraries/one_more.so" --limit 1
has "Sell: 2 diverge"
if [ "$(grep -c '^diverges' <<<"$output")" != 1 ]; then
    complain "--limit 1 prints other than one divergence:" "$output"
fi
expect 5 replay --hub "$hub" --load "$libraries/one_more.so" --json sold-2
has '"line":"diverges","instance":"sold-2","name":"Sell","version":"","parked":false,"number":' \
    '"recorded":"task_scheduled #3 \"charge\" input \"a bicycle\""' \
    '"decided":"task_scheduled #3 \"inspect\"'
while read -r line; do
    if [ "$(sqlite3 :memory: "select json_valid('${line//\'/\'\'}')")" != 1 ]; then
        complain "this line is no JSON:" "$line"
    fi
done <<<"$output"
expect 2 replay --hub "$hub" --load "$libraries/none.so" --load "$libraries/one_more.so"
has "registered twice"
expect 3 replay --hub "$hub" --load "$libraries/none.so" nobody
expect 2 replay --hub "$hub" --load "$libraries/none.so" sold-1 --name Sell
has "filters do not go with named instances"
expect 2 replay --load "$libraries/none.so"
has "give one file, or --hub"
expect 2 replay some.jsonl --load "$libraries/none.so" --name Sell
has "filters go with --hub"
expect 2 replay --hub "$hub"
has "--load"
expect 2 replay --hub "sqlite:$folder/none.db" --load "$libraries/none.so"

# Code that never comes back.
expect 8 replay --hub "$hub" --load "$libraries/endless.so" --time-limit 1
has 'perdure: instance "sold-1" (Sell): the code neither waits nor ends within 1 s (--time-limit)'
expect 8 replay --hub "$hub" --load "$libraries/endless.so" --time-limit 1 --json
has '{"line":"endless","instance":"sold-1"'

# Files: compressed, plain, through a pipe; redacted; damaged; of somebody else.
"$perdure" export --hub "$hub" --output shop.jsonl.zst >/dev/null
"$perdure" export --hub "$hub" --output shop.jsonl --no-compression >/dev/null
"$perdure" export --hub "$hub" --output redacted.jsonl --no-compression --redact >/dev/null
for file in shop.jsonl.zst shop.jsonl; do
    expect 0 replay "$file" --load "$libraries/none.so"
    has "2 agree, 2 agree so far, 1 parked"
    expect 5 replay "$file" --load "$libraries/one_more.so"
    has "2 diverge"
done
output=$("$perdure" replay - --load "$libraries/none.so" <shop.jsonl.zst) || complain "a pipe ends with code $?"
has "replayed 4 histories"
expect 0 replay redacted.jsonl --load "$libraries/none.so"
expect 0 replay redacted.jsonl --load "$libraries/other_input.so"
has "replayed 4 histories"
if grep -q "other inputs" <<<"$output"; then
    complain "inputs of a redacted file are compared:" "$output"
fi
expect 7 replay redacted.jsonl --load "$libraries/one_more.so"
has 'unclear: "sold-1" (Sell) at event' "Sell: 2 differ, but without the real contents"
if grep -q "diverge" <<<"$output"; then
    complain "a redacted file has divergences:" "$output"
fi
expect 7 replay redacted.jsonl --load "$libraries/unreadable.so"
has 'unclear: "sold-1"'
sed '/"instance":"sold-1"/,/end_of_instance/s/charge/CHARGE/' shop.jsonl >damaged.jsonl
cmp -s shop.jsonl damaged.jsonl && complain "the file was not damaged"
expect 6 replay damaged.jsonl --load "$libraries/none.so"
has "expected chain value" "1 agree, 2 agree so far, 1 parked; 1 damages"
expect 6 replay shop.db --load "$libraries/none.so"
expect 1 replay none.jsonl --load "$libraries/none.so"

# Histories that are wrong or newer in the hub itself.
sqlite3 shop.db "update history set events = replace(events, 'timer_created', 'timer_dreamt')
    where instance_row = (select row from instances where instance = 'sold-1')" 2>/dev/null ||
    complain "the schema of SQLite is another one"
expect 7 replay --hub "$hub" --load "$libraries/none.so" sold-1
has 'newer: "sold-1" (Sell):' "timer_dreamt"
sqlite3 shop.db "update history set events = replace(events, '[', '{')
    where instance_row = (select row from instances where instance = 'sold-2')"
expect 6 replay --hub "$hub" --load "$libraries/none.so" sold-2
has 'broken: "sold-2" (Sell):' "1 broken"

# Libraries that are refused.
refused() { # NAME TEXT...
    expect 2 replay shop.jsonl --load "$libraries/$1.so"
    shift
    has "$@"
}
refused other_build 'build: found "another compiler, core 9.9", expected "' ', core '
refused other_magic "magic number: found 7"
refused other_size "size of flows_descriptor: found 8"
refused other_symbol "without the symbol perdure_flows" "PERDURE_FLOWS"
refused no_function "function: found none"
refused refuses "its function has thrown: the shop is closed"
refused none-at-all "no such file"
echo "a text" >"$folder/text.so"
expect 2 replay shop.jsonl --load text.so
has "not a shared library"

# The library of the examples, and many histories.
"$build/bin/06_order" --hub "sqlite:$folder/orders.db" start order-1 >/dev/null
"$build/bin/06_order" --hub "sqlite:$folder/orders.db" work >/dev/null
expect 0 replay --hub "sqlite:$folder/orders.db" --load "$build/lib/liborder_flows.so"
has "FulfilOrder: 1 agree"
"$programs/record_shop" "sqlite:$folder/many.db" 10000
expect 0 replay --hub "sqlite:$folder/many.db" --load "$libraries/none.so"
has "Sell: 10,002 agree"
tail -1 <<<"$output"
expect 5 replay --hub "sqlite:$folder/many.db" --load "$libraries/one_more.so"
has "Sell: 10,002 diverge"
tail -1 <<<"$output"

exit "$failed"
