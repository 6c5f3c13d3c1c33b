"""The last 24 hours: spans without holes, points without loss of peaks, both without end."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duri.verdict import Status
from duri.watch import history
from duri.watch.history import DAY, MAX_CHANGES, MAX_POINTS, History, Recorded
from duri.watch.snapshot import ScanPoint, Span

NOW = 1_795_341_600.0
"""2026-11-22T10:00:00Z."""

VERIFIED, CORRUPTED, TAMPERED = Status.VERIFIED, Status.CORRUPTED, Status.TAMPERED
statuses = st.sampled_from([*Status, None])


def point(at: float, **numbers: int) -> ScanPoint:
    """Return a scan that found nothing, but for the numbers."""
    fields = {"duration_ms": 0, "bytes_hashed": 0, "modified": 0, "missing": 0, "new": 0}
    return ScanPoint(at=at, kind="full", **fields | numbers)


def recorded(changes: Iterable[tuple[float, Status | None]]) -> History:
    """Return the history of these changes."""
    past = History()
    for at, status in changes:
        past = history.record(past, status, at=at)
    return past


def strip(past: History, *, now: float = NOW) -> list[tuple[float, Status | None]]:
    """Return when each span began, in seconds before now, and its status."""
    return [(span.begin - now, span.status) for span in history.spans(past, now=now)]


def covers_a_day(spans: tuple[Span, ...], now: float) -> bool:
    """Return whether the spans cover the day before `now`, each once, none beside its like."""
    return (
        spans[0].begin == now - DAY
        and spans[-1].end == now
        and all(span.begin < span.end for span in spans)
        and all(
            one.end == other.begin and one.status is not other.status
            for one, other in pairwise(spans)
        )
    )


def test_before_anything_is_recorded_nobody_watched() -> None:
    assert history.spans(History(), now=NOW) == (Span(begin=NOW - DAY, end=NOW, status=None),)
    assert history.points(History(), now=NOW) == ()


def test_a_day_is_told_by_status() -> None:
    past = recorded([(NOW - 7200, VERIFIED), (NOW - 3600, CORRUPTED), (NOW - 60, VERIFIED)])
    assert strip(past) == [
        (-DAY, None),
        (-7200, VERIFIED),
        (-3600, CORRUPTED),
        (-60, VERIFIED),
    ]


def test_what_held_a_day_ago_holds_where_the_day_begins_and_what_ended_before_is_gone() -> None:
    past = recorded([(NOW - 3 * DAY, TAMPERED), (NOW - 2 * DAY, CORRUPTED), (NOW - 60, VERIFIED)])
    assert strip(past) == [(-DAY, CORRUPTED), (-60, VERIFIED)]
    assert len(past.changes) == 2


def test_what_began_with_the_day_holds_from_there() -> None:
    assert strip(recorded([(NOW - DAY, VERIFIED)])) == [(-DAY, VERIFIED)]


def test_two_changes_that_came_to_one_time_are_one() -> None:
    changes = (history.Change(NOW - 10, CORRUPTED), history.Change(NOW - 10, VERIFIED))
    past = History(changes=changes, last_at=NOW)
    assert strip(past) == [(-DAY, None), (-10, VERIFIED)]


def test_a_status_that_is_said_again_is_no_change() -> None:
    past = recorded((NOW - 1000 + number, VERIFIED) for number in range(1000))
    assert strip(past) == [(-DAY, None), (-1000, VERIFIED)]


jumping = st.lists(
    st.tuples(st.floats(-2 * DAY, 2 * DAY, width=32), statuses), min_size=1, max_size=60
)


@given(jumping, st.floats(-3 * DAY, 3 * DAY))
def test_whatever_the_clock_does_a_day_is_covered_once(
    changes: list[tuple[float, Status | None]], ahead: float
) -> None:
    past = recorded((NOW + at, status) for at, status in changes)
    for now in (NOW + ahead, past.last_at, past.last_at + 1):
        assert covers_a_day(history.spans(past, now=now), now)
    assert history.spans(past, now=past.last_at + 1)[-1].status is changes[-1][1]


@given(st.lists(st.tuples(st.floats(0.0625, DAY, width=32), statuses), min_size=1, max_size=50))
def test_each_moment_has_the_status_that_was_recorded_last_before_it(
    steps: list[tuple[float, Status | None]],
) -> None:
    at, changes = NOW, []
    for step, status in steps:
        at += step
        changes.append((at, status))
    for span in history.spans(recorded(changes), now=at + 1):
        middle = (span.begin + span.end) / 2
        held = [status for since, status in changes if since <= middle]
        assert span.status is (held[-1] if held else None)


def test_a_status_that_flaps_for_ever_takes_bounded_room_and_hides_nothing() -> None:
    past = recorded([(NOW, VERIFIED)])
    for number in range(3 * MAX_CHANGES):
        past = history.record(past, (CORRUPTED, VERIFIED)[number % 2], at=NOW + 60 + number / 10)
    end = past.last_at
    spans = history.spans(past, now=end + 3600)
    assert len(spans) <= MAX_CHANGES + 1
    assert covers_a_day(spans, end + 3600)
    # The quiet before and after stays what it was; the flapping between is shown as its worse.
    by_status = {span.status: span for span in spans}
    assert spans[1] == Span(begin=NOW, end=NOW + 60, status=VERIFIED)
    assert spans[-1].status is VERIFIED
    assert spans[-1].end - spans[-1].begin >= 3600
    assert set(by_status) == {None, VERIFIED, CORRUPTED}
    bad = sum(span.end - span.begin for span in spans if span.status is CORRUPTED)
    assert bad >= (end - NOW - 60) / 2


def test_merging_never_makes_verified_of_what_nobody_watched() -> None:
    past = recorded(
        (NOW + number, (None, VERIFIED)[number % 2]) for number in range(2 * MAX_CHANGES)
    )
    watched = sum(
        span.end - span.begin
        for span in history.spans(past, now=past.last_at)
        if span.status is VERIFIED
    )
    assert watched <= MAX_CHANGES


def test_a_clock_that_is_set_back_takes_the_past_with_it() -> None:
    past = recorded([(NOW - 600, VERIFIED), (NOW - 300, CORRUPTED), (NOW, VERIFIED)])
    past = history.record_scan(past, point(NOW, modified=3))
    past = history.record(past, TAMPERED, at=NOW - 3600)
    assert strip(past, now=NOW - 3590) == [
        (-DAY, None),
        (-610, VERIFIED),
        (-310, CORRUPTED),
        (-10, TAMPERED),
    ]
    assert [one.at for one in history.points(past, now=NOW - 3590)] == [NOW - 3600]


def test_a_clock_that_is_set_forward_takes_the_past_with_it_where_that_is_told() -> None:
    past = recorded([(NOW - 600, VERIFIED), (NOW - 300, CORRUPTED)])
    past = history.moved(past, 3600)
    assert strip(past, now=NOW + 3600) == [(-DAY, None), (-600, VERIFIED), (-300, CORRUPTED)]
    assert (
        history.moved(past, -3600).changes
        == recorded([(NOW - 600, VERIFIED), (NOW - 300, CORRUPTED)]).changes
    )


def test_times_in_whole_seconds_are_no_clock_that_was_set() -> None:
    past = recorded([(NOW + 0.25, VERIFIED), (NOW + 300.75, CORRUPTED)])
    past = history.record_scan(past, point(NOW + 300))
    past = history.record(past, VERIFIED, at=NOW + 300.5)
    assert past.changes[0].at == NOW + 0.25
    assert past.last_at == NOW + 300.75


def test_a_machine_that_slept_watched_nothing_meanwhile() -> None:
    past = recorded([(NOW - 7200, VERIFIED)])
    past = history.unwatched(past, since=NOW - 3600, until=NOW - 60)
    assert strip(past) == [(-DAY, None), (-7200, VERIFIED), (-3600, None), (-60, VERIFIED)]


def test_what_was_noticed_on_waking_holds_from_then_on() -> None:
    past = recorded([(NOW - 7200, VERIFIED), (NOW - 1800, CORRUPTED)])
    past = history.unwatched(past, since=NOW - 3600, until=NOW - 60)
    assert strip(past) == [(-DAY, None), (-7200, VERIFIED), (-3600, None), (-60, CORRUPTED)]


def test_points_of_another_day_are_not_shown() -> None:
    past = history.record_scan(History(), point(NOW))
    assert len(history.points(past, now=NOW)) == 1
    assert len(history.points(past, now=NOW + DAY)) == 1
    assert history.points(past, now=NOW + DAY + 1) == ()
    assert history.points(past, now=NOW - 1) == ()


def test_points_are_those_of_the_day_in_their_order() -> None:
    past = History()
    for number in range(600):
        past = history.record_scan(past, point(NOW - 2 * DAY + 300 * number, duration_ms=number))
    now = past.last_at
    shown = history.points(past, now=now)
    assert [one.at for one in shown] == sorted(one.at for one in shown)
    assert shown[0].at == now - DAY
    assert len(shown) == 289
    assert len(past.scans) == 289


@pytest.mark.parametrize("every", [4.0, 10.0, 40.0])
def test_points_are_thinned_evenly_and_the_peaks_stay(every: float) -> None:
    past = History()
    count = int(DAY / every)
    peaks = {count // 3: {"duration_ms": 9000}, count // 2: {"modified": 70}}
    peaks |= {count // 4: {"missing": 7}, count // 5: {"new": 6, "bytes_hashed": 10**12}}
    for number in range(count):
        past = history.record_scan(past, point(NOW + every * number, **peaks.get(number, {})))
        assert len(past.scans) <= MAX_POINTS
    shown = history.points(past, now=past.last_at)
    for field in ("duration_ms", "modified", "missing", "new", "bytes_hashed"):
        assert max(getattr(one, field) for one in shown) > 5
    assert shown[-1].at == past.last_at
    # No stretch of the day is left out.
    assert max(other.at - one.at for one, other in pairwise(shown)) <= 600


@given(
    st.lists(
        st.tuples(st.floats(0, 120, width=32), *[st.integers(0, 9)] * 5), min_size=1, max_size=200
    ),
    st.integers(3, 20),
)
def test_thinning_keeps_the_newest_and_every_peak(
    steps: list[tuple[float, int, int, int, int, int]], limit: int
) -> None:
    fields = ("duration_ms", "bytes_hashed", "modified", "missing", "new")
    at, points = NOW, []
    for step, *numbers in steps:
        at += step
        points.append(point(at, **dict(zip(fields, numbers, strict=True))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "MAX_POINTS", limit)
        past = History()
        for one in points:
            past = history.record_scan(past, one)
    assert past.scans[-1] == points[-1]
    assert set(past.scans) <= set(points)
    assert list(past.scans) == sorted(past.scans, key=lambda one: one.at)
    for field in fields:
        assert max(getattr(one, field) for one in past.scans) == max(
            getattr(one, field) for one in points
        )


def test_the_newest_scan_stays_however_little_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_POINTS", 3)
    past = History()
    for number in range(6):
        past = history.record_scan(past, point(NOW + number, duration_ms=9 - number))
    assert [one.duration_ms for one in past.scans] == [9, 4]


def entry(at: float, status: Status | None, *, ends: bool = False) -> Recorded:
    """Return a record that another was to follow within 300 seconds."""
    return Recorded(at=at, status=status, interval=300, ends=ends)


def test_a_restart_shows_what_was_recorded_before_it() -> None:
    records = [entry(NOW - 7200 + 300 * number, VERIFIED) for number in range(10)]
    records += [entry(NOW - 4000, CORRUPTED), entry(NOW - 3900, CORRUPTED, ends=True)]
    past = history.restore(records, now=NOW - 3600)
    past = history.record(past, VERIFIED, at=NOW - 3600)
    assert strip(past) == [
        (-DAY, None),
        (-7200, VERIFIED),
        (-4000, CORRUPTED),
        (-3900, None),
        (-3600, VERIFIED),
    ]


def test_a_record_that_came_late_leaves_a_gap_and_one_in_time_none() -> None:
    late = history.restore(
        [entry(NOW - before, VERIFIED) for before in (5000, 4700, 4000, 3700)], now=NOW
    )
    assert strip(late) == [
        (-DAY, None),
        (-5000, VERIFIED),
        (-4700, None),
        (-4000, VERIFIED),
        (-3700, None),
    ]
    in_time = history.restore([entry(NOW - 5000, VERIFIED), entry(NOW - 4500, VERIFIED)], now=NOW)
    assert strip(in_time) == [(-DAY, None), (-5000, VERIFIED), (-4500, None)]


def test_a_scan_that_took_long_is_not_late() -> None:
    slow = Recorded(
        at=NOW - 4000, status=VERIFIED, interval=300, scan=point(NOW - 4000, duration_ms=500_000)
    )
    past = history.restore([entry(NOW - 5000, VERIFIED), slow], now=NOW)
    assert strip(past) == [(-DAY, None), (-5000, VERIFIED), (-4000, None)]
    assert history.points(past, now=NOW) == (slow.scan,)


def test_the_last_word_of_a_watcher_that_was_killed_is_seen() -> None:
    records = [entry(NOW - 1000, VERIFIED), entry(NOW - 900, CORRUPTED)]
    assert strip(history.restore(records, now=NOW)) == [
        (-DAY, None),
        (-1000, VERIFIED),
        (-900, CORRUPTED),
        (-300, None),
    ]
    # A restart at once begins where the record is, not in the future.
    past = history.record(history.restore(records, now=NOW - 890), VERIFIED, at=NOW - 880)
    assert strip(past)[-3:] == [(-900, CORRUPTED), (-890, None), (-880, VERIFIED)]


def test_a_watcher_that_began_anew_does_not_vouch_for_the_time_before() -> None:
    began = Recorded(at=NOW - 900, status=None, interval=300, begins=True)
    records = [entry(NOW - 1000, VERIFIED), began, entry(NOW - 890, VERIFIED)]
    records += [entry(NOW - 590, VERIFIED)]
    assert strip(history.restore(records, now=NOW)) == [
        (-DAY, None),
        (-890, VERIFIED),
        (-590, None),
    ]
    records[0] = entry(NOW - 1000, CORRUPTED)
    assert strip(history.restore(records, now=NOW))[:3] == [
        (-DAY, None),
        (-1000, CORRUPTED),
        (-900, None),
    ]


def test_nothing_on_record_is_an_empty_history() -> None:
    assert history.restore([], now=NOW) == History()


@given(
    st.lists(
        st.builds(
            Recorded,
            at=st.floats(NOW - 2 * DAY, NOW + DAY, width=64),
            status=statuses,
            interval=st.integers(5, 86_400),
            begins=st.booleans(),
            ends=st.booleans(),
        ),
        max_size=40,
    )
)
def test_whatever_is_on_record_a_day_is_covered_once_and_the_clock_is_now(
    records: list[Recorded],
) -> None:
    past = history.record(history.restore(records, now=NOW), VERIFIED, at=NOW)
    spans = history.spans(past, now=NOW + 1)
    assert covers_a_day(spans, NOW + 1)
    assert spans[-1].status is VERIFIED
