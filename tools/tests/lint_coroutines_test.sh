#!/usr/bin/env bash
# lint_coroutines_test.sh BUILD_DIR: bad shapes are found, good ones are left alone.
set -euo pipefail
lint=$(cd "$(dirname "$0")/.." && pwd)/lint-coroutines
command -v clang-query-19 >/dev/null || exit 77
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

program() { # the body of an orchestration
    cat <<END
#include <perdure/context.hpp>
inline constexpr perdure::activity<std::string, bool> ask{"Ask"};
perdure::orchestration<std::string> sample(perdure::context& ctx, std::string text) {
    $1
    co_return text;
}
END
}

failed=0
finds() {
    program "$1" >"$tree/bad.cpp"
    local report
    report=$("$lint" "$build" "$tree/bad.cpp" 2>&1) && failed=1
    if ! grep -q "binds here" <<<"$report"; then
        echo "not found: $1"
        failed=1
    fi
}

build=$1
finds 'if (co_await ctx.call(ask, text)) { text = "yes"; }'
finds 'while (co_await ctx.call(ask, text)) { text += "!"; }'
finds 'const auto answer = co_await ctx.call(ask, text.empty() ? std::string("a") : text);'
finds 'throw std::runtime_error(co_await ctx.call(ask, text) ? "yes" : "no");'
program 'const auto answer = co_await ctx.call(ask, text); if (answer) { text = "yes"; }' \
    >"$tree/good.cpp"
if ! "$lint" "$build" "$tree/good.cpp"; then
    echo "a good shape was refused"
    failed=1
fi
exit "$failed"
