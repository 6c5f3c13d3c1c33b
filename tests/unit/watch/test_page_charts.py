"""Strip and charts: what is drawn for no data, one value, zeros, huge values, short incidents."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.watch.page_snapshots import NOW

from duri.verdict import Status
from duri.watch.page import charts
from duri.watch.snapshot import ScanPoint, Span

DAY = 86_400.0
BEGIN = NOW - DAY


def span(begin: float, end: float, status: Status | None) -> Span:
    return Span(begin=NOW - begin, end=NOW - end, status=status)


def point(at: float, value: int) -> ScanPoint:
    return ScanPoint(
        at=at, kind="full", duration_ms=value, bytes_hashed=0, modified=0, missing=0, new=0
    )


def drawn(*values: tuple[float, int]) -> charts.Chart:
    points = [point(at, value) for at, value in values]
    return charts.chart(points, value=lambda one: one.duration_ms, now=NOW)


def names(*spans: Span) -> list[str]:
    return [bar.name for bar in charts.strip(spans, now=NOW)]


def test_day_without_spans_is_unwatched_and_whole() -> None:
    (bar,) = charts.strip((), now=NOW)
    assert (bar.name, bar.x, bar.width) == ("unwatched", 0, 100)


def test_day_with_one_status_is_one_bar() -> None:
    assert names(span(DAY, 0, Status.VERIFIED)) == ["verified"]
    assert names(span(3 * DAY, -5, Status.TAMPERED)) == ["tampered"]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.VERIFIED])
def test_second_of_trouble_is_as_wide_as_a_cell(status: Status) -> None:
    spans = (
        span(DAY, 40_001, Status.VERIFIED),
        span(40_001, 40_000, status),
        span(40_000, 0, Status.VERIFIED),
    )
    bars = charts.strip(spans, now=NOW)
    assert [bar.name for bar in bars] == ["verified", status.value, "verified"]
    assert bars[1].width == pytest.approx(100 / charts.CELLS, abs=0.001)
    assert bars[1].height > bars[0].height


def test_gap_of_seconds_shows_whether_it_is_a_span_or_missing() -> None:
    around = (span(DAY, 40_010, Status.VERIFIED), span(40_000, 0, Status.VERIFIED))
    assert names(*around) == ["verified", "unwatched", "verified"]
    assert names(around[0], span(40_010, 40_000, None), around[1]) == [
        "verified",
        "unwatched",
        "verified",
    ]


def test_trouble_is_worse_than_a_gap() -> None:
    assert "corrupted" in names(span(40_010, 40_000, Status.CORRUPTED), span(40_000, 39_990, None))


def test_span_reaches_no_further_than_its_end() -> None:
    half = span(DAY, DAY / 2, Status.CORRUPTED), span(DAY / 2, 0, Status.VERIFIED)
    bars = charts.strip(half, now=NOW)
    assert [bar.width for bar in bars] == [50, 50]


def test_status_that_changes_all_the_time_draws_a_bounded_strip() -> None:
    spans = [
        span(DAY - at, DAY - at - 1, (Status.VERIFIED, Status.CORRUPTED)[at // 300 % 2])
        for at in range(86_400)
    ]
    assert len(charts.strip(spans, now=NOW)) <= charts.CELLS


def within(one: Span) -> bool:
    """Return whether a second of a span at least lies in the day."""
    return min(one.end, NOW) - max(one.begin, BEGIN) > 1


spans = st.lists(
    st.builds(
        Span,
        begin=st.floats(BEGIN - DAY, NOW + DAY),
        end=st.floats(BEGIN - DAY, NOW + DAY),
        status=st.sampled_from([None, *Status]),
    ),
    max_size=20,
)


@given(spans)
def test_strip_is_whole_and_shows_the_worst_of_the_day(day: list[Span]) -> None:
    bars = charts.strip(day, now=NOW)
    assert sum(bar.width for bar in bars) == pytest.approx(100, abs=0.1)
    assert bars[0].x == 0
    for left, right in itertools.pairwise(bars):
        assert left.x + left.width == pytest.approx(right.x, abs=0.01)
        assert left.name != right.name
    seen = {charts.name_of(one.status) for one in day if one.begin < one.end and within(one)}
    worst = [name for name in ("unverifiable", "tampered", "corrupted") if name in seen]
    # What is worst has no rival for its cells.
    assert not worst or worst[0] in {bar.name for bar in bars}
    assert 0 <= charts.watched(day, now=NOW) <= 1


def test_watched_share_is_that_of_spans_with_a_status() -> None:
    assert charts.watched((), now=NOW) == 0
    assert charts.watched((span(DAY, 0, Status.CORRUPTED),), now=NOW) == 1
    half = (span(2 * DAY, DAY / 2, None), span(DAY / 2, 0, Status.VERIFIED))
    assert charts.watched(half, now=NOW) == pytest.approx(0.5)


def test_chart_without_points_draws_nothing() -> None:
    assert drawn() == charts.Chart(bars=(), latest=None, smallest=None, largest=None)
    assert drawn((BEGIN - 1, 5), (NOW + 1, 5)).bars == ()


def test_chart_of_one_point_is_one_full_column() -> None:
    chart = drawn((NOW - 1, 7))
    (bar,) = chart.bars
    assert (chart.latest, chart.smallest, chart.largest) == (7, 7, 7)
    assert (bar.y, bar.height) == (0, charts.CHART_HEIGHT)


def test_chart_of_zeros_is_a_line_on_the_ground() -> None:
    chart = drawn(*((NOW - at * 3600, 0) for at in range(20, -1, -1)))
    assert {bar.name for bar in chart.bars} == {"zero"}
    assert {bar.height for bar in chart.bars} == {1}


def test_column_is_the_peak_of_its_half_hour() -> None:
    chart = drawn((NOW - 100, 3), (NOW - 50, 9), (NOW - 1, 6))
    assert len(chart.bars) == 1
    assert (chart.latest, chart.smallest, chart.largest) == (6, 3, 9)


def test_small_value_beside_a_huge_one_stays_visible() -> None:
    chart = drawn((NOW - 40_000, 1), (NOW, 10**30))
    small, huge = chart.bars
    assert small.height == 3
    assert huge.height == charts.CHART_HEIGHT
    assert chart.largest == 10**30


@given(st.lists(st.tuples(st.floats(BEGIN - 9, NOW + 9), st.integers(0, 2**63)), max_size=40))
def test_columns_stay_inside_the_chart(values: list[tuple[float, int]]) -> None:
    chart = drawn(*sorted(values))
    for bar in chart.bars:
        assert 0 <= bar.x < 100
        assert bar.x + bar.width <= 100
        assert bar.y >= 0
        assert bar.y + bar.height == pytest.approx(charts.CHART_HEIGHT, abs=0.02)
    assert len(chart.bars) <= charts.COLUMNS
