#!/usr/bin/env bash
# test.sh [fast|full|soak]: installs what is needed, builds, and executes the tests.
#
#   fast   dev build, every test without the labels slow, once and soak
#          about 7 minutes on two cores, less with a warm cache
#   full   (default) release, asan and tsan builds with all tests but the soak ones, lint and checks
#          about 35 minutes
#   soak   the tests with the label soak, with counts for hours
#
# The last line is "N passed, N failed", over all builds. Exits with 1 when anything failed.
set -euo pipefail
mode=${1:-full}
case $mode in
fast | full | soak) ;;
*)
    echo "usage: test.sh [fast|full|soak]" >&2
    exit 2
    ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
results=$root/build/results
# Many tests wait for a server or a clock most of the time.
jobs=$(($(nproc) + 1))
passed=0
failed=0
# For shared compile results between checkouts and builds.
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$root
export UBSAN_OPTIONS=print_stacktrace=1

# A step that is no test of CTest: counts as one.
step() { # NAME, command...
    local name=$1 code=0 begin=$SECONDS
    shift
    mkdir -p "$results"
    local log
    log=$results/$(tr -c 'a-z0-9\n' '-' <<<"$name").log
    "$@" >"$log" 2>&1 </dev/null || code=$?
    if [ "$code" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok      $name ($((SECONDS - begin)) s)"
    else
        failed=$((failed + 1))
        echo "FAILED  $name, code $code; the end of $log:"
        tail -40 "$log"
        return 1
    fi
}

# The attribute NAME of the test suite in a JUnit file.
attribute() { # FILE, NAME
    grep -m1 -A6 '<testsuite' "$1" | grep -oE "$2=\"[0-9]+\"" | grep -oE '[0-9]+' | head -1
}

# Executes the tests of a build, shows the failed ones, and adds them up.
tests_of() { # PRESET, ctest arguments...
    local preset=$1 report=$results/$1.xml log=$results/$1-tests.log begin=$SECONDS
    shift
    rm -f "$report"
    (cd "build/$preset" && ctest --output-on-failure --no-tests=error -j "$jobs" \
        --output-junit "$report" "$@") >"$log" 2>&1 </dev/null || true
    local total bad skipped
    total=$(attribute "$report" tests 2>/dev/null || true)
    bad=$(attribute "$report" failures 2>/dev/null || true)
    skipped=$(attribute "$report" skipped 2>/dev/null || true)
    local disabled
    disabled=$(attribute "$report" disabled 2>/dev/null || true)
    if [ -z "$total" ] || [ "$total" -eq 0 ]; then
        failed=$((failed + 1))
        echo "FAILED  tests of $preset: none was executed; the end of $log:"
        tail -40 "$log"
        return
    fi
    passed=$((passed + total - bad - skipped - disabled))
    failed=$((failed + bad))
    echo "tests   $preset: $((total - bad - skipped - disabled)) passed, $bad failed," \
        "$skipped skipped ($((SECONDS - begin)) s)"
    if [ "$bad" -gt 0 ]; then
        sed -n '/The following tests FAILED/,$p' "$log"
        echo "        all output: $log"
    fi
}

# Configures and builds; without that, the tests of this build count as failed.
build() { # PRESET, cmake arguments...
    local preset=$1
    shift
    step "configure $preset" cmake --preset "$preset" "$@" &&
        step "build $preset" ninja -C "build/$preset"
}

run_fast() {
    build dev && tests_of dev -LE '^(slow|soak|once)$'
    return 0
}

run_full() {
    # The suite on PostgreSQL as the owner is executed by the other builds; here it is by other ways.
    build release -DPERDURE_MUTANTS=ON && tests_of release -LE '^soak$' -E '^conformance postgres$'
    build asan && tests_of asan -LE '^(soak|source|once)$'
    # ThreadSanitizer where the threads are: engine and plugins. Lint, tool and examples gain nothing.
    build tsan -DPERDURE_TOOLS=OFF && tests_of tsan -LE '^(soak|slow|source|once)$'
    return 0
}

run_soak() {
    export PERDURE_SOAK=1
    build release && tests_of release -L '^soak$' --timeout 36000
    return 0
}

# CTest stops the servers that its tests need, unless it is interrupted.
stop_servers() {
    local link
    for link in build/*/postgres/*/location; do
        if [ -L "$link" ]; then
            tools/postgres-server stop "$(dirname "$link")" || true
        fi
    done
}
trap stop_servers EXIT

begin=$SECONDS
rm -rf "$results"
mkdir -p "$results"
step "install packages" tools/setup.sh tests || true
"run_$mode"
echo "$mode took $(((SECONDS - begin) / 60)) min $(((SECONDS - begin) % 60)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
