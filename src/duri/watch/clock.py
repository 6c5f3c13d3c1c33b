"""The clocks that a watcher lives by.

The wall clock dates what is told; the monotonic one says how long to wait, so that setting the
first neither hurries nor delays a scan. A third one goes on while the machine sleeps, which tells
a clock that was set from a machine that slept.
"""

import time
from collections.abc import Callable

import msgspec

from duri.times import MAX_TIME


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What time it is: Unix seconds, seconds awake, and seconds since the boot."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]
    boot: Callable[[], float]

    def offset(self) -> float:
        """Return the wall clock less the time since the boot: constant until the clock is set."""
        return self.wall() - self.boot()

    def asleep(self) -> float:
        """Return how long the machine has slept since its boot."""
        return self.boot() - self.monotonic()


def system() -> Clock:
    """Return this machine's clocks; the wall clock stays within what a date can say."""
    return Clock(
        wall=lambda: min(max(time.time(), 0.0), float(MAX_TIME)),
        monotonic=time.monotonic,
        boot=lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    )
