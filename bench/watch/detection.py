"""How long from a change to the alarm, over many random changes; how many are missed or false.

Guarantees: one change at a time, each taken back exactly; a change that is not seen in
MISSED_SECONDS is counted as missed and not among the times; an alarm that no change explains is
counted, whether it was polled or only logged. Each source of events is measured by itself, and the
worst counts.
"""

import random
import time
from dataclasses import dataclass, field

from bench import corpora, stopwatch
from bench.contestants import MissingError
from bench.watch import changes, peers
from bench.watch.client import Client
from bench.watch.release import Release
from bench.watch.setup import Findings, Setup, milliseconds
from bench.watch.targets import Figure, percentile
from bench.watch.watcher import Watcher

MISSED_SECONDS = 30.0
POLL_SECONDS = 0.002
QUIET_SECONDS = 5.0
QUIET_TIMES = 4
INTERVAL_SECONDS = 300
"""What users get without asking."""

SOURCES = {"best that the kernel allows": (), "inotify": ("--no-fanotify",)}


@dataclass(slots=True)
class Tally:
    """What became of the changes of one run."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    requests: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    cpu: float = 0.0
    wall: float = 0.0

    @property
    def all(self) -> list[float]:
        """Every time of detection."""
        return [one for times in self.seconds.values() for one in times]


def run(setup: Setup, *, count: int) -> Findings:
    """Measure every source of events, then the peers over the same tree."""
    found = Findings(
        name="detection",
        title=f"Detection: {count:,} random changes in {corpora.RECIPES[setup.corpus].title}",
        text=(
            "Edits (same size and times, and others), planted files, deletes, renames and chmods, "
            "one at a time. “Best” is fanotify where the process may use it. The last columns: "
            "one request of /metrics, and the watcher's processor time while it was asked so often."
        ),
        head=("", "change", "n", "median", "p99", "max", "missed", "false", "request", "cpu"),
    )
    home = setup.home("detection")
    release = setup.release(home)
    tallies = {}
    for source, options in SOURCES.items():
        interval = ("--interval", str(INTERVAL_SECONDS))
        watcher = setup.watcher(
            release.root, *interval, *options, keyring=release.keyring, home=home
        )
        with watcher:
            tallies[source] = tally = observe(watcher, release, count=count, seed=setup.seed)
        found.rows += _rows(source, tally)
        found.samples |= {f"{source}: {kind}": tuple(row) for kind, row in tally.seconds.items()}
        found.absences += [(source, f"missed: {what}") for what in tally.missed[:20]]
        found.absences += [(source, f"false: {what}") for what in tally.false[:20]]
    _judge(found, tallies)
    _peers(found, setup, release, home=home, count=count)
    return found


def observe(watcher: Watcher, release: Release, *, count: int, seed: int) -> Tally:
    """Make so many changes under a watcher and return what became of them."""
    generator, tally = random.Random(seed), Tally()
    with watcher.client() as client:
        watcher.until(client, "verified", seconds=120)
        began, cpu = time.monotonic(), watcher.weight().cpu
        _quiet(client, tally)
        for number in range(count):
            change = changes.draw(generator, release, number=number)
            # So that changes do not come in step with whatever the watcher does regularly.
            time.sleep(generator.random() * 0.05)
            _one(watcher, client, change, tally)
            if (number + 1) % max(1, count // QUIET_TIMES) == 0:
                _quiet(client, tally)
        tally.wall, tally.cpu = time.monotonic() - began, watcher.weight().cpu - cpu
    for line in watcher.lines("watch.status", since=began):
        status = line.fields.get("status")
        explained = any(begin <= line.at <= end for begin, end in tally.spans)
        if status != "verified" and not explained:
            tally.false.append(f"logged {status}")
    return tally


def _one(watcher: Watcher, client: Client, change: changes.Change, tally: Tally) -> None:
    begin = time.monotonic()
    change.make()
    seen = _await_alarm(client, begin, tally)
    if seen is None:
        tally.missed.append(f"{change.kind} of {change.path}")
    else:
        tally.seconds.setdefault(change.kind, []).append(seen)
    change.undo()
    try:
        watcher.until(client, "verified", seconds=MISSED_SECONDS)
    except stopwatch.BenchError as error:
        tally.false.append(f"after the undoing of {change.kind} of {change.path}: {error}")
        watcher.until(client, "verified", seconds=INTERVAL_SECONDS * 1.5)
    tally.spans.append((begin, time.monotonic() + 0.1))


def _await_alarm(client: Client, begin: float, tally: Tally) -> float | None:
    asked, last = begin, "verified"
    while asked < begin + MISSED_SECONDS:
        asked = time.monotonic()
        status = client.status()
        now = time.monotonic()
        tally.requests.append(now - asked)
        if status == "corrupted":
            return now - begin
        if status not in {last, "verified"}:
            tally.false.append(f"{status} instead of corrupted")
        last = status or ""
        time.sleep(POLL_SECONDS)
    return None


def _quiet(client: Client, tally: Tally) -> None:
    end = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < end:
        status = client.status()
        if status != "verified":
            tally.false.append(f"{status} while nothing changed")
            return
        time.sleep(0.02)


def _rows(source: str, tally: Tally) -> list[tuple[str, ...]]:
    rows = []
    for kind in (*changes.KINDS, "all"):
        times = tally.all if kind == "all" else tally.seconds.get(kind, [])
        if not times:
            continue
        cells = [milliseconds(percentile(times, share)) for share in (0.5, 0.99, 1.0)]
        last = ["", "", "", ""]
        if kind == "all":
            request = milliseconds(percentile(tally.requests, 0.5))
            cpu = f"{tally.cpu / tally.wall * 100:.0f} %"
            last = [str(len(tally.missed)), str(len(tally.false)), request, cpu]
        rows.append((source, kind, f"{len(times):,}", *cells, *last))
    return rows


def _judge(found: Findings, tallies: dict[str, Tally]) -> None:
    for name, share in (("detection median", 0.5), ("detection p99", 0.99)):
        values = {
            source: percentile(tally.all, share) * 1e3
            for source, tally in tallies.items()
            if tally.all
        }
        if values:
            basis = ", ".join(f"{source} {value:.1f} ms" for source, value in values.items())
            found.figures[name] = Figure(max(values.values()), basis)
    for name in ("missed", "false"):
        counts = {source: len(getattr(tally, name)) for source, tally in tallies.items()}
        basis = ", ".join(f"{source} {value}" for source, value in counts.items())
        found.figures[f"detection {name}"] = Figure(sum(counts.values()), basis)


def _peers(found: Findings, setup: Setup, release: Release, *, home: str, count: int) -> None:
    try:
        times, missed = peers.inotifywait(release, count=count, seed=setup.seed)
        cells = [milliseconds(percentile(times, share)) for share in (0.5, 0.99, 1.0)]
        name = "floor: inotifywait -m -r"
        row = (name, "a line is printed", f"{len(times):,}", *cells, str(missed), "", "", "")
        found.rows.append(row)
        found.samples["inotifywait"] = tuple(times)
    except MissingError as error:
        found.absences.append(("inotifywait", str(error)))
    try:
        tools = stopwatch.build(checkout=setup.checkout, workdir=setup.workdir)
        corpus = corpora.survey(setup.corpus, root=release.root)
        seconds = peers.aide(corpus, home=f"{home}/aide", tools=tools, cores=2)
        cell = f"{seconds:.1f} s"
        found.rows.append(("AIDE", "one whole check", "1", cell, "", "", "", "", "", ""))
        found.samples["AIDE"] = (seconds,)
    except (MissingError, stopwatch.BenchError, stopwatch.TooSlowError) as error:
        found.absences.append(("AIDE", str(error)))
