"""A snapshot as JSON: what `/api/v1/status` serves and programs read.

Guarantees: the document is valid against `status.schema.json` beside this file; keys always come in
the same order; it depends on the snapshot alone, and its size is bounded whatever was planted in
the tree. The verdict in it is what `duri verify --json` prints, with the first findings only where
there are more than were asked for. Times are RFC 3339,
UTC, whole seconds. Paths are text and, where that is not the name, base64, as in a verdict. No key
material can be in it: a snapshot holds none. Within `schema_version` 1 fields are only added.
"""

import binascii
from collections.abc import Sequence

import msgspec

from duri import times
from duri.report import document as verdict_document
from duri.report.escape import printable, shown
from duri.verdict import Finding, Status
from duri.watch.snapshot import Events, KeyAge, ReceiptLog, Scanning, Snapshot

SCHEMA_VERSION = "1.0"
"""Of this document; major.minor."""

MAX_FINDINGS_BYTES = 1024 * 1024
"""Names and values of the findings listed: ten thousand usual ones. Escaped and in base64 they
take up to six times as much."""

_NO_VERDICT_EXIT_CODE = Status.UNVERIFIABLE.exit_code


class ScanningNow(msgspec.Struct, frozen=True, kw_only=True):
    """The scan that runs."""

    kind: str
    began: str
    files: int
    bytes: int
    total_files: int | None
    total_bytes: int | None


class Receipts(msgspec.Struct, frozen=True, kw_only=True):
    """The log of receipts."""

    folder: str | None
    written: int
    sequence: int
    last_at: str | None
    waiting: int
    problem: str | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed a path."""

    path: str
    path_bytes: str | msgspec.UnsetType
    pid: int
    uid: int | None
    command: str | None
    at: str


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A time with one status."""

    begin: str
    end: str
    status: Status | None


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """A finished scan."""

    at: str
    kind: str
    duration_ms: int
    bytes_hashed: int
    modified: int
    missing: int
    new: int


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The whole status, in the order in which it is written."""

    schema_version: str
    version: int
    at: str
    started_at: str
    status: Status | None
    exit_code: int
    severity: str
    ready: bool
    since: str
    updating: bool
    root: str
    root_bytes: str | msgspec.UnsetType
    target: str | None
    interval: int
    last_scan_at: str | None
    last_full_at: str | None
    next_scan_at: str | None
    scanning: ScanningNow | None
    events: Events
    keys: tuple[KeyAge, ...]
    receipts: Receipts
    problems: tuple[str, ...]
    findings_total: int
    truncated: bool
    verdict: verdict_document.Document | None
    origins: tuple[Change, ...]
    spans: tuple[Stretch, ...]
    points: tuple[Scan, ...]


def render(snapshot: Snapshot, *, most: int) -> bytes:
    """Return the document in UTF-8 on one line, with `most` findings at most."""
    return msgspec.json.encode(document(snapshot, most=most)) + b"\n"


def document(snapshot: Snapshot, *, most: int) -> Document:
    """Return the document of a snapshot, with `most` findings at most."""
    verdict = snapshot.verdict
    total = listed = 0
    if verdict is not None:
        total = len(verdict.findings)
        listed = _affordable(verdict.findings[:most])
        verdict = msgspec.structs.replace(verdict, findings=verdict.findings[:listed])
    root, root_bytes = _name(snapshot.root.encode("utf-8", "surrogateescape"))
    return Document(
        schema_version=SCHEMA_VERSION,
        version=snapshot.version,
        at=written(snapshot.at),
        started_at=written(snapshot.started_at),
        status=snapshot.status,
        exit_code=_NO_VERDICT_EXIT_CODE if verdict is None else verdict.exit_code,
        severity="critical" if verdict is None else verdict.status.severity,
        ready=snapshot.is_ready,
        since=written(snapshot.since),
        updating=snapshot.updating,
        root=root,
        root_bytes=root_bytes,
        target=_line(snapshot.target),
        interval=snapshot.interval,
        last_scan_at=_time(snapshot.last_scan_at),
        last_full_at=_time(snapshot.last_full_at),
        next_scan_at=_time(snapshot.next_scan_at),
        scanning=_scanning(snapshot.scanning),
        events=msgspec.structs.replace(snapshot.events, problem=_line(snapshot.events.problem)),
        keys=tuple(
            msgspec.structs.replace(key, keyid=line(key.keyid), name=_line(key.name))
            for key in snapshot.keys
        ),
        receipts=_receipts(snapshot.receipts),
        problems=tuple(line(problem) for problem in snapshot.problems),
        findings_total=total,
        truncated=listed < total,
        verdict=None if verdict is None else verdict_document.document(verdict),
        origins=tuple(_origins(snapshot)),
        spans=tuple(
            Stretch(begin=written(span.begin), end=written(span.end), status=span.status)
            for span in snapshot.spans
        ),
        points=tuple(
            Scan(
                at=written(point.at),
                kind=point.kind,
                duration_ms=point.duration_ms,
                bytes_hashed=point.bytes_hashed,
                modified=point.modified,
                missing=point.missing,
                new=point.new,
            )
            for point in snapshot.points
        ),
    )


def written(seconds: float) -> str:
    """Return a time as RFC 3339; a clock that stands outside 1970 to 9999 shows the nearer end."""
    return times.write(int(min(max(seconds, 0), times.MAX_TIME)))


def line(text: str) -> str:
    """Return a sentence as one line that can be shown."""
    return printable(text)


def _affordable(findings: Sequence[Finding]) -> int:
    """Return how many of the findings, from the first, stay within MAX_FINDINGS_BYTES."""
    size = 0
    for number, finding in enumerate(findings):
        size += len(finding.path or b"") + len(finding.detail)
        size += len(finding.expected or "") + len(finding.actual or "")
        if size > MAX_FINDINGS_BYTES:
            return number
    return len(findings)


def _line(text: str | None) -> str | None:
    return None if text is None else line(text)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else written(seconds)


def _scanning(scanning: Scanning | None) -> ScanningNow | None:
    if scanning is None:
        return None
    return ScanningNow(
        kind=scanning.kind,
        began=written(scanning.began),
        files=scanning.files,
        bytes=scanning.bytes,
        total_files=scanning.total_files,
        total_bytes=scanning.total_bytes,
    )


def _receipts(log: ReceiptLog) -> Receipts:
    return Receipts(
        folder=_line(log.folder),
        written=log.written,
        sequence=log.sequence,
        last_at=_time(log.last_at),
        waiting=log.waiting,
        problem=_line(log.problem),
    )


def _origins(snapshot: Snapshot) -> list[Change]:
    changes = []
    for name, origin in snapshot.origins:
        path, path_bytes = _name(name)
        changes.append(
            Change(
                path=path,
                path_bytes=path_bytes,
                pid=origin.pid,
                uid=origin.uid,
                command=_line(origin.command),
                at=written(origin.at),
            )
        )
    return changes


def _name(name: bytes) -> tuple[str, str | msgspec.UnsetType]:
    """Return a name as text, and in base64 where the text is not the name."""
    text = shown(name)
    if text.encode() == name:
        return text, msgspec.UNSET
    return text, binascii.b2a_base64(name, newline=False).decode()
