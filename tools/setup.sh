#!/usr/bin/env bash
# setup.sh [build|tests]: installs what Debian 12 needs to build Perdure, or also to test it. Does
# nothing when everything is there. Needs root or sudo otherwise.
set -euo pipefail

build_packages=(g++ cmake ninja-build pkg-config ccache libboost-dev libcereal-dev libfmt-dev
    libsqlite3-dev libcli11-dev libtomlplusplus-dev)
test_packages=(catch2 clang-19 libclang-rt-19-dev clang-tools-19 sqlite3)

case ${1:-build} in
build) wanted=("${build_packages[@]}") ;;
tests) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
*)
    echo "usage: setup.sh [build|tests]" >&2
    exit 2
    ;;
esac

missing=()
for package in "${wanted[@]}"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing+=("$package")
    fi
done
if [ "${#missing[@]}" -eq 0 ]; then
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup.sh: these packages are missing, and installing them needs root or sudo:" >&2
        echo "    ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing ${missing[*]}"
for step in "update -q" "install -y -q --no-install-recommends ${missing[*]}"; do
    # The words of a step are separate arguments.
    # shellcheck disable=SC2086
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get $step \
        </dev/null >"$log" 2>&1; then
        echo "setup.sh: apt-get $step failed:" >&2
        tail -20 "$log" >&2
        exit 1
    fi
done
