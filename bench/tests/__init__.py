"""Tests of the benchmark itself: `python -m pytest bench/tests` from the checkout."""
