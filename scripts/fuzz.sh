#!/bin/sh
# Runs each fuzz target for so many seconds: tests/fuzz/fuzz_*.py, which take libFuzzer's options.
# A finding is kept under build/fuzz. Atheris has wheels for some platforms only; on others this
# says so, and fails when CI=true.
set -eu
cd "$(dirname "$0")/.."
seconds=$1

if ! .venv/bin/python -c 'import atheris' 2>/dev/null; then
    echo "fuzz: atheris is not available on this platform" >&2
    [ "${CI:-}" != true ]
    exit
fi
for target in tests/fuzz/fuzz_*.py; do
    [ -e "$target" ] || continue
    name=$(basename "$target" .py)
    echo "==> fuzz $name, $seconds s"
    mkdir -p "build/fuzz/$name"
    .venv/bin/python "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build/fuzz/$name/" "build/fuzz/$name" >"build/fuzz/$name.log" 2>&1 ||
        { tail -n 60 "build/fuzz/$name.log" >&2; exit 1; }
done
