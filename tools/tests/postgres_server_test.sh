#!/usr/bin/env bash
# The private server is there after `start`, keeps its data where it should, and leaves nothing behind.
# Exits with 77 where there is no PostgreSQL.
set -euo pipefail
server=$(cd "$(dirname "$0")/.." && pwd)/postgres-server
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    echo "skipped: there is no PostgreSQL (tools/setup.sh tests)"
    exit 77
fi
scratch=$(mktemp -d)
one=$scratch/one
two=$scratch/two
trap '"$server" stop "$one"; "$server" stop "$two"; rm -rf "$scratch"' EXIT
failed=0

expect() { # TEXT, command...: prints exactly this
    local text=$1 output
    shift
    output=$("$@" 2>&1) || true
    if [ "$output" != "$text" ]; then
        printf '%s\n  expected: %s\n  got: %s\n' "$*" "$text" "$output"
        failed=1
    fi
}

refuse() { # command...: fails, and says why
    local output
    if output=$("$@" 2>&1) || [ -z "$output" ]; then
        printf '%s\n  was not refused with a reason: %s\n' "$*" "$output"
        failed=1
    fi
}

query() { # DIR, SQL, [psql arguments...]
    local folder=$1 text=$2
    shift 2
    "$server" exec "$folder" -- psql -X -q -t -A -U perdure_owner "$@" -c "$text"
}

postmaster() { head -n 1 "$1/location/data/postmaster.pid"; }

# What the caller has set for a server of his own must not lead anywhere.
export PGHOST=/nowhere PGPORT=1 PGOPTIONS='-c nonsense=1'

refuse "$server" start
refuse "$server" uri "$one"
refuse "$server" restart "$one"
expect "" "$server" stop "$one"
expect "" "$server" start "$one"
first=$(postmaster "$one")
expect "" "$server" start "$one"
expect "$first" postmaster "$one"
refuse "$server" start "$one" --bench

host=$(readlink "$one/location")
expect "postgres://perdure_user@/perdure?host=$host" "$server" uri "$one" perdure_user
expect "on/off/200/" query "$one" \
    "select concat_ws('/', current_setting('synchronous_commit'), current_setting('fsync'),
        current_setting('max_connections'), current_setting('listen_addresses'))"
expect "UTF8/C.UTF-8" query "$one" "select pg_encoding_to_char(encoding) || '/' || datcollate
    from pg_database where datname = current_database()"
expect "" query "$one" "create schema mine; create table mine.notes (text text)"
refuse query "$one" "create schema theirs" -U perdure_user
refuse query "$one" "create table public.notes (text text)" -U perdure_user
expect "$host and 5432" "$server" exec "$one" -- echo "{postgres_host} and {postgres_port}"

# A restart keeps what was committed, also after the server was killed.
query "$one" "insert into mine.notes values ('kept')"
expect "" "$server" restart "$one" immediate
expect kept query "$one" "select text from mine.notes"
kill -KILL "$(postmaster "$one")"
expect "" "$server" restart "$one"
expect kept query "$one" "select text from mine.notes"

# Over TCP the logins come in, and the superuser does not.
expect "" "$server" start "$two" --tcp
host_of='select host(inet_server_addr())'
expect 127.0.0.1 query "$two" "$host_of" -d "$("$server" uri "$two" perdure_user --tcp)"
refuse query "$two" "$host_of" -d "$("$server" uri "$two" postgres --tcp)"
expect "" "$server" stop "$two"

# What the primary has acknowledged is on the synchronous standby when the primary dies.
expect "" "$server" standby "$one" "$two" --synchronous
query "$one" "insert into mine.notes values ('acknowledged')"
kill -KILL "$(postmaster "$one")"
refuse query "$two" "insert into mine.notes values ('too early')"
expect "" "$server" promote "$two"
expect "" query "$two" "insert into mine.notes values ('new primary')"
expect "kept,acknowledged,new primary" query "$two" "select string_agg(text, ',') from mine.notes"

# One that died is made anew by `start`.
expect "" "$server" start "$one"
expect 0 query "$one" "select count(*) from pg_namespace where nspname = 'mine'"

if command -v pgbouncer >/dev/null; then
    expect "" "$server" pgbouncer "$one"
    expect "" "$server" pgbouncer "$one"
    expect 1 query "$one" "select 1" -d "$("$server" uri "$one" perdure_owner --pgbouncer)"
    refuse query "$one" "select 1" -d "$("$server" uri "$one" postgres --pgbouncer)"
fi

# After `stop` there is no process and no file.
host=$(readlink "$one/location")
expect "" "$server" stop "$one"
expect "" "$server" stop "$two"
if grep -lF -f <(echo "$host/") /proc/[0-9]*/cmdline 2>/dev/null; then
    echo "these processes are left"
    failed=1
fi
if [ -e "$host" ] || [ -e "$one" ] || [ -e "$two" ]; then
    echo "stop left something behind"
    failed=1
fi

# A folder that leads elsewhere is nobody's server.
mkdir "$one"
ln -s "$scratch" "$one/location"
refuse "$server" stop "$one"
refuse "$server" start "$one"
rm "$one/location"
exit "$failed"
