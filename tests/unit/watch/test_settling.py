"""When changes are judged, and when an alarm may wait."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duri.verdict import Status, Verdict
from duri.watch import settling
from duri.watch.settling import Burst, Update

TIMES = st.lists(st.floats(0, 600), min_size=1, max_size=60).map(sorted)


def verdict(status: Status, *, sequence: int = 1, product: str = "shop") -> Verdict:
    """Return a verdict about a release."""
    return Verdict(
        status=status,
        root="app",
        checked_at="2026-01-01T00:00:00Z",
        product=product,
        sequence=sequence,
    )


def test_one_change_is_judged_after_a_moment_of_quiet() -> None:
    burst = settling.grown(None, 10.0, artifacts=False)
    assert settling.due(burst, settle=0) == pytest.approx(10.0 + settling.QUIET)


def test_change_of_artifacts_waits_for_those_that_belong_to_it() -> None:
    burst = settling.grown(None, 10.0, artifacts=True)
    assert settling.due(burst, settle=0) == pytest.approx(10.0 + settling.ARTIFACTS_QUIET)
    # A file of the tree does not shorten that.
    burst = settling.grown(burst, 10.01, artifacts=False)
    assert settling.due(burst, settle=0) == pytest.approx(10.0 + settling.ARTIFACTS_QUIET)


@given(TIMES, st.booleans())
def test_noise_hides_nothing_for_a_second(times: list[float], artifacts: bool) -> None:  # noqa: FBT001
    burst: Burst | None = None
    for time in times:
        burst = settling.grown(burst, time, artifacts=artifacts)
    assert burst is not None
    assert burst.first < settling.due(burst, settle=0) <= burst.first + 1.0


@given(TIMES, st.integers(1, 60))
def test_settle_waits_for_quiet_and_not_for_ever(times: list[float], settle: int) -> None:
    burst: Burst | None = None
    for time in times:
        burst = settling.grown(burst, time, artifacts=False)
    assert burst is not None
    due = settling.due(burst, settle=settle)
    assert due in {burst.last + settle, burst.first + settling.SETTLE_BURSTS * settle}


def test_authentic_successor_may_be_arriving() -> None:
    published = verdict(Status.VERIFIED, sequence=1)
    found = verdict(Status.CORRUPTED, sequence=2)
    assert settling.is_arriving(published, found, authentic=True)


@pytest.mark.parametrize(
    ("published", "found", "authentic"),
    [
        # Nobody signed it.
        (verdict(Status.VERIFIED), verdict(Status.CORRUPTED, sequence=2), False),
        # The same release, and one before it: nothing that follows.
        (verdict(Status.VERIFIED), verdict(Status.CORRUPTED), True),
        (verdict(Status.VERIFIED, sequence=3), verdict(Status.CORRUPTED, sequence=2), True),
        # Another product's.
        (verdict(Status.VERIFIED), verdict(Status.CORRUPTED, sequence=2, product="x"), True),
        # What failed before stays failed.
        (verdict(Status.CORRUPTED), verdict(Status.CORRUPTED, sequence=2), True),
        (None, verdict(Status.CORRUPTED, sequence=2), True),
        # Other failures are no release on its way.
        (verdict(Status.VERIFIED), verdict(Status.TAMPERED, sequence=2), True),
        (verdict(Status.VERIFIED), verdict(Status.UNVERIFIABLE, sequence=2), True),
    ],
)
def test_nothing_else_may_be_arriving(
    published: Verdict | None,
    found: Verdict,
    authentic: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert not settling.is_arriving(published, found, authentic=authentic)


def test_successor_that_stops_arriving_is_judged_as_it_is() -> None:
    update = Update(began=100.0, moved=101.0)
    assert update.ends == pytest.approx(101.0 + settling.UPDATE_QUIET)


@given(st.floats(0, 1e6))
def test_successor_that_never_stops_arriving_is_judged_all_the_same(moved: float) -> None:
    update = Update(began=0.0, moved=0.0)
    update = msgspec.structs.replace(update, moved=moved)
    assert update.ends <= settling.UPDATE_LONGEST
