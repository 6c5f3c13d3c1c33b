"""A histogram as a value: how many durations fell under each bound, and their sum.

Guarantees: an observation gives a new histogram and leaves the old one as it was, so a reader who
holds one sees bounds, count and sum that belong together. Counts never fall and the number of
buckets never changes.
"""

import bisect
import itertools

import msgspec


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in seconds, by bucket.

    Attributes:
        bounds: upper bounds, rising, each part of its bucket; a last one without a bound follows.
        counts: one a bucket, not cumulative; one more than there are bounds.
        total: the sum of what was observed.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = 0.0


def empty(bounds: tuple[float, ...]) -> Histogram:
    """Return a histogram in which nothing was observed."""
    return Histogram(bounds=bounds, counts=(0,) * (len(bounds) + 1))


def observed(histogram: Histogram, seconds: float) -> Histogram:
    """Return the histogram with one more duration.

    A negative one counts as zero: a sum that falls looks like a restart to Prometheus.
    """
    seconds = max(0.0, seconds)
    counts = list(histogram.counts)
    counts[bisect.bisect_left(histogram.bounds, seconds)] += 1
    return msgspec.structs.replace(histogram, counts=tuple(counts), total=histogram.total + seconds)


def count(histogram: Histogram) -> int:
    """Return how many durations were observed."""
    return sum(histogram.counts)


def buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Return (upper bound, how many were at most that) of each bucket, as Prometheus counts."""
    labels = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
    return list(zip(labels, map(float, itertools.accumulate(histogram.counts)), strict=True))
