"""Numbers and times as they are read, at the edges where they turn into the next unit."""

import pytest

from duri.watch.page import formats
from duri.watch.page.languages import Code


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_940, "99.9 kB"),
        (99_990, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_482_300_000, "1.5 GB"),
        (10**30, "1,000,000,000,000 EB"),
    ],
)
def test_size_has_three_digits_and_a_prefix(value: int, text: str) -> None:
    assert formats.size(value) == text


@pytest.mark.parametrize(
    ("value", "english", "korean"),
    [
        (0, "0 ms", "0 ms"),
        (999, "999 ms", "999 ms"),
        (1000, "1.0 s", "1.0초"),
        (59_940, "59.9 s", "59.9초"),
        (59_960, "1 min 0 s", "1분 0초"),
        (125_000, "2 min 5 s", "2분 5초"),
    ],
)
def test_milliseconds_become_seconds_and_minutes(value: int, english: str, korean: str) -> None:
    assert formats.milliseconds(value, code="en") == english
    assert formats.milliseconds(value, code="ko") == korean


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (-5, "0 seconds", "0초"),
        (0.9, "0 seconds", "0초"),
        (1, "1 second", "1초"),
        (61, "1 minute", "1분"),
        (3600, "1 hour", "1시간"),
        (3661, "1 hour 1 minute", "1시간 1분"),
        (90_000, "1 day 1 hour", "1일 1시간"),
        (86_460, "1 day", "1일"),
    ],
)
def test_span_names_two_units_at_the_most(seconds: float, english: str, korean: str) -> None:
    assert formats.span(seconds, code="en") == english
    assert formats.span(seconds, code="ko") == korean


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0, "0 seconds ago", "0초 전"),
        (0.5, "0 seconds ago", "0초 전"),
        (-1, "1 second ago", "1초 전"),
        (-119, "1 minute ago", "1분 전"),
        (180, "in 3 minutes", "3분 후"),
        (-200_000, "2 days ago", "2일 전"),
    ],
)
def test_relative_time_is_cut_and_says_its_direction(
    seconds: float, english: str, korean: str
) -> None:
    assert formats.relative(seconds, code="en") == english
    assert formats.relative(seconds, code="ko") == korean


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.9999, "99.9%"),
        (0.979, "97.9%"),
        (0.5, "50%"),
        (-1, "0%"),
        (7, "100%"),
    ],
)
def test_share_is_never_rounded_up_to_whole(share: float, text: str) -> None:
    assert formats.percent(share) == text


@pytest.mark.parametrize(
    ("code", "text"), [("en", "20 Nov 2026, 09:14:03 UTC"), ("ko", "2026년 11월 20일 09:14:03 UTC")]
)
def test_time_of_another_day_has_its_date(code: Code, text: str) -> None:
    at = 1_795_166_043.0
    assert formats.machine_time(at) == "2026-11-20T09:14:03Z"
    assert formats.absolute(at, now=at + 60, code=code) == "09:14:03 UTC"
    assert formats.absolute(at, now=at + 86_400, code=code) == text


@pytest.mark.parametrize("at", [-1e12, 1e18, float("inf")])
def test_clock_beyond_the_calendar_is_shown_all_the_same(at: float) -> None:
    assert formats.machine_time(at)
