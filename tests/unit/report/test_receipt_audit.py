"""An audit: no incident is lost, whatever became of the watcher that told of it."""

from pathlib import Path

import pytest
from tests.unit.report.receipt_logs import NOW, audited, open_log, scan

from duri.report.receipt.receipt import Entry, Kind
from duri.verdict import Status

CORRUPTED = scan(Status.CORRUPTED, kind=Kind.CHANGE)


def incidents(path: Path, *, end: int = NOW + 1000) -> list[tuple[int, int, Status]]:
    """Return begin, length and status of each incident."""
    found = audited(path, begin=NOW - 10, end=end).coverage
    assert found is not None
    assert found.incident_count == len(found.incidents)
    return [(one.begin - NOW, one.end - one.begin, one.status) for one in found.incidents]


@pytest.mark.parametrize("last", ["killed", "stopped"])
def test_incident_told_in_the_last_moment_of_a_run_is_listed(tmp_path: Path, last: str) -> None:
    path = tmp_path / "receipts"
    log = open_log(path)
    assert log.append(scan(), now=NOW)
    assert log.append(CORRUPTED, now=NOW + 100)
    if last == "stopped":
        assert log.append(Entry(kind=Kind.STOP), now=NOW + 100)
    log.close(NOW)
    log = open_log(path)
    assert log.append(Entry(kind=Kind.START), now=NOW + 200)
    assert log.append(scan(), now=NOW + 200)
    log.close(NOW)
    assert incidents(path) == [(100, 0, Status.CORRUPTED)]


def test_incident_told_in_a_gap_is_listed(tmp_path: Path) -> None:
    log = open_log(tmp_path / "receipts")
    assert log.append(scan(), now=NOW)
    assert log.append(CORRUPTED, now=NOW + 500)
    assert log.append(scan(), now=NOW + 600)
    log.close(NOW)
    assert incidents(tmp_path / "receipts") == [(500, 0, Status.CORRUPTED)]


def test_incident_that_is_covered_is_listed_once(tmp_path: Path) -> None:
    log = open_log(tmp_path / "receipts")
    assert log.append(scan(), now=NOW)
    for at in (100, 300, 600):
        assert log.append(scan(Status.CORRUPTED), now=NOW + at)
        assert log.append(CORRUPTED, now=NOW + at)
    assert log.append(scan(), now=NOW + 700)
    log.close(NOW)
    assert incidents(tmp_path / "receipts") == [(100, 600, Status.CORRUPTED)]
    assert incidents(tmp_path / "receipts", end=NOW + 601) == [(100, 501, Status.CORRUPTED)]


def test_run_that_ends_within_an_incident_leaves_one(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    log = open_log(path)
    for at in (0, 300):
        assert log.append(scan(Status.CORRUPTED), now=NOW + at)
    log.close(NOW)
    open_log(path, now=NOW + 900).close(NOW)
    log = open_log(path)
    assert log.append(Entry(kind=Kind.START), now=NOW + 900)
    log.close(NOW)
    assert incidents(path) == [(0, 300, Status.CORRUPTED)]


def test_verified_time_has_no_incident(tmp_path: Path) -> None:
    log = open_log(tmp_path / "receipts")
    assert log.append(scan(), now=NOW)
    assert log.append(scan(), now=NOW + 300)
    log.close(NOW)
    assert incidents(tmp_path / "receipts") == []
