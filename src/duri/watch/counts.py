"""The series of one watcher, brought up to date by what happens.

Guarantees: what a scan found and what an event check found are told apart: only scans lengthen a
row of failures. Counters never fall.
"""

import msgspec
from prometheus_client import CollectorRegistry

from duri.report.metrics import Build, Numbers, ScanMetrics, WatchMetrics, scan_of_verdict
from duri.verdict import Verdict
from duri.watch import key_ages
from duri.watch.examination import Depth, Examined, Standing
from duri.watch.snapshot import Snapshot
from duri.watch.writer import Written


class Counts:
    """Everything that Prometheus is told.

    Args:
        registry: where the series are registered.
        build: what runs.
        started_at: when the watcher started, in Unix seconds.
        before: what an earlier process had counted, by status.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        build: Build,
        started_at: float,
        before: dict[str, int] | None = None,
    ) -> None:
        self._scans = ScanMetrics(registry, before=before)
        self._watch = WatchMetrics(registry, build=build, started_at=started_at)

    @property
    def events_lost(self) -> int:
        """How often events were lost."""
        return self._watch.numbers.events_lost

    def found(
        self, examined: Examined, before: Verdict | None, *, now: float, detected: float | None
    ) -> None:
        """Count a look.

        Args:
            examined: the look.
            before: the verdict that readers had.
            now: when it ended, in Unix seconds.
            detected: seconds since the first change that led to it; None where none did.
        """
        verdict = examined.verdict
        summary = examined.scanned or verdict.summary
        scan = msgspec.structs.replace(
            scan_of_verdict(msgspec.structs.replace(verdict, summary=summary)), scanned_at=now
        )
        if examined.depth is Depth.PARTIAL:
            self._scans.record_check(scan)
        else:
            self._scans.record(scan)
        self._watch.observe_scan(examined.depth.value, examined.seconds)
        if before is not None and before.status is not verdict.status:
            self.bump(state_changes=1)
        if detected is not None and before is not None and before.findings != verdict.findings:
            self._watch.observe_detection(detected)

    def bump(self, **counts: int) -> None:
        """Add to counters, by the names that `Numbers` gives them."""
        before = self._watch.numbers
        grown = {name: getattr(before, name) + count for name, count in counts.items()}
        self._watch.update(msgspec.structs.replace(before, **grown))

    def served(self, *, listening: bool) -> None:
        """Take note of whether anything answers."""
        numbers = self._watch.numbers
        self._watch.update(msgspec.structs.replace(numbers, http_listening=listening))

    def show(
        self, shown: Snapshot, written: Written, standing: Standing | None, *, period_days: int
    ) -> None:
        """Bring every gauge to what readers see."""
        watcher = None if standing is None else standing.events.watcher
        before, log = self._watch.numbers, shown.receipts
        refused = before.event_watches_refused if watcher is None else watcher.refused
        after: Numbers = msgspec.structs.replace(
            before,
            interval=shown.interval,
            next_scan_at=shown.next_scan_at or 0.0,
            scanning=shown.scanning is not None,
            source=shown.events.source,
            event_watches=shown.events.watches,
            event_watches_refused=max(refused, before.event_watches_refused),
            keys=shown.keys,
            rotation_due=key_ages.rotation_due(shown.keys),
            rotation_period_days=float(period_days),
            receipts=log.written,
            last_receipt_at=log.last_at or 0.0,
            receipt_sequence=log.sequence,
            receipts_waiting=log.waiting,
            receipt_errors=written.receipt_errors,
            textfile_errors=written.textfile_errors,
            updating=shown.updating,
            ready=shown.is_ready,
        )
        self._watch.update(after)
