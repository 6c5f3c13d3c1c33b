"""When the whole tree is scanned next."""

from hypothesis import given
from hypothesis import strategies as st

from duri.watch import schedule

INTERVALS = st.floats(5, 86_400)
PASSES = st.integers(0, 100)
DRAWS = st.floats(0, 1)


@given(INTERVALS, PASSES, DRAWS, st.floats(0, 1e9))
def test_full_scans_begin_within_the_interval(
    interval: float, passes: int, draw: float, began: float
) -> None:
    due = schedule.after_full(began, interval=interval, stat_passes=passes, draw=draw)
    assert began < due.full <= began + interval
    assert due.full >= began + interval * (1 - schedule.JITTER) - 1e-3
    assert began < due.stat <= due.full
    assert due.next == due.stat


@given(INTERVALS, PASSES, DRAWS)
def test_as_many_scans_lie_between_as_were_asked_for(
    interval: float, passes: int, draw: float
) -> None:
    due = schedule.after_full(0.0, interval=interval, stat_passes=passes, draw=draw)
    count = 0
    while due.stat < due.full:
        count += 1
        due = schedule.after_stat(due, due.stat, interval=interval, stat_passes=passes)
    # Jitter may make the last pause too short for one more.
    assert passes - max(1, round(passes * schedule.JITTER)) - 1 <= count <= passes


def test_without_scans_between_the_next_one_is_full() -> None:
    due = schedule.after_full(0.0, interval=300, stat_passes=0, draw=0)
    assert due.stat == due.full == 300


def test_scan_between_that_took_too_long_makes_room_for_the_full_one() -> None:
    due = schedule.after_full(0.0, interval=300, stat_passes=4, draw=0)
    late = schedule.after_stat(due, 290.0, interval=300, stat_passes=4)
    assert late.stat == late.full == due.full
