"""Clocks that a test sets by hand."""

from duri.watch.clock import Clock


class Hands:
    """A watcher's three clocks, which stand still until they are moved.

    Attributes:
        now: seconds since the boot, all of them awake.
        wall: Unix seconds.
    """

    def __init__(self, *, now: float = 1000.0, wall: float = 1_795_341_600.0) -> None:
        self.now = now
        self.wall = wall
        self.slept = 0.0
        self.clock = Clock(
            wall=lambda: self.wall,
            monotonic=lambda: self.now,
            boot=lambda: self.now + self.slept,
        )

    def move(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds
        self.wall += seconds

    def sleep(self, seconds: float) -> None:
        """Have the machine sleep for so long."""
        self.slept += seconds
        self.wall += seconds
