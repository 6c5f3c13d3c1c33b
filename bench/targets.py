"""What the product is to reach, in one table, and whether it does.

Guarantees: pure. Each target is one row with its limit; a target whose figure is above it is
`missed`, and one that lacks a figure is `not measured`, never reached. Limits are ratios wherever
they can be, because a ratio taken in one run outlives the machine.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from bench.contestants import FLOOR, FLOOR_NAME, PASS, PEER, VERIFY, VERIFY_JSON
from bench.sample import Measurement

MEGABYTE = 1_000_000


class Standing(enum.StrEnum):
    """What became of a target."""

    REACHED = "reached"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


class GapError(Exception):
    """A figure that a target needs was not measured."""


class Figures:
    """The measurements, by what a target asks for; what is not there raises GapError."""

    def __init__(self, measurements: list[Measurement]) -> None:
        """Index them."""
        self._measured = {(row.cold, row.corpus, row.contestant): row for row in measurements}

    def row(self, corpus: str, contestant: str, *, cold: bool = False) -> Measurement:
        """Return one measurement."""
        try:
            return self._measured[cold, corpus, contestant]
        except KeyError as error:
            message = f"{contestant} over {corpus}{', cold' if cold else ''}"
            raise GapError(message) from error

    def wall(self, corpus: str, contestant: str, *, cold: bool = False) -> float:
        """Return median seconds of the whole process."""
        return self.row(corpus, contestant, cold=cold).median

    def inner(self, corpus: str, contestant: str) -> float:
        """Return median seconds as the program itself says."""
        median = self.row(corpus, contestant).inner_median
        if median is None:
            message = f"{contestant} over {corpus} says no time of its own"
            raise GapError(message)
        return median

    def peak(self, corpus: str, contestant: str) -> float:
        """Return peak memory in megabytes, the smaller of the two units that are called so."""
        return self.row(corpus, contestant).peak_kib * 1024 / MEGABYTE

    def fastest_peer(self, corpus: str) -> Measurement:
        """Return the peer with the least median."""
        rows = self._select(corpus, kind=PEER, cold=False)
        return self._least(rows, f"any peer over {corpus}")

    def best_floor(self, corpus: str) -> Measurement:
        """Return the cold floor at its best number of threads."""
        rows = self._select(corpus, kind=FLOOR, cold=True)
        return self._least(rows, f"the floor over {corpus}, cold")

    def _select(self, corpus: str, *, kind: str, cold: bool) -> list[Measurement]:
        return [
            row
            for row in self._measured.values()
            if (row.corpus, row.kind, row.cold) == (corpus, kind, cold)
        ]

    @staticmethod
    def _least(rows: list[Measurement], name: str) -> Measurement:
        if not rows:
            raise GapError(name)
        return min(rows, key=lambda row: row.median)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One goal: `figure` is to be at most `limit`, and `basis` shows what it is made of."""

    goal: str
    limit: float
    unit: str
    figure: Callable[[Figures], tuple[float, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A target beside what was measured; `value` is None when that is incomplete."""

    goal: str
    limit: float
    unit: str
    value: float | None
    basis: str
    standing: Standing


def _over_floor(corpus: str) -> Callable[[Figures], tuple[float, str]]:
    def figure(figures: Figures) -> tuple[float, str]:
        verify, floor = figures.wall(corpus, VERIFY), figures.wall(corpus, FLOOR_NAME)
        return verify / floor, f"{verify:.3f} s / {floor:.3f} s"

    return figure


def _small_over_floor(figures: Figures) -> tuple[float, str]:
    verify, floor = figures.wall("small", VERIFY), figures.wall("small", FLOOR_NAME)
    start = figures.wall("small", PASS)
    return (verify - start) / floor, f"({verify:.3f} − {start:.3f}) s / {floor:.3f} s"


def _small_over_peers(figures: Figures) -> tuple[float, str]:
    verify, peer = figures.wall("small", VERIFY), figures.fastest_peer("small")
    return verify / peer.median, f"{verify:.3f} s / {peer.median:.3f} s of {peer.contestant}"


def _source_over_python(figures: Figures) -> tuple[float, str]:
    verify, start = figures.wall("source", VERIFY), figures.wall("source", PASS)
    return verify / start, f"{verify * 1e3:.1f} ms / {start * 1e3:.1f} ms"


def _source_scan(figures: Figures) -> tuple[float, str]:
    scan, floor = figures.inner("source", VERIFY_JSON), figures.inner("source", FLOOR_NAME)
    return scan / floor, f"{scan * 1e3:.0f} ms / {floor * 1e3:.1f} ms"


def _cold(figures: Figures) -> tuple[float, str]:
    verify, floor = figures.wall("small", VERIFY, cold=True), figures.best_floor("small")
    basis = f"{verify:.3f} s / {floor.median:.3f} s with {floor.threads} threads"
    return verify / floor.median, basis


def _peak(corpus: str) -> Callable[[Figures], tuple[float, str]]:
    def figure(figures: Figures) -> tuple[float, str]:
        peak = figures.peak(corpus, VERIFY)
        return peak, f"largest of {len(figures.row(corpus, VERIFY).walls)} runs over {corpus}"

    return figure


def _peak_by_size(figures: Figures) -> tuple[float, str]:
    large, source = figures.peak("large", VERIFY), figures.peak("source", VERIFY)
    return (
        large / source,
        f"{large:.1f} MB with files of 1 GiB / {source:.1f} MB with files of 11 KB",
    )


def marginal(figures: Figures, contestant: str) -> float:
    """Return a file's cost between 10⁵ and 10⁶ files over its cost between 10⁴ and 10⁵.

    Differences leave out what every run costs whatever its size: 1 is a straight line.
    """
    few, some, many = (figures.wall(f"curve-{power}", contestant) for power in (4, 5, 6))
    return ((many - some) / 900_000) / ((some - few) / 90_000)


def _linear(figures: Figures) -> tuple[float, str]:
    verify, floor = marginal(figures, VERIFY), marginal(figures, FLOOR_NAME)
    return verify, f"cost of a file above 10⁵ files over that below; the floor's own is {floor:.2f}"


TARGETS = (
    Target(
        goal="100,000 files: verify, less `python -c pass`, over the floor",
        limit=1.25,
        unit="×",
        figure=_small_over_floor,
    ),
    Target(
        goal="100,000 files: verify over the fastest peer",
        limit=1.0,
        unit="×",
        figure=_small_over_peers,
    ),
    Target(goal="/usr: verify over the floor", limit=1.10, unit="×", figure=_over_floor("usr")),
    Target(
        goal="1 GiB files: verify over the floor", limit=1.10, unit="×", figure=_over_floor("large")
    ),
    Target(
        goal="2,262 files: verify over `python -c pass`",
        limit=6.0,
        unit="×",
        figure=_source_over_python,
    ),
    Target(
        goal="2,262 files: `scan_duration_ms` over the floor's own time",
        limit=1.5,
        unit="×",
        figure=_source_scan,
    ),
    Target(
        goal="cold, 100,000 files: verify over the floor at its best number of threads",
        limit=1.15,
        unit="×",
        figure=_cold,
    ),
    Target(
        goal="peak memory, 100,000 files of 0–16 KB", limit=80, unit="MB", figure=_peak("small")
    ),
    Target(goal="peak memory, 10⁵ files of 0–1 KB", limit=80, unit="MB", figure=_peak("curve-5")),
    Target(goal="peak memory, 10⁶ files of 0–1 KB", limit=400, unit="MB", figure=_peak("curve-6")),
    Target(
        goal="peak memory with 1 GiB files over that with source files",
        limit=1.25,
        unit="×",
        figure=_peak_by_size,
    ),
    Target(goal="linear from 10⁴ to 10⁶ files", limit=1.25, unit="×", figure=_linear),
)


def judge(measurements: list[Measurement]) -> list[Outcome]:
    """Return every target with its outcome, in the table's order."""
    figures = Figures(measurements)
    return [_outcome(target, figures) for target in TARGETS]


def _outcome(target: Target, figures: Figures) -> Outcome:
    try:
        value, basis = target.figure(figures)
    except GapError as gap:
        return Outcome(
            goal=target.goal,
            limit=target.limit,
            unit=target.unit,
            value=None,
            basis=f"missing: {gap}",
            standing=Standing.NOT_MEASURED,
        )
    standing = Standing.REACHED if value <= target.limit else Standing.MISSED
    return Outcome(
        goal=target.goal,
        limit=target.limit,
        unit=target.unit,
        value=value,
        basis=basis,
        standing=standing,
    )
