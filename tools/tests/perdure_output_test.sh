#!/usr/bin/env bash
# perdure_output_test.sh BIN_DIR: nothing that comes from a hub leads the terminal or the reader, JSON
# stays JSON whatever payloads hold, and tables fit.
set -euo pipefail
bin=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
file=$folder/shop.db
hub=sqlite:$file
failed=0

complain() {
    echo "$1"
    sed 's/^/  | /' <<<"$2" | cat -v
    failed=1
}

"$bin/06_order" --hub "$hub" start order-1 >/dev/null
"$bin/06_order" --hub "$hub" start "it's; echo" >/dev/null
"$bin/06_order" --hub "$hub" start "waits-for-nothing-and-has-a-long-name-0123456789" >/dev/null
# An escape sequence, a C1 control, an override of the direction, a forged line, and no UTF-8.
evil=$'\x1b]0;title\x07\xc2\x9b31m\xe2\x80\xaetxt'
"$bin/perdure" instances raise order-1 Note --hub "$hub" --text "$evil" >/dev/null
sqlite3 "$file" "
  update instances set
      parked_reason = 'first' || char(10) || 'status          completed' || char(27) || '[2J',
      output_codec = 'json', output = cast(x'7b2272ff' as blob),
      custom_status_codec = 'json', custom_status = cast('no JSON' || char(133) as blob),
      status = 3, failure = '{\"type\":\"a' || char(8238) || '\",\"message\":\"b\\u001b[2J\",\"stack_trace\":\"c\\nd' || char(155) || '\"}'
    where instance = 'order-1';
  insert into tags select row, 'k' || char(10) || 'l', char(27) || '[31m' from instances where instance = 'order-1'"

# Printed for people: no control but line feeds, no character that misleads; every line is ours.
misleading=$'[\x01-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]'
for words in "show order-1" "history order-1" "list" "show order-1 --json" "history order-1 --json" "list --json"; do
    # shellcheck disable=SC2086
    output=$("$bin/perdure" instances $words --hub "$hub" 2>&1)
    if LC_ALL=C grep -qE "$misleading" <<<"$output"; then
        complain "perdure instances $words prints what leads a terminal:" "$output"
    fi
done
output=$("$bin/perdure" instances show order-1 --hub "$hub")
if [ "$(grep -c '^status' <<<"$output")" -ne 1 ]; then
    complain "a reason with a line feed forges a line:" "$output"
fi
for words in "show order-1" "history order-1" "list"; do
    # shellcheck disable=SC2086
    output=$("$bin/perdure" instances $words --json --hub "$hub")
    printf '%s' "$output" >"$folder/output.json"
    if [ "$(sqlite3 :memory: "select json_valid(cast(readfile('$folder/output.json') as text))")" != 1 ]; then
        complain "perdure instances $words --json is not JSON:" "$output"
    fi
done

# The same payload has the same form in show and in history.
"$bin/06_order" --hub "$hub" start plain >/dev/null
input=$("$bin/perdure" instances show plain --json --hub "$hub" | grep -oE '"input":.*' | cut -d: -f2- | sed 's/}$//')
history=$("$bin/perdure" instances history plain --json --hub "$hub")
if ! grep -qF -- "\"data\":$input" <<<"$history"; then
    complain "history --json shows the input otherwise than show --json ($input):" "$history"
fi

# What a hint says can be pasted.
output=$("$bin/perdure" instances list --limit 1 --hub "$hub")
after=${output##*--after }
if [ "$(eval "printf '%s' $after")" != "it's; echo" ]; then
    complain "the hint does not name the instance:" "$output"
fi

# On a terminal of 60 columns no line is longer.
output=$(TERM=xterm script -qec "stty cols 60; '$bin/perdure' instances list --hub '$hub'" /dev/null </dev/null |
    tr -d '\r' | sed 's/\x1b\[[0-9]*m//g')
if ! grep -q INSTANCE <<<"$output" || [ "$(awk 'length > 60' <<<"$output" | wc -l)" -ne 0 ]; then
    complain "a table does not fit into 60 columns:" "$output"
fi
exit "$failed"
