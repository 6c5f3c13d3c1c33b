"""The compiled core: walk, hash, compare, and the codecs of what grows with the tree.

Every function releases the interpreter lock. Paths are bytes relative to the root, without a
leading "./"; the root itself is never named. A finding is (kind, path, expected, actual), with the
kinds of `duri.verdict.Kind` that speak of the tree; `expected` and `actual` are printable text.
"""

from collections.abc import Sequence
from typing import TypeAlias, final

__all__ = [
    "Attributes",
    "Changes",
    "Checksums",
    "Comparison",
    "FormatError",
    "Memory",
    "NoThread",
    "Progress",
    "Rules",
    "ScanCancelled",
    "Sealed",
    "Watcher",
    "compare",
    "exchange",
    "kernel",
    "open_in_root",
    "rename_new",
    "seal",
    "set_io_priority",
    "sha256",
    "share",
    "trim",
]

_Finding: TypeAlias = tuple[str, bytes, str | None, str | None]

class FormatError(ValueError):
    """Bytes that are not canonical; the message names the offset and the reason."""

class NoThread(OSError):  # noqa: N818 - what there is none of, with the errno of asking
    """Not one thread could be started."""

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
    @staticmethod
    def load(fd: int, *, size: int, sha256: str, algorithm: str) -> Checksums | None: ...
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
    @property
    def whole_needed(self) -> bool:
        """The parts do not tell: this is no answer, and a comparison of the whole gives one."""

    @property
    def modified_files(self) -> int: ...
    @property
    def missing_files(self) -> int: ...
    @property
    def new_files(self) -> int: ...
    @property
    def unnamed_findings(self) -> int:
        """How many findings there are beyond `most`."""

@final
class Memory:
    """What a comparison found, kept so that the next may look at less.

    It belongs to one seal, policy and root, and clears itself when it meets others.
    """

    def __new__(cls) -> Memory: ...
    def __len__(self) -> int:
        """Return how many sealed files are known to be as sealed."""

    def clear(self) -> None:
        """Forget everything; raise RuntimeError while a comparison uses it."""

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
    memory: Memory | None = None,
    reread: bool = True,
    only: Sequence[tuple[bytes, bool]] | None = None,
    watcher: Watcher | None = None,
    bytes_per_second: int | None = None,
    most: int | None = None,
) -> Comparison:
    """Compare; a file larger than `total_bytes`, all sealed files' size, is not read.

    With a memory the answer is about the whole tree, whatever is looked at: `only` names folders
    (path, deep), and without `reread` a file whose identity is the remembered one is not opened.
    Raises RuntimeError while another comparison uses the memory.
    """

def sha256(data: bytes) -> str:
    """Return the lower-case hexadecimal SHA-256 of bytes, the interpreter lock released."""

def kernel() -> str:
    """Return the name of the SHA-256 kernel in use, such as "sha-ni-x2" or "portable"."""

def exchange(one: bytes, other: bytes) -> None:
    """Swap two names at once (renameat2, RENAME_EXCHANGE); raise OSError with its errno."""

def rename_new(source: bytes, target: bytes) -> None:
    """Rename onto a name that is not there (RENAME_NOREPLACE); raise OSError with its errno."""

@final
class Watcher:
    """Events below one root: which folders are to be looked at again.

    Raises OSError where the kernel or the process's rights refuse a source; `source` is "fanotify",
    which asks for CAP_SYS_ADMIN, or "inotify".
    """

    def __new__(cls, *, rules: Rules, exclude: bytes | None, source: str) -> Watcher: ...
    @property
    def source(self) -> str: ...
    def fileno(self) -> int:
        """Return a descriptor that is readable when events wait."""

    def watch(self, folder_fd: int, path: bytes, *, artifacts: bool = False) -> None:
        """Watch a folder; raise OSError and count the folder as refused where that fails.

        With `artifacts` it is watched as the artifacts' folder, wherever it lies.
        """

    def read(self) -> Changes:
        """Take what waits, up to a bound, without waiting."""

    @property
    def watches(self) -> int: ...
    @property
    def refused(self) -> int:
        """How many folders could not be watched when it was last tried."""

    @property
    def refusal(self) -> int | None:
        """The errno of the last refusal."""

    def forget(self) -> None:
        """Drop all watches; events that wait say nothing any more."""

@final
class Changes:
    """What changed since the last reading."""

    @property
    def folders(self) -> list[tuple[bytes, bool]]:
        """Folders by path, each once; true: it appeared, and all below is unknown."""

    @property
    def artifacts(self) -> bool: ...
    @property
    def root_gone(self) -> bool: ...
    @property
    def lost(self) -> bool: ...
    @property
    def events(self) -> int: ...
    @property
    def failed(self) -> int | None:
        """The errno that ended the reading; what was read before is told all the same."""

    @property
    def origins(self) -> list[tuple[bytes, int, int | None, str | None]]:
        """Return (path, pid, uid, command) where the kernel tells who it was."""

def open_in_root(root_fd: int, path: bytes) -> int:
    """Open a folder with `root_fd` as "/"; raise OSError, ENOSYS before Linux 5.6."""

def set_io_priority(kind: str, level: int = 4) -> None:
    """Make the calling thread "idle" or "best-effort", and threads it starts; raise OSError."""

def share() -> None:
    """Have all threads share one heap; for before other threads start."""

def trim() -> None:
    """Give memory back that scans used; a long process has no use for it until the next one."""
