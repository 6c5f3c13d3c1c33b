#!/bin/sh
# Installs the Debian packages that a list names, when this is root on a machine with apt-get;
# elsewhere it does nothing, and the tests that need them say so.
set -eu

names=$(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1")
missing=
for name in $names; do
    dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed ||
        missing="$missing $name"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ] || exit 0

echo "==> installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the names are words
{ apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } \
    </dev/null >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
