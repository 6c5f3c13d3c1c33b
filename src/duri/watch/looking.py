"""Looking in threads, so that the event loop goes on answering.

Guarantees: one look at a time in the foreground, one full scan at a time beside it. A look that was
cut short gives no answer. `stuck` tells of one whose counters stand still.
"""

import asyncio
import enum
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from duri.tree import scan
from duri.watch import examination
from duri.watch.clock import Clock
from duri.watch.examination import Examined, Standing, Subject, Wanted
from duri.watch.running import Running
from duri.watch.snapshot import Scanning


class Ground(enum.Enum):
    """Where a look runs."""

    FORE = "fore"
    BACK = "back"


class Looking:
    """The threads that look.

    Args:
        clock: what time it is.
        polite: called once in the thread that scans beside.
        shown: told of the scan of the whole tree that runs, or that none does any more.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        polite: Callable[[], None],
        shown: Callable[[Scanning | None], None],
    ) -> None:
        self.running = Running(clock)
        self._clock = clock
        self._shown = shown
        self._threads = {
            Ground.FORE: ThreadPoolExecutor(1, thread_name_prefix="look"),
            Ground.BACK: ThreadPoolExecutor(1, thread_name_prefix="scan", initializer=polite),
        }

    async def look(
        self, subject: Subject, standing: Standing | None, wanted: Wanted, *, ground: Ground
    ) -> Examined | None:
        """Look once; None where it was cut short."""
        progress, now = scan.Progress(), int(self._clock.wall())
        with self.running.shown(wanted.depth, progress, self._shown) as look:
            examined = await asyncio.get_running_loop().run_in_executor(
                self._threads[ground],
                lambda: examination.examine(subject, standing, wanted, now=now, progress=progress),
            )
        return None if look.cancelled else examined

    def close(self) -> None:
        """End every look and its thread."""
        self.running.cancel()
        for threads in self._threads.values():
            threads.shutdown(wait=True, cancel_futures=True)
