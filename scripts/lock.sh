#!/bin/sh
# Writes requirements/*.txt: every package pinned with the hashes of the registry's files, for all
# platforms and Python versions that DuRi supports, and no address of any registry.
set -eu
cd "$(dirname "$0")/.."

lock() {
    target=$1
    shift
    echo "==> requirements/$target.txt"
    .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-build --strip-extras \
        --custom-compile-command 'make lock' "$@" --output-file "requirements/$target.txt"
}

# Local folders of wheels would bring hashes that no registry has.
unset PIP_FIND_LINKS UV_FIND_LINKS
lock lock requirements/lock.in
lock runtime pyproject.toml
lock dev pyproject.toml requirements/dev.in --constraint requirements/runtime.txt
lock bench requirements/bench.in

if grep -nE '://|^ *-' requirements/*.txt | grep -vE '^[^:]*:[0-9]+: +--hash=sha256:'; then
    echo "a lock holds an address or an option" >&2
    exit 1
fi
