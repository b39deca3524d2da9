#!/usr/bin/env bash
# subproject.sh BUILD_DIR COMPILER: as a part of another build Perdure adds the library and the backends
# that are wanted, no tests and no tools. Configures only.
set -euo pipefail
build=$(cd "$1" && pwd)
compiler=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$build/subproject_test
rm -rf "$work"
mkdir -p "$work/around"
cat >"$work/around/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(around LANGUAGES CXX)
enable_testing()
add_subdirectory($root perdure)
foreach(target perdure::core perdure_memory)
  if(NOT TARGET \${target})
    message(FATAL_ERROR "missing: \${target}")
  endif()
endforeach()
foreach(target perdure_postgres perdure_sqlite perdure_tool perdure_conformance shapes_test)
  if(TARGET \${target})
    message(FATAL_ERROR "not wanted: \${target}")
  endif()
endforeach()
if(NOT COMMAND perdure_lint)
  message(FATAL_ERROR "missing: perdure_lint")
endif()
END
cmake -S "$work/around" -B "$work/built" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
    -DPERDURE_POSTGRES=OFF -DPERDURE_SQLITE=OFF -DCMAKE_DISABLE_FIND_PACKAGE_SOCI=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_PostgreSQL=ON -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_Catch2=ON -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON
(cd "$work/built" && ctest -N) | grep -x 'Total Tests: 0'
