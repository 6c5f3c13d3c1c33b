"""The file that grows: appended, synced, rotated; what others did to it is noticed, never undone.

Guarantees: `append` returns once the line and its newline are on disk; where that fails, what was
written of it is cut off again, at the latest before the next attempt. A file that is not as it was
left (deleted, replaced, cut, grown, written to) is given another name and a new one is started.

Leaves to others: what a line says, and when to try again (`log`).
"""

import contextlib
import os

from duri.report.receipt import folder

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Appender:
    """One receipt file in an open folder; made empty, then given a file by `resume` or `append`."""

    __slots__ = ("_at", "_file", "_first", "_limit", "_modified", "_ragged", "_size")

    def __init__(self, at: int, *, limit_bytes: int) -> None:
        """Keep the folder's descriptor, which stays the caller's."""
        self._at = at
        self._limit = limit_bytes
        self._file: int | None = None
        self._first = 1
        self._size = 0
        self._modified = 0
        self._ragged = False

    def resume(self, file: int, *, first: int) -> None:
        """Go on with an open file that ends in a newline or is empty."""
        self._file, self._first = file, first
        self._remember()

    def intrusion(self) -> str | None:
        """Return what somebody else did to the file; None where it is as it was left.

        Raises:
            OSError: that cannot be told now.
        """
        try:
            here = os.stat(folder.ACTIVE, dir_fd=self._at, follow_symlinks=False)
        except FileNotFoundError:
            return None if self._file is None else "the receipts' file was removed"
        if self._file is None:
            return "a receipts' file appeared that this watcher did not write"
        mine = os.fstat(self._file)
        if (here.st_dev, here.st_ino) != (mine.st_dev, mine.st_ino):
            return "the receipts' file was replaced"
        if self._ragged and mine.st_size > self._size:
            self._cut()
            return None
        if mine.st_size != self._size:
            return f"the receipts' file was changed: {mine.st_size} bytes, not {self._size}"
        if mine.st_mtime_ns != self._modified:
            return "the receipts' file was written to"
        return None

    def set_aside(self, sequence: int) -> None:
        """Give whatever stands in the file's place the name of a rotated file, and let go of it."""
        with contextlib.suppress(FileNotFoundError):
            os.rename(
                folder.ACTIVE, self._free_name(sequence), src_dir_fd=self._at, dst_dir_fd=self._at
            )
        # Let go of first: when the sync fails, the file is another's name already.
        self.close()
        os.fsync(self._at)

    def append(self, line: bytes, *, sequence: int) -> None:
        """Put a line and a newline at the end, and have them on disk.

        Raises:
            OSError: it is not there; nothing of it counts.
        """
        if self._file is not None and self._size and self._size + len(line) >= self._limit:
            self.set_aside(self._first)
        if self._file is None:
            self._create(sequence)
        file = self._file
        assert file is not None  # noqa: S101 - created above; for the type checker
        if self._ragged:
            self._cut()
        try:
            rest = memoryview(line + b"\n")
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except OSError:
            self._ragged = True
            with contextlib.suppress(OSError):
                self._cut()
            raise
        self._remember()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._size, self._ragged = None, 0, False

    def _create(self, sequence: int) -> None:
        file = os.open(folder.ACTIVE, _CREATE, 0o644, dir_fd=self._at)
        self._file, self._first = file, sequence
        self._remember()
        os.fsync(self._at)

    def _cut(self) -> None:
        """Cut off what a failed attempt wrote."""
        assert self._file is not None  # noqa: S101 - there is something to cut; for the type checker
        os.ftruncate(self._file, self._size)
        self._ragged = False
        self._remember()

    def _remember(self) -> None:
        assert self._file is not None  # noqa: S101 - for the type checker
        status = os.fstat(self._file)
        self._size, self._modified = status.st_size, status.st_mtime_ns

    def _free_name(self, sequence: int) -> str:
        taken = set(folder.rotated(self._at))
        again = 1
        while (name := folder.rotated_name(sequence, again)) in taken:
            again += 1
        return name
