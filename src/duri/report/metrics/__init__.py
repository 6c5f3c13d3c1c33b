"""What Prometheus is told: one collector a subject, each in the registry that it is given.

    scan        the last scan and the release it was of, under the names that dashboards hold
    watching    the watcher itself: passes, events, keys, receipts, outputs
    histogram   one histogram as a value
    formats     a registry in the two text formats that Prometheus reads

Guarantees: importing it registers nothing. docs/metrics.md lists every series.
"""

from duri.report.metrics.formats import exposition
from duri.report.metrics.scan import (
    FAILURES,
    Scan,
    ScanMetrics,
    Streak,
    failures_in,
    scan_of_result,
    scan_of_verdict,
)
from duri.report.metrics.watching import Build, Numbers, WatchMetrics

__all__ = [
    "FAILURES",
    "Build",
    "Numbers",
    "Scan",
    "ScanMetrics",
    "Streak",
    "WatchMetrics",
    "exposition",
    "failures_in",
    "scan_of_result",
    "scan_of_verdict",
]
