"""The schedule as it stands: brought forward by what scans took, by settings, by lost events."""

import msgspec

from duri.settings import Settings
from duri.watch import schedule
from duri.watch.examination import Depth
from duri.watch.schedule import Schedule

FORCED = 60.0
"""Seconds between two full scans that lost events ask for, so that a storm asks for one."""


class Planning:
    """When scans are due; None before the first has ended."""

    def __init__(self) -> None:
        self.schedule: Schedule | None = None
        self._forced = float("-inf")

    def after(
        self, depth: Depth, settings: Settings, *, began: float, ended: float, draw: float
    ) -> None:
        """Plan on after a scan.

        Args:
            depth: what it read.
            settings: the interval, and the scans in between.
            began: when it began, monotonic.
            ended: when it ended.
            draw: a random number from 0 to 1, for the jitter.
        """
        interval, passes = float(settings.interval), settings.stat_passes
        if depth is Depth.FULL or self.schedule is None:
            self.schedule = schedule.after_full(
                began, interval=interval, stat_passes=passes, draw=draw
            )
        else:
            self.schedule = schedule.after_stat(
                self.schedule, ended, interval=interval, stat_passes=passes
            )

    def force_full(self, now: float) -> None:
        """Have a full scan begin now, unless one was forced just before."""
        if self.schedule is not None and now >= self._forced + FORCED:
            self._forced = now
            self.schedule = msgspec.structs.replace(self.schedule, full=now)
