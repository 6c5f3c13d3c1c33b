"""Times as artifacts and keyrings write them: RFC 3339, UTC, whole seconds; Unix seconds in memory.

Guarantees: one time has one text ("2026-11-22T10:00:00Z"); every other spelling is refused, so two
readers never disagree about a window.
"""

from datetime import UTC, datetime

DAY = 86_400
"""Seconds in a day; UTC days as POSIX counts them."""

MAX_TIME = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second the text can say."""


def write(seconds: int) -> str:
    """Return Unix seconds as RFC 3339 text; ValueError outside the years 1970 to 9999."""
    if not 0 <= seconds <= MAX_TIME:
        message = "a time outside the years 1970 to 9999"
        raise ValueError(message)
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"


def parse(text: str) -> int:
    """Return the Unix seconds of an RFC 3339 text; ValueError for any other spelling."""
    try:
        seconds = int(datetime.fromisoformat(text).timestamp())
    except OverflowError as error:  # the year 1, east of Greenwich
        message = "a time before all times"
        raise ValueError(message) from error
    if write(seconds) != text:
        message = "a time that is not UTC, to the second, with a Z"
        raise ValueError(message)
    return seconds
