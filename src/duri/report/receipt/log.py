"""The receipt log of a running watcher: one writer, in order, that a full disk does not stop.

Guarantees
- A receipt that `append` returned is on disk, chained to the one before it, signed.
- What cannot be written waits in memory, in order and bounded; a later `append` or `flush` writes
  it. Where too much waits, the oldest scans are dropped, and the next receipt says how many.
- What a power cut left is repaired, and what somebody else did to the files is kept as it is; a
  receipt of kind `repair` says so.
- One watcher writes to a folder: a second one is refused.

Leaves to others: when to write what (`duri.watch`), and proving it later (`chain`).
"""

import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Callable

import msgspec

from duri.errors import DuriError, UnverifiableError
from duri.limits import MAX_RECEIPT_FILE_BYTES, MAX_WAITING_RECEIPTS
from duri.report.escape import counted, shown
from duri.report.receipt import repair
from duri.report.receipt.appender import Appender
from duri.report.receipt.key import WatchKey, publish
from duri.report.receipt.receipt import FIRST, Entry, Kind, Receipt, digest, sign, write

_ID_BYTES = 8


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a log stands.

    Attributes:
        folder: where it is.
        written: receipts written by this process.
        sequence: of the last one.
        last_at: when it was made, Unix seconds.
        waiting: receipts that could not be written yet.
        problem: why, or what somebody else did to the files since the start; for a person.
    """

    folder: str
    written: int
    sequence: int
    last_at: float | None
    waiting: int
    problem: str | None


class Log:
    """A receipt log that is open for writing; made by `Log.open`."""

    def __init__(self, path: str, at: int, *, key: WatchKey, limit_bytes: int, run: str) -> None:
        """Keep what `open` found."""
        self._path = path
        self._at = at
        self._key = key
        self._limit = limit_bytes
        self._run = run
        self._file = Appender(at, limit_bytes=limit_bytes)
        self._is_found = False
        self._waiting: deque[tuple[Entry, int]] = deque()
        self._dropped = 0
        self._sequence, self._previous = 0, FIRST
        self._last_at: float | None = None
        self._written = 0
        self._disk: str | None = None
        self._intrusions: list[str] = []

    @classmethod
    def open(
        cls,
        path: str,
        *,
        signer: WatchKey,
        now: float,
        limit_bytes: int = MAX_RECEIPT_FILE_BYTES,
        random: Callable[[int], bytes] = os.urandom,
    ) -> "Log":
        """Open the log in a folder, repairing what a power cut left.

        Args:
            path: the folder; it exists.
            signer: the watcher's key.
            now: Unix seconds.
            limit_bytes: the size at which a file is rotated.
            random: the source of this run's id.

        Raises:
            DuriError: there is no such folder, or another watcher writes to it.
        """
        at = _locked(path)
        log = cls(path, at, key=signer, limit_bytes=limit_bytes, run=random(_ID_BYTES).hex())
        log.flush(now)
        return log

    @property
    def health(self) -> Health:
        """How it stands."""
        problems = [*self._intrusions[-1:], *([self._disk] if self._disk else [])]
        return Health(
            folder=self._path,
            written=self._written,
            sequence=self._sequence,
            last_at=self._last_at,
            waiting=len(self._waiting),
            problem="; ".join(problems) or None,
        )

    @property
    def watcher(self) -> str:
        """The id of this run."""
        return self._run

    def append(self, entry: Entry, *, now: float) -> Receipt | None:
        """Write an entry; return its receipt, or None where it waits for the disk."""
        self._waiting.append((entry, int(now)))
        return self._drain(now)

    def flush(self, now: float) -> None:
        """Try again to write what waits."""
        self._drain(now)

    def close(self, now: float) -> None:
        """Write what waits, if that goes, and let the folder go."""
        self._drain(now)
        self._file.close()
        with contextlib.suppress(OSError):
            os.close(self._at)

    def _drain(self, now: float) -> Receipt | None:
        """Write what waits, in order; return the last receipt where all of it was written."""
        receipt = None
        try:
            self._settle(int(now))
            while self._waiting:
                receipt = self._write(*self._waiting[0])
                self._waiting.popleft()
            self._disk = None
        except (OSError, UnverifiableError) as error:
            receipt = None
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            self._disk = f"receipts wait, {shown(os.fsencode(self._path))}: {reason}"
        self._bound()
        return receipt

    def _settle(self, now: int) -> None:
        """Have the folder and the file be what this log left, or start a new file."""
        here = os.stat(self._path)
        mine = os.fstat(self._at)
        if (here.st_dev, here.st_ino) != (mine.st_dev, mine.st_ino):
            self._move(now)
            self._report("the receipts' folder was replaced", now)
        if not self._is_found:
            self._find(now)
        change = self._file.intrusion()
        if change is not None:
            self._file.set_aside(self._sequence + 1)
            self._report(change, now)

    def _find(self, now: int) -> None:
        """Find where the log ends; only after that something can follow."""
        end = repair.find(self._at, self._key)
        self._sequence, self._previous, self._last_at = end.sequence, end.previous, end.at
        if end.file is not None:
            self._file.resume(end.file, first=end.first)
        self._is_found = True
        if end.aside:
            self._file.set_aside(end.sequence + 1)
        if end.notes:
            self._tell("; ".join(end.notes), now)

    def _move(self, now: int) -> None:
        """Take the folder that stands at the path now."""
        try:
            at = _locked(self._path)
        except DuriError as error:
            raise OSError(error.what) from error
        self._file.close()
        os.close(self._at)
        self._at = at
        self._file = Appender(at, limit_bytes=self._limit)
        # Whoever checks what is written here from now on finds the key here.
        with contextlib.suppress(DuriError):
            publish(self._path, self._key.keyring, now=now)

    def _report(self, change: str, now: int) -> None:
        self._intrusions.append(change)
        del self._intrusions[:-1]
        self._tell(f"{change}; a new file was started", now)

    def _tell(self, note: str, now: int) -> None:
        """Have a repair said before what waits, and no later than that."""
        at = min(now, self._waiting[0][1]) if self._waiting else now
        self._waiting.appendleft((Entry(kind=Kind.REPAIR, note=note), at))

    def _write(self, entry: Entry, at: int) -> Receipt:
        if self._dropped:
            dropped = f"{counted(self._dropped, 'receipt')} before this one could not be written"
            note = f"{dropped}; {entry.note}" if entry.note else dropped
            entry = msgspec.structs.replace(entry, note=note)
        receipt = sign(
            entry,
            sequence=self._sequence + 1,
            at=at,
            watcher=self._run,
            previous=self._previous,
            signer=self._key,
        )
        line = write(receipt)
        self._file.append(line, sequence=receipt.sequence)
        self._sequence, self._previous = receipt.sequence, digest(line)
        self._last_at = at
        self._written += 1
        self._dropped = 0
        return receipt

    def _bound(self) -> None:
        """Drop the oldest scans where too much waits; then, were there none, the oldest at all."""
        while len(self._waiting) > MAX_WAITING_RECEIPTS:
            scans = (at for at, (entry, _) in enumerate(self._waiting) if entry.kind is Kind.SCAN)
            del self._waiting[next(scans, 0)]
            self._dropped += 1


def _locked(path: str) -> int:
    """Open a folder and take its lock.

    Raises:
        DuriError: there is none, or another watcher has it.
    """
    where = shown(os.fsencode(path))
    try:
        at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DuriError(
            "the receipts' folder cannot be used", where=where, got=error.strerror
        ) from error
    try:
        fcntl.flock(at, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(at)
        raise DuriError(
            "another watcher writes its receipts here",
            where=where,
            expected="a folder for each watcher",
            todo="Name another one with --receipts",
        ) from error
    except OSError:
        # A file system without locks: one watcher a folder is then the operator's word.
        return at
    return at
