"""The looks that run now: how far they are, and whether they still move.

Guarantees: a look whose counters stand still for STILL seconds is stuck, and so is a loop that has
not turned for as long while nothing runs. How the release is has no part in that.
"""

import contextlib
from collections.abc import Callable, Iterator

from duri.tree.scan import Progress
from duri.watch.clock import Clock
from duri.watch.examination import Depth
from duri.watch.snapshot import Scanning

STILL = 60.0
"""Each piece of a file on a slow disk counts; nothing that works stands still for so long."""


class Look:
    """One look: its counters, and when they last moved."""

    def __init__(self, depth: Depth, progress: Progress, wall: float, now: float) -> None:
        self.depth = depth
        self.progress = progress
        self.began = wall
        self.cancelled = False
        self.seen = (-1, -1)
        self.moved = now


class Running:
    """The looks that run now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: list[Look] = []

    @contextlib.contextmanager
    def shown(
        self, depth: Depth, progress: Progress, changed: Callable[[Scanning | None], None]
    ) -> Iterator[Look]:
        """Count a look as running while it does; tell of scans when they begin and end."""
        look = Look(depth, progress, self._clock.wall(), self._clock.monotonic())
        self._looks.append(look)
        if depth is not Depth.PARTIAL:
            changed(self.scanning())
        try:
            yield look
        finally:
            self._looks.remove(look)
            if depth is not Depth.PARTIAL:
                changed(self.scanning())

    def cancel(self, *depths: Depth) -> None:
        """End every look that runs, or those that read so much."""
        for look in self._looks:
            if not depths or look.depth in depths:
                look.cancelled = True
                look.progress.cancel()

    def scanning(self) -> Scanning | None:
        """Return the scan of the whole tree that runs now, the closest one of several."""
        scans = [look for look in self._looks if look.depth is not Depth.PARTIAL]
        if not scans:
            return None
        look = min(scans, key=lambda one: one.depth)
        return Scanning(
            kind=look.depth.value,
            began=look.began,
            files=look.progress.files,
            bytes=look.progress.bytes,
            total_files=look.progress.total_files,
            total_bytes=look.progress.total_bytes,
        )

    def stuck(self, *, beat: float) -> str | None:
        """Return why nothing moves; None while something does.

        Args:
            beat: when the loop last turned, by the monotonic clock.
        """
        now = self._clock.monotonic()
        for look in self._looks:
            seen = (look.progress.files, look.progress.bytes)
            if seen != look.seen:
                look.seen, look.moved = seen, now
            if now - look.moved > STILL:
                return f"a {look.depth} look has read nothing for {now - look.moved:.0f} seconds"
        if not self._looks and now - beat > STILL:
            return f"the loop has not turned for {now - beat:.0f} seconds"
        return None
