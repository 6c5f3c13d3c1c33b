"""Fuzz the parser of deployment_metadata.json."""

from harness import fuzz  # type: ignore[import-not-found] # beside this file, run by path

fuzz("metadata")
