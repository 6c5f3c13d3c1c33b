"""The scan as Prometheus series, under the names that the users' dashboards hold.

Guarantees:

1. Names and labels are DESIGN's, section 7. Each status and each failing status's count is there
   always, so an alert on one never meets an absent series.
2. What is exposed is one scan, whole: a reader never sees half of the next. The labelled series of
   the release before are gone with it, so the number of series stays the same for ever.
3. Gauges only: no timestamps (a textfile collector drops a file that has any), no `_created`.

The registry comes in as an argument. What is about the watcher is left to
`duri.report.metrics.watching`, files to `duri.report.textfile`.
"""

from collections.abc import Iterable, Mapping

import msgspec
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from duri import times
from duri.errors import UsageError
from duri.report.escape import printable
from duri.verdict import Status, Summary, Verdict

FAILURES = "duri_integrity_consecutive_failures"

_FAILING = tuple(status for status in Status if status is not Status.VERIFIED)

_LABELS = (
    "deployment_id",
    "status",
    "product",
    "environment",
    "version",
    "mode",
    "hash_algorithm",
)

_MAX_COUNT = 2**53
"""Whole numbers beyond this are not exact in a series' 64-bit float."""


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What the series say about one scan; `scanned_at` is in Unix seconds."""

    status: Status
    scanned_at: float
    summary: Summary = Summary()
    deployment_id: str | None = None
    product: str | None = None
    environment: str | None = None
    version: str | None = None
    mode: str | None = None
    hash_algorithm: str | None = None


class Streak(msgspec.Struct, frozen=True):
    """How often in a row one status was seen.

    `whole` says that no other status was seen since recording began, so that what was counted
    before that, by an earlier process, may still be the same streak.
    """

    status: Status
    length: int
    whole: bool


class _Result(msgspec.Struct, frozen=True):
    """What of `DeploymentIntegrity.verify_integrity`'s dict the series are about."""

    status: Status
    summary: Summary = Summary()
    deployment_id: str | None = None
    mode: str | None = None
    hash_algorithm: str | None = None


def scan_of_verdict(verdict: Verdict) -> Scan:
    """Return what the series say about a verdict."""
    return Scan(
        status=verdict.status,
        scanned_at=times.parse(verdict.checked_at),
        summary=verdict.summary,
        deployment_id=verdict.deployment_id,
        product=verdict.product,
        environment=verdict.environment,
        version=verdict.version,
        mode=verdict.mode,
        hash_algorithm=verdict.hash_algorithm,
    )


def scan_of_result(
    result: Mapping[str, object],
    *,
    scanned_at: float,
    product: str | None = None,
    environment: str | None = None,
    version: str | None = None,
) -> Scan:
    """Return what the series say about a dict of `DeploymentIntegrity.verify_integrity`.

    Args:
        result: the dict; what it lacks counts as zero or unknown, but for `status`.
        scanned_at: Unix seconds, which the dict does not hold.
        product: likewise.
        environment: likewise.
        version: likewise.

    Raises:
        UsageError: no status, one that is not DuRi's, or a value of the wrong type.
    """
    try:
        known = msgspec.convert(dict(result), _Result)
    except msgspec.ValidationError as error:
        raise UsageError(
            "this is no result of verify_integrity()",
            got=str(error),
            todo="Pass what verify_integrity() returned.",
        ) from error
    return Scan(
        status=known.status,
        scanned_at=scanned_at,
        summary=known.summary,
        deployment_id=known.deployment_id,
        product=product,
        environment=environment,
        version=version,
        mode=known.mode,
        hash_algorithm=known.hash_algorithm,
    )


class ScanMetrics(Collector):
    """The series of the last scan, registered in `registry`.

    Args:
        registry: where they are registered.
        before: what an earlier process had counted (`failures_in` its textfile), from which the
            first scan here goes on counting.
    """

    def __init__(
        self, registry: CollectorRegistry, *, before: Mapping[str, int] | None = None
    ) -> None:
        self._before = dict(before or {})
        # One tuple, replaced in one step, is what keeps a reader from seeing half of a scan.
        self._state: tuple[Scan | None, Streak | None] = (None, None)
        registry.register(self)

    def record(self, scan: Scan) -> None:
        """Replace the series by those of `scan` and count its status."""
        _, streak = self._state
        self._state = (scan, _counted(streak or self._carried(scan.status), scan.status))

    def record_check(self, check: Scan) -> None:
        """Show what was found between two scans, where events asked for a look.

        That is no scan: it lengthens no row, and time, duration and bytes stay those of the last
        scan. Another status than the row's ends it, as it is one no longer.
        """
        scan, streak = self._state
        streak = streak or self._carried(check.status)
        if streak is None or streak.status is not check.status:
            streak = Streak(check.status, 0, whole=streak is None)
        self._state = (_between(scan, check), streak)

    def resume(self, failures: Mapping[str, int]) -> None:
        """Go on counting from what an earlier process had counted; does nothing the second time."""
        scan, streak = self._state
        if streak is not None and streak.whole:
            length = streak.length + failures.get(streak.status, 0)
            self._state = (scan, Streak(streak.status, length, whole=False))

    def clear(self) -> None:
        """Forget every scan, and what an earlier process had counted."""
        self._before = {}
        self._state = (None, None)

    def _carried(self, status: Status) -> Streak | None:
        """Return the row that an earlier process left, where this status goes on with it."""
        length = self._before.get(status, 0)
        return Streak(status, length, whole=False) if length else None

    def describe(self) -> Iterable[Metric]:
        """Return the families, so that registering them twice is an error."""
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        """Return the series: those of the last scan, and zeros for what was never seen."""
        scan, streak = self._state
        return _families(scan, streak)


def failures_in(exposition: str) -> dict[str, int]:
    """Return the consecutive failures that an exposition holds; nothing where it is malformed."""
    failures: dict[str, int] = {}
    try:
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                if sample.name == FAILURES and 0 <= sample.value < _MAX_COUNT:
                    failures[sample.labels.get("status", "")] = int(sample.value)
    except ValueError:
        return {}
    return failures


def _counted(streak: Streak | None, status: Status) -> Streak:
    if streak is None:
        return Streak(status, 1, whole=True)
    if streak.status is status:
        return Streak(status, streak.length + 1, whole=streak.whole)
    return Streak(status, 1, whole=False)


def _between(scan: Scan | None, check: Scan) -> Scan:
    last = scan or Scan(status=check.status, scanned_at=0)
    summary = msgspec.structs.replace(
        check.summary,
        scan_duration_ms=last.summary.scan_duration_ms,
        bytes_hashed=last.summary.bytes_hashed,
    )
    return msgspec.structs.replace(check, scanned_at=last.scanned_at, summary=summary)


def _families(scan: Scan | None, streak: Streak | None) -> Iterable[Metric]:
    summary = scan.summary if scan else Summary()
    info = GaugeMetricFamily(
        "duri_integrity_scan_info", "The last scan and the release it was of.", labels=_LABELS
    )
    duration = GaugeMetricFamily(
        "duri_integrity_scan_duration_ms", "How long the last scan took.", labels=["deployment_id"]
    )
    if scan:
        # A label value is UTF-8; what a name cannot be shown as is escaped.
        values = [printable(getattr(scan, label) or "") for label in _LABELS]
        info.add_metric(values, 1)
        duration.add_metric(values[:1], summary.scan_duration_ms)
    yield info
    yield duration
    for status in reversed(Status):
        yield _gauge(
            f"duri_integrity_status_{status.value}",
            f"1 where the last scan was {status.value}.",
            int(scan is not None and scan.status is status),
        )
    failures = GaugeMetricFamily(
        FAILURES, "Scans in a row, up to the last, with this status.", labels=["status"]
    )
    for status in _FAILING:
        seen = streak is not None and streak.status is status
        failures.add_metric([status.value], streak.length if streak and seen else 0)
    yield failures
    files = GaugeMetricFamily(
        "duri_integrity_files_total", "Files that were sealed.", labels=["type"]
    )
    files.add_metric(["total"], summary.total_files)
    yield files
    yield _gauge("duri_integrity_files_modified", "Sealed files changed.", summary.modified_files)
    yield _gauge("duri_integrity_files_missing", "Sealed files missing.", summary.missing_files)
    yield _gauge("duri_integrity_files_new", "Files nobody sealed.", summary.new_files)
    yield _gauge(
        "duri_integrity_scan_bytes_hashed", "Bytes the last scan hashed.", summary.bytes_hashed
    )
    yield _gauge(
        "duri_integrity_spike_detected",
        "1 where so much differs that nothing acts on it by itself.",
        int(summary.spike_detected),
    )
    yield _gauge(
        "duri_integrity_last_scan_timestamp_seconds",
        "When the last scan ended, in Unix seconds; 0 before the first.",
        scan.scanned_at if scan else 0,
    )


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)
