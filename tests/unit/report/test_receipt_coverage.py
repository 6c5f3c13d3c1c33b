"""Coverage: what receipts say of time, and nothing more."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.report.receipt_logs import INTERVAL, NOW

from duri import times
from duri.report.receipt.coverage import Reason, Span, allowed, spans
from duri.report.receipt.receipt import FIRST, SCHEMA_VERSION, Kind, Receipt, ScanKind
from duri.verdict import Status

RUNS = ["0" * 16, "1" * 16, "2" * 16]


def receipt(
    at: int,
    kind: Kind = Kind.SCAN,
    status: Status | None = Status.VERIFIED,
    *,
    scan_kind: ScanKind | None = ScanKind.FULL,
    run: str = RUNS[0],
    interval: int = INTERVAL,
    release: str = "shop-1",
) -> Receipt:
    """Return a receipt that no key signed: coverage believes what it is given."""
    return Receipt(
        kind=kind,
        status=status,
        deployment_id=release,
        scan_kind=scan_kind,
        interval=interval,
        schema_version=SCHEMA_VERSION,
        sequence=1,
        time=times.write(at),
        watcher=run,
        previous=FIRST,
        keyid="0" * 64,
    )


def covered(*receipts: Receipt, begin: int | None = NOW, end: int) -> list[tuple[int, str]]:
    """Return (length, status or reason) of each span."""
    return [
        (span.end - span.begin, str(span.status or span.reason))
        for span in spans(receipts, begin=begin, end=end)
    ]


def test_scan_speaks_for_its_interval_a_tenth_and_five_seconds() -> None:
    assert allowed(300) == 335
    assert allowed(5) == 11
    assert covered(receipt(NOW), end=NOW + 1000) == [(335, "verified"), (665, "scan_overdue")]


def test_scans_in_time_leave_no_gap() -> None:
    on_time = [receipt(NOW + 335 * number) for number in range(10)]
    assert covered(*on_time, end=NOW + 3350) == [(3350, "verified")]


def test_late_scan_leaves_a_gap_of_just_that_length() -> None:
    assert covered(receipt(NOW), receipt(NOW + 336), end=NOW + 500) == [
        (335, "verified"),
        (1, "scan_overdue"),
        (164, "verified"),
    ]


def test_before_the_first_receipt_nothing_is_covered() -> None:
    assert covered(receipt(NOW), begin=NOW - 60, end=NOW + 10) == [
        (60, "before_first_receipt"),
        (10, "verified"),
    ]


def test_scan_before_the_period_covers_into_it_no_longer_than_it_promised() -> None:
    assert covered(receipt(NOW - 300), end=NOW + 100) == [(35, "verified"), (65, "scan_overdue")]


def test_change_cuts_a_stretch_and_covers_nothing_by_itself() -> None:
    change = receipt(NOW + 100, Kind.CHANGE, Status.CORRUPTED)
    assert covered(receipt(NOW), change, end=NOW + 400) == [
        (100, "verified"),
        (235, "corrupted"),
        (65, "scan_overdue"),
    ]
    assert covered(change, end=NOW + 400) == [(400, "before_first_receipt")]


def test_scan_of_a_part_promises_nothing() -> None:
    part = receipt(NOW + 300, scan_kind=ScanKind.PARTIAL)
    assert covered(receipt(NOW), part, end=NOW + 400) == [(335, "verified"), (65, "scan_overdue")]


def test_after_a_stop_nothing_is_covered_until_the_first_scan() -> None:
    assert covered(
        receipt(NOW),
        receipt(NOW + 10, Kind.STOP, None),
        receipt(NOW + 20, Kind.START, None, run=RUNS[1]),
        receipt(NOW + 30, run=RUNS[1]),
        end=NOW + 40,
    ) == [(10, "verified"), (10, "stopped"), (10, "starting"), (10, "verified")]


def test_run_that_ended_without_a_stop_covers_nothing_behind_its_last_receipt() -> None:
    assert covered(
        receipt(NOW),
        receipt(NOW + 100),
        receipt(NOW + 200, Kind.REPAIR, None, run=RUNS[1]),
        receipt(NOW + 200, Kind.START, None, run=RUNS[1]),
        receipt(NOW + 210, run=RUNS[1]),
        end=NOW + 220,
    ) == [(100, "verified"), (100, "ended_without_stop"), (10, "starting"), (10, "verified")]


def test_clock_that_went_back_covers_nothing_twice() -> None:
    back = [receipt(NOW), receipt(NOW + 100), receipt(NOW - 3600), receipt(NOW - 3300)]
    assert covered(*back, end=NOW + 400) == [(100, "verified"), (300, "scan_overdue")]


def test_another_release_starts_another_span() -> None:
    two = [receipt(NOW), receipt(NOW + 100, release="shop-2")]
    found = list(spans(two, begin=NOW, end=NOW + 200))
    assert [one.deployment_id for one in found] == ["shop-1", "shop-2"]


RECEIPTS = st.lists(
    st.builds(
        receipt,
        st.integers(0, 3000).map(lambda offset: NOW + offset),
        st.sampled_from(Kind),
        st.sampled_from(Status),
        scan_kind=st.sampled_from(ScanKind),
        run=st.sampled_from(RUNS),
        interval=st.integers(1, 700),
        release=st.sampled_from(["a", "b"]),
    ),
    max_size=12,
)


@given(
    RECEIPTS | RECEIPTS.map(lambda some: sorted(some, key=lambda one: one.at)),
    st.integers(-500, 2500),
    st.integers(1, 2000),
)
def test_spans_are_in_order_and_span_exactly_the_period(
    receipts: list[Receipt], offset: int, length: int
) -> None:
    begin, end = NOW + offset, NOW + offset + length
    found = list(spans(receipts, begin=begin, end=end))
    assert [found[0].begin, found[-1].end] == [begin, end]
    for one, two in itertools.pairwise(found):
        assert one.begin < one.end == two.begin < two.end
        said = [(span.status, span.reason, span.deployment_id) for span in (one, two)]
        assert said[0] != said[1]
    assert all((span.status is None) == (span.reason is not None) for span in found)


@given(RECEIPTS, st.integers(-500, 2500), st.integers(1, 2000))
def test_covered_time_lies_behind_a_scan_that_speaks_for_it(
    receipts: list[Receipt], offset: int, length: int
) -> None:
    receipts = sorted(receipts, key=lambda one: one.at)
    begin, end = NOW + offset, NOW + offset + length
    whole = [one for one in receipts if one.kind is Kind.SCAN and one.scan_kind != "partial"]
    for span in spans(receipts, begin=begin, end=end):
        if span.status is None:
            continue
        for second in {span.begin, (span.begin + span.end) // 2, span.end - 1}:
            assert any(one.at <= second < one.at + allowed(one.interval or 0) for one in whole), (
                second - NOW,
                span,
            )
            assert any(one.status is span.status for one in receipts if one.at <= second)


@given(RECEIPTS, st.integers(1, 1500), st.integers(1, 1500))
def test_two_halves_of_a_period_say_what_the_whole_says(
    receipts: list[Receipt], left: int, right: int
) -> None:
    middle, end = NOW + left, NOW + left + right

    def seconds(found: list[Span]) -> dict[Status | Reason | None, int]:
        sums: dict[Status | Reason | None, int] = {}
        for span in found:
            says = span.status or span.reason
            sums[says] = sums.get(says, 0) + span.end - span.begin
        return sums

    whole = seconds(list(spans(receipts, begin=NOW, end=end)))
    halves = [
        *spans(receipts, begin=NOW, end=middle),
        *spans(receipts, begin=middle, end=end),
    ]
    assert seconds(halves) == whole


def test_nothing_recorded_is_one_stretch_or_none() -> None:
    assert covered(end=NOW + 10) == [(10, "before_first_receipt")]
    assert covered(begin=None, end=NOW + 10) == []


@pytest.mark.parametrize("status", Status)
def test_status_of_a_stretch_is_its_receipts(status: Status) -> None:
    one = msgspec.structs.replace(receipt(NOW), status=status)
    assert covered(one, end=NOW + 10) == [(10, status.value)]
