"""Repeated timings of one thing, and what is said about them.

Guarantees: pure and frozen. The median stands for a sample, since one disturbed run must not; the
minimum and the interquartile range stand beside it, so that a noisy machine is seen as one.
"""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One contestant over one corpus.

    Attributes:
        does: what it checks, in a few words, so that unequal work is seen as such.
        walls: seconds from start to end of each whole process.
        inner: the program's own figure in seconds, one a run; empty where it gives none.
        peak_kib: the largest peak of resident memory over the runs.
        cold: whether the kernel's caches were dropped before each run.
        threads: for the floor only.
    """

    corpus: str
    contestant: str
    kind: str
    does: str = ""
    walls: tuple[float, ...]
    inner: tuple[float, ...] = ()
    peak_kib: int = 0
    cold: bool = False
    threads: int = 0

    @property
    def median(self) -> float:
        """Median wall time in seconds."""
        return statistics.median(self.walls)

    @property
    def minimum(self) -> float:
        """Least wall time in seconds."""
        return min(self.walls)

    @property
    def spread(self) -> float:
        """Interquartile range of the wall times in seconds; 0 for a single run."""
        return spread(self.walls)

    @property
    def inner_median(self) -> float | None:
        """Median of what the program says about itself, None where it says nothing."""
        return statistics.median(self.inner) if self.inner else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Absence:
    """What was not measured, and why; it appears in the report like a measurement."""

    corpus: str
    contestant: str
    reason: str
    cold: bool = False


def spread(values: tuple[float, ...]) -> float:
    """Return the interquartile range, inclusive method: the sample is all there is."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low
