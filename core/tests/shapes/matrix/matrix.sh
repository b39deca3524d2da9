#!/usr/bin/env bash
# matrix.sh COMPILER BUILD_DIR [--write]: every input of inputs.txt in every position of positions.txt.
# Each cell is one of three, as written in expected.txt:
#
#   refused  the compiler refuses it, and its message names the cure
#   found    it compiles, or is refused without the cure, and lint-awaits finds it
#   right    it compiles, lint-awaits leaves it alone, and it is executed under AddressSanitizer, at -O0
#            and -O2, to its end and destroyed at each suspension: nothing is destroyed twice
#
# A cell that is none of them fails the test, and so does a difference to expected.txt, which --write
# writes anew. Exits with 77 without g++ or clang-query-19.
set -euo pipefail
compiler=$1
build=$(cd "$2" && pwd)
mode=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
if ! "$compiler" --version | grep -q 'Free Software' || ! command -v clang-query-19 >/dev/null; then
    echo "matrix: skipped, it needs g++ and clang-query-19"
    exit 77
fi
work=$build/core/tests/shapes/matrix
rm -rf "$work"
mkdir -p "$work"
cd "$work"
flags=(-std=c++20 -w -I "$root/core/include" -I "$build/core/include" -I "$root/core/src"
    -I "$root/core/tests" -I "$here")

# A cell has one line of cells.cpp: its number is that of the line.
awk -F ' [|] ' -v OFS='\t' '
    NR == FNR { type[++inputs] = $1; input[inputs] = $2; next }
    { for (i = 1; i <= inputs; ++i) {
        body = $2
        gsub(/IN/, type[i], body)
        at = index(body, "X")
        while (at > 0) {
            done = done substr(body, 1, at - 1) input[i]
            body = substr(body, at + 1)
            at = index(body, "X")
        }
        print $1 ": " type[i] " from " input[i], done body
        done = "" } }' "$here/inputs.txt" "$here/positions.txt" |
    awk -v OFS='\t' '{ print NR + 1, $0 }' >cells.tsv

# The program without the cells of these files of numbers.
write_cells() { # FILE...
    echo '#include "cells.hpp"'
    cat "$@" | awk -F '\t' '
        pass == 1 { left_out[$1] = 1; next }
        left_out[$1] { print ""; next }
        { printf "orchestration<int> cell_%s(context& ctx, bool flag, std::string text) { ", $1
          printf "order given_order{3, text}; order other_order{5, text}; int sum = 0; "
          printf "%s; co_return sum; }\n", $3 }' pass=1 - pass=2 cells.tsv
}

# 1. What the compiler refuses.
: >none
write_cells none >all.cpp
"$compiler" "${flags[@]}" -fmax-errors=0 -fsyntax-only all.cpp 2>errors || true
sed -nE 's/^all\.cpp:([0-9]+):[0-9]+: error: .*/\1/p' errors | sort -un >refused_by_compiler
sed -nE 's/^all\.cpp:([0-9]+):.*error: .*name_the_input_or_the_handle_first.*/\1/p' errors |
    sort -un >refused
comm -23 <(sort refused_by_compiler) <(sort refused) | sort -n >without_cure

# 2. What the lint finds of the rest.
write_cells refused >rest.cpp
"$root/cmake/lint/lint-awaits" clang-query-19 rest.cpp -- "${flags[@]}" >findings || true
sed -nE 's/^.*rest\.cpp:([0-9]+):[0-9]+: error: .*\[await-[a-z-]+\]$/\1/p' findings | sort -un >found
bad=0
if grep 'cannot read it' -B5 findings; then
    bad=1
fi
if comm -23 <(sort without_cure) <(sort found) | grep .; then
    echo "matrix: these cells are refused without the cure, and not found by the lint"
    bad=1
fi

# 3. What is left is right.
cat refused found >left_out
write_cells left_out >program.cpp
awk -F '\t' 'pass == 1 { left_out[$1] = 1; next } !left_out[$1] { print $1 "\t" $2 }' \
    pass=1 left_out pass=2 cells.tsv >executed
{
    echo 'int main() { int bad = 0;'
    awk -F '\t' '{ gsub(/["\\]/, "\\\\&", $2)
        print "    bad += is_right(\"" $2 "\", cell_" $1 ") ? 0 : 1;" }' executed
    echo 'return bad; }'
} >>program.cpp
execute() { # OPTIMISATION
    "$compiler" "${flags[@]}" "$1" -fsanitize=address -c program.cpp -o "program$1.o"
    "$compiler" -fsanitize=address "program$1.o" messages.o "$build"/lib/libperdure.so \
        -Wl,-rpath,"$build/lib" -o "program$1"
    if ! "./program$1" 2>"output$1"; then
        echo "matrix: with $1 a cell compiles, is not found by the lint, and is wrong:"
        grep -m1 -B1 -A12 -E '^(    |=+$)' "output$1" || tail -5 "output$1"
        return 1
    fi
}
"$compiler" "${flags[@]}" -c "$root/core/src/messages.cpp" -o messages.o
execute -O0 & first=$!
execute -O2 || bad=1
wait "$first" || bad=1

awk -F '\t' '
    is_a != "" { is[$1] = is_a; next }
    { print ($1 in is ? is[$1] : "right") "  " $2 }' \
    is_a=refused refused is_a=found found is_a= cells.tsv >seen.txt
if [ "$mode" = --write ]; then
    cp seen.txt "$here/expected.txt"
fi
if ! diff "$here/expected.txt" seen.txt; then
    echo "matrix: cells are not what expected.txt says; look, and write it anew with --write"
    bad=1
fi
echo "matrix: $(wc -l <executed) cells right, $(wc -l <refused) refused, $(wc -l <found) found"
exit "$bad"
