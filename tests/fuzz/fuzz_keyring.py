"""Fuzz the parser of keyrings."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("keyring")
