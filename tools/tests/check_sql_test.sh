#!/usr/bin/env bash
# Each of these small trees breaks one rule, and check_sql must say so; the last one breaks none.
set -euo pipefail
check=$(cd "$(dirname "$0")/.." && pwd)/check_sql
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/sql/postgres/functions" "$tree/plugins"
failed=0

finds() { # TEXT
    printf '%b' "$1" >"$tree/sql/postgres/functions/10_hub.sql"
    if "$check" "$tree" >/dev/null; then
        echo "not found: $1"
        failed=1
    fi
}

finds "-- $(printf 'x%.0s' {1..120})\n"
finds 'select\t1;\n'
finds 'select 1; \n'
finds 'create function make_it() returns void\n'
finds 'create or replace function _Make(name text) returns void\n'
finds 'create or replace function _Make(p_a text,\n    other integer)\nreturns void\n'
finds "create or replace function _Make(p_x text$(printf ', p_%s text' {a..l}))\nreturns void\n"
finds "create or replace function _Make(\n    p_x text$(printf ',\\n    p_%s text' {a..l}),\n    out made text)\n"
long=$(printf 'x\\n%.0s' {1..65})
finds "create or replace function _Make() returns void\nas \$\$\nbegin\n${long}x\nend\n\$\$;\n"
finds "create or replace function _Make() returns void\nas \$\$ begin\n perform set_config('a', 'b', true);\nend\n\$\$;\n"
finds "create or replace function _Make() returns void\nas \$\$ begin\n    set local jit = off;\nend\n\$\$;\n"
printf '%s\n' 'create or replace function _Make(' \
    "    p_name text, p_words text default 'A, B', out made bigint)" 'language sql' \
    'as $$ select 1, 2 $$;' "create or replace function _Most(" \
    "    p_x text,$(printf ' p_%s text,' {a..f})" "$(printf '    p_%s text,' {g..k}) out made text)" \
    'language plpgsql' 'set search_path from current' 'as $$' 'begin' '    -- It never calls set_config(...).' \
    "$(printf 'x\n%.0s' {1..60})" end '$$;' >"$tree/sql/postgres/functions/10_hub.sql"
if ! "$check" "$tree" >"$tree/output"; then
    echo "found in what is right:"
    cat "$tree/output"
    failed=1
fi
exit "$failed"
