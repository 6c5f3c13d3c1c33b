"""Where an existing log ends, and what a power cut left there.

Guarantees: only what follows the last newline is ever cut off, only where it is short enough to be
a torn receipt of ours, and its bytes are kept beside the log in `torn-<sequence>`; a receipt that
lacks nothing but its newline gets it. A whole line that does not fit is left where it is, and said.

Leaves to others: writing the receipt that says what was done (`log`).
"""

import contextlib
import errno
import os
import stat

import msgspec

from duri.errors import KeyringError, MalformedError
from duri.limits import MAX_RECEIPT_BYTES
from duri.report.receipt import folder
from duri.report.receipt.key import WatchKey, check
from duri.report.receipt.receipt import FIRST, Receipt, digest, parse

_LOOKED_AT = 1000
"""Lines looked back at for a sequence to go on from, where the last ones are no receipts."""

_UPDATE = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KEEP = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a log.

    Attributes:
        sequence: of the last receipt; 0 where there is none.
        previous: what the next one names as the one before it.
        at: when the last one was made, Unix seconds.
        file: the open file to append to; None where a new one is to be started.
        first: the sequence that file starts with.
        aside: whether what stands in the file's place is to be set aside first.
        notes: what was found or repaired, for the receipt that says so.
    """

    sequence: int = 0
    previous: str = FIRST
    at: int | None = None
    file: int | None = None
    first: int = 1
    aside: bool = False
    notes: tuple[str, ...] = ()


def find(at: int, key: WatchKey) -> End:
    """Find the end of the log in an open folder, and repair what a power cut left.

    Raises:
        OSError: the disk does not allow it now.
    """
    try:
        file = os.open(folder.ACTIVE, _UPDATE, dir_fd=at)
    except FileNotFoundError:
        return _continued(at)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
            raise
        return _aside(at, "something else stood in place of the receipts' file")
    kept = False
    try:
        if stat.S_ISREG(os.fstat(file).st_mode):
            end = _in_file(at, file, key)
        else:
            end = _aside(at, "something else stood in place of the receipts' file")
        kept = end.file is not None
    finally:
        if not kept:
            os.close(file)
    return end


def _in_file(at: int, file: int, key: WatchKey) -> End:
    size = os.fstat(file).st_size
    end = folder.whole_end(file)
    if size - end > MAX_RECEIPT_BYTES:
        return _aside(at, f"{size - end} bytes that are no receipt followed the last one")
    before = _last(file, end)
    if before.sequence == 0:
        # Nothing here to count on from: what the files before it end with.
        earlier = _continued(at)
        previous = before.previous if end else earlier.previous
        before = msgspec.structs.replace(
            before, sequence=earlier.sequence, previous=previous, at=earlier.at
        )
    notes = before.notes
    if size > end:
        torn = os.pread(file, size - end, end)
        if _is_ours(torn, before, key):
            os.write(file, b"\n")
            os.fsync(file)
            end = size + 1
            before = _last(file, end)
            notes = (f"receipt {before.sequence} lacked its newline",)
        else:
            kept = _keep(at, torn, before.sequence + 1)
            os.ftruncate(file, end)
            os.fsync(file)
            notes = (*notes, f"a torn last line was cut off: {len(torn)} bytes, {kept}")
    if end:
        notes = (*_misfit(at, file, end, before.receipt, key), *notes)
    first = folder.receipt_or_none(_first_line(file))
    return End(
        sequence=before.sequence,
        previous=before.previous,
        at=before.at,
        file=file,
        first=first.sequence if first else before.sequence + 1,
        notes=notes,
    )


class _Last(msgspec.Struct, frozen=True, kw_only=True):
    """The last whole line, and the receipt to go on counting from."""

    sequence: int
    previous: str
    at: int | None
    receipt: Receipt | None
    notes: tuple[str, ...] = ()


def _last(file: int, end: int) -> _Last:
    line: bytes | None = None
    for number, line_here in enumerate(folder.backwards(file, end)):
        if number == 0:
            line = line_here
        receipt = folder.receipt_or_none(line_here)
        if receipt is not None:
            notes = () if number == 0 else ("the last lines are no receipts",)
            return _Last(
                sequence=receipt.sequence,
                previous=digest(line or b""),
                at=receipt.at,
                receipt=receipt if number == 0 else None,
                notes=notes,
            )
        if number >= _LOOKED_AT:
            break
    notes = ("the last lines are no receipts",) if end else ()
    return _Last(sequence=0, previous=digest(line or b""), at=None, receipt=None, notes=notes)


def _misfit(
    at: int, file: int, end: int, receipt: Receipt | None, key: WatchKey
) -> tuple[str, ...]:
    """Say where the last receipt's signature or its place in the chain does not fit."""
    if receipt is None:
        return ()
    notes = []
    with contextlib.suppress(KeyringError):
        # Of a key of earlier runs nothing can be said here.
        if receipt.keyid == key.keyid and check(receipt, key.keyring) is not None:
            notes.append(f"the signature of receipt {receipt.sequence} does not fit")
    two = folder.backwards(file, end)
    next(two)
    line = next(two, None)
    if line is None:
        before = _continued(at)
        fits = before.sequence in {0, receipt.sequence - 1} and (
            before.sequence == 0 or before.previous == receipt.previous
        )
    else:
        fits = digest(line) == receipt.previous
    if not fits:
        notes.append(f"receipt {receipt.sequence} does not follow the line before it")
    return tuple(notes)


def _is_ours(torn: bytes, before: _Last, key: WatchKey) -> bool:
    """Say whether a line without its newline is the whole next receipt."""
    try:
        receipt = parse(torn)
        return (
            receipt.keyid == key.keyid
            and receipt.previous == before.previous
            and check(receipt, key.keyring) is None
        )
    except (MalformedError, KeyringError):
        return False


def _continued(at: int) -> End:
    """Return the end of the rotated files, where the one that grows is not there."""
    for name in reversed(folder.rotated(at)):
        try:
            file = folder.open_file(at, name)
        except MalformedError:
            continue
        try:
            last = _last(file, folder.whole_end(file))
        finally:
            os.close(file)
        if last.sequence:
            return End(
                sequence=last.sequence,
                previous=last.previous,
                at=last.at,
                first=last.sequence + 1,
                notes=last.notes,
            )
    return End()


def _aside(at: int, note: str) -> End:
    return msgspec.structs.replace(_continued(at), aside=True, notes=(note,))


def _first_line(file: int) -> bytes:
    return os.pread(file, MAX_RECEIPT_BYTES + 1, 0).partition(b"\n")[0]


def _keep(at: int, torn: bytes, sequence: int) -> str:
    """Keep torn bytes beside the log; a full disk keeps none, and the log goes on."""
    name = f"torn-{sequence:012d}"
    for again in range(1, 10):
        name = f"torn-{sequence:012d}{f'-{again}' if again > 1 else ''}"
        try:
            file = os.open(name, _KEEP, 0o600, dir_fd=at)
        except FileExistsError:
            continue
        except OSError:
            break
        try:
            os.write(file, torn)
            os.fsync(file)
        except OSError:
            break
        finally:
            os.close(file)
        return f"kept in {name}"
    return "not kept"
