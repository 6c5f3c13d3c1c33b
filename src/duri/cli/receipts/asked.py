"""What is asked about receipts: of which folder, with which keys, of which period."""

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import click
import msgspec

from duri import settings, times
from duri.errors import KeyringError, UsageError
from duri.evidence.keys import source
from duri.evidence.keys.keyring import Keyring
from duri.report.escape import printable
from duri.report.receipt import key
from duri.report.receipt.audit import Audit, audit
from duri.report.receipt.chain import Anchor
from duri.report.receipt.document import Source

F = TypeVar("F", bound=Callable[..., Any])

_ANCHOR = re.compile(r"([0-9]{1,16}):(sha256:[0-9a-f]{64})\Z")
_DATE_LENGTH = len("2026-11-22")

folder_argument = click.argument("folder", required=False)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The options that both commands have, as given."""

    folder: str | None
    keyring: str | None
    begin: str | None
    end: str | None
    head: str | None
    expect_sequence: int | None
    after: str | None
    now: int


def options(function: F) -> F:
    """Add the options that both commands have."""
    for add in reversed(
        (
            folder_argument,
            click.option("--keyring", metavar="FILE", help="The watcher's public key."),
            click.option("--from", "begin", metavar="TIME", help="RFC 3339, or a date (UTC)."),
            click.option("--to", "end", metavar="TIME", help="The same; a date counts whole."),
            click.option("--head", metavar="SEQUENCE:DIGEST", help="A receipt that must be there."),
            click.option("--expect-sequence", type=click.IntRange(1), help="Likewise, by number."),
            click.option(
                "--after", metavar="SEQUENCE:DIGEST", help="The last one removed on purpose."
            ),
            click.option("--now", type=int, hidden=True, default=lambda: int(time.time())),
        )
    ):
        function = add(function)
    return function


def run(asked: Asked) -> tuple[Audit, Source]:
    """Read the log and return what it proves.

    Raises:
        UsageError: an option is not what it says.
        KeyringError: there is no usable key.
    """
    where = folder(asked.folder)
    begin = None if asked.begin is None else moment(asked.begin, "--from")
    end = asked.now if asked.end is None else moment(asked.end, "--to", is_end=True)
    # What has not been yet is not covered by anybody.
    end = min(end, asked.now)
    if begin is not None and begin >= end:
        raise UsageError(
            "the period is empty",
            expected="--from before --to, and before now",
            got=f"{times.write(begin)} to {times.write(end)}",
        )
    expected = None if asked.head is None else _anchor(asked.head, "--head")
    if asked.expect_sequence is not None:
        if expected is not None:
            raise UsageError("--head names a sequence already", todo="Leave --expect-sequence out")
        expected = Anchor(sequence=asked.expect_sequence)
    after = None if asked.after is None else _anchor(asked.after, "--after")
    if asked.keyring is not None:
        keyring = source.load_file(asked.keyring, now=asked.now, prod=False).keyring
    else:
        keyring = _beside(where, asked.now)
    found = audit(where, keyring=keyring, begin=begin, end=end, after=after, expected=expected)
    return found, Source(
        folder=printable(where),
        keyring=printable(asked.keyring or key.PUBLIC),
        keyring_beside_receipts=asked.keyring is None,
    )


def folder(named: str | None) -> str:
    """Return the folder that is meant.

    Raises:
        UsageError: none is.
    """
    found = named or settings.load().receipts
    if found is None:
        raise UsageError("no folder of receipts was named", expected="FOLDER or DURI_RECEIPTS")
    return found


def moment(text: str, option: str, *, is_end: bool = False) -> int:
    """Return Unix seconds of a time with its zone, or of a day in UTC; an end counts whole.

    Raises:
        UsageError: it is neither.
    """
    try:
        if len(text) == _DATE_LENGTH:
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            seconds = int(day.timestamp()) + (times.DAY if is_end else 0)
        else:
            found = datetime.fromisoformat(text)
            seconds = int((found.replace(tzinfo=UTC) - _offset(found)).timestamp())
        times.write(seconds)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} is no time",
            expected="a time like 2026-11-22T10:00:00Z, or a day like 2026-11-22",
            got=printable(text),
        ) from error
    return seconds


def _offset(time: datetime) -> timedelta:
    offset = time.utcoffset()
    if offset is None:
        message = "a time without its zone"
        raise ValueError(message)
    return offset


def _anchor(text: str, option: str) -> Anchor:
    match = _ANCHOR.match(text)
    if match is None:
        raise UsageError(
            f"{option} is no receipt",
            expected="a sequence, a colon, sha256: and 64 digits",
            got=printable(text[:100]),
        )
    return Anchor(sequence=int(match[1]), digest=match[2])


def _beside(where: str, now: int) -> Keyring:
    try:
        return key.load_public(where, now=now)
    except KeyringError as error:
        raise KeyringError(
            error.what, where=error.where, todo="Name the watcher's public key with --keyring"
        ) from error
