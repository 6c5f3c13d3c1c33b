"""Hearing of changes: reading the kernel's queue as it fills, and collecting what it names.

Guarantees: events are read soon after they happen, so that the kernel's queue rarely overflows, and
in large pieces, so that a storm of them costs little. Only one watcher is listened to at a time.
"""

import asyncio
import os
from collections.abc import Callable

from duri.tree import events
from duri.tree.events import Changes, Watcher
from duri.watch.clock import Clock
from duri.watch.pending import Pending

COALESCE = 0.01
"""Seconds between two readings of the queue."""


class Hearing:
    """Listens in the event loop that it is used in.

    Args:
        clock: what time it is.
        heard: told of each reading that brought something.
        deaf: told that nothing can be read any more; nothing is listened to then.

    Attributes:
        pending: what was named and nobody has taken.
        moved_at: when something was heard last, monotonic.
    """

    def __init__(
        self,
        clock: Clock,
        heard: Callable[[Changes], None],
        deaf: Callable[[OSError], None],
    ) -> None:
        self.pending = Pending()
        self.moved_at = 0.0
        self._clock = clock
        self._heard = heard
        self._deaf = deaf
        self._watcher: Watcher | None = None

    def follow(self, watcher: Watcher | None) -> None:
        """Listen to this watcher from now on, and to no other."""
        if watcher is self._watcher:
            return
        if self._watcher is not None:
            asyncio.get_running_loop().remove_reader(self._watcher.fileno())
        self._watcher = watcher
        self._listen()

    def _listen(self) -> None:
        if self._watcher is not None:
            asyncio.get_running_loop().add_reader(self._watcher.fileno(), self._read)

    def _read(self) -> None:
        """Read what waits, then leave the queue alone for a moment."""
        watcher = self._watcher
        if watcher is None:
            return
        changes = events.read(watcher)
        if changes.events or changes.lost:
            self.moved_at = self._clock.monotonic()
            self.pending.add(changes, self.moved_at)
            self._heard(changes)
        if changes.failed is not None:
            self.follow(None)
            self._deaf(OSError(changes.failed, os.strerror(changes.failed)))
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(watcher.fileno())
        loop.call_later(COALESCE, self._listen)
