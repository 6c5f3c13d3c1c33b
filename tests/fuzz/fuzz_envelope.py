"""Fuzz the parser of signature files."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("envelope")
