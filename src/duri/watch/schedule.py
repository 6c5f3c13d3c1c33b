"""When the whole tree is scanned next.

Between two full scans come `stat_passes` scans that read only what changed its identity, evenly
spread. Guarantees: two full scans begin at most `interval` apart, plus the time the first takes: a
scan that outlasts its turn delays the next, and none ever overlaps. Jitter only shortens, so that
the interval stays a promise, and keeps a thousand pods from reading at once. Pure: times come in,
in seconds of a monotonic clock.
"""

import msgspec

JITTER = 0.1
"""The largest share by which a pause is shortened."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When the next full scan and the next scan of any kind are due.

    Attributes:
        full: when the next full scan is due.
        stat: when the next scan that only looks for changed identities is due; never after `full`.
    """

    full: float
    stat: float

    @property
    def next(self) -> float:
        """When the next scan of either kind is due."""
        return min(self.full, self.stat)


def after_full(began: float, *, interval: float, stat_passes: int, draw: float) -> Schedule:
    """Return the schedule after a full scan that began at `began`.

    Args:
        began: when it began.
        interval: seconds between the beginnings of two full scans, at most.
        stat_passes: scans in between.
        draw: a random number from 0 to 1, for the jitter.
    """
    full = began + interval * (1 - JITTER * draw)
    return Schedule(full=full, stat=_stat(began, full, interval, stat_passes))


def after_stat(schedule: Schedule, ended: float, *, interval: float, stat_passes: int) -> Schedule:
    """Return the schedule after a scan in between that ended at `ended`."""
    return Schedule(full=schedule.full, stat=_stat(ended, schedule.full, interval, stat_passes))


def _stat(now: float, full: float, interval: float, stat_passes: int) -> float:
    """Return when the next scan in between is due: `full` where none fits before it."""
    pause = interval / (stat_passes + 1)
    due = now + pause
    # One that would end next to a full scan would say what that says.
    return full if stat_passes == 0 or due > full - pause / 2 else due
