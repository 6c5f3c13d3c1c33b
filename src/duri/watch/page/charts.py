"""The strip of the last 24 hours and the small charts: what to draw, as pure functions.

Guarantees:

1. A strip has `CELLS` cells and each shows the worst of what happened in it, so that an outage of a
   second is as wide as one of five minutes and never vanishes; a gap in watching counts as worse
   than `verified`. What is drawn is bounded however often the status changed.
2. A column shows the largest value of its half hour. Any values are drawn: none, one, all zero,
   or so large that a float is not exact.
3. Positions are percentages of the width and pixels of the height, so the drawing scales with the
   page while hatching and bars keep their shape.

How it looks is left to the templates and the style sheet.
"""

from collections.abc import Callable, Sequence

import msgspec

from duri.verdict import Status
from duri.watch.snapshot import ScanPoint, Span

DAY = 86_400

CELLS = 288
"""Five minutes each."""

COLUMNS = 48
"""Half an hour each."""

STRIP_HEIGHT = 44

CHART_HEIGHT = 48

_VISIBLE = 3.0
"""Pixels that a column above zero has at least."""

UNWATCHED = "unwatched"

_BADNESS: dict[Status | None, int] = {
    Status.VERIFIED: 0,
    None: 1,
    Status.POLICY_CHANGED: 2,
    Status.CORRUPTED: 3,
    Status.TAMPERED: 4,
    Status.UNVERIFIABLE: 5,
}

_HEIGHTS: dict[Status | None, float] = {
    Status.VERIFIED: 0.45,
    None: 0.45,
    Status.POLICY_CHANGED: 0.7,
    Status.CORRUPTED: 1.0,
    Status.TAMPERED: 1.0,
    Status.UNVERIFIABLE: 1.0,
}
"""Height says severity too, so that the strip does not depend on seeing colours."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One rectangle: x and width in percent, y and height in pixels."""

    x: float
    y: float
    width: float
    height: float
    name: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Columns over the last 24 hours; the values are None where there was no scan."""

    bars: tuple[Bar, ...]
    latest: int | None
    smallest: int | None
    largest: int | None


def name_of(status: Status | None) -> str:
    """Return the name by which style sheet and languages know a status."""
    return UNWATCHED if status is None else status.value


def strip(spans: Sequence[Span], *, now: float) -> tuple[Bar, ...]:
    """Return the bars of the 24 hours before `now`; what no span covers is unwatched."""
    begin = now - DAY
    cell = DAY / CELLS
    worst: list[Status | None] = [None] * CELLS
    touched = [0.0] * CELLS
    bad = [-1] * CELLS
    for span in clipped(spans, begin=begin, end=now):
        first = min(CELLS - 1, int((span.begin - begin) / cell))
        last = min(CELLS - 1, int((span.end - begin) / cell))
        for at in range(first, last + 1):
            left = begin + at * cell
            touched[at] += max(0.0, min(span.end, left + cell) - max(span.begin, left))
            # A span that ends where a cell begins does not reach into it.
            reaches = span.end > left or span.begin == span.end
            if reaches and _BADNESS[span.status] > bad[at]:
                worst[at], bad[at] = span.status, _BADNESS[span.status]
    for at in range(CELLS):
        # A second's hole between two spans is a hole all the same.
        if touched[at] < cell - 1 and bad[at] < _BADNESS[None]:
            worst[at] = None
    return _joined(worst)


def clipped(spans: Sequence[Span], *, begin: float, end: float) -> tuple[Span, ...]:
    """Return the parts of the spans between two times, those that are empty there left out."""
    return tuple(
        Span(begin=max(span.begin, begin), end=min(span.end, end), status=span.status)
        for span in spans
        if span.end >= begin and span.begin <= end and span.begin <= span.end
    )


def watched(spans: Sequence[Span], *, now: float) -> float:
    """Return which share of the 24 hours before `now` had a status."""
    seconds = sum(
        span.end - span.begin
        for span in clipped(spans, begin=now - DAY, end=now)
        if span.status is not None
    )
    return min(1.0, seconds / DAY)


def chart(points: Sequence[ScanPoint], *, value: Callable[[ScanPoint], int], now: float) -> Chart:
    """Return the columns of one value over the 24 hours before `now`."""
    begin = now - DAY
    column = DAY / COLUMNS
    inside = [point for point in points if begin <= point.at <= now]
    if not inside:
        return Chart(bars=(), latest=None, smallest=None, largest=None)
    peaks: dict[int, int] = {}
    for point in inside:
        at = min(COLUMNS - 1, int((point.at - begin) / column))
        peaks[at] = max(peaks.get(at, 0), value(point))
    values = [value(point) for point in inside]
    top = max(values)
    bars = []
    for at, peak in sorted(peaks.items()):
        height = max(_VISIBLE, CHART_HEIGHT * (peak / top)) if peak > 0 else 1.0
        bars.append(
            Bar(
                x=round(100 * at / COLUMNS, 3),
                y=round(CHART_HEIGHT - height, 2),
                width=round(100 / COLUMNS * 0.72, 3),
                height=round(height, 2),
                name="some" if peak > 0 else "zero",
            )
        )
    return Chart(bars=tuple(bars), latest=value(inside[-1]), smallest=min(values), largest=top)


def _joined(cells: Sequence[Status | None]) -> tuple[Bar, ...]:
    """Return one bar a run of equal cells."""
    bars: list[Bar] = []
    at = 0
    while at < len(cells):
        end = at
        while end < len(cells) and cells[end] is cells[at]:
            end += 1
        height = STRIP_HEIGHT * _HEIGHTS[cells[at]]
        bars.append(
            Bar(
                x=round(100 * at / CELLS, 4),
                y=round(STRIP_HEIGHT - height, 2),
                width=round(100 * (end - at) / CELLS, 4),
                height=round(height, 2),
                name=name_of(cells[at]),
            )
        )
        at = end
    return tuple(bars)
