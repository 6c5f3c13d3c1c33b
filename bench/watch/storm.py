"""A storm of events: nothing lost in the end, memory bounded, /metrics answered throughout.

Guarantees: what is there afterwards is judged by the oracle, which reads every file again; writers
are ended by their own ids, whatever happens.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from typing import Self

from bench import corpora, stopwatch
from bench.watch import oracle
from bench.watch.client import Client, Poller, value_in
from bench.watch.setup import Findings, Setup, megabytes, milliseconds
from bench.watch.targets import Figure, percentile
from bench.watch.watcher import Watcher, kind_of

WRITERS = 4
POLL_SECONDS = 0.05
LISTEN_SECONDS = 0.25
AGREE_SECONDS = 120.0


def run(setup: Setup, *, events: int, seconds: float) -> Findings:
    """Let the storm pass over a watched release and compare what is left."""
    found = Findings(
        name="storm",
        title=f"Storm: {events:,} events in {seconds:g} s over "
        f"{corpora.RECIPES[setup.corpus].title}",
        text=(
            f"{WRITERS} processes create, write, rename and delete files, one event in ten on "
            "sealed ones. They leave planted, edited, deleted and chmodded files behind; the "
            "watcher's findings are compared with the oracle's. /metrics is asked every 50 ms, "
            "from before the storm until they agree. The writers use the same two cores."
        ),
        head=("", ""),
    )
    home = setup.home("storm")
    release = setup.release(home)
    sealed, artifacts = oracle.look(release.root), oracle.evidence(release.root)
    with (
        setup.watcher(
            release.root, "--interval", "300", keyring=release.keyring, home=home
        ) as watcher,
        watcher.client() as client,
    ):
        watcher.until(client, "verified", seconds=120)
        with Poller(watcher.port, every=POLL_SECONDS) as poller:
            time.sleep(1)
            made, took = storm(release.root, events=events, seconds=seconds, seed=setup.seed)
            calm = time.monotonic()
            with Listener(watcher) as listener:
                # Reading every file takes longer than the watcher needs: listen to it meanwhile.
                right = oracle.answer(release.root, sealed=sealed, artifacts=artifacts)
                lost = _agreement(client, right, since=calm)
            agreed = None if lost else listener.agreed(right) - calm
            time.sleep(1)
        peak = megabytes(watcher.weight().peak_kib)
        overflows = value_in(client.metrics(), "duri_integrity_events_lost_total")
        passes = _passes(watcher)
    latencies = poller.polled.latencies
    assert right.findings is not None
    found.rows += [
        ("events made", f"{made:,} in {took:.1f} s"),
        ("findings left behind", f"{len(right.findings):,}"),
        ("findings that stayed wrong", f"{lost:,}"),
        ("agreed with the oracle", "never" if agreed is None else f"{agreed:.1f} s after the end"),
        ("queues that overflowed", f"{overflows or 0:g}"),
        ("scans", passes),
        ("most resident", f"{peak:.1f} MB"),
        ("/metrics, median", milliseconds(percentile(latencies, 0.5))),
        ("/metrics, p99", milliseconds(percentile(latencies, 0.99))),
        ("/metrics, slowest", milliseconds(max(latencies))),
        ("/metrics, failed", f"{len(poller.polled.failures)} of {len(latencies):,}"),
    ]
    found.absences += [("/metrics", why) for why in poller.polled.failures[:5]]
    found.samples["metrics"] = tuple(latencies)
    basis = f"{made:,} events in {took:.1f} s, {len(right.findings):,} findings to be found"
    found.figures["storm lost"] = Figure(lost, basis)
    found.figures["storm memory"] = Figure(peak, "VmHWM from the start on")
    slowest = max(latencies) * 1e3
    basis = f"{len(latencies):,} requests, p99 {milliseconds(percentile(latencies, 0.99))}"
    found.figures["storm metrics"] = Figure(slowest, basis)
    basis = f"of {len(latencies):,}"
    found.figures["storm unanswered"] = Figure(len(poller.polled.failures), basis)
    return found


class Listener:
    """A thread that keeps what the status API says, each time that it says something else."""

    def __init__(self, watcher: Watcher) -> None:
        """Start nothing yet."""
        self._watcher = watcher
        self._heard: list[tuple[float, str | None, set[tuple[str, bytes]]]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with self._watcher.client() as client:
            while not self._end.wait(LISTEN_SECONDS):
                with contextlib.suppress(OSError):
                    said = client.findings()
                    if not self._heard or self._heard[-1][1:] != said:
                        self._heard.append((time.monotonic(), *said))

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, with what is said last."""
        time.sleep(2 * LISTEN_SECONDS)
        self._end.set()
        self._thread.join()

    def agreed(self, right: oracle.Answer) -> float:
        """Return since when it said what is right, to the end; now where it was not heard."""
        since = time.monotonic()
        for at, status, findings in reversed(self._heard):
            if oracle.disagreement(right, status=status, findings=findings):
                break
            since = at
        return since


def _agreement(client: Client, right: oracle.Answer, *, since: float) -> int:
    """Wait until the watcher says what is right; return how many findings are wrong."""
    assert right.findings is not None
    while True:
        status, findings = client.findings()
        wrong = len(right.findings ^ findings) + (status != right.status)
        now = time.monotonic()
        if not wrong or now > since + AGREE_SECONDS:
            return wrong
        time.sleep(0.1)


def _passes(watcher: Watcher) -> str:
    kinds = [kind_of(line) for line in watcher.lines("watch.scan")]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))


def storm(
    root: str, *, events: int, seconds: float, seed: int, writers: int = WRITERS
) -> tuple[int, float]:
    """Run the writers all at once; return the events they made and the longest time.

    Raises:
        BenchError: one of them failed.
    """
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    started: list[subprocess.Popen[str]] = []
    with contextlib.ExitStack() as ends:
        for share in range(writers):
            numbers = (share, writers, seed, events // writers, seconds)
            arguments = [sys.executable, "-m", "bench.watch.writer", root, *map(str, numbers)]
            process = subprocess.Popen(
                arguments, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            ends.callback(_end, process)
            started.append(process)
        for process in started:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise stopwatch.BenchError("a writer of the storm did not start")
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate(timeout=seconds * 20 + 60)[0] for process in started]
        if any(process.returncode for process in started):
            raise stopwatch.BenchError("a writer of the storm failed")
    facts = [json.loads(line) for line in said]
    return sum(fact["events"] for fact in facts), max(fact["seconds"] for fact in facts)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
