"""Fuzz the parsers of signed statements."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("statement")
