"""Chain and coverage of a log in one pass: what an auditor asks of it.

Guarantees: memory stays constant however long the log is: what is listed is bounded, totals are
exact. Where the chain does not hold there is no coverage to speak of: `coverage` is None.

Leaves to others: rendering (`page`, the command line).
"""

from collections.abc import Iterable

import msgspec

from duri.errors import MalformedError, UnverifiableError
from duri.evidence.keys.keyring import Keyring
from duri.limits import MAX_LISTED
from duri.report.receipt import folder
from duri.report.receipt.chain import Anchor, Chain, Proof, Trouble
from duri.report.receipt.coverage import Reason, Span, Timeline
from duri.report.receipt.folder import Line
from duri.report.receipt.receipt import Kind, Receipt
from duri.verdict import Status


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that nothing covers; `reasons` in their order."""

    begin: int
    end: int
    reasons: tuple[Reason, ...]


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that is not verified, or a moment that nothing covers but a receipt speaks of.

    `findings` is the most counted in it.
    """

    begin: int
    end: int
    status: Status
    deployment_id: str | None
    findings: int


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release that receipts in the period are about."""

    deployment_id: str
    product: str | None
    environment: str | None
    version: str | None
    sequence: int | None
    policy_digest: str | None
    first_at: int
    last_at: int
    scans: int


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What receipts say of a period; counts are exact, lists hold the first of each.

    Attributes:
        begin, end: the period, Unix seconds.
        covered: seconds.
        by_status: covered seconds by status.
        gaps, incidents, releases: the first MAX_LISTED of each.
        gap_count, incident_count, release_count: how many there are.
        strip: the period's stretches, for a picture; cut at MAX_LISTED, then `strip_is_whole` is
            false.
        scans: scans whose receipts are in the period.
        bytes_hashed: by them.
    """

    begin: int
    end: int
    covered: int
    by_status: dict[Status, int]
    gaps: tuple[Gap, ...]
    gap_count: int
    incidents: tuple[Incident, ...]
    incident_count: int
    releases: tuple[Release, ...]
    release_count: int
    roots: tuple[str, ...]
    strip: tuple[Span, ...]
    strip_is_whole: bool
    scans: int
    bytes_hashed: int

    @property
    def seconds(self) -> int:
        """How long the period is."""
        return self.end - self.begin

    @property
    def percent(self) -> str:
        """The covered share with three decimals, never rounded up to 100."""
        if not self.seconds:
            return "0"
        thousandths = self.covered * 100_000 // self.seconds
        return f"{thousandths // 1000}.{thousandths % 1000:03d}".rstrip("0").rstrip(".")


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """The proof, and the coverage where the proof holds."""

    proof: Proof
    coverage: Coverage | None


def audit(
    path: str,
    *,
    keyring: Keyring,
    begin: int | None,
    end: int,
    after: Anchor | None = None,
    expected: Anchor | None = None,
) -> Audit:
    """Read a log once, whole.

    Args:
        path: its folder.
        keyring: the keys that count.
        begin: of the period; None for the first receipt.
        end: of the period.
        after: the last receipt that was removed on purpose.
        expected: a receipt that must be there.
    """
    return _audit(
        folder.lines(path), Chain(keyring, after=after, expected=expected), begin=begin, end=end
    )


def _audit(
    lines: Iterable[Line | MalformedError], chain: Chain, *, begin: int | None, end: int
) -> Audit:
    timeline = Timeline(begin=begin, end=end)
    tally = _Tally(begin=begin, end=end)
    try:
        for line in lines:
            receipt = chain.feed(line)
            if receipt is not None:
                over = timeline.feed(receipt)
                tally.spans(over)
                tally.place([*over, *timeline.open], then=receipt)
                tally.receipt(receipt)
    except UnverifiableError as error:
        chain.note(Trouble.UNREADABLE, str(error))
    over = timeline.finish()
    tally.spans(over)
    tally.place(over, then=None)
    proof = chain.proof()
    holds = proof.status is Status.VERIFIED
    return Audit(proof=proof, coverage=tally.coverage() if holds else None)


class _Tally:
    """Adds up spans and receipts; lists are cut at MAX_LISTED."""

    def __init__(self, *, begin: int | None, end: int) -> None:
        self._begin, self._end = begin, end
        self._covered: dict[Status, int] = {}
        self._gaps: list[Gap] = []
        self._gap_count = 0
        self._gap: Gap | None = None
        self._incidents: list[Incident] = []
        self._incident_count = 0
        self._said: Receipt | None = None
        self._releases: dict[str, Release] = {}
        self._release: str | None = None
        self._release_count = 0
        self._roots: dict[str, None] = {}
        self._strip: list[Span] = []
        self._spans = 0
        self._scans = 0
        self._bytes = 0

    def spans(self, spans: Iterable[Span]) -> None:
        """Add stretches."""
        for span in spans:
            if self._begin is None:
                self._begin = span.begin
            self._spans += 1
            if len(self._strip) < MAX_LISTED:
                self._strip.append(span)
            if span.status is None:
                self._add_gap(span)
                continue
            self._gap = None
            length = span.end - span.begin
            self._covered[span.status] = self._covered.get(span.status, 0) + length
            if span.status is not Status.VERIFIED:
                self._add_incident(
                    Incident(
                        begin=span.begin,
                        end=span.end,
                        status=span.status,
                        deployment_id=span.deployment_id,
                        findings=span.findings,
                    )
                )

    def place(self, spans: Iterable[Span], *, then: Receipt | None) -> None:
        """Have what the receipt before said among the incidents, though nothing covers it.

        Otherwise killing the watcher right after it told would hide what it told.
        """
        said, self._said = self._said, None
        if said is None or said.status is None:
            return
        if then is not None and (then.at, then.status) == (said.at, said.status):
            return  # it says the same at the same moment, and is placed next
        if any(one.status is said.status and one.begin <= said.at <= one.end for one in spans):
            return
        self._add_incident(
            Incident(
                begin=said.at,
                end=said.at,
                status=said.status,
                deployment_id=said.deployment_id,
                findings=said.findings_count or 0,
            )
        )

    def receipt(self, receipt: Receipt) -> None:
        """Add what a receipt in the period says besides."""
        if not (self._begin or 0) <= receipt.at < self._end:
            return
        if receipt.status not in {None, Status.VERIFIED}:
            self._said = receipt
        if receipt.kind is Kind.SCAN:
            self._scans += 1
            self._bytes += receipt.bytes_hashed or 0
        if receipt.root is not None and len(self._roots) < MAX_LISTED:
            self._roots.setdefault(receipt.root)
        name = receipt.deployment_id
        if name is None:
            return
        known = self._releases.get(name)
        if known is None:
            # One that comes back after the list is full is counted again.
            self._release_count += name != self._release
            self._release = name
            if len(self._releases) >= MAX_LISTED:
                return
            known = Release(
                deployment_id=name,
                product=receipt.product,
                environment=receipt.environment,
                version=receipt.version,
                sequence=receipt.release_sequence,
                policy_digest=receipt.policy_digest,
                first_at=receipt.at,
                last_at=receipt.at,
                scans=0,
            )
        scans = known.scans + (receipt.kind is Kind.SCAN)
        self._releases[name] = msgspec.structs.replace(known, last_at=receipt.at, scans=scans)

    def coverage(self) -> Coverage:
        """Return the sums."""
        begin = self._end if self._begin is None else min(self._begin, self._end)
        return Coverage(
            begin=begin,
            end=self._end,
            covered=sum(self._covered.values()),
            by_status=self._covered,
            gaps=tuple(self._gaps),
            gap_count=self._gap_count,
            incidents=tuple(sorted(self._incidents, key=lambda one: one.begin)),
            incident_count=self._incident_count,
            releases=tuple(self._releases.values()),
            release_count=self._release_count,
            roots=tuple(self._roots),
            strip=tuple(self._strip),
            strip_is_whole=self._spans == len(self._strip),
            scans=self._scans,
            bytes_hashed=self._bytes,
        )

    def _add_incident(self, incident: Incident) -> None:
        self._incident_count += 1
        if len(self._incidents) < MAX_LISTED:
            self._incidents.append(incident)

    def _add_gap(self, span: Span) -> None:
        """Add an uncovered stretch to the gap it continues, or start one."""
        reasons = (span.reason,) if span.reason else ()
        gap = self._gap
        if gap is None:
            self._gap = Gap(begin=span.begin, end=span.end, reasons=reasons)
            self._gap_count += 1
            if len(self._gaps) < MAX_LISTED:
                self._gaps.append(self._gap)
            return
        longer = msgspec.structs.replace(gap, end=span.end, reasons=(*gap.reasons, *reasons)[:8])
        if self._gaps and self._gaps[-1] is gap:
            self._gaps[-1] = longer
        self._gap = longer
