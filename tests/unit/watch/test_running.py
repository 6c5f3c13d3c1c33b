"""When a look, or the loop itself, is stuck; and which look is shown."""

from typing import cast

import pytest
from tests.unit.watch.clocks import Hands

from duri.tree.scan import Progress
from duri.watch.examination import Depth
from duri.watch.running import STILL, Running
from duri.watch.snapshot import Scanning


class Counters:
    """The counters of a scan, which a test moves."""

    def __init__(self) -> None:
        self.files = self.bytes = 0
        self.total_files = self.total_bytes = 10
        self.cancelled = False

    def cancel(self) -> None:
        """End the scan."""
        self.cancelled = True


def nothing(shown: Scanning | None) -> None:
    """Show nothing."""
    del shown


@pytest.mark.parametrize("depth", list(Depth))
def test_look_whose_counters_stand_still_is_stuck(depth: Depth) -> None:
    hands, counters = Hands(), Counters()
    running = Running(hands.clock)
    with running.shown(depth, cast("Progress", counters), nothing):
        assert running.stuck(beat=hands.now) is None
        hands.move(STILL)
        assert running.stuck(beat=0.0) is None
        hands.move(1.0)
        assert f"a {depth} look has read nothing" in (running.stuck(beat=hands.now) or "")
        counters.bytes += 1
        assert running.stuck(beat=0.0) is None


def test_look_that_reads_slowly_is_not_stuck_however_long_it_takes() -> None:
    hands, counters = Hands(), Counters()
    running = Running(hands.clock)
    with running.shown(Depth.FULL, cast("Progress", counters), nothing):
        for _ in range(100):
            counters.bytes += 1
            hands.move(STILL)
            assert running.stuck(beat=0.0) is None


def test_one_look_that_moves_does_not_hide_another_that_does_not() -> None:
    hands, slow, quick = Hands(), Counters(), Counters()
    running = Running(hands.clock)
    with running.shown(Depth.FULL, cast("Progress", slow), nothing):
        stuck = running.stuck(beat=0.0)
        assert stuck is None
        for _ in range(3):
            hands.move(STILL / 2)
            with running.shown(Depth.PARTIAL, cast("Progress", quick), nothing):
                quick.files += 1
                stuck = running.stuck(beat=hands.now)
        assert stuck is not None
        assert "full" in stuck
    assert running.stuck(beat=hands.now) is None


def test_loop_that_does_not_turn_is_stuck() -> None:
    hands = Hands()
    running = Running(hands.clock)
    beat = hands.now
    hands.move(STILL)
    assert running.stuck(beat=beat) is None
    hands.move(1.0)
    assert "the loop has not turned" in (running.stuck(beat=beat) or "")
    assert running.stuck(beat=hands.now) is None


def test_looks_of_one_depth_are_ended_and_others_go_on() -> None:
    full, partial = Counters(), Counters()
    running = Running(Hands().clock)
    with (
        running.shown(Depth.FULL, cast("Progress", full), nothing) as first,
        running.shown(Depth.PARTIAL, cast("Progress", partial), nothing) as second,
    ):
        running.cancel(Depth.FULL)
        assert (first.cancelled, full.cancelled) == (True, True)
        assert (second.cancelled, partial.cancelled) == (False, False)
        running.cancel()
        assert (second.cancelled, partial.cancelled) == (True, True)


def test_scan_of_the_whole_tree_is_shown_while_it_runs() -> None:
    shown: list[Scanning | None] = []
    running = Running(Hands().clock)
    with running.shown(Depth.PARTIAL, cast("Progress", Counters()), shown.append):
        assert running.scanning() is None
    assert shown == []
    with running.shown(Depth.FULL, cast("Progress", Counters()), shown.append):
        assert shown[-1] is not None
        assert shown[-1].kind == "full"
    assert shown[-1] is None
