#!/usr/bin/env bash
# getting_started.sh BUILD_DIR COMPILER: takes the project out of docs/getting-started.md, builds it against
# the installed tree, and does with it what the page says. Exits with 77 without spdlog.
set -euo pipefail
build=$(cd "$1" && pwd)
compiler=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$build/getting_started_test
rm -rf "$work"
mkdir -p "$work/shop"
for component in runtime devel sqlite; do
    cmake --install "$build" --prefix "$work/installed" --component "$component" >/dev/null
done
for file in share/doc/perdure/LICENSE share/doc/perdure/docs/getting-started.md \
    share/perdure/sql/sqlite/001_initial.sql; do
    [ -f "$work/installed/$file" ] || { echo "not installed: $file" && exit 1; }
done
[ ! -e "$work/installed/bin/perdure-conformance" ] || { echo "a test program is installed" && exit 1; }

awk -v folder="$work/shop" '
    /^```[a-z]+ [A-Za-z.]+$/ { file = folder "/" $2; next }
    /^```/                   { file = "" }
    file != ""               { print > file }' "$root/docs/getting-started.md"

configure() { # SOURCE, BINARY, more arguments
    cmake -S "$1" -B "$2" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
        -DCMAKE_PREFIX_PATH="$work/installed" "${@:3}" >"$2.log" 2>&1
}
if ! configure "$work/shop" "$work/built"; then
    grep -q 'spdlogConfig.cmake' "$work/built.log" && exit 77
    cat "$work/built.log"
    exit 1
fi
cmake --build "$work/built"

# What the compiler cannot refuse is an error of the user's build.
if grep -q 'PERDURE_CLANG_QUERY:FILEPATH=/' "$work/built/CMakeCache.txt"; then
    mkdir "$work/bad"
    sed 's/shop OPTIONAL/shop/' "$work/shop/CMakeLists.txt" >"$work/bad/CMakeLists.txt"
    cat >"$work/bad/shop.cpp" <<'END'
#include <perdure/codec_cereal.hpp>
#include <perdure/context.hpp>
inline constexpr perdure::activity<std::string, int> pack{"Pack"};
perdure::orchestration<int> bad(perdure::context& ctx, bool known, std::string name) {
    auto packed = co_await ctx.call(pack, known ? name : "nobody");
    co_return packed;
}
int main() {}
END
    configure "$work/bad" "$work/bad_built"
    if cmake --build "$work/bad_built" >"$work/bad.log" 2>&1 ||
        ! grep -q 'shop.cpp:5:.*chosen by ?:.*name it' "$work/bad.log"; then
        cat "$work/bad.log"
        echo "perdure_lint did not find a bad await"
        exit 1
    fi
fi

# A component that is not installed is missed by name.
sed 's/core sqlite/core postgres/' "$work/shop/CMakeLists.txt" >"$work/other.txt"
mkdir "$work/other" && cp "$work/other.txt" "$work/other/CMakeLists.txt"
touch "$work/other/shop.cpp"
if configure "$work/other" "$work/unbuilt" || ! grep -q postgres "$work/unbuilt.log"; then
    echo "a missing component is not named"
    exit 1
fi

cd "$work/shop"
shop=$work/built/shop
unset PERDURE_PLUGIN_PATH LD_LIBRARY_PATH
"$shop" sell 17
"$shop" work >worker.log 2>&1 &
worker=$!
trap 'kill "$worker" 2>/dev/null || true' EXIT
diff <("$shop" wait 17) <(echo "paid 1990 cents, delivered in 3 days")
diff <("$shop") <(echo "order-17 completed")
kill -TERM "$worker"
wait "$worker"
grep -q 'stopped by signal 15' worker.log
grep -q 'orchestration_completed order-17' worker.log
