"""Random damage and repair for as long as one likes, against the oracle.

Guarantees: after each burst everything is quiet until a scan that began afterwards has ended; only
then are the watcher's findings and the oracle's compared, all of them, by path and kind. Memory and
descriptors are taken at those quiet moments, so that a scan's own do not look like growth.
"""

import os
import random
import subprocess
import time
from dataclasses import dataclass, field

from bench import stopwatch
from bench.watch import damage, oracle
from bench.watch.client import Client
from bench.watch.release import Release
from bench.watch.setup import Findings, Setup, megabytes
from bench.watch.targets import Figure, growth, percentile
from bench.watch.watcher import Line, Watcher, Weight, kind_of

INTERVAL_SECONDS = 5
STAT_PASSES = 2
CORPUS = "source"
SCAN_SECONDS = 60.0
BURST = 12
TAMPER_EVERY = 9
REPAIR_EVERY = 4


@dataclass(slots=True)
class Soaked:
    """What a soak saw."""

    bursts: int = 0
    done: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)
    early: int = 0
    weights: list[Weight] = field(default_factory=list)
    scans: dict[str, int] = field(default_factory=dict)


def run(setup: Setup, *, seconds: float) -> Findings:
    """Soak a copy of the source-like corpus."""
    found = Findings(
        name="soak",
        title=f"Soak: {seconds:,.0f} s of random damage and repair",
        text=(
            "2,262 source-like files, a full scan every 5 s with stat passes in between. After a "
            "burst of changes, at the end of a scan that began after it, every finding is compared "
            "with the oracle's, by path and kind."
        ),
        head=("", ""),
    )
    home = setup.home("soak")
    release = setup.release(home, corpus=CORPUS)
    options = ("--interval", str(INTERVAL_SECONDS), "--stat-passes", str(STAT_PASSES))
    with setup.watcher(release.root, *options, keyring=release.keyring, home=home) as watcher:
        soaked = soak(watcher, release, seconds=seconds, seed=setup.seed)
    _report(found, soaked)
    return found


def soak(watcher: Watcher, release: Release, *, seconds: float, seed: int) -> Soaked:
    """Damage, wait, compare, repair, until the time is over; a last repair ends it."""
    generator, soaked = random.Random(seed), Soaked()
    pristine = f"{release.root}.pristine"
    subprocess.run(["cp", "--archive", release.root, pristine], check=True)
    sealed, artifacts = oracle.look(pristine), oracle.evidence(pristine)
    end = time.monotonic() + seconds
    with watcher.client() as client:
        watcher.until(client, "verified", seconds=120)
        while True:
            is_last = time.monotonic() >= end
            whole = is_last or soaked.bursts % REPAIR_EVERY == REPAIR_EVERY - 1
            share = 1.0 if whole else generator.random()
            damage.repair(generator, release.root, pristine=pristine, sealed=sealed, share=share)
            if not whole:
                for word in _burst(generator, release.root, number=soaked.bursts):
                    soaked.done[word] = soaked.done.get(word, 0) + 1
            quiet = time.monotonic()
            right = oracle.answer(release.root, sealed=sealed, artifacts=artifacts)
            _compare(watcher, client, right, since=quiet, soaked=soaked)
            if is_last:
                break
    for line in watcher.lines("watch.scan"):
        kind = kind_of(line)
        soaked.scans[kind] = soaked.scans.get(kind, 0) + 1
    return soaked


def _burst(generator: random.Random, root: str, *, number: int) -> list[str]:
    done = []
    for _ in range(generator.randint(1, BURST)):
        done.append(damage.damage(generator, root))
        # Some come at once, some one by one, some in the middle of a scan.
        time.sleep(generator.choice((0, 0, 0.01, 0.2)))
    if number % TAMPER_EVERY == TAMPER_EVERY - 1:
        done.append(damage.tamper(generator, root))
    return done


def _compare(
    watcher: Watcher, client: Client, right: oracle.Answer, *, since: float, soaked: Soaked
) -> None:
    """Compare at the end of the first scan that began after everything was quiet.

    That is the second that ends from then on, since no two overlap.
    """
    soaked.bursts += 1
    soaked.statuses[right.status] = soaked.statuses.get(right.status, 0) + 1
    status, findings = client.findings()
    # By events alone, before any scan: no target, but worth knowing.
    soaked.early += not oracle.disagreement(right, status=status, findings=findings)

    def is_scan(line: Line) -> bool:
        return line.event == "watch.scan"

    try:
        first = watcher.wait(is_scan, seconds=SCAN_SECONDS, since=since)
        watcher.wait(
            lambda line: is_scan(line) and line is not first, seconds=SCAN_SECONDS, since=first.at
        )
        status, findings = client.findings()
        difference = oracle.disagreement(right, status=status, findings=findings)
    except stopwatch.BenchError as error:
        if watcher.process.poll() is not None:
            raise
        difference = str(error)
    if difference:
        soaked.disagreements.append(f"burst {soaked.bursts}: {difference}")
    soaked.weights.append(watcher.weight())


def _report(found: Findings, soaked: Soaked) -> None:
    memory = [megabytes(one.rss_kib) for one in soaked.weights]
    descriptors = [float(one.descriptors) for one in soaked.weights]
    words = ", ".join(f"{count} × {word}" for word, count in sorted(soaked.done.items()))
    statuses = ", ".join(f"{count} {status}" for status, count in soaked.statuses.items())
    scans = ", ".join(f"{count:,} {kind}" for kind, count in sorted(soaked.scans.items()))
    found.rows += [
        ("bursts compared", f"{soaked.bursts:,}"),
        ("right answers were", statuses),
        ("disagreements at the end of a scan", str(len(soaked.disagreements))),
        ("right by events alone, at once", f"{soaked.early:,}"),
        ("scans", scans),
        ("resident, median and most", f"{percentile(memory, 0.5):.1f} and {max(memory):.1f} MB"),
        ("descriptors, least and most", f"{min(descriptors):g} and {max(descriptors):g}"),
        ("done", words),
    ]
    found.absences += [("agreement", what) for what in soaked.disagreements[:20]]
    found.samples |= {"resident MB": tuple(memory), "descriptors": tuple(descriptors)}
    basis = f"{soaked.bursts:,} bursts of up to {BURST} changes"
    found.figures["soak disagreements"] = Figure(len(soaked.disagreements), basis)
    if len(memory) >= 4:
        basis = f"{memory[0]:.1f} MB at first, {memory[-1]:.1f} MB at last"
        found.figures["soak memory"] = Figure(growth(memory), basis)
        basis = f"{descriptors[0]:g} at first, {descriptors[-1]:g} at last"
        found.figures["soak descriptors"] = Figure(growth(descriptors), basis)


def evidence_of(soaked: Soaked) -> str:
    """Return what went wrong, for a test's message."""
    return os.linesep.join(soaked.disagreements)
