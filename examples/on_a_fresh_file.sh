#!/usr/bin/env bash
# on_a_fresh_file.sh PROGRAM: executes an example on a SQLite hub that nobody has used before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" "sqlite:$folder/hub.db"
