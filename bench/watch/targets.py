"""What the watcher is to reach, and whether it does.

Guarantees: pure. Each target is one row with its limit; a figure above it is `missed`, and a target
without a figure is `not measured`, never reached.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.targets import Outcome, Standing


@dataclass(frozen=True, slots=True)
class Target:
    """One goal: a scenario's figure of that name is to be at most the limit."""

    figure: str
    goal: str
    limit: float
    unit: str


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, and what of."""

    value: float
    basis: str


TARGETS = (
    Target("detection median", "change to `status_corrupted 1`, median", 100, "ms"),
    Target("detection p99", "change to `status_corrupted 1`, 99th percentile", 1000, "ms"),
    Target("detection missed", "changes not seen in 30 s", 0, "changes"),
    Target(
        "detection false", "alarms without a change, or that stay after its undoing", 0, "alarms"
    ),
    Target("replacement alarms", "alarms while a successor and its artifacts arrive", 0, "alarms"),
    Target(
        "replacement changes",
        "most state changes when a successor comes without artifacts",
        1,
        "changes",
    ),
    Target("replacement unseen", "successors without artifacts that stay unseen", 0, "ways"),
    Target("idle cpu", "processor between scans, 100,000 files", 0.5, "% of a core"),
    Target("stat pass", "a stat-only pass over 100,000 files, median", 300, "ms"),
    Target("memory", "most resident memory at 100,000 files", 64, "MB"),
    Target("storm lost", "100,000 events in ten seconds: findings wrong in the end", 0, "findings"),
    Target("storm memory", "most resident memory in the storm", 100, "MB"),
    Target("storm metrics", "slowest answer of /metrics in the storm", 200, "ms"),
    Target("storm unanswered", "requests of /metrics that failed in the storm", 0, "requests"),
    Target("soak disagreements", "soak: scans that disagree with the oracle", 0, "scans"),
    Target("soak memory", "soak: growth of memory, second to last quarter", 2, "MB"),
    Target("soak descriptors", "soak: growth of open descriptors, likewise", 0, "descriptors"),
)


def judge(figures: Mapping[str, Figure]) -> list[Outcome]:
    """Return every target with its outcome, in the table's order."""
    return [_outcome(target, figures.get(target.figure)) for target in TARGETS]


def _outcome(target: Target, figure: Figure | None) -> Outcome:
    reached = figure is not None and figure.value <= target.limit
    missed = Standing.REACHED if reached else Standing.MISSED
    return Outcome(
        goal=target.goal,
        limit=target.limit,
        unit=target.unit,
        value=None if figure is None else figure.value,
        basis="" if figure is None else figure.basis,
        standing=Standing.NOT_MEASURED if figure is None else missed,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least value that so large a share of all values does not exceed.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def growth(values: Sequence[float]) -> float:
    """Return by how much the median of the last quarter exceeds that of the second; 0 at least.

    The first quarter is left out: what a process takes once is no leak.
    """
    if len(values) < 4:
        raise ValueError("too few values")
    quarter = len(values) // 4
    second, last = values[quarter : 2 * quarter], values[-quarter:]
    return max(0.0, percentile(last, 0.5) - percentile(second, 0.5))
