"""`integrity_metrics`: the last scan as Prometheus series, those of `duri.report.metrics`.

Guarantees: the series are in a registry of their own, so they meet nobody else's; a file is
replaced whole. A deployment that starts a process for each scan still counts failures in a row: the
first export to a file goes on from the counts which that file holds.
"""

import os
import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry

from duri import times
from duri.report import textfile
from duri.report.metrics import ScanMetrics, exposition, failures_in, scan_of_result
from DuRiCore.deployment.deployment_integrity import IntegrityResult


class IntegrityMetrics:
    """The series of the scans that were recorded here.

    Args:
        registry: where they are registered; one of their own when None.
        clock: Unix seconds, for a result that does not say when it was made.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry = CollectorRegistry() if registry is None else registry
        self._metrics = ScanMetrics(self._registry)
        self._clock = clock

    def record_integrity_scan(self, result: Mapping[str, object]) -> None:
        """Replace the series by those of what `verify_integrity` returned.

        Raises:
            UsageError: that is no such result.
        """
        if isinstance(result, IntegrityResult):
            verdict = result.verdict
            scan = scan_of_result(
                result,
                scanned_at=times.parse(verdict.checked_at),
                product=verdict.product,
                environment=verdict.environment,
                version=verdict.version,
            )
        else:
            scan = scan_of_result(result, scanned_at=self._clock())
        self._metrics.record(scan)

    def get_prometheus_metrics(self) -> str:
        """Return the series in the Prometheus text format, without timestamps."""
        return exposition(self._registry).decode()

    def export_to_file(self, path: str | os.PathLike[str]) -> None:
        """Put the series at `path`, for a textfile collector.

        Raises:
            PublishError: that failed; what was there before is there still.
        """
        name = os.fspath(path)
        self._metrics.resume(failures_in(textfile.read(name)))
        textfile.publish(name, exposition(self._registry))

    def clear_metrics(self) -> None:
        """Forget every scan."""
        self._metrics.clear()


integrity_metrics = IntegrityMetrics()
"""The series of this process."""
