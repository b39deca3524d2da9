#!/usr/bin/env bash
# setup.sh [build|tests]: installs what Debian 12 needs to build Perdure, or also to test it. Does
# nothing when everything is there. Needs root or sudo otherwise.
set -euo pipefail

build_packages=(g++ cmake ninja-build pkg-config ccache libboost-dev libcereal-dev libfmt-dev
    libsqlite3-dev libcli11-dev libtomlplusplus-dev libsoci-dev libpq-dev libzstd-dev libssl-dev)
test_packages=(catch2 clang-19 libclang-rt-19-dev clang-tools-19 libspdlog-dev sqlite3 postgresql
    postgresql-client postgresql-15-plpgsql-check pgbouncer)

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
scratch=$(mktemp -d)
undo=()
finish() {
    if [ "${#undo[@]}" -gt 0 ]; then
        "${as_root[@]}" rm -f "${undo[@]}"
    fi
    rm -rf "$scratch"
}
trap finish EXIT

# Puts a file there until this script ends, unless there is one.
put_for_now() { # FILE, MODE, text
    if [ -e "$1" ]; then
        return
    fi
    undo+=("$1")
    echo "$3" >"$scratch/file"
    "${as_root[@]}" install -D -m "$2" "$scratch/file" "$1"
}

# The tests start servers of their own. Debian's packages would also make one for the whole machine,
# and start it.
keep_servers_out() {
    put_for_now /etc/postgresql-common/createcluster.d/perdure.conf 644 "create_main_cluster = false"
    put_for_now /usr/sbin/policy-rc.d 755 "#!/bin/sh
exit 101"
}

apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" \
        </dev/null >>"$scratch/log" 2>&1
}

install_missing() {
    : >"$scratch/log"
    apt_get update && apt_get install -y --no-install-recommends "${missing[@]}"
}

echo "Installing ${missing[*]}"
case " ${missing[*]} " in
*" postgresql "* | *" pgbouncer "*) keep_servers_out ;;
esac
# A mirror that is just being renewed is in order a moment later.
if ! install_missing && ! install_missing; then
    echo "setup.sh: apt-get failed:" >&2
    tail -20 "$scratch/log" >&2
    exit 1
fi
