"""What is said about repeated timings."""

import pytest

from bench.sample import Measurement, spread


def _row(*walls: float, inner: tuple[float, ...] = ()) -> Measurement:
    return Measurement(corpus="c", contestant="x", kind="peer", walls=walls, inner=inner)


def test_one_disturbed_run_does_not_move_the_median() -> None:
    assert _row(1.0, 1.1, 0.9, 50.0, 1.0).median == 1.0


def test_minimum_is_the_least_run() -> None:
    assert _row(3.0, 1.0, 2.0).minimum == 1.0


def test_spread_is_the_interquartile_range() -> None:
    assert spread((1.0, 2.0, 3.0, 4.0, 5.0)) == pytest.approx(2.0)


def test_spread_of_a_single_run_is_none_at_all() -> None:
    assert spread((7.0,)) == 0.0


def test_a_program_that_says_nothing_has_no_time_of_its_own() -> None:
    assert _row(1.0).inner_median is None
    assert _row(1.0, inner=(0.5, 0.7, 0.6)).inner_median == 0.6
