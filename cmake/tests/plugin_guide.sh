#!/usr/bin/env bash
# plugin_guide.sh BUILD_DIR COMPILER: takes the projects out of docs/plugin-guide.md, and executes the page's commands
# against the installed tree: a decorator, and a copy of the memory backend, both pass the conformance suite.
set -euo pipefail
build=$(cd "$1" && pwd)
compiler=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$build/plugin_guide_test
rm -rf "$work"
mkdir -p "$work/folder"
for component in runtime devel tools tests memory sqlite; do
    cmake --install "$build" --prefix "$work/installed" --component "$component" >/dev/null
done

awk -v folder="$work/folder" '
    /^```[a-z]+ [A-Za-z.]+$/ { file = folder "/" $2; next }
    /^```/                   { file = "" }
    file != ""               { print > file }' "$root/docs/plugin-guide.md"

unset PERDURE_PLUGIN_PATH LD_LIBRARY_PATH
export CXX=$compiler CMAKE_GENERATOR=Ninja
cd "$work/folder"
for script in audit.sh mine.sh; do
    sed -i "s#/opt/perdure#$work/installed#g" "$script"
    bash -euxo pipefail "$script" >"$script.log" 2>&1 || { cat "$script.log" && exit 1; }
done
grep -q '^ *audit ' audit.sh.log || { cat audit.sh.log && echo "perdure plugins does not list it" && exit 1; }

# The decorator on a hub that outlives a process, from two programs.
export PERDURE_PLUGIN_PATH=$work/folder/build
hub="audit:$work/shop.db?over=sqlite&log=$work/shop.log"
"$build/bin/06_order" --hub "$hub" start order-1 >/dev/null
"$work/installed/bin/perdure" instances terminate order-1 --hub "$hub" >/dev/null
grep -q ' terminated order-1$' "$work/shop.log"
