"""Fuzz the reader of a verifier's state."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("witness")
