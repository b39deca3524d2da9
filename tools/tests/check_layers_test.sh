#!/usr/bin/env bash
# Each of these small trees breaks one rule, and check_layers must say so; the last one breaks none.
set -euo pipefail
check=$(cd "$(dirname "$0")/.." && pwd)/check_layers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

breaks() { # FILE, LINE
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/$(dirname "$1")"
    echo "$2" >"$tree/$1"
    if "$check" "$tree" >/dev/null; then
        echo "not found: $2 in $1"
        failed=1
    fi
}

breaks core/src/replay/a.cpp '#include <perdure/backend.hpp>'
breaks core/src/replay/a.cpp '#include <mutex>'
breaks core/src/replay/a.cpp '#  include <iostream>  // for a while'
breaks core/src/replay/a.cpp 'auto now = std::chrono::system_clock::now();'
breaks core/src/replay/a.hpp '#include "worker/dispatcher.hpp"'
breaks core/src/worker/a.cpp '#include <perdure/client.hpp>'
breaks core/src/worker/a.cpp '#include "replay/live_instance.hpp"'
breaks core/src/client/a.cpp '#include "worker/pipeline.hpp"'
breaks core/src/codec/a.cpp '#include <perdure/worker.hpp>'
breaks core/src/plugin/other.cpp '#include <boost/dll.hpp>'
breaks core/src/worker/a.cpp '#include <sqlite3.h>'
breaks core/include/perdure/ids.hpp '#include <perdure/backend.hpp>'
breaks core/include/perdure/backend.hpp '#include <perdure/context.hpp>'
breaks core/include/perdure/client.hpp '#include <cereal/cereal.hpp>'
breaks core/include/perdure/context.hpp '#include <perdure/detail/json_archive.hpp>'
breaks plugins/mine/src/a.cpp '#include <perdure/worker.hpp>'
breaks plugins/mine/src/a.cpp '#include "../../memory/src/store.hpp"'
breaks tools/perdure/a.cpp '#include "replay/live_instance.hpp"'
breaks conformance/a.cpp '#include "worker/dispatcher.hpp"'

rm -rf "${tree:?}"/*
mkdir -p "$tree/core/src/replay" "$tree/core/src/plugin" "$tree/plugins/mine/src"
echo '#include <perdure/history.hpp>' >"$tree/core/src/replay/a.cpp"
echo '#include <boost/dll.hpp>' >"$tree/core/src/plugin/loader.cpp"
echo '#include <perdure/backend.hpp>' >"$tree/plugins/mine/src/a.cpp"
if ! "$check" "$tree"; then
    echo "a tree in order was refused"
    failed=1
fi
exit "$failed"
