"""Fuzz the parser of duriignore.json and the patterns' compiler."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("ignore")
