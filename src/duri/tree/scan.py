"""One scan of a tree: sealing it, or comparing it with its seal.

Guarantees: the core does the walking and hashing with the interpreter lock released; only findings
cross the border. Everything is read relative to one descriptor of the root, so a root that is
switched meanwhile is not mixed with its successor.

Leaves to others: whether the evidence it compares with is authentic (`duri.verify` asks first).
"""

import os

import msgspec

from duri.errors import UnverifiableError, UsageError
from duri.policy import Policy
from duri.tree import _core
from duri.tree.comparison import (
    EVERYTHING,
    Baseline,
    Checksums,
    Comparison,
    Look,
    Memory,
    baseline,
    compare,
    load,
    parse,
)
from duri.tree.progress import Progress
from duri.tree.rules import compiled

__all__ = [
    "EVERYTHING",
    "Baseline",
    "Checksums",
    "Comparison",
    "Look",
    "Memory",
    "Progress",
    "Sealed",
    "baseline",
    "compare",
    "kernel",
    "load",
    "open_root",
    "seal",
    "sum_lines",
]


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
        UnverifiableError: it was cancelled, or no thread could be started.
    """
    try:
        found = _core.seal(
            root_fd,
            rules=compiled(policy),
            algorithm=algorithm,
            exclude=exclude,
            threads=threads,
            progress=(progress or Progress()).counters,
        )
    except _core.ScanCancelled as error:
        raise UnverifiableError("the scan was cut short") from error
    except _core.NoThread as error:
        raise UnverifiableError("no thread could be started", got=error.strerror) from error
    return Sealed(
        checksums=found.checksums,
        attributes=found.attributes,
        file_count=found.file_count,
        total_bytes=found.total_bytes,
        duration_ms=found.duration_ns // 1_000_000,
        refusals=tuple((kind, path, actual or "") for kind, path, _, actual in found.refusals),
        warnings=tuple((kind, path, actual or "") for kind, path, _, actual in found.warnings),
    )


def seals_path(checksums: bytes, algorithm: str, path: bytes) -> bool:
    """Return whether a path, relative to the root, is among the sealed files."""
    return parse(checksums, algorithm).digest(path) is not None


def sum_lines(checksums: bytes, algorithm: str) -> bytes:
    """Return `checksums.json` as the lines that `sha256sum -c` and its kin accept.

    Raises:
        MalformedError: the checksums are not canonical.
    """
    return parse(checksums, algorithm).sum_lines()


def kernel() -> str:
    """Return the name of the SHA-256 code in use."""
    return _core.kernel()
