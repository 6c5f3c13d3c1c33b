"""Comparing a tree with its authenticated seal: all of it, or what changed since the last look.

Guarantees: the evidence is parsed once, however often a tree is compared with it. With a memory the
answer is about the whole tree, whatever was looked at; a look that cannot tell says so
(`whole_needed`) and gives no answer that could be taken for one.

Leaves to others: whether the evidence is authentic, and how often to look how closely. Only a look
that reads everything proves content; see the core's `memory` for what an unchanged file is.
"""

import msgspec

from duri.errors import MalformedError, UnverifiableError
from duri.policy import Policy
from duri.tree import _core, difference
from duri.tree.progress import Progress
from duri.tree.rules import compiled
from duri.verdict import Finding, Kind

__all__ = [
    "EVERYTHING",
    "Baseline",
    "Checksums",
    "Comparison",
    "Look",
    "Memory",
    "baseline",
    "compare",
    "load",
    "parse",
]

Checksums = _core.Checksums
Memory = _core.Memory


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What a tree is compared with, parsed.

    Attributes:
        attributes: None leaves them unjudged.
        algorithm: of the checksums.
    """

    checksums: _core.Checksums
    attributes: _core.Attributes | None
    rules: _core.Rules
    algorithm: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How closely to look.

    Attributes:
        memory: what the last look found; it is brought up to date. None: nothing is kept.
        reread: whether files are read whose identity is the one remembered.
        only: the folders to look at, each with whether all below it is meant; None: all of them.
        watcher: told of each folder before it is listed.
        bytes_per_second: the most to read; None: as fast as it goes.
        most: how many findings are named; what decides is named first. None: all.
    """

    memory: Memory | None = None
    reread: bool = True
    only: tuple[tuple[bytes, bool], ...] | None = None
    watcher: _core.Watcher | None = None
    bytes_per_second: int | None = None
    most: int | None = None


EVERYTHING = Look()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What comparing found; counts are of sealed files, bytes were hashed.

    Attributes:
        verified_files: how many are as sealed, at the last look at each.
        whole_needed: what was looked at does not tell. Nothing else here is an answer then; a look
            at everything gives one.
    """

    findings: tuple[Finding, ...]
    total_files: int
    verified_files: int
    bytes_hashed: int
    duration_ms: int
    whole_needed: bool = False
    modified_files: int = 0
    missing_files: int = 0
    new_files: int = 0


def baseline(
    *, checksums: bytes | Checksums, attributes: bytes | None, policy: Policy, algorithm: str
) -> Baseline:
    """Parse what a tree is compared with.

    Args:
        checksums: the bytes of `checksums.json`, or what `load` gave.
        attributes: the raw `attributes` of the metadata; None leaves them unjudged.
        policy: the sealed policy.
        algorithm: the sealed hash algorithm.

    Raises:
        MalformedError: the checksums or the attributes are not canonical.
        UsageError: a pattern is none.
    """
    return Baseline(
        rules=compiled(policy),
        checksums=checksums if isinstance(checksums, Checksums) else parse(checksums, algorithm),
        attributes=None if attributes is None else _parse_attributes(attributes),
        algorithm=algorithm,
    )


def compare(
    root_fd: int,
    parsed: Baseline,
    *,
    strict: bool,
    exclude: bytes | None,
    threads: int,
    total_bytes: int | None = None,
    progress: Progress | None = None,
    look: Look = EVERYTHING,
) -> Comparison:
    """Compare a tree with its authenticated seal, parsed before.

    Args:
        root_fd: the root, as `open_root` gave it.
        parsed: what `baseline` gave.
        strict: whether a new file fails.
        exclude: the artifacts folder relative to the root, left out of the scan.
        threads: how many read and hash at once.
        total_bytes: the sealed files' size together; a larger file is modified, and is not read.
        progress: counters to add to; cancelling them cancels the scan.
        look: how closely to look.

    Raises:
        MalformedError: the checksums and the attributes are not of one release.
        UnverifiableError: it was cancelled, or no thread could be started.
        ValueError: a folder to look at is none below the root, or there is no memory to complete
            the answer from.
        RuntimeError: another comparison uses the memory.
    """
    try:
        found = _core.compare(
            root_fd,
            rules=parsed.rules,
            algorithm=parsed.algorithm,
            checksums=parsed.checksums,
            attributes=parsed.attributes,
            exclude=exclude,
            threads=threads,
            progress=(progress or Progress()).counters,
            total_bytes=total_bytes,
            memory=look.memory,
            reread=look.reread,
            only=look.only,
            watcher=look.watcher,
            bytes_per_second=look.bytes_per_second,
            most=look.most,
        )
    except _core.ScanCancelled as error:
        raise UnverifiableError("the scan was cut short") from error
    except _core.NoThread as error:
        raise UnverifiableError("no thread could be started", got=error.strerror) from error
    except _core.FormatError as error:
        where = "deployment_metadata.json"
        raise MalformedError(
            "attributes of another release", where=where, got=str(error)
        ) from error
    return Comparison(
        findings=(
            *difference.unnamed(found.unnamed_findings),
            *(
                difference.finding(Kind(kind), path, expected, actual, strict=strict)
                for kind, path, expected, actual in found.findings
            ),
        ),
        total_files=found.total_files,
        verified_files=found.verified_files,
        bytes_hashed=found.bytes_hashed,
        duration_ms=found.duration_ns // 1_000_000,
        whole_needed=found.whole_needed,
        modified_files=found.modified_files,
        missing_files=found.missing_files,
        new_files=found.new_files,
    )


def parse(checksums: bytes, algorithm: str) -> _core.Checksums:
    """Parse `checksums.json`; raise MalformedError where it is not canonical."""
    try:
        return _core.Checksums.parse(checksums, algorithm)
    except _core.FormatError as error:
        raise MalformedError("malformed", where="checksums.json", got=str(error)) from error


def load(fd: int, *, size: int, sha256: str, algorithm: str) -> Checksums | None:
    """Parse `checksums.json` from an open file, for keeping: it takes less memory than its bytes.

    Args:
        fd: the file, at its beginning.
        size: its bytes, bounded by the caller; no more are read.
        sha256: of the bytes that were believed, in hexadecimal.
        algorithm: the sealed hash algorithm.

    Returns:
        None when the file has other bytes than those.

    Raises:
        MalformedError: it is not canonical.
        OSError: it cannot be read.
    """
    try:
        return _core.Checksums.load(fd, size=size, sha256=sha256, algorithm=algorithm)
    except _core.FormatError as error:
        raise MalformedError("malformed", where="checksums.json", got=str(error)) from error


def _parse_attributes(attributes: bytes) -> _core.Attributes:
    try:
        return _core.Attributes.parse(attributes)
    except _core.FormatError as error:
        where = "deployment_metadata.json"
        raise MalformedError("malformed attributes", where=where, got=str(error)) from error
