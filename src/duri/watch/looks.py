"""Which look comes next: events, the schedule and what was asked, put in order.

Guarantees: at most one look at a time is wanted, the most urgent: a root or evidence that changed
before folders that did, those before a scan that is merely due. Pure: what is known comes in, and
what is wanted comes out; times are seconds of a monotonic clock.
"""

import msgspec

from duri.watch import settling
from duri.watch.examination import Depth
from duri.watch.schedule import Schedule
from duri.watch.settling import Burst, Update

REST_SHARE = 4.0
"""After a look, rest this many times as long as it took: events never take more of a core than a
fifth, however many there are."""

MAX_REST = 0.5
"""Whatever a look took, the next one waits no longer than this."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What decides.

    Attributes:
        began: whether a first look has ended.
        moved: whether the root is another folder than was looked at, or cannot be opened.
        asked: whether the evidence is to be weighed anew at once.
        lost: whether events were lost, or too many to name.
        burst: changes that nobody has judged.
        update: a successor that arrives.
        schedule: when scans are due; None before the first.
        rested: when events may be looked at again.
        settle: seconds of quiet asked for.
    """

    began: bool
    moved: bool = False
    asked: bool = False
    lost: bool = False
    burst: Burst | None = None
    update: Update | None = None
    schedule: Schedule | None = None
    rested: float = 0.0
    settle: float = 0.0


def wanted(known: Known, now: float) -> Depth | None:
    """Return how closely to look now; None for not yet.

    A full look is wanted here only where nothing can be built upon; one that is merely due is
    started beside the others, see `full_is_due`.
    """
    if not known.began or known.moved:
        return Depth.FULL
    if known.asked:
        return Depth.PARTIAL
    if known.burst is not None and now >= _judged_at(known):
        return Depth.STAT if known.lost else Depth.PARTIAL
    if known.update is not None and now >= known.update.ends:
        return Depth.STAT  # whether or not there are events, it is seen as it is
    schedule = known.schedule
    if schedule is not None and schedule.stat <= now < schedule.full:
        return Depth.STAT
    return None


def full_is_due(known: Known, now: float) -> bool:
    """Return whether it is the turn of a full scan, beside what else is done."""
    return known.schedule is not None and now >= known.schedule.full


def wakes_at(known: Known, now: float) -> float:
    """Return when something will be wanted if nothing happens before; infinity for never."""
    times = [float("inf")]
    if wanted(known, now) is not None or full_is_due(known, now):
        return now
    if known.burst is not None:
        times.append(_judged_at(known))
    if known.update is not None:
        times.append(known.update.ends)
    if known.schedule is not None:
        times.append(known.schedule.next)
    return min(times)


def rest(ended: float, seconds: float) -> float:
    """Return until when events are collected only, after a look that took so long."""
    return ended + min(MAX_REST, REST_SHARE * seconds)


def _judged_at(known: Known) -> float:
    burst = known.burst
    assert burst is not None  # noqa: S101 - asked only where there is one; for the type checker
    return max(settling.due(burst, settle=known.settle), known.rested)
