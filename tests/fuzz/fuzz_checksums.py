"""Fuzz the core's reader of checksums.json."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("checksums")
