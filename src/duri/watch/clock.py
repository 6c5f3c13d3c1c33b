"""The two clocks that a watcher lives by.

The wall clock dates what is told; the monotonic one says how long to wait, so that setting the
first neither hurries nor delays a scan.
"""

from collections.abc import Callable

import msgspec


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What time it is: Unix seconds, and seconds that only grow."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]

    def offset(self) -> float:
        """Return the wall clock less the monotonic one; constant until somebody sets the clock."""
        return self.wall() - self.monotonic()
