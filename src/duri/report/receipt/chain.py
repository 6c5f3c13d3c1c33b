"""Proves a receipt log line by line, in constant memory.

Of each line, in this order:

1. It is one whole, canonical receipt.
2. Its signature counts: by a key of the keyring that was not revoked, over these bytes.
3. Its sequence is one more than that of the line before it; the first has 1.
4. It names the digest of the line before it; the first names none.
5. Its time is not before that of the line before it. A clock that went back is said, and proves
   nothing.

Guarantees: `Chain.feed` returns a receipt only where 1 to 4 hold for it, but for 3 and 4 where
lines before it are missing: the problem is kept, and what follows can still be read.

Leaves to others: a tail that was removed, which no chain shows: `expected` closes that, from
another system. Receipts of another watcher with the same key that replace the whole log: a key of
its own for each watcher, and what the receipts say of product and root, show that.
"""

import enum
from collections import Counter

import msgspec

from duri.errors import MalformedError
from duri.evidence.keys.keyring import Keyring
from duri.limits import MAX_LISTED
from duri.report.receipt.folder import Line
from duri.report.receipt.key import check
from duri.report.receipt.receipt import FIRST, Kind, Receipt, digest, parse
from duri.verdict import Status

_MAX_KEYS = 64


class Trouble(enum.StrEnum):
    """What can be wrong with a log; the names are part of `--json`."""

    MISPLACED = "misplaced"
    MALFORMED = "malformed"
    SIGNATURE = "signature"
    KEY = "key"
    MISSING = "missing"
    REPEATED = "repeated"
    PREVIOUS = "previous"
    END = "end"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    TORN = "torn"
    CLOCK = "clock"
    REPAIR = "repair"

    @property
    def status(self) -> Status:
        """The status it calls for; `verified` for what is only worth saying."""
        if self in {Trouble.TORN, Trouble.CLOCK, Trouble.REPAIR}:
            return Status.VERIFIED
        if self in {Trouble.UNREADABLE, Trouble.EMPTY}:
            return Status.UNVERIFIABLE
        return Status.TAMPERED


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about a log: what, where, and one sentence."""

    kind: Trouble
    status: Status
    file: str | None
    line: int | None
    sequence: int | None
    detail: str


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt as another system remembers it; `digest` None where it knows the number only."""

    sequence: int
    digest: str | None = None


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a chain proves.

    Attributes:
        status: verified, tampered or unverifiable.
        receipts: how many lines were receipts that count.
        first, last: their sequences; 0 where there is none.
        begin, end: when those were made, Unix seconds.
        head: the digest of the last line.
        keys: keyid and how many receipts it signed.
        runs: how many runs of a watcher wrote them.
        problems: the first of them; `counts` has how many there are of each kind.
    """

    status: Status
    receipts: int
    first: int
    last: int
    begin: int | None
    end: int | None
    head: str | None
    keys: dict[str, int]
    runs: int
    counts: dict[str, int]
    problems: tuple[Problem, ...]


class Chain:
    """Takes lines in order; `proof` says what they prove."""

    def __init__(
        self, keyring: Keyring, *, after: Anchor | None = None, expected: Anchor | None = None
    ) -> None:
        """Start before the first line.

        Args:
            keyring: the keys that count.
            after: the last receipt that was removed on purpose; None where none was.
            expected: a receipt that must be there.
        """
        self._keyring = keyring
        self._expected = expected
        self._last = after.sequence if after else 0
        # None: a line too long to have a digest here, so nothing to compare with.
        self._previous: str | None = (after.digest if after else FIRST) or None
        self._meets = expected is None
        self._receipts, self._first, self._head = 0, 0, 0
        self._begin: int | None = None
        self._end: int | None = None
        self._digest: str | None = None
        self._keys: Counter[str] = Counter()
        self._run: str | None = None
        self._runs = 0
        self._counts: Counter[str] = Counter()
        self._problems: list[Problem] = []

    def feed(self, line: Line | MalformedError) -> Receipt | None:
        """Take the next line; return its receipt where it counts."""
        if isinstance(line, MalformedError):
            self.note(Trouble.MISPLACED, str(line))
            return None
        if not line.whole and line.last and line.data is not None:
            self.note(Trouble.TORN, "no newline ends the last line; it counts for nothing", line)
            return None
        if line.data is None:
            self.note(Trouble.MALFORMED, "longer than a receipt can be", line)
            self._previous = None
            return None
        own = digest(line.data)
        named, self._previous = self._previous, own
        try:
            receipt = parse(line.data)
        except MalformedError as error:
            self.note(Trouble.MALFORMED, str(error), line)
            return None
        complaint = check(receipt, self._keyring)
        if complaint is not None:
            known = self._keyring.find(receipt.keyid) is not None
            kind = Trouble.SIGNATURE if known else Trouble.KEY
            self.note(kind, complaint, line, receipt)
            self._last += receipt.sequence == self._last + 1
            return None
        return self._placed(receipt, line, own, named)

    def _placed(self, receipt: Receipt, line: Line, own: str, named: str | None) -> Receipt | None:
        """Check steps 3 to 5."""
        if receipt.sequence <= self._last:
            detail = f"sequence {receipt.sequence} comes after {self._last}"
            self.note(Trouble.REPEATED, detail, line, receipt)
            return None
        if receipt.sequence > self._last + 1:
            one, many = self._last + 1, receipt.sequence - 1
            detail = (
                f"receipts {one} to {many} are missing"
                if many > one
                else f"receipt {one} is missing"
            )
            self.note(Trouble.MISSING, detail, line, receipt)
        if named is not None and receipt.previous != named:
            detail = "it does not name the line before it: one was removed, changed or put in"
            self.note(Trouble.PREVIOUS, detail, line, receipt)
        if self._end is not None and receipt.at < self._end:
            detail = f"the clock went back by {self._end - receipt.at} s"
            self.note(Trouble.CLOCK, detail, line, receipt)
        if receipt.kind is Kind.REPAIR:
            self.note(Trouble.REPAIR, receipt.note or "no reason given", line, receipt)
        self._count(receipt, own)
        return receipt

    def _count(self, receipt: Receipt, own: str) -> None:
        at = receipt.at
        self._last = receipt.sequence
        if not self._receipts:
            self._first, self._begin = receipt.sequence, at
        self._receipts += 1
        self._head, self._end, self._digest = receipt.sequence, at, own
        if receipt.keyid in self._keys or len(self._keys) < _MAX_KEYS:
            self._keys[receipt.keyid] += 1
        if receipt.watcher != self._run:
            self._run = receipt.watcher
            self._runs += 1
        expected = self._expected
        if expected is not None and receipt.sequence == expected.sequence:
            self._meets = expected.digest in {None, own}

    def note(
        self,
        kind: Trouble,
        detail: str,
        line: Line | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Keep one thing to say; beyond MAX_LISTED only how many there are."""
        self._counts[kind] += 1
        # What fails is never crowded out by what is only worth saying.
        if self._counts[kind] <= MAX_LISTED // len(Trouble):
            self._problems.append(
                Problem(
                    kind=kind,
                    status=kind.status,
                    file=line.file if line else None,
                    line=line.number if line else None,
                    sequence=receipt.sequence if receipt else None,
                    detail=detail,
                )
            )

    def proof(self) -> Proof:
        """Return what was proved; after the last line, once."""
        if not self._receipts and not self._counts:
            self.note(Trouble.EMPTY, "there is no receipt in the log")
        if self._expected is not None and not self._meets:
            wanted = self._expected.sequence
            removed = f"receipt {wanted} is expected, the last one is {self._head}: an end is gone"
            other = f"receipt {wanted} is not the one that is expected"
            detail = removed if self._head < wanted else other
            self.note(Trouble.END, detail)
        called = {Trouble(kind).status for kind in self._counts}
        return Proof(
            status=next((status for status in Status if status in called), Status.VERIFIED),
            receipts=self._receipts,
            first=self._first,
            last=self._head,
            begin=self._begin,
            end=self._end,
            head=self._digest,
            keys=dict(self._keys),
            runs=self._runs,
            counts=dict(self._counts),
            problems=tuple(self._problems),
        )
