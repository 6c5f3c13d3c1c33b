"""Fuzz the parser of a receipt's line."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("receipt")
