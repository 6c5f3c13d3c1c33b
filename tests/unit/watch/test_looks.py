"""Which look comes next."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duri.watch import looks, settling
from duri.watch.examination import Depth
from duri.watch.looks import Known
from duri.watch.schedule import Schedule
from duri.watch.settling import Burst, Update

QUIET = Known(began=True, schedule=Schedule(full=300.0, stat=60.0))
CHANGED = msgspec.structs.replace(QUIET, burst=Burst(first=10.0, last=10.0))


def with_(known: Known, **changes: object) -> Known:
    """Return what is known with something else in it."""
    return msgspec.structs.replace(known, **changes)


def test_first_look_reads_everything() -> None:
    assert looks.wanted(Known(began=False), 0.0) is Depth.FULL


def test_nothing_is_wanted_while_nothing_happens() -> None:
    assert looks.wanted(QUIET, 30.0) is None
    assert looks.wakes_at(QUIET, 30.0) == 60.0


def test_another_root_is_read_in_full_at_once() -> None:
    assert looks.wanted(with_(QUIET, moved=True), 1.0) is Depth.FULL


def test_change_is_looked_at_once_it_is_quiet() -> None:
    assert looks.wanted(CHANGED, 10.0) is None
    assert looks.wakes_at(CHANGED, 10.0) == pytest.approx(10.0 + settling.QUIET)
    assert looks.wanted(CHANGED, 10.0 + settling.QUIET) is Depth.PARTIAL


def test_lost_events_ask_for_the_whole_tree() -> None:
    assert looks.wanted(with_(CHANGED, lost=True), 11.0) is Depth.STAT


def test_events_rest_after_a_look_that_took_long() -> None:
    rested = looks.rest(10.0, 0.05)
    assert rested == pytest.approx(10.2)
    resting = with_(CHANGED, rested=rested)
    assert looks.wanted(resting, 10.1) is None
    assert looks.wanted(resting, rested) is Depth.PARTIAL
    assert looks.rest(10.0, 3600.0) == 10.0 + looks.MAX_REST


def test_evidence_that_was_asked_for_does_not_wait() -> None:
    assert looks.wanted(with_(CHANGED, asked=True), 10.0) is Depth.PARTIAL


def test_successor_that_stopped_arriving_is_judged() -> None:
    known = with_(QUIET, update=Update(began=10.0, moved=10.0))
    ends = 10.0 + settling.UPDATE_QUIET
    assert looks.wanted(known, ends - 0.1) is None
    assert looks.wakes_at(known, 10.0) == ends
    assert looks.wanted(known, ends) is Depth.STAT


def test_scan_between_is_made_when_it_is_due() -> None:
    assert looks.wanted(QUIET, 60.0) is Depth.STAT


def test_full_scan_has_its_turn_beside() -> None:
    assert looks.wanted(QUIET, 300.0) is None
    assert not looks.full_is_due(QUIET, 299.9)
    assert looks.full_is_due(QUIET, 300.0)


@given(st.floats(0, 1000), st.booleans(), st.booleans())
def test_waking_finds_something_to_do(now: float, changed: bool, arriving: bool) -> None:  # noqa: FBT001
    known = CHANGED if changed else QUIET
    if arriving:
        known = with_(known, update=Update(began=5.0, moved=5.0))
    at = looks.wakes_at(known, now)
    assert at >= now
    assert looks.wanted(known, at) is not None or looks.full_is_due(known, at)
