"""What a watcher says on standard error: one line an event, as JSON or logfmt.

Guarantees: one line whatever the names hold; a log that cannot be written to changes nothing else.
Levels are those of syslog's names. A verdict's line has the fields of `duri gate`'s.
"""

from collections.abc import Callable

from duri import times
from duri.report import lines
from duri.verdict import Verdict


class Log:
    """Writes lines.

    Args:
        write: takes one line with its newline.
        as_json: JSON, or logfmt.
        wall: what time it is, in Unix seconds.
    """

    def __init__(
        self, write: Callable[[bytes], None], *, as_json: bool, wall: Callable[[], float]
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._wall = wall

    def say(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Write what happened; fields that are None are left out."""
        known = {name: value for name, value in fields.items() if value is not None}
        line = {"time": times.write(int(self._wall())), "level": level, "event": event, **known}
        self._write(lines.json(line) if self._as_json else lines.logfmt(line))

    def verdict(self, verdict: Verdict, event: str, *, reason: str | None = None) -> None:
        """Write what a look found."""
        shape = lines.as_json if self._as_json else lines.as_text
        self._write(shape(verdict, event=event, reason=reason))
