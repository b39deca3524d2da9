#!/usr/bin/env bash
# fsck_test.sh BIN_DIR OLD_HUB: what `perdure hub fsck` says of hubs that are sound, damaged, old, or not there,
# what it repairs, and what ctrl-C leaves.
set -euo pipefail
bin=$1
old_hub=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
file=$folder/shop.db
hub=sqlite:$file
failed=0

# expect CODE TEXT WORDS...: the check ends with this code, and what it prints contains the text.
expect() {
    local code=$1 text=$2 found=0 output
    shift 2
    output=$("$bin/perdure" hub fsck "$@" 2>&1) || found=$?
    if [ "$found" -ne "$code" ] || ! grep -qF -- "$text" <<<"$output"; then
        echo "perdure hub fsck $*"
        echo "  expected code $code and '$text'; got code $found and:"
        head -n 20 <<<"$output" | sed 's/^/  | /'
        failed=1
    fi
}

damage() {
    sqlite3 "$file" "$1"
}

"$bin/06_order" --hub "$hub" start order-1 >/dev/null
"$bin/06_order" --hub "$hub" work >/dev/null
"$bin/06_order" --hub "$hub" start order-2 >/dev/null

expect 0 "no violation" --hub "$hub"
expect 0 '"violations":0' --hub "$hub" --json
expect 2 "--hub" --json
expect 2 "there is no SQLite file" --hub "sqlite:$folder/nothing.db"

# Named, with its repair; repaired; clean.
damage "update instances set work_key = null, next_at = null where instance = 'order-2'"
expect 9 'work_is_found: instance "order-2"' --hub "$hub"
expect 9 "repair: put it where its state says" --hub "$hub"
expect 9 '"violation":"work_is_found","instance":"order-2"' --hub "$hub" --json
expect 0 "repaired 1" --hub "$hub" --repair
expect 0 "no violation" --hub "$hub"

# Without a repair it stays.
damage "update history set first = 77 where first = 1"
expect 9 "repair: none is known" --hub "$hub"
expect 9 "history_gapless" --hub "$hub" --repair
damage "update history set first = 1 where first = 77"
expect 0 "no violation" --hub "$hub"

# What stands in a hub drives no terminal.
damage "update history set events = replace(events, '\"type\"', char(27) || '[31m' || char(10) || 'x')"
found=$("$bin/perdure" hub fsck --hub "$hub" || true)
if ! grep -q history_readable <<<"$found" || grep -q "$(printf '\033')" <<<"$found" ||
    grep -q '^x' <<<"$found"; then
    echo "perdure hub fsck prints what a hub says as it is:"
    cat -v <<<"$found"
    failed=1
fi
damage "update history set events = replace(events, char(27) || '[31m' || char(10) || 'x', '\"type\"')"

# --limit, and ctrl-C while it prints and nobody reads; what came before is whole, and nothing is locked.
damage "with recursive n(i) as (select 1000 union all select i + 1 from n where i < 4000)
        insert into tags select i, 'a', 'b' from n"
expect 9 "only the first 2 were printed" --hub "$hub" --limit 2
mkfifo "$folder/pipe"
set -m
"$bin/perdure" hub fsck --hub "$hub" --json --limit 1000000 >"$folder/pipe" &
checking=$!
set +m
exec 3<"$folder/pipe"
read -r line <&3
kill -INT "$checking"
ended=0
wait "$checking" || ended=$?
exec 3<&-
if [ "$ended" -ne 130 ] || ! grep -q '"violation":"no_orphans".*}$' <<<"$line"; then
    echo "perdure hub fsck: ctrl-C ended it with $ended, after: $line"
    failed=1
fi
expect 0 "repaired" --hub "$hub" --repair
expect 0 "no violation" --hub "$hub"

# A hub of an older version is not touched.
cp "$old_hub" "$folder/old.db"
expect 1 "version" --hub "sqlite:$folder/old.db"
expect 1 "version" --hub "sqlite:$folder/old.db" --repair
if ! cmp -s "$old_hub" "$folder/old.db"; then
    echo "perdure hub fsck has changed a hub of an older version"
    failed=1
fi
exit "$failed"
