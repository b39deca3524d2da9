#!/usr/bin/env bash
# check_headers_test.sh COMPILER BUILD_DIR: a header that relies on another one's includes is found.
set -euo pipefail
check=$(cd "$(dirname "$0")/.." && pwd)/check_headers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/perdure"
echo '#include <string>' >"$tree/perdure/good.hpp"
HEADER_ROOT=$tree "$check" "$@"
echo 'inline std::string text();' >"$tree/perdure/bad.hpp"
! HEADER_ROOT=$tree "$check" "$@" 2>/dev/null
