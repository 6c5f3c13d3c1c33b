"""The files of a receipt log: their names and order, read forwards, backwards and by sequence.

    receipts.jsonl                    the one that grows
    receipts-000000000001.jsonl       rotated; the number is the sequence it starts with
    receipts-000000000001-2.jsonl     a later one with the same number

Guarantees: memory is bounded whatever a file holds: a line that is too long is skipped over, never
held. No link is followed, and a FIFO or device in place of a file never blocks. A log that grows or
is rotated while it is read gives each of its lines once.

Leaves to others: whether a line is a receipt (`receipt`), and whether the lines belong together
(`chain`).
"""

import errno
import os
import re
import stat
from collections.abc import Iterator

import msgspec

from duri.errors import MalformedError, UnverifiableError
from duri.limits import MAX_RECEIPT_BYTES
from duri.report.escape import shown
from duri.report.receipt.receipt import Receipt, parse

ACTIVE = "receipts.jsonl"
_ROTATED = re.compile(r"receipts-([0-9]{12,16})(?:-([0-9]{1,4}))?\.jsonl\Z")
_BLOCK = 256 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a file.

    Attributes:
        file: the file's name.
        number: from 1.
        data: without the newline; None where it is longer than a receipt can be.
        whole: whether a newline ends it.
        last: whether it stands in the file that grows.
    """

    file: str
    number: int
    data: bytes | None
    whole: bool = True
    last: bool = False


def rotated_name(sequence: int, again: int = 1) -> str:
    """Return the name of a rotated file."""
    return f"receipts-{sequence:012d}{f'-{again}' if again > 1 else ''}.jsonl"


def number_of(name: str) -> int:
    """Return the number in a rotated file's name."""
    return int(name.partition("-")[2].partition(".")[0].partition("-")[0])


def rotated(folder: str | int) -> list[str]:
    """Return the names of the rotated files, in their order."""
    found = [(match, name) for name in os.listdir(folder) if (match := _ROTATED.match(name))]
    return [
        name for match, name in sorted(found, key=lambda one: (int(one[0][1]), int(one[0][2] or 1)))
    ]


def open_file(folder: str | int, name: str) -> int:
    """Open one file of a log for reading.

    Raises:
        FileNotFoundError: it is not there.
        MalformedError: a link, a FIFO or anything else stands in its place.
        UnverifiableError: it may not be read.
    """
    at = folder if isinstance(folder, int) else None
    path = name if isinstance(folder, int) else os.path.join(folder, name)
    try:
        file = os.open(path, _READ, dir_fd=at)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise _misplaced(name) from error
        raise _unreadable(name, error) from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _misplaced(name)
    return file


def lines(folder: str) -> Iterator[Line | MalformedError]:
    """Give every line of a log in order; an error stands for a file that is none.

    Raises:
        UnverifiableError: the folder or a file cannot be read, or there is no receipt file at all.
    """
    # Opened before the others are listed: a rotation meanwhile hides nothing.
    active = _opened(folder, ACTIVE)
    try:
        try:
            names = rotated(folder)
        except OSError as error:
            raise _unreadable(folder, error) from error
        if active is None and not names:
            raise UnverifiableError(
                "there are no receipts here", where=shown(os.fsencode(folder)), expected=ACTIVE
            )
        mine = os.fstat(active).st_ino if isinstance(active, int) else None
        for name in names:
            yield from _rotated_lines(folder, name, mine)
        if isinstance(active, int):
            yield from forwards(active, ACTIVE, last=True)
        elif active is not None:
            yield active
    finally:
        if isinstance(active, int):
            os.close(active)


def _opened(folder: str, name: str) -> int | MalformedError | None:
    try:
        return open_file(folder, name)
    except FileNotFoundError:
        return None
    except MalformedError as error:
        return error


def _rotated_lines(folder: str, name: str, active: int | None) -> Iterator[Line | MalformedError]:
    """Give the lines of a rotated file, unless it is the one that was open for growing just now."""
    file = _opened(folder, name)
    if isinstance(file, MalformedError):
        yield file
    elif file is None:
        raise UnverifiableError("a receipt file vanished while it was read", where=name)
    else:
        try:
            if os.fstat(file).st_ino != active:
                yield from forwards(file, name, last=False)
        finally:
            os.close(file)


def backwards(file: int, end: int) -> Iterator[bytes | None]:
    """Give the lines that end before `end`, newest first; None for one that is too long.

    `end` is the position behind a newline, or 0.
    """
    held = b""
    skipping = False
    position = end
    first = True
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        block = os.pread(file, size, position) + held
        if first and block.endswith(b"\n"):
            block = block[:-1]
        first = False
        *_, head = parts = block.split(b"\n")[::-1]
        for part in parts[:-1]:
            yield None if skipping or len(part) > MAX_RECEIPT_BYTES else part
            skipping = False
        held = head
        if len(held) > MAX_RECEIPT_BYTES:
            skipping, held = True, b""
    if end > 0:
        yield None if skipping or len(held) > MAX_RECEIPT_BYTES else held


def newest(folder: str) -> Iterator[bytes | None]:
    """Give the lines of a whole log, newest first, without one that a newline does not end.

    For readers that show what is there: what cannot be read is left out.
    """
    for name in [ACTIVE, *reversed(_listed(folder))]:
        try:
            file = open_file(folder, name)
        except (OSError, MalformedError, UnverifiableError):
            continue
        try:
            yield from backwards(file, whole_end(file))
        finally:
            os.close(file)


def whole_end(file: int) -> int:
    """Return the position behind the last newline."""
    position = os.fstat(file).st_size
    while position > 0:
        size = min(_BLOCK, position)
        at = os.pread(file, size, position - size).rfind(b"\n")
        if at >= 0:
            return position - size + at + 1
        position -= size
    return 0


def receipt_or_none(line: bytes | None) -> Receipt | None:
    """Return the receipt of a line, or None where it is none."""
    try:
        return None if line is None else parse(line)
    except MalformedError:
        return None


def _listed(folder: str) -> list[str]:
    try:
        return rotated(folder)
    except OSError:
        return []


def forwards(file: int, name: str, *, position: int = 0, last: bool = False) -> Iterator[Line]:
    """Give a file's lines from a line's start, holding one block and one line at most."""
    number = 1
    held = b""
    skipping = False
    while True:
        try:
            block = os.pread(file, _BLOCK, position)
        except OSError as error:
            raise _unreadable(name, error) from error
        if not block:
            break
        position += len(block)
        *whole, held = (held + block).split(b"\n")
        for part in whole:
            long = skipping or len(part) > MAX_RECEIPT_BYTES
            yield Line(file=name, number=number, data=None if long else part, last=last)
            skipping = False
            number += 1
        if len(held) > MAX_RECEIPT_BYTES:
            skipping, held = True, b""
    if held or skipping:
        data = None if skipping else held
        yield Line(file=name, number=number, data=data, whole=False, last=last)


def _misplaced(name: str) -> MalformedError:
    return MalformedError(
        "something else stands in place of a receipt file",
        where=shown(os.fsencode(name)),
        expected="a regular file",
        got="a link, a folder, a FIFO, a socket or a device",
    )


def _unreadable(name: str, error: OSError) -> UnverifiableError:
    return UnverifiableError(
        "receipts cannot be read", where=shown(os.fsencode(name)), got=error.strerror or str(error)
    )
