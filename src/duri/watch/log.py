"""What a watcher says on standard error: one line an event, as JSON or logfmt.

Guarantees: one line whatever the names hold. Nobody need read it: lines are written in a thread of
their own, at most MAX_WAITING wait, and what does not fit is counted and said later. Levels are
those of syslog's names. A verdict's line has the fields of `duri gate`'s.
"""

import queue
import threading
from collections.abc import Callable

from duri import times
from duri.report import lines
from duri.report.escape import printable
from duri.verdict import Verdict

MAX_WAITING = 1_000
"""Lines that wait for a reader: about half a megabyte of the longest."""

LAST_WORDS = 0.3
"""Seconds that the end waits for what still waits to be read."""


class Log:
    """Writes lines.

    Args:
        write: takes one line with its newline, and may wait for a reader.
        as_json: JSON, or logfmt.
        wall: what time it is, in Unix seconds.
    """

    def __init__(
        self, write: Callable[[bytes], None], *, as_json: bool, wall: Callable[[], float]
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._wall = wall
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._dropped = 0
        # It may stand in a write for ever, and must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def say(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Write what happened; fields that are None are left out."""
        if self._has_room():
            self._waiting.put(self._line(event, level, fields))

    def verdict(self, verdict: Verdict, event: str, *, reason: str | None = None) -> None:
        """Write what a look found."""
        if self._has_room():
            fields = lines.line(verdict, event=event, reason=reason, time=self._now())
            self._waiting.put(lines.written(fields, as_json=self._as_json))

    def close(self) -> None:
        """Write what waits, if somebody reads it."""
        self._waiting.put(None)
        self._thread.join(LAST_WORDS)

    def _has_room(self) -> bool:
        """Say whether one more line may wait; what was dropped before it is said first."""
        if self._waiting.qsize() >= MAX_WAITING:
            self._dropped += 1
            return False
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            fields: dict[str, object] = {"lines": dropped, "reason": "nobody read the log"}
            self._waiting.put(self._line("watch.log_dropped", "warning", fields))
        return True

    def _line(self, event: str, level: str, fields: dict[str, object]) -> bytes:
        known = {name: _printable(value) for name, value in fields.items() if value is not None}
        line = {"time": self._now(), "level": level, "event": event, **known}
        return lines.json(line) if self._as_json else lines.logfmt(line)

    def _now(self) -> str:
        return times.write(int(self._wall()))

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            self._write(line)


def _printable(value: object) -> object:
    """Return a text without what a terminal would act on; names of files may hold anything."""
    return printable(value) if isinstance(value, str) else value
