#!/usr/bin/env bash
# lint_coroutines_test.sh BUILD_DIR: bad shapes are found, good ones are left alone.
set -euo pipefail
lint=$(cd "$(dirname "$0")/.." && pwd)/lint-coroutines
command -v clang-query-19 >/dev/null || exit 77
build=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cat >"$tree/shapes.cpp" <<'END'
#include <perdure/codec_cereal.hpp>
#include <perdure/context.hpp>
#include <functional>
#include <memory>
using namespace perdure;
struct two { int number; std::string text; };
inline bool both(bool left, const two&) { return left; }
inline constexpr activity<std::string, bool> ask{"Ask"};
inline constexpr activity<std::vector<std::string>, bool> list{"List"};
inline orchestration<bool> inner(context&, two = {1, "two"}) { co_return true; }
END
lines=$(wc -l <"$tree/shapes.cpp")
expected=()

shape() { # the key of the finding or "", the body of an orchestration in one line
    lines=$((lines + 1))
    expected[lines]=$1
    echo "orchestration<bool> shape_$lines(context& ctx, std::string text) { $2 co_return true; }" \
        >>"$tree/shapes.cpp"
}

shape await-in-condition 'if (co_await ctx.call(ask, text)) { text = "yes"; }'
shape await-in-condition 'while (co_await ctx.call(ask, text)) { text += "!"; }'
shape await-beside-choice 'auto b = co_await ctx.call(ask, text.empty() ? std::string("a") : text);'
shape await-in-choice 'throw std::runtime_error(co_await ctx.call(ask, text) ? "yes" : "no");'
shape await-in-throw 'throw co_await ctx.call(ask, text);'
shape await-in-new 'std::unique_ptr<bool> p(new bool(co_await ctx.call(ask, text)));'
shape await-beside-braces 'auto b = co_await inner(ctx, {1, text});'
shape await-beside-braces 'auto b = co_await inner(ctx, two(1, text));'
shape await-beside-braces 'auto b = co_await inner(ctx);'
shape await-beside-braces 'auto b = both(co_await ctx.call(ask, text), two{1, text});'
shape await-beside-braces 'two t{co_await ctx.call(ask, text), text};'
shape await-beside-braces 'auto b = co_await ctx.call(list, std::vector<std::string>{text, text});'
shape await-beside-capture \
    'auto b = co_await ctx.call(ask, std::function<std::string()>([text] { return text; })());'
shape await-beside-braces 'auto part = [](context& c) -> orchestration<bool> {
    co_return co_await inner(c, {1, "a"}); }; auto b = co_await part(ctx);'
lines=$((lines + 1))
shape '' 'auto answer = co_await ctx.call(ask, text); if (answer) { text = "yes"; }'
shape '' 'two given{1, text}; auto b = co_await inner(ctx, given);'
shape '' 'auto h = inner(ctx, {1, text}); auto b = co_await h; text = b ? text : "none";'
shape '' 'auto b = co_await (text.empty() ? ctx.call(ask, text) : ctx.call(ask, "no"));'
shape '' 'auto b = co_await ctx.call(ask, text.empty() ? "a" : "b");'
shape '' 'auto part = [](context& c) -> orchestration<bool> { two in{1, "a"};
    co_return co_await inner(c, in); }; auto b = co_await part(ctx);'

report=$("$lint" "$build" "$tree/shapes.cpp" 2>&1) && failed=1 || failed=0
for line in "${!expected[@]}"; do
    key=${expected[line]}
    # A body of two lines may be found in its second.
    found=$(grep -E "shapes\.cpp:($line|$((line + 1))):" <<<"$report" || true)
    if [ -n "$key" ] && ! grep -q "\[$key\]" <<<"$(grep -v "shape_" <<<"$found")"; then
        echo "not found as $key: $(sed -n "${line}p" "$tree/shapes.cpp")"
        failed=1
    elif [ -z "$key" ] && grep -E "shapes\.cpp:$line:" <<<"$report"; then
        echo "a good shape was refused: $(sed -n "${line}p" "$tree/shapes.cpp")"
        failed=1
    fi
done
if [ "$failed" -ne 0 ]; then
    echo "$report"
fi
exit "$failed"
