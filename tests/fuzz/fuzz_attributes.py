"""Fuzz the core's reader of attributes."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("attributes")
