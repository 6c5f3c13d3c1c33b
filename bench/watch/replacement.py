"""A release replaced by its successor, the usual ways, with its artifacts and without.

Guarantees: every way is run twice from the same beginning, under a watcher of its own; what a
reader saw is taken from polling and from the watcher's log, and the worse of the two counts.

With artifacts there is to be no alarm: only `verified`, first of the old release, then of the new.
Without, there is to be exactly one change of the status. "Without" is what each way leaves behind
when nobody sealed the successor: a switch brings a tree that has no artifacts, and rsync (told to
leave `.duri` alone) and pip leave the old ones beside the new files.
"""

import itertools
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from bench import corpora, stopwatch
from bench.watch import release, ways
from bench.watch.client import Client, Polled, Poller, info_in
from bench.watch.setup import Findings, Setup
from bench.watch.targets import Figure
from bench.watch.watcher import Watcher

POLL_SECONDS = 0.005
INTERVAL_SECONDS = 5
"""As often as is allowed, so that scans meet the replacement too."""

ARRIVAL_SECONDS = 60.0
AFTER_SECONDS = 12.0
"""More than two intervals: an alarm that comes with a later scan counts too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a reader saw of one replacement."""

    alarms: tuple[str, ...]
    changes: tuple[str, ...]
    arrived: float | None
    last: str | None


def run(setup: Setup, *, corpus: str) -> Findings:
    """Replace a release in every way, with and without artifacts."""
    found = Findings(
        name="replacement",
        title=f"A release replaced by its successor: {corpora.RECIPES[corpus].title}",
        text=(
            "One file in ten differs, some come, some go. A full scan every 5 s on top of events. "
            "Alarms are statuses other than `verified`, polled every 5 ms or logged. “Known after” "
            "is from the beginning of the replacement until /metrics says the successor's version, "
            "or, without artifacts, a status that is not `verified`."
        ),
        head=("way", "artifacts", "took", "known after", "statuses after", "alarms"),
    )
    alarms: list[str] = []
    most, unseen, tried = 0, [], 0
    for way in ways.WAYS:
        for sealed in (True, False):
            print(f"watch: {way.name}, {_word(sealed)} artifacts", file=sys.stderr, flush=True)
            try:
                home = setup.home("replacement")
                seen, took = _replaced(setup, way, home=home, corpus=corpus, sealed=sealed)
            except stopwatch.BenchError as error:
                found.absences.append((f"{way.name}, {_word(sealed)}", str(error)))
                continue
            tried += 1
            if sealed:
                alarms += [f"{way.name}: {alarm}" for alarm in seen.alarms]
                if seen.arrived is None:
                    alarms.append(f"{way.name}: the successor was not verified")
            else:
                most = max(most, len(seen.changes))
                unseen += [way.name] if seen.arrived is None else []
            arrived = "never" if seen.arrived is None else f"{seen.arrived:.2f} s"
            statuses = ", ".join(seen.changes) or "no change"
            counted = str(len(seen.alarms)) if sealed else "–"
            found.rows.append(
                (way.name, _word(sealed), f"{took:.2f} s", arrived, statuses, counted)
            )
    if tried:
        basis = f"{tried} replacements{': ' if alarms else ''}{'; '.join(alarms[:5])}"
        found.figures["replacement alarms"] = Figure(len(alarms), basis)
        found.figures["replacement changes"] = Figure(most, f"over {tried - tried // 2} ways")
        found.figures["replacement unseen"] = Figure(len(unseen), ", ".join(unseen) or "none")
    return found


def _word(sealed: bool) -> str:  # noqa: FBT001 - a word for a table's cell
    return "with" if sealed else "without"


def _replaced(
    setup: Setup, way: ways.Way, *, home: str, corpus: str, sealed: bool
) -> tuple[Seen, float]:
    """Prepare both releases, replace one by the other under a watcher, return what was seen."""
    source = release.copied(corpus, workdir=setup.workdir, to=os.path.join(home, "source"))
    keys = release.keyring(duri=setup.duri, home=os.path.join(home, "keys"))

    def seal(root: str, version: str) -> None:
        release.seal(root, duri=setup.duri, keys=keys, version=version)

    stage = way.prepare(source, home=home, seal=seal, sealed=sealed)
    os.sync()
    options = ("--interval", str(INTERVAL_SECONDS), "--stat-passes", "1")
    with setup.watcher(stage.root, *options, keyring=keys, home=home) as watcher:
        with watcher.client() as client:
            watcher.until(client, "verified", seconds=60)
            with Poller(watcher.port, every=POLL_SECONDS) as poller:
                time.sleep(INTERVAL_SECONDS * 1.2)
                begin = time.monotonic()
                try:
                    stage.replace()
                except (OSError, subprocess.CalledProcessError) as error:
                    raise stopwatch.BenchError(f"the replacement failed: {error}") from error
                took = time.monotonic() - begin
                arrived = _arrival(client, begin, sealed=sealed)
                time.sleep(AFTER_SECONDS)
            last = client.status()
        return _seen(watcher, poller.polled, begin=begin, arrived=arrived, last=last), took


def _arrival(client: Client, begin: float, *, sealed: bool) -> float | None:
    while time.monotonic() < begin + ARRIVAL_SECONDS:
        facts = info_in(client.metrics())
        version, status = facts.get("version"), facts.get("status")
        if status is not None and (
            version == "2" and status == "verified" if sealed else status != "verified"
        ):
            return time.monotonic() - begin
        time.sleep(POLL_SECONDS)
    return None


def _seen(
    watcher: Watcher, polled: Polled, *, begin: float, arrived: float | None, last: str | None
) -> Seen:
    """Join what was polled with what was logged; the longer list of changes counts."""
    before = [status for at, status in polled.statuses if at < begin]
    after = [str(status) for at, status in polled.statuses if at >= begin]
    logged = [str(line.fields.get("status")) for line in watcher.lines("watch.status", since=begin)]
    logged = _without_repeats([before[-1] if before else "verified", *logged])
    changes = max(after, logged, key=len)
    alarms = [status for status in changes if status != "verified"]
    alarms += [f"{status} before anything happened" for status in before if status != "verified"]
    return Seen(alarms=tuple(alarms), changes=tuple(changes), arrived=arrived, last=last)


def _without_repeats(statuses: list[str | None]) -> list[str]:
    """Return the changes: what follows the first, where it differs from what is before it."""
    return [str(now) for before, now in itertools.pairwise(statuses) if now != before]
