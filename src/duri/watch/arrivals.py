"""A successor that arrives file by file: whether an alarm waits for it.

Guarantees: each release is waited for once, for at most UPDATE_LONGEST seconds in all, whatever
happens in between: taking its artifacts away and bringing them back gains nothing. What is waited
for, and how long, is `settling`'s to say.
"""

from duri.verdict import Verdict
from duri.watch import settling
from duri.watch.clock import Clock
from duri.watch.examination import Examined
from duri.watch.settling import UPDATE_LONGEST, Update

MAX_REMEMBERED = 64
"""Releases remembered: more do not follow each other within the life of a watcher."""


class Arrivals:
    """The successor that is arriving now, and those that were waited for before.

    Attributes:
        update: the one that is waited for; None where none is.
    """

    def __init__(self, clock: Clock) -> None:
        self.update: Update | None = None
        self._clock = clock
        self._began: dict[str, float] = {}

    def holds(self, published: Verdict | None, examined: Examined, moved_at: float) -> bool:
        """Return whether the alarm that a look calls for waits.

        Args:
            published: the verdict that readers have.
            examined: the look.
            moved_at: when a change was heard of last, monotonic.
        """
        now, found = self._clock.monotonic(), examined.verdict
        arriving = settling.is_arriving(published, found, authentic=examined.authentic)
        began = self._first_seen(found.deployment_id or "", now) if arriving else now
        if not arriving or now >= began + UPDATE_LONGEST:
            self.update = None
            return False
        moved = now if self.update is None else self.update.moved
        self.update = Update(began=began, moved=max(moved, moved_at))
        if now < self.update.ends:
            return True
        self.update = None
        return False

    def _first_seen(self, deployment: str, now: float) -> float:
        began = self._began.setdefault(deployment, now)
        while len(self._began) > MAX_REMEMBERED:
            del self._began[next(iter(self._began))]
        return began
