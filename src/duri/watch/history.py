"""The last 24 hours: which status held when, and what each scan cost and found.

Guarantees:

1. `spans(now)` covers the 24 hours up to `now` exactly: no hole, no overlap, neighbours differ.
   What nobody watched has no status, and no time is called verified that was not.
2. Size is bounded however often the status changes and however often is scanned: beyond
   MAX_CHANGES the two shortest neighbours become one with the worse of their statuses, and beyond
   MAX_POINTS each five minutes keep their last scan and the peaks of what is charted.
3. A clock that is set moves the past with it, so that "five minutes ago" stays that.

Values are frozen: each function returns another history. Times are Unix seconds of the wall clock
and come in as arguments. A clock that is set and a machine that slept look alike from here: whoever
can tell them apart calls `moved` for the first and `unwatched` for the second.
"""

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from duri.verdict import Status
from duri.watch.snapshot import ScanPoint, Span

DAY = 86_400.0
"""How far back a history goes, in seconds."""

MAX_CHANGES = 1_000
"""Changes of status kept: one for each pixel or so of the strip that shows a day."""

MAX_POINTS = 2_000
"""Scans kept: one every 43 seconds of a day, far more than a chart has room for."""

_CELL = 300.0
"""Thinning leaves at most six scans in each five minutes of a day: 1,734 in all."""

_LATE = 2.0
"""A record may come this many intervals after the one before; with a scan's own length on top."""

_SLACK = 5.0
"""Times this little before the last one are of the same moment: artifacts have whole seconds."""

_RANK: dict[Status | None, int] = {
    status: rank
    for rank, status in enumerate(
        (
            Status.UNVERIFIABLE,
            Status.TAMPERED,
            Status.CORRUPTED,
            Status.POLICY_CHANGED,
            None,
            Status.VERIFIED,
        )
    )
}
"""The worse first; what nobody watched is never called verified."""


class Change(msgspec.Struct, frozen=True):
    """From `at` on, this status held; None where nobody watched."""

    at: float
    status: Status | None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the last 24 hours.

    Attributes:
        changes: oldest first, rising; the last one holds until now.
        scans: oldest first.
        last_at: the latest time anything was recorded at.
    """

    changes: tuple[Change, ...] = ()
    scans: tuple[ScanPoint, ...] = ()
    last_at: float = 0.0


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier process left on record about one moment, such as a receipt.

    Attributes:
        at: when.
        status: the status from then on; None where none was known.
        interval: seconds after which the next record was due.
        begins: whether a watch began with it, so that the one before ended with the record before.
        ends: whether the watch ended with it.
        scan: the scan that it is about, if it is about one.
    """

    at: float
    status: Status | None
    interval: float
    begins: bool = False
    ends: bool = False
    scan: ScanPoint | None = None


def record(history: History, status: Status | None, *, at: float) -> History:
    """Return the history in which `status` holds from `at` on.

    A time well before the last one means that the clock was set back: the past moves with it.
    """
    history, at = _caught_up(history, at)
    changes = history.changes
    if changes and changes[-1].at == at:
        changes = changes[:-1]
    if not changes or changes[-1].status is not status:
        changes = (*changes, Change(at, status))
    return msgspec.structs.replace(
        history, changes=_bounded(_recent(changes, since=at - DAY)), last_at=at
    )


def unwatched(history: History, *, since: float, until: float) -> History:
    """Return the history without a claim about a stretch up to now, as of a machine that slept.

    What held before holds again from `until` on, until a scan says otherwise.
    """
    before = history.changes[-1].status if history.changes else None
    changes = tuple(change for change in history.changes if change.at < since)
    history = msgspec.structs.replace(history, changes=changes, last_at=min(since, history.last_at))
    return record(record(history, None, at=since), before, at=max(since, until))


def record_scan(history: History, scan: ScanPoint) -> History:
    """Return the history with one more finished scan."""
    history, at = _caught_up(history, scan.at)
    scans = tuple(point for point in history.scans if point.at >= at - DAY)
    scan = msgspec.structs.replace(scan, at=at)
    return msgspec.structs.replace(history, scans=_thinned((*scans, scan)), last_at=at)


def moved(history: History, seconds: float) -> History:
    """Return the history after the clock was set forward by `seconds`, or back where negative."""
    return History(
        changes=tuple(Change(change.at + seconds, change.status) for change in history.changes),
        scans=tuple(
            msgspec.structs.replace(point, at=point.at + seconds) for point in history.scans
        ),
        last_at=history.last_at + seconds,
    )


def restore(records: Iterable[Recorded], *, now: float) -> History:
    """Return the history that an earlier process left, unwatched at its end.

    Args:
        records: oldest first, as they were written.
        now: when this process started.

    A record vouches for the time up to the next one when that came in time, from the same watcher.
    After the last, and after any other, `verified` ends with the record itself; a worse status
    holds until the next one was due, so that the last word of a watcher that was stopped is seen.
    """
    history = History()
    due = 0.0
    for entry in records:
        length = entry.scan.duration_ms / 1000 if entry.scan else 0.0
        if entry.begins or entry.at > due + length:
            history = _left(history, due=due, until=entry.at)
        history = record(history, None if entry.ends else entry.status, at=entry.at)
        if entry.scan is not None:
            scan = msgspec.structs.replace(entry.scan, at=entry.at)
            history = record_scan(history, scan)
        due = entry.at + _LATE * entry.interval
    return _left(history, due=due, until=now)


def spans(history: History, *, now: float) -> tuple[Span, ...]:
    """Return the 24 hours up to `now` by status, oldest first, without holes or overlaps."""
    begin = now - DAY
    before = [change.status for change in history.changes if change.at <= begin]
    # By time: moving the past may round two times to one.
    inside = {change.at: change for change in history.changes if begin < change.at < now}
    edges = _joined((Change(begin, before[-1] if before else None), *inside.values()))
    ends = [*(change.at for change in edges[1:]), now]
    return tuple(
        Span(begin=change.at, end=end, status=change.status)
        for change, end in zip(edges, ends, strict=True)
    )


def points(history: History, *, now: float) -> tuple[ScanPoint, ...]:
    """Return the finished scans of the 24 hours up to `now`, oldest first."""
    return tuple(point for point in history.scans if now - DAY <= point.at <= now)


def _caught_up(history: History, at: float) -> tuple[History, float]:
    """Return the history on the clock of `at`, and `at` in order with it."""
    if not history.changes and not history.scans:
        return history, at
    if at < history.last_at - _SLACK:
        return moved(history, at - history.last_at), at
    return history, max(at, history.last_at)


def _left(history: History, *, due: float, until: float) -> History:
    """Return the history of a watcher that wrote nothing more up to `until`."""
    if not history.changes:
        return history
    vouched = _RANK[history.changes[-1].status] < _RANK[None]
    end = min(due, until) if vouched else history.last_at
    return record(history, None, at=end)


def _recent(changes: tuple[Change, ...], *, since: float) -> tuple[Change, ...]:
    """Drop what ended before `since`; the change that held then is kept."""
    first = sum(change.at <= since for change in changes)
    return changes[max(0, first - 1) :]


def _joined(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Drop each change to the status that holds already."""
    return changes[:1] + tuple(
        after for before, after in pairwise(changes) if before.status is not after.status
    )


def _bounded(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Merge the shortest neighbours while there are too many; what holds now is left alone."""
    while len(changes) > MAX_CHANGES:
        # A pair ends where the change after it begins, so the last change is in none.
        first = min(range(len(changes) - 2), key=lambda at: changes[at + 2].at - changes[at].at)
        one, other = changes[first : first + 2]
        worse = min(one.status, other.status, key=_RANK.__getitem__)
        changes = _joined((*changes[:first], Change(one.at, worse), *changes[first + 2 :]))
    return changes


def _thinned(scans: tuple[ScanPoint, ...]) -> tuple[ScanPoint, ...]:
    """Keep of each cell of the day the last scan and the peaks, where there are too many."""
    if len(scans) <= MAX_POINTS:
        return scans
    cells: dict[float, list[int]] = {}
    for index, point in enumerate(scans):
        cells.setdefault(point.at // _CELL, []).append(index)
    kept = set()
    for cell in cells.values():
        kept.add(cell[-1])
        for field in ("duration_ms", "bytes_hashed", "modified", "missing", "new"):
            kept.add(max(cell, key=lambda index: getattr(scans[index], field)))
    return tuple(scans[index] for index in sorted(kept))
