#!/usr/bin/env bash
# check_headers_test.sh COMPILER BUILD_DIR: what must not be in a header is found.
set -euo pipefail
compiler=$1
build=$2
check=$(cd "$(dirname "$0")/.." && pwd)/check_headers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/perdure"
echo '#include <string>' >"$tree/perdure/good.hpp"
HEADER_ROOT=$tree "$check" "$compiler" "$build"
is_refused() { # the content of a header
    printf '%s\n' "$@" >"$tree/perdure/bad.hpp"
    if HEADER_ROOT=$tree "$check" "$compiler" "$build" >/dev/null 2>&1; then
        echo "not refused: $*"
        exit 1
    fi
}
is_refused 'inline std::string text();'
is_refused '#include <filesystem>'
