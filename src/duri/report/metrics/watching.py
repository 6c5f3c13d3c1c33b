"""The watcher's own series: what it did, what it is told by, and whether it is told at all.

Guarantees:

1. The series are the same from the first scrape to the last, but for the keys: those of the
   keyring at hand, one series a key. Nothing of a release is in them.
2. What is exposed is one state, whole, replaced in one step; updates from two threads both count.
3. No timestamps and no `_created`: a textfile collector drops a file that has the first, and the
   second doubles the counters.

What the last scan found is `duri.report.metrics.scan`'s. What the numbers are is up to the watcher.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector

from duri.report.metrics import histogram
from duri.report.metrics.histogram import Histogram

ScanKind = Literal["full", "stat", "partial"]
EventSource = Literal["fanotify", "inotify", "none"]

_KINDS: tuple[ScanKind, ...] = ("full", "stat", "partial")
_SOURCES: tuple[EventSource, ...] = ("fanotify", "inotify", "none")

# fmt: off
_SCAN_BOUNDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
)
"""From an event's check of one folder to a throttled scan of a large release."""

_DETECTION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Around the targets: a median under 0.1 s, the 99th percentile under 1 s."""
# fmt: on

_SHORT_KEYID = 16
"""Digits of a keyid that are shown, here as in `duri keys list`."""


class KeyAge(Protocol):
    """What is read of a key; `duri.watch.snapshot.KeyAge` is one."""

    @property
    def keyid(self) -> str:
        """Its identifier, whole."""

    @property
    def state(self) -> str:
        """Its state."""

    @property
    def age_days(self) -> int:
        """Its age in whole days."""


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """What runs; `kernel` is the SHA-256 code in use (`duri.tree.scan.kernel`)."""

    version: str
    python: str
    kernel: str


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The watcher in numbers; times are Unix seconds, zero for what never happened.

    Attributes:
        interval: seconds between two full scans.
        next_scan_at: when the next scan of the whole tree is due.
        scanning: whether a scan runs now.
        source: what tells of changes between scans.
        event_watches: folders being watched.
        keys: those of the keyring at hand.
        rotation_period_days: how long a key may be the active one.
        rotation_due: whether an active key is older than that.
        last_receipt_at: when the last receipt was written.
        receipt_sequence: the last receipt's, for whoever checks that none was removed after it.
        receipts_waiting: receipts that could not be written yet.
        http_listening: whether the address of `--listen` is served.
        updating: whether a successor's files are still arriving.
        ready: what `/readyz` says.

    The rest count from the start of the process, each by its series' name, and never fall.
    """

    interval: float = 0
    next_scan_at: float = 0
    scanning: bool = False
    source: EventSource = "none"
    event_watches: int = 0
    keys: Sequence[KeyAge] = ()
    rotation_period_days: float = 0
    rotation_due: bool = False
    last_receipt_at: float = 0
    receipt_sequence: int = 0
    receipts_waiting: int = 0
    http_listening: bool = False
    updating: bool = False
    ready: bool = False
    events: int = 0
    events_lost: int = 0
    event_watches_refused: int = 0
    receipts: int = 0
    receipt_errors: int = 0
    textfile_errors: int = 0
    clock_jumps: int = 0
    root_changes: int = 0
    state_changes: int = 0
    loop_errors: int = 0


class _State(msgspec.Struct, frozen=True, kw_only=True):
    numbers: Numbers
    scans: Mapping[ScanKind, Histogram]
    detection: Histogram


class WatchMetrics(Collector):
    """The series of one watcher, registered in `registry`.

    Args:
        registry: where they are registered.
        build: what runs.
        started_at: when the watcher started, in Unix seconds.
    """

    def __init__(self, registry: CollectorRegistry, *, build: Build, started_at: float) -> None:
        self._build = build
        self._started_at = started_at
        self._writing = threading.Lock()
        self._state = _State(
            numbers=Numbers(),
            scans={kind: histogram.empty(_SCAN_BOUNDS) for kind in _KINDS},
            detection=histogram.empty(_DETECTION_BOUNDS),
        )
        registry.register(self)

    @property
    def numbers(self) -> Numbers:
        """The numbers shown now, from which the next are made (`msgspec.structs.replace`)."""
        return self._state.numbers

    def update(self, numbers: Numbers) -> None:
        """Replace all numbers at once."""
        with self._writing:
            self._state = msgspec.structs.replace(self._state, numbers=numbers)

    def observe_scan(self, kind: ScanKind, seconds: float) -> None:
        """Count one finished pass and how long it took."""
        with self._writing:
            state = self._state
            scans = {**state.scans, kind: histogram.observed(state.scans[kind], seconds)}
            self._state = msgspec.structs.replace(state, scans=scans)

    def observe_detection(self, seconds: float) -> None:
        """Count one burst of events, from its first event to what was published about it."""
        with self._writing:
            state = self._state
            detection = histogram.observed(state.detection, seconds)
            self._state = msgspec.structs.replace(state, detection=detection)

    def describe(self) -> Iterable[Metric]:
        """Return the families, so that registering them twice is an error."""
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        """Return the series of one state."""
        state = self._state
        yield InfoMetricFamily(
            "duri_build", "What runs here.", value=msgspec.structs.asdict(self._build)
        )
        yield GaugeMetricFamily(
            "duri_integrity_start_timestamp_seconds",
            "When the watcher started, in Unix seconds.",
            value=self._started_at,
        )
        yield from _passes(state)
        yield from _gauges(state.numbers)
        yield from _counters(state.numbers)
        yield _sources(state.numbers.source)
        yield _key_ages(state.numbers.keys)


def _passes(state: _State) -> Iterable[Metric]:
    seconds = HistogramMetricFamily(
        "duri_integrity_scan_seconds", "How long passes over the tree took.", labels=["kind"]
    )
    ended = CounterMetricFamily(
        "duri_integrity_scans", "Passes over the tree that ended.", labels=["kind"]
    )
    for kind, scans in state.scans.items():
        seconds.add_metric([kind], histogram.buckets(scans), scans.total)
        ended.add_metric([kind], histogram.count(scans))
    yield seconds
    yield ended
    yield HistogramMetricFamily(
        "duri_integrity_detection_seconds",
        "From the first event of a burst to the publication of what was found.",
        buckets=histogram.buckets(state.detection),
        sum_value=state.detection.total,
    )


def _gauges(numbers: Numbers) -> Iterable[Metric]:
    for name, documentation, value in (
        ("interval_seconds", "Seconds between two full scans.", numbers.interval),
        (
            "next_scan_timestamp_seconds",
            "When the next scan is due, in Unix seconds; 0 before that is known.",
            numbers.next_scan_at,
        ),
        ("scan_running", "1 while a scan runs.", numbers.scanning),
        ("event_watches", "Folders watched for events.", numbers.event_watches),
        (
            "key_rotation_period_days",
            "Days after which an active key is due for rotation.",
            numbers.rotation_period_days,
        ),
        ("key_rotation_due", "1 where an active key is due for rotation.", numbers.rotation_due),
        (
            "last_receipt_timestamp_seconds",
            "When the last receipt was written, in Unix seconds; 0 before the first.",
            numbers.last_receipt_at,
        ),
        (
            "receipt_sequence",
            "Number of the last receipt, for `duri receipts verify --expect-sequence`.",
            numbers.receipt_sequence,
        ),
        ("receipts_waiting", "Receipts not written yet.", numbers.receipts_waiting),
        ("http_listening", "1 where the watcher's own address is served.", numbers.http_listening),
        ("update_in_progress", "1 while a successor's files arrive.", numbers.updating),
        ("ready", "1 where /readyz says that traffic may come.", numbers.ready),
    ):
        yield GaugeMetricFamily(f"duri_integrity_{name}", documentation, value=float(value))


def _counters(numbers: Numbers) -> Iterable[Metric]:
    for name, documentation in (
        ("events", "File-system events that were read."),
        ("events_lost", "Times that events were lost; a scan of the whole tree followed each."),
        ("event_watches_refused", "Folders that the kernel refused to watch."),
        ("receipts", "Receipts written."),
        ("receipt_errors", "Receipts that failed to be written at once."),
        ("textfile_errors", "Failed replacements of the textfile."),
        ("clock_jumps", "Times that the wall clock was set."),
        ("root_changes", "Times that the root became another folder."),
        ("state_changes", "Changes of the status."),
        ("loop_errors", "Failures of the watcher itself that it went on after."),
    ):
        yield CounterMetricFamily(
            f"duri_integrity_{name}", documentation, value=getattr(numbers, name)
        )


def _sources(source: EventSource) -> Metric:
    family = GaugeMetricFamily(
        "duri_integrity_events_source",
        "1 for what tells of changes between scans.",
        labels=["source"],
    )
    for one in _SOURCES:
        family.add_metric([one], int(one == source))
    return family


def _key_ages(keys: Sequence[KeyAge]) -> Metric:
    family = GaugeMetricFamily(
        "duri_integrity_key_age_days",
        "Days since a key of the keyring was activated, or else created.",
        labels=["keyid", "state"],
    )
    shown = [key.keyid[:_SHORT_KEYID] for key in keys]
    for key, short in zip(keys, shown, strict=True):
        # Two series of one name make Prometheus drop the whole scrape, so twins are shown whole.
        keyid = short if shown.count(short) == 1 else key.keyid
        family.add_metric([keyid, key.state], key.age_days)
    return family
