#!/usr/bin/env bash
# export_import_test.sh BIN_DIR [OTHER_HUB]: instances leave a hub in SQLite with all that they are, in a
# file and directly, and go on elsewhere; what is in the way is said. With OTHER_HUB, an empty hub of
# another backend, they also go there and back.
set -euo pipefail
bin=$1
other=${2:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
failed=0

complain() {
    echo "$1"
    sed 's/^/  | /' <<<"${2:-}"
    failed=1
}

# expect CODE TEXT WORDS...: the command ends with this code, and what it prints contains the text.
expect() {
    local code=$1 text=$2 found=0 output
    shift 2
    output=$("$bin/perdure" "$@" 2>&1) || found=$?
    if [ "$found" -ne "$code" ] || ! grep -qF -- "$text" <<<"$output"; then
        complain "perdure $*: expected code $code and '$text'; got code $found and:" "$output"
    fi
}

# same HUB HUB: both hold the same instances with the same histories.
content() {
    "$bin/perdure" instances list --hub "$1" --json --limit 10000
    local id
    for id in o-1 o-2 o-3; do
        "$bin/perdure" instances history "$id" --hub "$1" --json
    done
}
same() {
    if ! diff <(content "$1") <(content "$2") >difference; then
        complain "$1 and $2 differ:" "$(head -20 difference)"
    fi
}

# One that has ended, one with messages and not begun, one whose worker was killed.
hub=sqlite:$folder/a.db
"$bin/06_order" --hub "$hub" start o-1 >/dev/null
"$bin/06_order" --hub "$hub" --ledger ledger.txt work >/dev/null
"$bin/06_order" --hub "$hub" start o-3 >/dev/null
bash -c '"$@"; exit' killed "$bin/06_order" --hub "$hub" --ledger ledger.txt --crash-after charge work &>/dev/null || true
"$bin/06_order" --hub "$hub" start o-2 >/dev/null
"$bin/perdure" instances raise o-2 Note --hub "$hub" --text $'secret \x1b[2J' --message-id once >/dev/null

# The killed worker counts as one that lives until its life signs have run out.
expect 1 "worker \"" migrate --leave-open --from "$hub" --to "sqlite:$folder/refused.db"
expect 0 "lives on" export --hub "$hub" --output early.jsonl.zst
expect 1 "worker \"" import --hub "$hub" early.jsonl.zst
sqlite3 a.db "update workers set live_until = 0;
    update instances set next_at = 0 where token is not null;
    update activities set next_at = 0 where token is not null"

# Out and in.
expect 0 "exported 3 instances" export --hub "$hub" --output a.jsonl.zst
expect 0 "in order: 3 instances" verify a.jsonl.zst
expect 0 "imported 3 instances" import --hub "sqlite:$folder/b.db" a.jsonl.zst
same "$hub" "sqlite:$folder/b.db"
expect 0 "unchanged: 3" import --hub "sqlite:$folder/b.db" a.jsonl.zst
expect 0 '"unchanged":3,"conflicts":0,"damages":0' import --hub "sqlite:$folder/b.db" a.jsonl.zst --json
expect 2 "--overwrite" export --hub "$hub" --output a.jsonl.zst
expect 0 '"instances":3' export --hub "$hub" --output a.jsonl.zst --overwrite --json
expect 2 "no regular file" export --hub "$hub" --output /dev/null --overwrite
expect 0 "" export --hub "$hub" --output quiet.jsonl.zst --quiet
if [ -n "$("$bin/perdure" export --hub "$hub" --output quiet.jsonl.zst --overwrite --quiet 2>&1)" ]; then
    complain "export --quiet prints something"
fi

# Through a pipe, and without compression.
"$bin/perdure" export --hub "$hub" --output - 2>/dev/null |
    "$bin/perdure" import --hub "sqlite:$folder/piped.db" - >/dev/null || complain "a pipe ends with code $?"
same "$hub" "sqlite:$folder/piped.db"
expect 0 "exported 3" export --hub "$hub" --output a.jsonl --no-compression
expect 0 "damages: 0" verify a.jsonl
while read -r line; do
    if [ "$(sqlite3 :memory: "select json_valid('${line//\'/\'\'}')")" != 1 ]; then
        complain "this line is no JSON:" "$line"
    fi
done <a.jsonl
if [ "$(stat -c %a a.jsonl)" != 600 ]; then
    complain "others may read the file: $(stat -c %A a.jsonl)"
fi

# Some of them.
expect 0 "exported 1 instance " export --hub "$hub" --status completed --output some.jsonl.zst
expect 0 "exported 2 instances" export --hub "$hub" o-2 o-1 --output two.jsonl.zst
expect 0 "imported 2 instances" import --hub "sqlite:$folder/two.db" two.jsonl.zst
expect 0 "imported 3 instances" import --hub "sqlite:$folder/two.db" a.jsonl.zst
expect 3 "nobody" export --hub "$hub" nobody --output none.jsonl.zst
expect 2 "filters" export --hub "$hub" o-1 --status completed --output none.jsonl.zst
expect 2 "sleeping" export --hub "$hub" --status sleeping --output none.jsonl.zst
if compgen -G "none.*" >/dev/null; then
    complain "a refused export leaves a file"
fi

# Without contents.
expect 0 "exported 3" export --hub "$hub" --redact --no-compression --output redacted.jsonl
if grep -qE "bicycle|secret" redacted.jsonl || ! grep -q '"redacted":true' redacted.jsonl; then
    complain "a redacted file has contents:" "$(grep -E "bicycle|secret|header" redacted.jsonl)"
fi
expect 0 "redacted" verify redacted.jsonl
expect 2 "--redacted-too" import --hub "sqlite:$folder/redacted.db" redacted.jsonl
if [ -e redacted.db ]; then
    complain "a refused import creates a hub"
fi
expect 0 "imported 3" import --hub "sqlite:$folder/redacted.db" redacted.jsonl --redacted-too
expect 0 xxxxxxxxx instances show o-1 --hub "sqlite:$folder/redacted.db"

# Damaged, cut off, newer, none at all. Without a chain that is right nothing of an instance comes in.
sed '/"instance":"o-3"/,/end_of_instance/s/"charge"/"CHARGE"/' a.jsonl >changed.jsonl
expect 6 'instance "o-3"' verify changed.jsonl
expect 6 "expected chain value" import --hub "sqlite:$folder/changed.db" changed.jsonl
expect 0 "o-2" instances list --hub "sqlite:$folder/changed.db"
expect 3 "o-3" instances show o-3 --hub "sqlite:$folder/changed.db"
expect 0 "unchanged: 2" import --hub "sqlite:$folder/changed.db" a.jsonl
same "$hub" "sqlite:$folder/changed.db"
head -c -100 a.jsonl.zst >cut.jsonl.zst
expect 6 "cut off" import --hub "sqlite:$folder/cut.db" cut.jsonl.zst
sed '/"instance":"o-3"/,$d' a.jsonl >cut.jsonl
expect 6 'after instance "o-1": the file is cut off' import --hub "sqlite:$folder/cut.db" cut.jsonl
expect 6 '"damages":1' verify cut.jsonl --json
expect 0 "o-1" instances list --hub "sqlite:$folder/cut.db"
sed '1s/"version":1/"version":7/' a.jsonl >newer.jsonl
expect 2 "format version 7, and this perdure reads version 1" import --hub "sqlite:$folder/newer.db" newer.jsonl
expect 6 "expected a line" verify a.db
expect 1 "none.jsonl" verify none.jsonl
if [ -e newer.db ]; then
    complain "a refused import creates a hub"
fi

# They go on where they are now: what was charged is charged once.
"$bin/06_order" --hub "sqlite:$folder/b.db" --ledger ledger.txt work >/dev/null
if [ "$(grep -c '^charge' ledger.txt)" -ne 3 ]; then
    complain "three orders are not charged three times:" "$(cat ledger.txt)"
fi
expect 0 '"status":"completed"' instances show o-3 --hub "sqlite:$folder/b.db" --json
expect 5 'instance "o-2" is there with other content' import --hub "sqlite:$folder/b.db" a.jsonl.zst
expect 5 '"conflicts":2' import --hub "sqlite:$folder/b.db" a.jsonl.zst --json
expect 0 '"status":"completed"' instances show o-3 --hub "sqlite:$folder/b.db" --json

# From hub to hub.
expect 0 "verified" migrate --leave-open --from "$hub" --to "sqlite:$folder/c.db"
same "$hub" "sqlite:$folder/c.db"
expect 0 '"unchanged":3,"verified":true' migrate --leave-open --from "$hub" --to "sqlite:$folder/c.db" --json
expect 2 "the same hub" migrate --leave-open --from "$hub" --to "sqlite:a.db"
expect 1 "with other content" migrate --leave-open --from "$hub" --to "sqlite:$folder/b.db"
"$bin/06_order" --hub "sqlite:$folder/full.db" start stranger >/dev/null
expect 1 "not empty" migrate --leave-open --from "$hub" --to "sqlite:$folder/full.db"
expect 2 "none.db" migrate --from "sqlite:$folder/none.db" --to "sqlite:$folder/d.db"
expect 2 "none.db" export --hub "sqlite:$folder/none.db" --output none.jsonl.zst
expect 2 "would be gone" migrate --leave-open --from "$hub" --to memory:
expect 2 "would be gone" import --hub memory: a.jsonl.zst

# Who has moved says where, until somebody opens the hub on purpose.
expect 0 "verified" migrate --from "sqlite:$folder/c.db" --to "sqlite:$folder/moved.db"
expect 1 "have moved to sqlite:$folder/moved.db" instances list --hub "sqlite:$folder/c.db"
expect 1 "have moved to sqlite:$folder/moved.db" migrate --from "sqlite:$folder/c.db" --to "sqlite:$folder/e.db"
expect 0 "unchanged: 3" migrate --from "sqlite:$folder/c.db" --to "sqlite:$folder/moved.db"
same "$hub" "sqlite:$folder/moved.db"
expect 0 "have moved to" hub status --hub "sqlite:$folder/c.db"
expect 0 "is open" hub open --hub "sqlite:$folder/c.db"
expect 0 "is open" hub open --hub "sqlite:$folder/c.db"
expect 0 "o-3" instances list --hub "sqlite:$folder/c.db"

# Step by step, while workers might go on; and when the target is lost, the source forgets the move.
live=(--from "sqlite:$folder/c.db" --to "sqlite:$folder/live.db")
expect 2 "STEP" migrate somehow "${live[@]}"
expect 2 "leave-open" migrate begin --leave-open "${live[@]}"
expect 1 "begin with '/'" migrate begin --from "sqlite:c.db" --to "sqlite:$folder/live.db"
expect 0 "nothing is in the way" migrate plan "${live[@]}"
expect 1 "no live move" migrate cut "${live[@]}"
expect 0 "have to be copied" migrate begin "${live[@]}"
expect 0 "follows its changes" migrate run "${live[@]}"
expect 0 '"source":"tracked","target":"following"' migrate status "${live[@]}" --json
expect 0 "all calls waited for" migrate cut "${live[@]}"
expect 0 "o-3" instances list --hub "sqlite:$folder/c.db"
expect 0 "have moved to" hub status --hub "sqlite:$folder/c.db"
expect 0 "no live move" migrate abort "${live[@]}"
expect 0 "nothing is in the way" migrate plan "${live[@]}"
expect 0 "have to be copied" migrate begin "${live[@]}"
rm "$folder"/live.db*
expect 1 "takes part in a move" migrate plan --from "sqlite:$folder/c.db" --to "sqlite:$folder/other.db"
expect 0 "takes part in no move any more" hub open --hub "sqlite:$folder/c.db"
expect 0 "nothing is in the way" migrate plan --from "sqlite:$folder/c.db" --to "sqlite:$folder/other.db"
if compgen -G "none*" >/dev/null || [ -e d.db ]; then
    complain "a hub that is not there leaves something"
fi

# A worker that lives, on either side.
coproc live { exec "$bin/perdure" bench-worker --hub "sqlite:$folder/c.db"; }
live_pid=$!
echo >&"${live[1]}"
read -r _ <&"${live[0]}"
until "$bin/perdure" hub status --hub "sqlite:$folder/c.db" --json | grep -q '"live_workers":\["'; do :; done
expect 1 "lives on sqlite:$folder/c.db" migrate --leave-open --from "$hub" --to "sqlite:$folder/c.db"
expect 1 "lives on sqlite:$folder/c.db" migrate --from "sqlite:$folder/c.db" --to "sqlite:$folder/d.db"
expect 1 "lives on sqlite:$folder/c.db" import --hub "sqlite:$folder/c.db" a.jsonl.zst
expect 0 "exported 3" export --hub "sqlite:$folder/c.db" --output live.jsonl.zst
eval "exec ${live[1]}>&-"
wait "$live_pid"

# Killed in between, by its own limit and by others, and repeated.
big=sqlite:$folder/big.db
"$bin/perdure" bench --hub "$big" --workload sequence --count 1500 >/dev/null
# limited KIB SIGNAL_ACTION WORDS...: the files of the command may be so large. It dies of a larger one,
# or, with the action ignore, is told that it cannot write.
limited() {
    # shellcheck disable=SC2016
    bash -c 'ulimit -f "$1" && if [ "$2" = ignore ]; then trap "" XFSZ; fi && shift 2 && "$@"; exit $?' \
        limited "$1" "$2" "$bin/perdure" "${@:3}" &>limited.txt
}
for action in ignore die; do
    if limited 200 $action export --hub "$big" --output big.jsonl --no-compression || [ -e big.jsonl ] ||
        ! grep -qE "cannot write|File size limit" limited.txt; then
        complain "a disk that is full, or a death, is no failure:" "$(cat limited.txt && ls -l)"
    fi
done
expect 0 "exported" export --hub "$big" --output big.jsonl --no-compression
if [ -e big.jsonl.partial ]; then
    complain "a whole export leaves a partial file"
fi
expect 0 "damages: 0" verify big.jsonl
for kib in 100 400; do
    for action in ignore die; do
        target=sqlite:$folder/limited-$kib-$action.db
        if limited $kib $action migrate --leave-open --from "$big" --to "$target"; then
            complain "a target that fills up is no failure"
        fi
        if limited $kib $action import --hub "$target" big.jsonl; then
            complain "a target that fills up is no failure"
        fi
        if [ $kib-$action = 400-ignore ] && ! grep -q "stopped after" limited.txt; then
            complain "an import that stops does not say how far it came:" "$(cat limited.txt)"
        fi
        expect 0 "verified" migrate --leave-open --from "$big" --to "$target"
        expect 0 "conflicts: 0, damages: 0" import --hub "$target" big.jsonl
    done
done
for _ in {1..5}; do
    rm -f killed.db*
    # shellcheck disable=SC2016
    bash -c '"$1" migrate --leave-open --from "$2" --to "sqlite:$PWD/killed.db" & until [ -s killed.db-wal ] || ! kill -0 $!; do :; done
        kill -9 $!; wait' killed "$bin/perdure" "$big" &>/dev/null || true
    expect 0 "verified" migrate --leave-open --from "$big" --to "sqlite:$folder/killed.db"
done

# Where nothing can be written. The kernel stops root as well.
expect 1 "/proc" export --hub "$hub" --output /proc/a.jsonl.zst
expect 2 "/proc/a.db" import --hub "sqlite:/proc/a.db" a.jsonl.zst

# No password is repeated.
for address in user:hunter@127.0.0.1:1/db user:hun?hunter@127.0.0.1:1/db user:hunter; do
    for words in "export --output x --hub" "import a.jsonl.zst --hub" "migrate --from $hub --to" \
        "migrate --to $hub --from" "export --hub $hub --status"; do
        # shellcheck disable=SC2086
        if output=$("$bin/perdure" $words "postgres://$address" 2>&1) || grep -q hunter <<<"$output"; then
            complain "perdure $words: expected a failure without the password; got:" "$output"
        fi
    done
done

if [ -n "$other" ]; then
    expect 0 "verified" migrate --leave-open --from "$hub" --to "$other"
    same "$hub" "$other"
    expect 0 "verified" migrate --leave-open --from "$other" --to "sqlite:$folder/back.db"
    same "$hub" "sqlite:$folder/back.db"
    expect 0 "unchanged: 3" import --hub "$other" a.jsonl.zst
    expect 0 "exported 3" export --hub "$other" --output other.jsonl.zst
    expect 0 "imported 3 instances" import --hub "sqlite:$folder/other.db" other.jsonl.zst
    same "$hub" "sqlite:$folder/other.db"
    "$bin/06_order" --hub "$other" --ledger other.txt work >/dev/null
    expect 0 '"status":"completed"' instances show o-3 --hub "$other" --json
    expect 5 "conflicts: 2" import --hub "$other" a.jsonl.zst
fi
exit "$failed"
