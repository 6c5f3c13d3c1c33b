"""Reached, missed, not measured: never one for another."""

import pytest

from bench.contestants import FLOOR, FLOOR_NAME, PASS, PEER, PRODUCT, REFERENCE, VERIFY, VERIFY_JSON
from bench.sample import Measurement
from bench.targets import TARGETS, Figures, GapError, Outcome, Standing, judge, marginal


def _row(corpus: str, contestant: str, kind: str, wall: float, **facts: object) -> Measurement:
    return Measurement(corpus=corpus, contestant=contestant, kind=kind, walls=(wall,), **facts)  # type: ignore[arg-type]


def _everything(*, verify: float = 1.0, peak_kib: int = 50_000) -> list[Measurement]:
    """Return figures that reach every target when `verify` is 1, and miss all when it is 10."""
    rows = []
    for corpus, seconds in {
        "source": 0.05,
        "small": 0.4,
        "large": 1.2,
        "usr": 2.0,
        "curve-4": 0.05,
        "curve-5": 0.3,
        "curve-6": 2.8,
    }.items():
        # A cost that grows faster than the tree, when there is one too many.
        slowed = seconds * (verify**2 if corpus == "curve-6" else verify)
        size = peak_kib * 2 if corpus == "large" and verify > 1 else peak_kib
        rows += [
            _row(corpus, VERIFY, PRODUCT, slowed, peak_kib=size),
            _row(corpus, VERIFY_JSON, PRODUCT, slowed, inner=(0.01 * verify,)),
            _row(corpus, FLOOR_NAME, FLOOR, seconds, inner=(0.008,)),
            _row(corpus, PASS, REFERENCE, 0.015),
            _row(corpus, "sha256sum -c", PEER, seconds * 2),
        ]
    rows += [
        _row("small", VERIFY, PRODUCT, 2.2 * verify, cold=True),
        _row("small", "floor --threads 2", FLOOR, 6.4, cold=True, threads=2),
        _row("small", "floor --threads 32", FLOOR, 2.1, cold=True, threads=32),
    ]
    return rows


def _standings(outcomes: list[Outcome]) -> set[Standing]:
    return {outcome.standing for outcome in outcomes}


def test_good_figures_reach_every_target() -> None:
    assert _standings(judge(_everything())) == {Standing.REACHED}


def test_bad_figures_miss_every_target() -> None:
    assert _standings(judge(_everything(verify=10.0, peak_kib=500_000))) == {Standing.MISSED}


def test_without_figures_nothing_is_reached() -> None:
    outcomes = judge([])
    assert len(outcomes) == len(TARGETS)
    assert _standings(outcomes) == {Standing.NOT_MEASURED}


@pytest.mark.parametrize("lost", [VERIFY, FLOOR_NAME])
def test_a_missing_contestant_is_named(lost: str) -> None:
    rows = [row for row in _everything() if (row.contestant, row.corpus) != (lost, "usr")]
    outcome = next(found for found in judge(rows) if found.goal.startswith("/usr"))
    assert outcome.standing is Standing.NOT_MEASURED
    assert outcome.basis == f"missing: {lost} over usr"


def test_the_cold_target_takes_the_best_number_of_threads() -> None:
    outcome = next(found for found in judge(_everything()) if found.goal.startswith("cold"))
    assert outcome.value == pytest.approx(2.2 / 2.1)
    assert outcome.basis.endswith("with 32 threads")


def test_a_warm_figure_does_not_stand_for_a_cold_one() -> None:
    with pytest.raises(GapError):
        Figures([_row("small", VERIFY, PRODUCT, 1.0)]).wall("small", VERIFY, cold=True)


def test_a_straight_line_with_a_fixed_cost_has_the_marginal_cost_of_one() -> None:
    rows = [_row(f"curve-{power}", "x", PEER, 0.1 + 3e-6 * 10**power) for power in (4, 5, 6)]
    assert marginal(Figures(rows), "x") == pytest.approx(1.0)


def test_a_quadratic_curve_is_seen() -> None:
    rows = [_row(f"curve-{power}", "x", PEER, 1e-12 * 10 ** (2 * power)) for power in (4, 5, 6)]
    assert marginal(Figures(rows), "x") == pytest.approx(10.0)
