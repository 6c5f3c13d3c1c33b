"""Everybody over one corpus, in turn.

Guarantees: each contestant runs once unmeasured over the good tree, which warms the caches and must
succeed, or it is reported and not measured; then come rounds in which all run one after another,
each round starting with another one, so that a machine that drifts is unfair to nobody. A run that
fails among the measured ones takes its contestant out of the table, with the reason.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.contestants import FLOOR, REFERENCE, Contestant, inner_seconds
from bench.corpora import Corpus
from bench.sample import Absence, Measurement
from bench.stopwatch import Run, Tools, TooSlowError, run

LEAST_RUNS = 3
"""What a contestant that is too slow for its budget still runs: a median of fewer says little."""


WARM_UPS = 8
"""Pages read once are the first to go: a tree is warm when reading it again gets no faster."""


class RefusedError(Exception):
    """A contestant did not accept the good tree; the message says how it ended."""


@dataclass(slots=True)
class _Tally:
    contestant: Contestant
    runs: int
    walls: list[float] = field(default_factory=list)
    inner: list[float] = field(default_factory=list)
    peak: int = 0

    def add(self, result: Run) -> None:
        self.walls.append(result.wall)
        self.peak = max(self.peak, result.peak_kib)
        inner = inner_seconds(self.contestant, result.output)
        if inner is not None:
            self.inner.append(inner)


def drop_caches() -> None:
    """Write dirty pages and forget clean ones; only root may."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3\n")


def checked(contestant: Contestant, *, corpus: Corpus, tools: Tools) -> Run:
    """Run it once.

    Raises:
        RefusedError: it ended with another code than 0, or the floor counted another tree.
    """
    try:
        result = run(list(contestant.argv), cwd=contestant.cwd, tools=tools)
    except TooSlowError as error:
        raise RefusedError(str(error)) from error
    if result.code:
        said = (result.errors.strip() or result.output.strip()).splitlines()
        last = said[-1].replace(corpus.root, "ROOT")[:200] if said else "no word"
        message = f"does not accept the good tree: code {result.code}, {last}"
        raise RefusedError(message)
    if contestant.kind == FLOOR:
        expected = f'"files": {corpus.files}, "bytes": {corpus.size},'
        if expected not in result.output:
            message = f"read another tree than the survey counted: {result.output.strip()[:200]}"
            raise RefusedError(message)
    return result


def may_drop_caches() -> bool:
    """Say whether this process may."""
    return os.access("/proc/sys/vm/drop_caches", os.W_OK)


def warm(contestant: Contestant, *, corpus: Corpus, tools: Tools) -> int:
    """Run it until it gets no faster by a tenth, at most WARM_UPS times; return how often it ran.

    Raises:
        RefusedError: as `checked`.
    """
    previous = float("inf")
    for count in range(1, WARM_UPS + 1):
        wall = checked(contestant, corpus=corpus, tools=tools).wall
        if wall > 0.9 * previous:
            return count
        previous = wall
    return WARM_UPS


def measure(
    contestants: list[Contestant],
    *,
    corpus: Corpus,
    tools: Tools,
    runs: int,
    budget: float,
    before: Callable[[], None] | None = None,
) -> tuple[list[Measurement], list[Absence]]:
    """Measure all in alternation; `budget` is seconds per contestant, LEAST_RUNS are made anyway.

    `before` runs before each measured run: dropping the caches makes the measurement a cold one.
    """
    cold = before is not None
    tallies: list[_Tally] = []
    absences: list[Absence] = []

    def refuse(name: str, error: RefusedError) -> None:
        absences.append(
            Absence(
                corpus=corpus.name, contestant=name, reason=_without_places(str(error)), cold=cold
            )
        )

    for contestant in contestants:
        try:
            first = checked(contestant, corpus=corpus, tools=tools)
        except RefusedError as error:
            refuse(contestant.name, error)
            continue
        affordable = int(budget / max(first.wall, 1e-3))
        least = min(LEAST_RUNS, runs)
        # Starting an interpreter is what everything else is compared with: it is short and noisy.
        most = 2 * runs if contestant.kind == REFERENCE else runs
        tallies.append(_Tally(contestant, max(least, min(most, affordable))))
    for turn in range(max((tally.runs for tally in tallies), default=0)):
        start = turn % len(tallies) if tallies else 0
        for tally in tallies[start:] + tallies[:start]:
            if turn >= tally.runs:
                continue
            if before is not None:
                before()
            try:
                tally.add(checked(tally.contestant, corpus=corpus, tools=tools))
            except RefusedError as error:
                refuse(tally.contestant.name, error)
                tally.runs = 0
        _progress(corpus.name, turn + 1, cold=cold)
    return [
        _measurement(tally, corpus=corpus, cold=cold) for tally in tallies if tally.runs
    ], absences


def _measurement(tally: _Tally, *, corpus: Corpus, cold: bool) -> Measurement:
    return Measurement(
        corpus=corpus.name,
        contestant=tally.contestant.name,
        kind=tally.contestant.kind,
        does=tally.contestant.does,
        walls=tuple(tally.walls),
        inner=tuple(tally.inner),
        peak_kib=tally.peak,
        cold=cold,
        threads=tally.contestant.threads,
    )


def _progress(corpus: str, turn: int, *, cold: bool) -> None:
    print(f"{corpus}{', cold' if cold else ''}: round {turn} done", file=sys.stderr, flush=True)


def _without_places(reason: str) -> str:
    """Return a reason without the folders of this machine."""
    return reason.replace(os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/", "")
