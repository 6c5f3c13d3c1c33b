"""For how long, and how often, an alarm waits for a successor that arrives."""

import msgspec
import pytest
from tests.unit.watch.clocks import Hands

from duri.verdict import Status, Verdict
from duri.watch import arrivals
from duri.watch.arrivals import Arrivals
from duri.watch.examination import Depth, Examined
from duri.watch.settling import UPDATE_LONGEST, UPDATE_QUIET

TOUCH = UPDATE_QUIET / 2
"""Seconds between two changes that keep a successor arriving."""

PUBLISHED = Verdict(
    status=Status.VERIFIED,
    root="app",
    checked_at="2026-01-01T00:00:00Z",
    product="shop",
    sequence=1,
    deployment_id="shop-1",
)


def look(release: int, status: Status = Status.CORRUPTED, *, authentic: bool = True) -> Examined:
    """Return a look that found this release's artifacts."""
    verdict = msgspec.structs.replace(
        PUBLISHED, status=status, sequence=release, deployment_id=f"shop-{release}"
    )
    return Examined(verdict=verdict, depth=Depth.PARTIAL, authentic=authentic)


PUT_BACK = look(1, Status.VERIFIED)
"""The first release is there again, all of it."""


def held(waiting: Arrivals, hands: Hands, examined: Examined) -> bool:
    """Look at something that changed just now."""
    return waiting.holds(PUBLISHED, examined, hands.now)


def until_alarm(waiting: Arrivals, hands: Hands, examined: Examined) -> float:
    """Keep changing files of a successor; return for how long the alarm waited."""
    began = hands.now
    while held(waiting, hands, examined):
        assert hands.now - began < 10 * UPDATE_LONGEST, "it waits for ever"
        hands.move(TOUCH)
    return hands.now - began


def test_alarm_waits_for_a_successor_whose_files_keep_arriving() -> None:
    hands = Hands()
    waiting = Arrivals(hands.clock)
    assert held(waiting, hands, look(2))
    assert waiting.update is not None
    assert waiting.update.ends == pytest.approx(hands.now + UPDATE_QUIET)
    hands.move(TOUCH)
    assert held(waiting, hands, look(2))
    # All of it is there.
    hands.move(TOUCH)
    assert not held(waiting, hands, look(2, Status.VERIFIED))
    assert waiting.update is None


def test_successor_that_stops_arriving_is_an_alarm_after_a_quiet_while() -> None:
    hands = Hands()
    waiting = Arrivals(hands.clock)
    changed = hands.now
    assert waiting.holds(PUBLISHED, look(2), changed)
    hands.move(UPDATE_QUIET - 0.1)
    assert waiting.holds(PUBLISHED, look(2), changed)
    hands.move(0.1)
    assert not waiting.holds(PUBLISHED, look(2), changed)


def test_successor_that_never_arrives_is_waited_for_so_long() -> None:
    hands = Hands()
    assert until_alarm(Arrivals(hands.clock), hands, look(2)) == pytest.approx(UPDATE_LONGEST)


def test_artifacts_taken_away_and_put_in_again_gain_nothing() -> None:
    hands = Hands()
    waiting = Arrivals(hands.clock)
    waited = 0.0
    for _ in range(20):
        began = hands.now
        while held(waiting, hands, look(2)) and hands.now - began < UPDATE_LONGEST / 3:
            hands.move(TOUCH)
        waited += hands.now - began
        hands.move(0.5)
        assert not held(waiting, hands, PUT_BACK)
    assert waited <= UPDATE_LONGEST
    assert not held(waiting, hands, look(2))
    assert waiting.update is None


def test_next_successor_is_waited_for_anew() -> None:
    hands = Hands()
    waiting = Arrivals(hands.clock)
    until_alarm(waiting, hands, look(2))
    assert not held(waiting, hands, PUT_BACK)
    assert not held(waiting, hands, look(2))
    assert until_alarm(waiting, hands, look(3)) == pytest.approx(UPDATE_LONGEST)


def test_successor_that_came_and_went_at_once_is_waited_for_as_long_as_is_left() -> None:
    hands = Hands()
    waiting = Arrivals(hands.clock)
    assert held(waiting, hands, look(2))
    assert not held(waiting, hands, PUT_BACK)
    hands.move(UPDATE_LONGEST - 2 * TOUCH)
    assert until_alarm(waiting, hands, look(2)) == pytest.approx(2 * TOUCH)


def test_evidence_that_is_not_authentic_starts_no_clock() -> None:
    hands = Hands()
    waiting = Arrivals(hands.clock)
    assert not held(waiting, hands, look(2, authentic=False))
    hands.move(UPDATE_LONGEST)
    # So the real one that has this name is waited for in full.
    assert until_alarm(waiting, hands, look(2)) == pytest.approx(UPDATE_LONGEST)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_REMEMBERED", 3)
    hands = Hands()
    waiting = Arrivals(hands.clock)
    for release in range(2, 12):
        assert held(waiting, hands, look(release))
    hands.move(UPDATE_LONGEST)
    assert not any(held(waiting, hands, look(release)) for release in (9, 10, 11))
    assert held(waiting, hands, look(2))
