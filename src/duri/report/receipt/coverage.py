"""Which stretches of time receipts cover, and with which status.

- A scan of the whole tree (`full`, `stat`) covers from its receipt until the next scan was
  promised, a tenth of the interval and five seconds later.
- A `change`, or a scan of a part, changes the status of a covered stretch; it covers nothing by
  itself, because it did not look at everything.
- After a `stop` nothing is covered, and after a `start` nothing until the first scan.
- A run that ended without a `stop` covers nothing behind its last receipt: it may have ended there.
- Times never go back: a receipt whose clock did counts from the latest time before it.

Guarantees: the spans are in order, do not overlap, and span exactly the time asked for. Memory is
constant. Nothing here says that the receipts are true (`chain`).
"""

import enum
from collections.abc import Iterable, Iterator

import msgspec

from duri.report.receipt.receipt import Kind, Receipt, ScanKind
from duri.verdict import Status


class Reason(enum.StrEnum):
    """Why a stretch is not covered."""

    BEFORE = "before_first_receipt"
    STARTING = "starting"
    STOPPED = "stopped"
    CRASHED = "ended_without_stop"
    OVERDUE = "scan_overdue"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time, Unix seconds, `end` excluded.

    Attributes:
        status: None where it is not covered; then `reason` says why.
        deployment_id: the release, where one is known.
        findings: the most that a receipt in it counted.
    """

    begin: int
    end: int
    status: Status | None
    reason: Reason | None = None
    deployment_id: str | None = None
    findings: int = 0


def allowed(interval: int) -> int:
    """Return for how many seconds a scan speaks: its interval, a tenth of it, five seconds."""
    return interval + -(-interval // 10) + 5


def spans(receipts: Iterable[Receipt], *, begin: int | None, end: int) -> Iterator[Span]:
    """Give the stretches from `begin` (None: the first receipt) to `end`."""
    timeline = Timeline(begin=begin, end=end)
    for receipt in receipts:
        yield from timeline.feed(receipt)
    yield from timeline.finish()


class Timeline:
    """Takes receipts in order and gives spans that are over."""

    def __init__(self, *, begin: int | None, end: int) -> None:
        """Start with nothing covered."""
        self._begin, self._end = begin, end
        self._at: int | None = None if begin is None else 0
        self._scan: Receipt | None = None
        self._status: Status | None = None
        self._promised = 0
        self._reason = Reason.BEFORE
        self._run: str | None = None
        self._open: Span | None = None

    @property
    def open(self) -> tuple[Span, ...]:
        """The span that is not over yet, up to the last receipt; none before the first."""
        return () if self._open is None else (self._open,)

    def feed(self, receipt: Receipt) -> list[Span]:
        """Take the next receipt; return the spans that ended."""
        if self._at is None:
            self._at = self._begin = receipt.at
        time = max(receipt.at, self._at)
        crashed = self._run not in {None, receipt.watcher} and self._reason is not Reason.STOPPED
        if crashed:
            self._status, self._reason = None, Reason.CRASHED
        over = self._advance(time)
        self._run = receipt.watcher
        if receipt.kind is Kind.STOP:
            self._status, self._reason = None, Reason.STOPPED
        elif receipt.kind is Kind.START:
            self._status, self._reason = None, Reason.STARTING
        elif receipt.kind is Kind.SCAN and receipt.scan_kind is not ScanKind.PARTIAL:
            self._status, self._scan = receipt.status, receipt
            self._promised = receipt.at + allowed(receipt.interval or 0)
            self._reason = Reason.OVERDUE
        elif receipt.kind in {Kind.SCAN, Kind.CHANGE} and self._status is not None:
            self._status, self._scan = receipt.status, receipt
        elif self._reason is Reason.STOPPED:
            # Another run writes before its start: what it repaired.
            self._reason = Reason.STARTING
        return over

    def finish(self) -> list[Span]:
        """Return the rest, up to the end."""
        if self._at is None:
            self._at = self._begin = self._end
        over = self._advance(self._end)
        last, self._open = self._open, None
        return [*over, last] if last else over

    def _advance(self, time: int) -> list[Span]:
        """Go on to a time with the state that holds."""
        assert self._at is not None  # noqa: S101 - set by the first receipt; for the type checker
        over: list[Span] = []
        if self._status is not None:
            covered = max(self._at, min(time, self._promised))
            scan = self._scan
            over += self._piece(
                self._at,
                covered,
                status=self._status,
                deployment_id=scan.deployment_id if scan else None,
                findings=(scan.findings_count or 0) if scan else 0,
            )
            self._at = covered
        over += self._piece(self._at, time, status=None, reason=self._reason)
        self._at = max(self._at, time)
        return over

    def _piece(
        self,
        begin: int,
        end: int,
        *,
        status: Status | None,
        reason: Reason | None = None,
        deployment_id: str | None = None,
        findings: int = 0,
    ) -> list[Span]:
        """Join a piece to the span before it where they say the same; return that one otherwise."""
        begin, end = max(begin, self._begin or 0), min(end, self._end)
        if begin >= end:
            return []
        piece = Span(
            begin=begin,
            end=end,
            status=status,
            reason=reason,
            deployment_id=deployment_id,
            findings=findings,
        )
        before, self._open = self._open, piece
        if before is None:
            return []
        if (before.status, before.reason, before.deployment_id) != (status, reason, deployment_id):
            return [before]
        most = max(before.findings, findings)
        self._open = msgspec.structs.replace(before, end=end, findings=most)
        return []
