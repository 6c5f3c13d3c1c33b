"""The compiled core: walk, hash, compare, and the codecs of what grows with the tree.

Every function releases the interpreter lock. Paths are bytes relative to the root, without a
leading "./"; the root itself is never named. A finding is (kind, path, expected, actual), with the
kinds of `duri.verdict.Kind` that speak of the tree; `expected` and `actual` are printable text.
"""

from collections.abc import Sequence
from typing import TypeAlias, final

__all__ = [
    "Attributes",
    "Checksums",
    "Comparison",
    "FormatError",
    "Progress",
    "Rules",
    "ScanCancelled",
    "Sealed",
    "compare",
    "exchange",
    "kernel",
    "rename_new",
    "seal",
    "sha256",
]

_Finding: TypeAlias = tuple[str, bytes, str | None, str | None]

class FormatError(ValueError):
    """Bytes that are not canonical; the message names the offset and the reason."""

class ScanCancelled(Exception):  # noqa: N818 - not an error of the tree
    """`Progress.cancel` was called."""

@final
class Progress:
    """Counters that a running scan adds to, readable from another thread."""

    def __new__(cls) -> Progress: ...
    @property
    def files(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    def cancel(self) -> None: ...

@final
class Checksums:
    """The parsed `checksums.json`."""

    @staticmethod
    def parse(data: bytes, algorithm: str) -> Checksums: ...
    def __len__(self) -> int: ...
    def digest(self, path: bytes) -> str | None: ...
    def sum_lines(self) -> bytes: ...

@final
class Attributes:
    """The parsed `attributes` of `deployment_metadata.json`, given as the raw JSON found there."""

    @staticmethod
    def parse(data: bytes) -> Attributes: ...

@final
class Rules:
    """A compiled policy. Raises FormatError naming a pattern that is not a gitignore pattern."""

    def __new__(
        cls,
        *,
        ignore: Sequence[str] = ...,
        mutable: Sequence[str] = ...,
        append_only: Sequence[str] = ...,
        external_links: Sequence[str] = ...,
        owners: bool = False,
        case_twins: bool = False,
    ) -> Rules: ...

@final
class Sealed:
    """What sealing a tree found. `refusals` not empty: nothing may be sealed."""

    @property
    def checksums(self) -> bytes: ...
    @property
    def attributes(self) -> bytes: ...
    @property
    def file_count(self) -> int: ...
    @property
    def total_bytes(self) -> int: ...
    @property
    def duration_ns(self) -> int: ...
    @property
    def refusals(self) -> list[_Finding]: ...
    @property
    def warnings(self) -> list[_Finding]: ...

@final
class Comparison:
    """What comparing a tree with its seal found."""

    @property
    def findings(self) -> list[_Finding]: ...
    @property
    def total_files(self) -> int: ...
    @property
    def verified_files(self) -> int: ...
    @property
    def bytes_hashed(self) -> int: ...
    @property
    def duration_ns(self) -> int: ...

def seal(
    root_fd: int,
    *,
    rules: Rules,
    algorithm: str,
    exclude: bytes | None,
    threads: int,
    progress: Progress,
) -> Sealed: ...
def compare(
    root_fd: int,
    *,
    rules: Rules,
    algorithm: str,
    checksums: Checksums,
    attributes: Attributes | None,
    exclude: bytes | None,
    threads: int,
    progress: Progress,
    total_bytes: int | None = None,
) -> Comparison:
    """Compare; a file larger than `total_bytes`, all sealed files' size, is not read."""

def sha256(data: bytes) -> str:
    """Return the lower-case hexadecimal SHA-256 of bytes, the interpreter lock released."""

def kernel() -> str:
    """Return the name of the SHA-256 kernel in use, such as "sha-ni-x2" or "portable"."""

def exchange(one: bytes, other: bytes) -> None:
    """Swap two names at once (renameat2, RENAME_EXCHANGE); raise OSError with its errno."""

def rename_new(source: bytes, target: bytes) -> None:
    """Rename onto a name that is not there (RENAME_NOREPLACE); raise OSError with its errno."""
