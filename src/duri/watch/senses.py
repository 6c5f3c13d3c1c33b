"""What a watch perceives between two looks: events, and what is polled for twice a second.

Guarantees: whatever is perceived is kept until a look has taken it: changes in `pending`, another
root in `moved`, evidence to weigh anew in `asked`. Whoever waits is woken.
"""

import asyncio
from collections.abc import Callable

import msgspec

from duri.tree import events
from duri.tree.events import Changes
from duri.watch.clock import Clock
from duri.watch.examination import Depth, Standing, Subject
from duri.watch.hearing import Hearing
from duri.watch.pending import Pending
from duri.watch.planning import Planning
from duri.watch.polling import Polling
from duri.watch.publication import Publication
from duri.watch.running import Running


class Senses:
    """Perceives for one loop.

    Args:
        subject: what is under watch; replaced when settings are read again.
        clock: what time it is.
        publication: told of what is worth telling.
        planning: asked for a full scan where events were lost.
        running: the looks that run; a full one is ended when its root is one no longer.
        wake: called when there is something to look at.

    Attributes:
        standing: what the next look builds upon.
        moved: whether the root is another folder, or cannot be opened.
        asked: whether the evidence is to be weighed anew at once.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        clock: Clock,
        publication: Publication,
        planning: Planning,
        running: Running,
        wake: Callable[[], None],
    ) -> None:
        self.subject = subject
        self.standing: Standing | None = None
        self.moved = False
        self.asked = False
        self._clock = clock
        self._publication = publication
        self._planning = planning
        self._running = running
        self._wake = wake
        self._hearing = Hearing(clock, self._heard, self._deaf)
        self._polling = Polling(clock)

    @property
    def pending(self) -> Pending:
        """What was named and nobody has taken."""
        return self._hearing.pending

    @property
    def moved_at(self) -> float:
        """When something was heard last, monotonic."""
        return self._hearing.moved_at

    @property
    def expects_a_root(self) -> bool:
        """Whether the last thing that was told is that there is a root."""
        return self._polling.expects_a_root

    def look_begins(self) -> None:
        """Take what was perceived for what the look that begins will see."""
        self.moved = self.asked = False
        self._polling.looks_at(self.subject, self.standing)

    def adopt(self, standing: Standing | None) -> None:
        """Build upon what a look has left."""
        self.standing = standing
        self._polling.found(standing)
        self._hearing.follow(None if standing is None else standing.events.watcher)

    def lose(self) -> None:
        """Have everything looked at: what was to be looked at was not."""
        self.pending.lose(self._clock.monotonic())

    def poll(self) -> None:
        """See what no event tells of."""
        seen = self._polling.see(self.subject, self.standing)
        if seen.jump is not None:
            self._publication.clock_jumped(seen.jump)
        if seen.slept is not None:
            self._publication.slept(seen.slept)
        self.asked = self.asked or seen.jump is not None or seen.slept is not None
        if seen.evidence:
            self.pending.touch_artifacts(self._clock.monotonic())
        if seen.moved:
            self.moved = True
            self._running.cancel(Depth.FULL)  # it reads what is no longer the root
        if self.asked or self.moved or seen.evidence:
            self._wake()

    async def pulse(self, seconds: float, tick: Callable[[], None]) -> None:
        """Poll again and again, and call `tick` each time, whatever else goes on."""
        while True:
            await asyncio.sleep(seconds)
            try:
                if self._publication.verdict is not None:
                    self.poll()
                tick()
            except Exception as error:  # noqa: BLE001 - the one around this loop: it reports
                self._publication.failed(error)

    def close(self) -> None:
        """Listen no more."""
        self._hearing.follow(None)

    def _heard(self, changes: Changes) -> None:
        self._publication.heard(changes)
        if changes.lost:
            self._planning.force_full(self._clock.monotonic())
        if changes.root_gone:
            self.standing = None  # whatever has its numbers next is another root
            self._polling.forget()
        self._wake()

    def _deaf(self, error: OSError) -> None:
        """Go on by scans alone until the next look has asked for events again."""
        if self.standing is not None:
            none = events.Opened(watcher=None, problem=f"events cannot be read: {error}")
            self.standing = msgspec.structs.replace(self.standing, events=none)
        self.lose()
        self._heard(Changes(lost=True))
