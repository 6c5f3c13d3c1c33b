"""What an earlier watcher of the same root left on record, for the page's last 24 hours.

Guarantees: receipts are read as they are, without asking who signed them: the page shows, and
`duri receipts verify` proves. A folder that cannot be read is an empty past.
"""

from collections.abc import Iterable

from duri.errors import DuriError
from duri.report.receipt import query
from duri.report.receipt.receipt import Kind, Receipt
from duri.watch.history import DAY, Recorded
from duri.watch.snapshot import ScanPoint

_DEFAULT_INTERVAL = 300
_MOST = 20_000
"""Receipts of a day with the shortest interval."""


def records(folder: str, *, now: float) -> list[Recorded]:
    """Return what the receipts of the last 24 hours say, oldest first."""
    try:
        return list(_recorded(query.history(folder, since=now - DAY, limit=_MOST)))
    except (DuriError, OSError):
        return []


def _recorded(receipts: Iterable[Receipt]) -> Iterable[Recorded]:
    interval = _DEFAULT_INTERVAL
    for receipt in receipts:
        interval = receipt.interval or interval
        if receipt.kind in {Kind.START, Kind.SCAN, Kind.CHANGE, Kind.STOP}:
            yield Recorded(
                at=float(receipt.at),
                status=receipt.status,
                interval=float(interval),
                begins=receipt.kind is Kind.START,
                ends=receipt.kind is Kind.STOP,
                scan=_point(receipt),
            )


def _point(receipt: Receipt) -> ScanPoint | None:
    if receipt.kind is not Kind.SCAN or receipt.files is None or receipt.scan_kind is None:
        return None
    return ScanPoint(
        at=float(receipt.at),
        kind=receipt.scan_kind.value,
        duration_ms=receipt.duration_ms or 0,
        bytes_hashed=receipt.bytes_hashed or 0,
        modified=receipt.files.modified,
        missing=receipt.files.missing,
        new=receipt.files.new,
    )
