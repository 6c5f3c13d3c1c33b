"""One receipt: a line of canonical JSON, signed, that names the line before it.

Guarantees: `parse` takes only the bytes that `write` gives, so no byte of a line can change and
mean the same; unknown versions and fields, floats, nulls and lines that are too long are refused.
What is signed is the DSSE pre-authentication encoding of the line without its signature, under a
payload type of its own, so a receipt is never taken for a release statement, nor one for a receipt.
It stays within what key services accept.

Leaves to others: the order of receipts (`chain`), which key counts (`chain`), files (`log`).
"""

import binascii
import enum
from typing import Annotated

import msgspec

from duri import times
from duri.errors import MalformedError
from duri.evidence import canonical
from duri.evidence.envelope import pae
from duri.evidence.keys.backend import Signer
from duri.limits import MAX_RECEIPT_BYTES
from duri.report.escape import printable
from duri.tree.digest import sha256
from duri.verdict import Status

SCHEMA_VERSION = "1.0"
PAYLOAD_TYPE = "application/vnd.duri.receipt+json"
FIRST = "sha256:" + "0" * 64
"""What the first receipt of a log names as the one before it."""

_NAME = "receipt"
_MAX_SEQUENCE = 2**53 - 1

Digest = Annotated[str, msgspec.Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0)]

# What each text may take in JSON, so that all of them fit into one message of a key service.
_ROOM = {
    "root": 1024,
    "deployment_id": 512,
    "note": 512,
    "product": 256,
    "version": 256,
    "environment": 128,
    "policy_digest": 160,
}


class Kind(enum.StrEnum):
    """What a receipt is about."""

    START = "start"
    SCAN = "scan"
    CHANGE = "change"
    STOP = "stop"
    REPAIR = "repair"
    ACTION = "action"


class ScanKind(enum.StrEnum):
    """How much a scan looked at: every byte, every file's identity, or only where events were."""

    FULL = "full"
    STAT = "stat"
    PARTIAL = "partial"


class Identity(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Which folder the root was, as the kernel tells it; `boot` is the kernel's boot id."""

    device: Count
    inode: Count
    mount: Count | None = None
    boot: str | None = None


class Files(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many files were sealed, and what became of them."""

    total: Count
    verified: Count
    modified: Count
    missing: Count
    new: Count


class Entry(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What a watcher has to say; what is not known is left out.

    Attributes:
        kind: what it is about.
        status: the status from now on; always there for a scan or a change.
        since: since when the status is what it is, RFC 3339.
        root: the root, as text for a person; `root_identity` says which folder it was.
        files: counts of this scan.
        findings_digest: SHA-256 of the findings as `duri verify --json` lists them, compact.
        interval: seconds within which the next scan is promised; always there for a scan.
        events_lost: how often events were lost since the watcher's start.
        note: why, for a person.
    """

    kind: Kind
    status: Status | None = None
    since: str | None = None
    product: str | None = None
    environment: str | None = None
    version: str | None = None
    deployment_id: str | None = None
    release_sequence: Count | None = None
    policy_digest: str | None = None
    root: str | None = None
    root_identity: Identity | None = None
    files: Files | None = None
    bytes_hashed: Count | None = None
    scan_kind: ScanKind | None = None
    duration_ms: Count | None = None
    findings_digest: Digest | None = None
    findings_count: Count | None = None
    interval: Annotated[int, msgspec.Meta(ge=1, le=10 * times.DAY)] | None = None
    events_lost: Count | None = None
    note: str | None = None


class Receipt(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An entry with its place in the chain.

    Attributes:
        sequence: from 1, one more with each receipt of a log.
        time: RFC 3339, when the entry was made.
        watcher: a random id of one run of a watcher.
        previous: `sha256:` and the digest of the line before, without its newline.
        signature: Base64; over everything else.
    """

    schema_version: str
    sequence: Annotated[int, msgspec.Meta(ge=1, le=_MAX_SEQUENCE)]
    time: str
    watcher: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
    previous: Digest
    keyid: Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9a-f]{64}|[0-9a-f]{32})\Z")]
    signature: str = ""

    @property
    def at(self) -> int:
        """The time in Unix seconds."""
        return times.parse(self.time)


def sign(
    entry: Entry, *, sequence: int, at: int, watcher: str, previous: str, signer: Signer
) -> Receipt:
    """Return the receipt of an entry; texts that are too long for it are cut, ending in `…`."""
    fields = {name: getattr(entry, name) for name in Entry.__struct_fields__}
    for name, room in _ROOM.items():
        if fields[name] is not None:
            fields[name] = _fitted(fields[name], room)
    receipt = Receipt(
        **fields,
        schema_version=SCHEMA_VERSION,
        sequence=sequence,
        time=times.write(min(max(0, at), times.MAX_TIME)),
        watcher=watcher,
        previous=previous,
        keyid=signer.keyid,
    )
    signature = binascii.b2a_base64(signer.sign(message(receipt)), newline=False).decode()
    return msgspec.structs.replace(receipt, signature=signature)


def message(receipt: Receipt) -> bytes:
    """Return what is signed."""
    return pae(PAYLOAD_TYPE, canonical.compact(msgspec.structs.replace(receipt, signature="")))


def signature_bytes(receipt: Receipt) -> bytes:
    """Return the raw signature."""
    return binascii.a2b_base64(receipt.signature)


def write(receipt: Receipt) -> bytes:
    """Return the line, without a newline."""
    return canonical.compact(receipt)


def digest(line: bytes) -> str:
    """Return what the receipt after this line names as `previous`."""
    return f"sha256:{sha256(line)}"


def parse(line: bytes) -> Receipt:
    """Parse one line, without its newline.

    Raises:
        MalformedError: it is not exactly what `write` gives for a receipt.
    """
    if len(line) > MAX_RECEIPT_BYTES:
        raise MalformedError(
            "too long for a receipt",
            expected=f"at most {MAX_RECEIPT_BYTES} bytes",
            got=f"{len(line)} bytes",
        )
    receipt = canonical.parse(line, Receipt, name=_NAME)
    if receipt.schema_version != SCHEMA_VERSION:
        raise MalformedError(
            "a receipt of a version that this DuRi does not know",
            expected=SCHEMA_VERSION,
            got=printable(receipt.schema_version[:32]),
        )
    if canonical.compact(receipt) != line:
        raise MalformedError("not in canonical form", where=_NAME, expected="one compact object")
    _check(receipt)
    return receipt


def _check(receipt: Receipt) -> None:
    """Refuse what the types cannot: times, the signature's one spelling, what a kind needs."""
    try:
        times.parse(receipt.time)
        if receipt.since is not None:
            times.parse(receipt.since)
    except ValueError as error:
        raise MalformedError("a receipt with no such time", expected="RFC 3339, UTC") from error
    try:
        raw = binascii.a2b_base64(receipt.signature, strict_mode=True)
    except ValueError as error:
        raise MalformedError("a receipt whose signature is not Base64") from error
    if not raw or binascii.b2a_base64(raw, newline=False).decode() != receipt.signature:
        raise MalformedError("a receipt without a canonical signature")
    judged = receipt.kind in {Kind.SCAN, Kind.CHANGE}
    if judged and receipt.status is None:
        raise MalformedError(f"a {receipt.kind} without a status")
    if receipt.kind is Kind.SCAN and (receipt.interval is None or receipt.scan_kind is None):
        raise MalformedError("a scan without its kind or interval")


def _fitted(text: str, room: int) -> str:
    """Return a text that takes at most `room` bytes in JSON."""
    text = printable(text)
    if _size(text) <= room:
        return text
    room -= _size("…")
    text = text[:room]
    while (excess := _size(text) - room) > 0:
        # No character takes more than six bytes.
        text = text[: -max(1, excess // 6)]
    return f"{text}…"


def _size(text: str) -> int:
    return len(msgspec.json.encode(text)) - 2
