"""One scan of a tree: sealing it, or comparing it with its seal.

Guarantees: the core does the walking and hashing with the interpreter lock released; only findings
cross the border. Everything is read relative to one descriptor of the root, so a root that is
switched meanwhile is not mixed with its successor.

Leaves to others: whether the evidence it compares with is authentic (`duri.verify` asks first).
"""

import os

import msgspec

from duri.errors import MalformedError, UnverifiableError, UsageError
from duri.policy import Policy
from duri.tree import _core
from duri.verdict import Finding, Kind, Status

__all__ = [
    "UNSEEN",
    "Comparison",
    "Progress",
    "Sealed",
    "compare",
    "kernel",
    "open_root",
    "seal",
    "sum_lines",
]

UNSEEN = frozenset({Kind.UNREADABLE, Kind.IO_ERROR})

_DETAILS = {
    Kind.MODIFIED: "the content is not what was sealed",
    Kind.MISSING: "sealed, and not there",
    Kind.NEW: "there, and not sealed",
    Kind.TYPE: "another type of file than was sealed",
    Kind.MODE: "the mode is not what was sealed",
    Kind.LINK_TARGET: "the link leads elsewhere than was sealed",
    Kind.CAPABILITY: "the file capability is not what was sealed",
    Kind.OWNER: "the owner is not what was sealed",
    Kind.HARD_LINK: "another name outside the sealed tree reaches this file",
    Kind.MOUNT_POINT: "something is mounted here, over what was sealed",
    Kind.CHANGING: "it is being written to while it is read",
    Kind.EXECUTABLE: "executable, where the policy allows data only",
    Kind.UNREADABLE: "it may not be read",
    Kind.IO_ERROR: "reading it failed",
}


class Progress:
    """How far a scan is, readable from another thread; cancelling it cancels the scan.

    Attributes:
        total_files: how many there will be, once that is known.
        total_bytes: how many when they were sealed, once that is known.
    """

    __slots__ = ("counters", "total_bytes", "total_files")

    def __init__(self) -> None:
        self.counters = _core.Progress()
        self.total_files: int | None = None
        self.total_bytes: int | None = None

    @property
    def files(self) -> int:
        """Files read so far."""
        return self.counters.files

    @property
    def bytes(self) -> int:
        """Bytes hashed so far."""
        return self.counters.bytes

    def expect(self, *, files: int, size: int) -> None:
        """Say how much there will be."""
        self.total_files, self.total_bytes = files, size

    def cancel(self) -> None:
        """End the scan soon; whoever runs it gets an UnverifiableError."""
        self.counters.cancel()


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What sealing found: two artifacts' worth of JSON, and what stands in the way.

    Attributes:
        checksums: the bytes of `checksums.json`.
        attributes: the raw JSON of the metadata's `attributes`.
        refusals: (kind, path, detail); not empty means that nothing may be sealed.
        warnings: (kind, path, detail) worth saying.
        duration_ms: of the scan.
    """

    checksums: bytes
    attributes: bytes
    file_count: int
    total_bytes: int
    duration_ms: int
    refusals: tuple[tuple[str, bytes, str], ...]
    warnings: tuple[tuple[str, bytes, str], ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What comparing found; counts are of sealed files, bytes were hashed."""

    findings: tuple[Finding, ...]
    total_files: int
    verified_files: int
    bytes_hashed: int
    duration_ms: int


def open_root(root: str) -> int:
    """Open the root once, for everything that is read below it.

    Raises:
        UsageError: there is no such folder, or it may not be read.
    """
    try:
        return os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except NotADirectoryError as error:
        raise UsageError("the root is not a folder", where=root) from error
    except FileNotFoundError as error:
        raise UsageError("there is no such folder", where=root) from error
    except (OSError, ValueError) as error:
        raise UsageError("the root cannot be opened", where=root, got=str(error)) from error


def seal(
    root_fd: int,
    *,
    policy: Policy,
    algorithm: str,
    exclude: bytes | None,
    threads: int,
    progress: Progress | None = None,
) -> Sealed:
    """Walk and hash a tree that is to be sealed.

    Args:
        root_fd: the root, as `open_root` gave it.
        policy: what is left out, may change, may leave the root.
        algorithm: `sha256`, `sha512` or `blake3`.
        exclude: the artifacts folder relative to the root, left out of the scan.
        threads: how many read and hash at once.
        progress: counters to add to; cancelling them cancels the scan.

    Raises:
        UnverifiableError: it was cancelled.
    """
    try:
        found = _core.seal(
            root_fd,
            rules=_rules(policy),
            algorithm=algorithm,
            exclude=exclude,
            threads=threads,
            progress=(progress or Progress()).counters,
        )
    except _core.ScanCancelled as error:
        raise UnverifiableError("the scan was cut short") from error
    return Sealed(
        checksums=found.checksums,
        attributes=found.attributes,
        file_count=found.file_count,
        total_bytes=found.total_bytes,
        duration_ms=found.duration_ns // 1_000_000,
        refusals=tuple((kind, path, actual or "") for kind, path, _, actual in found.refusals),
        warnings=tuple((kind, path, actual or "") for kind, path, _, actual in found.warnings),
    )


def compare(
    root_fd: int,
    *,
    checksums: bytes,
    attributes: bytes | None,
    policy: Policy,
    algorithm: str,
    strict: bool,
    exclude: bytes | None,
    threads: int,
    total_bytes: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare a tree with its authenticated seal.

    Args:
        root_fd: the root, as `open_root` gave it.
        checksums: the bytes of `checksums.json`.
        attributes: the raw `attributes` of the metadata; None leaves them unjudged.
        policy: the sealed policy.
        algorithm: the sealed hash algorithm.
        strict: whether a new file fails.
        exclude: the artifacts folder relative to the root, left out of the scan.
        threads: how many read and hash at once.
        total_bytes: the sealed files' size together; a larger file is modified, and is not read.
        progress: counters to add to; cancelling them cancels the scan.

    Raises:
        MalformedError: the checksums or the attributes are not canonical.
        UnverifiableError: it was cancelled.
    """
    try:
        found = _core.compare(
            root_fd,
            rules=_rules(policy),
            algorithm=algorithm,
            checksums=_parse(checksums, algorithm),
            attributes=None if attributes is None else _parse_attributes(attributes),
            exclude=exclude,
            threads=threads,
            progress=(progress or Progress()).counters,
            total_bytes=total_bytes,
        )
    except _core.ScanCancelled as error:
        raise UnverifiableError("the scan was cut short") from error
    return Comparison(
        findings=tuple(
            _finding(Kind(kind), path, expected, actual, strict=strict)
            for kind, path, expected, actual in found.findings
        ),
        total_files=found.total_files,
        verified_files=found.verified_files,
        bytes_hashed=found.bytes_hashed,
        duration_ms=found.duration_ns // 1_000_000,
    )


def seals_path(checksums: bytes, algorithm: str, path: bytes) -> bool:
    """Return whether a path, relative to the root, is among the sealed files."""
    return _parse(checksums, algorithm).digest(path) is not None


def sum_lines(checksums: bytes, algorithm: str) -> bytes:
    """Return `checksums.json` as the lines that `sha256sum -c` and its kin accept.

    Raises:
        MalformedError: the checksums are not canonical.
    """
    return _parse(checksums, algorithm).sum_lines()


def kernel() -> str:
    """Return the name of the SHA-256 code in use."""
    return _core.kernel()


def _parse(checksums: bytes, algorithm: str) -> _core.Checksums:
    try:
        return _core.Checksums.parse(checksums, algorithm)
    except _core.FormatError as error:
        raise MalformedError("malformed", where="checksums.json", got=str(error)) from error


def _parse_attributes(attributes: bytes) -> _core.Attributes:
    try:
        return _core.Attributes.parse(attributes)
    except _core.FormatError as error:
        where = "deployment_metadata.json"
        raise MalformedError("malformed attributes", where=where, got=str(error)) from error


def _rules(policy: Policy) -> _core.Rules:
    try:
        return _core.Rules(
            ignore=policy.ignore,
            mutable=policy.mutable,
            append_only=policy.append_only,
            external_links=policy.external_links,
            owners=policy.owners,
            case_twins=policy.case_twins,
        )
    except _core.FormatError as error:
        raise UsageError("not a pattern", expected="a gitignore pattern", got=str(error)) from error


def _finding(
    kind: Kind, path: bytes, expected: str | None, actual: str | None, *, strict: bool
) -> Finding:
    if kind in UNSEEN:
        status = Status.UNVERIFIABLE
    elif kind is Kind.NEW and not strict:
        status = Status.VERIFIED
    else:
        status = Status.CORRUPTED
    return Finding(
        kind=kind,
        status=status,
        path=path,
        expected=expected,
        actual=actual,
        detail=_DETAILS[kind],
    )
