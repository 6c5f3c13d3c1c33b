"""What watching costs while nothing happens: processor between scans, stat passes, memory.

Guarantees: processor time is the kernel's account of the process over a stretch in which nobody
asks it anything; memory is the largest resident size since its start, over full scans and stat
passes.
"""

import time

from bench import stopwatch
from bench.watch import peers
from bench.watch.detection import SOURCES
from bench.watch.release import Release
from bench.watch.setup import Findings, Setup, megabytes, milliseconds
from bench.watch.targets import Figure, percentile
from bench.watch.watcher import Line, Weight, kind_of

SETTLE_SECONDS = 3.0
STAT_PASSES = 6
STAT_INTERVAL_SECONDS = 60


def run(setup: Setup, *, seconds: float) -> Findings:
    """Measure both sources of events idle, then stat passes."""
    found = Findings(
        name="idle",
        title="Cost while nothing happens, 100,000 files",
        text=(
            f"Processor time over {seconds:g} s without a scan or a request; stat-only passes by "
            "the watcher's own log. `find` walks with one thread and calls lstat on everything, "
            "compares nothing: what a pass needs at least."
        ),
        head=("", "processor", "resident", "most resident", "descriptors", "threads", "stat pass"),
    )
    home = setup.home("idle")
    release = setup.release(home)
    idle: dict[str, float] = {}
    peaks: dict[str, float] = {}
    for source, options in SOURCES.items():
        weights = _idle(setup, release, home=home, options=options, seconds=seconds)
        before, after = weights
        idle[source] = (after.cpu - before.cpu) / seconds * 100
        peaks[source] = megabytes(after.peak_kib)
        found.rows.append((source, f"{idle[source]:.2f} %", *_cells(after), "–"))
    _stat(found, setup, release, home=home, peaks=peaks)
    floor = peers.find(release.root, runs=5)
    cell = milliseconds(percentile(floor, 0.5))
    found.rows.append(("floor: find, one thread", "–", "–", "–", "–", "–", cell))
    found.samples["find"] = tuple(floor)
    basis = ", ".join(f"{source} {value:.2f} %" for source, value in idle.items())
    found.figures["idle cpu"] = Figure(max(idle.values()), basis)
    basis = ", ".join(f"{source} {value:.1f} MB" for source, value in peaks.items())
    found.figures["memory"] = Figure(max(peaks.values()), basis)
    return found


def _cells(now: Weight) -> tuple[str, ...]:
    resident, most = (f"{megabytes(kib):.1f} MB" for kib in (now.rss_kib, now.peak_kib))
    return resident, most, str(now.descriptors), str(now.threads)


def _idle(
    setup: Setup, release: Release, *, home: str, options: tuple[str, ...], seconds: float
) -> tuple[Weight, Weight]:
    """Return the weight before and after a stretch of nothing."""
    far = ("--interval", "86400", "--stat-passes", "0")
    with setup.watcher(release.root, *far, *options, keyring=release.keyring, home=home) as watcher:
        with watcher.client() as client:
            watcher.until(client, "verified", seconds=120)
        time.sleep(SETTLE_SECONDS)
        before, begin = watcher.weight(), time.monotonic()
        time.sleep(seconds)
        if watcher.lines("watch.scan", since=begin):
            raise stopwatch.BenchError("a scan ran in what was to be idle time")
        return before, watcher.weight()


def _stat(
    found: Findings, setup: Setup, release: Release, *, home: str, peaks: dict[str, float]
) -> None:
    options = ("--interval", str(STAT_INTERVAL_SECONDS), "--stat-passes", str(STAT_PASSES))
    with setup.watcher(release.root, *options, keyring=release.keyring, home=home) as watcher:
        with watcher.client() as client:
            watcher.until(client, "verified", seconds=120)
        # Through a second full scan, so that memory is that of a watcher that has done everything.
        end = time.monotonic() + 2.5 * STAT_INTERVAL_SECONDS
        while time.monotonic() < end:
            time.sleep(1)
            kinds = [kind_of(line) for line in watcher.lines("watch.scan")]
            if kinds.count("full") >= 2 and kinds.count("stat") >= STAT_PASSES:
                break
        scans, now = watcher.lines("watch.scan"), watcher.weight()
    name = "with stat passes and two full scans"
    peaks[name] = megabytes(now.peak_kib)
    seconds = [duration(line) for line in scans if kind_of(line) == "stat"]
    full = [duration(line) for line in scans if kind_of(line) == "full"]
    found.samples |= {"stat": tuple(seconds), "full": tuple(full)}
    if not seconds:
        found.absences.append(("stat pass", "none was logged"))
        return
    median = percentile(seconds, 0.5)
    found.rows.append((name, "–", *_cells(now), milliseconds(median)))
    basis = f"{len(seconds)} passes, slowest {milliseconds(max(seconds))}"
    found.figures["stat pass"] = Figure(median * 1e3, basis)


def duration(line: Line) -> float:
    """Return how many seconds a logged scan took."""
    value = line.fields["duration_ms"]
    assert isinstance(value, int | float)
    return value / 1e3
