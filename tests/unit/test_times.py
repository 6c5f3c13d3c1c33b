"""One time has one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duri import times
from duri.times import MAX_TIME


@given(st.integers(0, MAX_TIME))
def test_text_and_seconds_are_inverse(seconds: int) -> None:
    assert times.parse(times.write(seconds)) == seconds


def test_the_text_is_rfc_3339() -> None:
    assert times.write(1_795_341_600) == "2026-11-22T10:00:00Z"
    assert times.write(0) == "1970-01-01T00:00:00Z"
    assert times.write(MAX_TIME) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-11-22 10:00:00Z",
        "2026-11-22T10:00:00z",
        "2026-11-22T10:00Z",
        "2026-11-22T10:00:00.000Z",
        "2026-11-22T10:00:00+00:00",
        "2026-W47-7T10:00:00Z",
        "20261122T100000Z",
        "1969-12-31T23:59:59Z",
        "2026-11-22T24:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "\u0662026-11-22T10:00:00Z",
    ],
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        times.parse(text)


@pytest.mark.parametrize("seconds", [-1, MAX_TIME + 1])
def test_a_time_that_has_no_text_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="1970"):
        times.write(seconds)
