"""Receipts for readers that show them: the newest, those behind a sequence, those since a time.

Guarantees: what is read is bounded by what is asked for, not by the log's length; what is no
receipt is left out. Nothing is proved here (`chain`).
"""

import os
from collections.abc import Iterator
from itertools import islice

from duri.errors import MalformedError, UnverifiableError
from duri.limits import MAX_RECEIPT_BYTES
from duri.report.receipt import folder
from duri.report.receipt.folder import ACTIVE, receipt_or_none
from duri.report.receipt.receipt import Receipt

_NEAR = 64 * 1024
"""Bytes within which a search by halves ends, and reading on begins."""


def tail(path: str, *, after: int | None, limit: int) -> list[bytes]:
    """Return at most `limit` lines, oldest first: the first behind a sequence, or the newest."""
    if after is None:
        found = (line for line in folder.newest(path) if receipt_or_none(line) is not None)
        return [line for line in islice(found, limit) if line is not None][::-1]
    behind = (
        line
        for line in _from(path, after)
        if (receipt := receipt_or_none(line)) is not None and receipt.sequence > after
    )
    return list(islice(behind, limit))


def history(path: str, *, since: float, limit: int = 100_000) -> list[Receipt]:
    """Return the receipts made since a time, oldest first; at most the newest `limit`."""
    found: list[Receipt] = []
    for line in folder.newest(path):
        receipt = receipt_or_none(line)
        if receipt is None:
            continue
        if receipt.at < since or len(found) >= limit:
            break
        found.append(receipt)
    return found[::-1]


def _from(path: str, after: int) -> Iterator[bytes]:
    """Give the lines from shortly before a sequence on, in order."""
    try:
        names = folder.rotated(path)
    except OSError:
        return
    # A file's number is at most that of its first receipt, or the file was set aside.
    start = max(
        (at for at, name in enumerate(names) if folder.number_of(name) <= after + 1), default=0
    )
    for at, name in enumerate([*names, ACTIVE]):
        if at < start:
            continue
        try:
            file = folder.open_file(path, name)
        except (OSError, MalformedError, UnverifiableError):
            continue
        try:
            position = _near(file, after)
            for line in folder.forwards(file, name, position=position):
                if line.whole and line.data is not None:
                    yield line.data
        finally:
            os.close(file)


def _near(file: int, after: int) -> int:
    """Return the start of a line with a sequence up to `after`, near the last of these."""
    low, high = 0, os.fstat(file).st_size
    while high - low > _NEAR:
        middle = (low + high) // 2
        block = os.pread(file, 2 * MAX_RECEIPT_BYTES + 2, middle)
        begin = block.find(b"\n") + 1
        end = block.find(b"\n", begin)
        receipt = receipt_or_none(block[begin:end]) if begin and end > 0 else None
        if receipt is None:
            break
        if receipt.sequence <= after:
            low = middle + begin
        else:
            high = middle
    return low
