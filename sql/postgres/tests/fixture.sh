# fixture.sh: what the tests of the SQL share. Sourced; `tools/postgres-server exec` has set PGHOST,
# PGPORT and PGDATABASE. Each test installs a schema of its own, whose name stands in `schema`.
set -euo pipefail
sql_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
failures=0

# as LOGIN ARGUMENTS...: psql in the test's schema, statements on standard input or as arguments.
as() {
    local login=$1 quoted=${schema//\"/\"\"}
    shift
    # In PGOPTIONS a space and a backslash need a backslash.
    quoted=${quoted//\\/\\\\}
    PGOPTIONS="-c search_path=\"${quoted// /\\ }\",pg_temp -c client_min_messages=warning" \
        psql -X -q -A -t -v ON_ERROR_STOP=1 -v schema="$schema" -U "$login" "$@"
}

# install [LOGIN]: the schema anew, as a person would do it with psql, owned by the login; then an
# administrator makes the roles.
install() {
    local owner=${1:-perdure_owner} arguments=() file
    drop
    as postgres -v owner="$owner" <<<'create schema :"schema" authorization :"owner";'
    for file in "$sql_folder"/schema/*.sql "$sql_folder"/functions/*.sql \
        "$sql_folder"/permissions.sql; do
        arguments+=(-f "$file")
    done
    as "$owner" -1 "${arguments[@]}"
    as postgres -1 -f "$sql_folder/permissions.sql"
}

drop() {
    as postgres <<<'drop schema if exists :"schema" cascade;'
}

# grant_role KIND LOGIN...: to the logins, the schema's role of this kind, runtime or reader.
grant_role() {
    local kind=$1 login
    shift
    for login in "$@"; do
        as postgres -c "grant \"${schema}_$kind\" to $login"
    done
}

# check NAME WANTED FOUND: one comparison; a difference is shown and counted.
check() {
    if [ "$2" != "$3" ]; then
        printf 'FAILED %s\n  wanted: %s\n  found:  %s\n' "$1" "$2" "$3"
        failures=$((failures + 1))
    fi
}

# refused NAME LOGIN SQLSTATE STATEMENT: the statement fails with this SQLSTATE.
refused() {
    local found
    if found=$(as "$2" -v VERBOSITY=sqlstate -c "$4" 2>&1); then
        found="no error: $found"
    fi
    check "$1" "ERROR:  $3" "$(head -n 1 <<<"$found" | sed 's/^psql:[^ ]* //')"
}

# all_refused NAME LOGIN SQLSTATE: so does each statement on standard input, one a line.
all_refused() {
    local statements numbered=() answers n found
    mapfile -t statements
    for n in "${!statements[@]}"; do
        numbered+=("\\echo @$n" "${statements[n]};")
    done
    answers=$(printf '%s\n' "${numbered[@]}" | as "$2" -v ON_ERROR_STOP=0 -v VERBOSITY=sqlstate 2>&1 |
        sed 's/^psql:[^ ]* //' | paste -sd' ' | tr '@' '\n' | sed 1d)
    while read -r n found; do
        check "$1: ${statements[n]}" "ERROR:  $3" "$found"
    done <<<"$answers"
    check "$1: all of them" "${#statements[@]}" "$(wc -l <<<"$answers")"
}

finish() {
    if [ "$failures" -gt 0 ]; then
        echo "$failures checks failed"
        exit 1
    fi
    echo "all checks passed"
}
