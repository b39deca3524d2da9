#!/usr/bin/env bash
# demo.sh: from a fresh Debian 12 with git to an orchestration that survives kill -9, in one command.
# demo.sh --built BUILD_DIR plays it with programs that were built before.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

bold='' green='' red='' plain=''
if [ -t 1 ]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$green" "$*" "$plain"; }
fail() {
    printf '%s%s%s\n' "$red" "The demo failed: $*" "$plain"
    exit 1
}

build_all() {
    say "Preparing: packages, then an optimised build (the first one takes a minute or two)."
    "$root/tools/setup.sh" build
    build=$root/build/demo
    (cd "$root" && cmake --preset release -B "$build" -DPERDURE_TESTS=OFF) >"$scratch/log" 2>&1 ||
        { tail -30 "$scratch/log" && fail "cmake"; }
    ninja -C "$build" perdure_tool example_06_order >"$scratch/log" 2>&1 ||
        { tail -30 "$scratch/log" && fail "the build"; }
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ "${1:-}" = --built ]; then
    build=$(cd "$2" && pwd)
else
    build_all
fi
PATH=$build/bin:$PATH
cd "$scratch"

say "1. A customer orders. One program writes the order into a SQLite file, and ends."
show "06_order --hub sqlite:shop.db start order-17"
06_order --hub sqlite:shop.db start order-17

say "2. Another program works on it: reserve, charge, pack, ship, notify.
   Right after the card was charged we kill it with SIGKILL, the signal behind kill -9:
   no destructor, no handler, and the charge is not even recorded yet."
show "06_order --hub sqlite:shop.db --ledger ledger.txt --crash-after charge work"
# Bash would remark on the death in its own words, on its own standard error.
code=0
exec 3>&2 2>/dev/null
06_order --hub sqlite:shop.db --ledger ledger.txt --crash-after charge work 2>&3 || code=$?
exec 2>&3 3>&-
[ "$code" -eq 137 ] || fail "the process should have died of signal 9, but ended with code $code"
echo "The process is dead: it ended with code $code, which is 128 + 9."

say "3. What is left is the file. It knows how far the order came:"
show "perdure instances history order-17 --hub sqlite:shop.db"
perdure instances history order-17 --hub sqlite:shop.db

say "4. We start the program again. It does not begin anew, it carries on:
   'reserve' is in the history, so it is not executed again; 'charge' was under way, so it is asked
   for again, with the same idempotency key, by which the payment service knows that it is done."
show "06_order --hub sqlite:shop.db --ledger ledger.txt work"
06_order --hub sqlite:shop.db --ledger ledger.txt work || fail "the order did not finish"

say "5. The ledger has everything that really happened to the world:"
show "cat ledger.txt"
cat ledger.txt
for effect in reserve charge pack ship notify; do
    count=$(grep -c "^$effect " ledger.txt || true)
    [ "$count" -eq 1 ] || fail "'$effect' happened $count times"
done
again=$(grep -c '^(' ledger.txt || true)
if [ "$again" -ne 1 ] || ! grep -q '^(charge was asked for again' ledger.txt; then
    fail "only 'charge', once, should have been asked for again"
fi

say "Every effect happened exactly once, across a kill -9 in the worst moment. That is Perdure."
echo "The program is examples/06_order.cpp: an ordinary coroutine, and no line about crashes."
