"""Fuzz the parser of provenance.json."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("provenance")
