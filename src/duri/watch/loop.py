"""The watch itself: look when it is time to, publish what was found.

    1. Twice a second see whether root, evidence, keyring or clock changed (`polling`), whatever
       else goes on.
    2. Ask what is wanted next (`looks`): a change to judge, a scan that is due, or to wait.
    3. Look (`examination`), in a thread; events collect meanwhile. A full scan that is merely due
       runs beside (`beside`), with less right to the machine.
    4. Publish (`publication`), unless a successor is just arriving (`arrivals`).

Guarantees: all state changes in the event loop's thread, so a reader always has one whole snapshot.
Whatever fails is reported and counted, and the loop goes on; where looks fail twice in a row there
is no verdict any more. What a look found about a root that has become another is never published.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from duri.errors import DuriError, UnverifiableError
from duri.settings import Settings
from duri.watch import examination, looks
from duri.watch.arrivals import Arrivals
from duri.watch.beside import Beside
from duri.watch.clock import Clock
from duri.watch.examination import Depth, Examined, Subject, Wanted
from duri.watch.looking import Ground, Looking
from duri.watch.looks import Known
from duri.watch.planning import Planning
from duri.watch.publication import Publication
from duri.watch.senses import Senses

POLL = 0.5
"""Seconds between two looks at what no event tells of."""

ERROR_PAUSE = 1.0
"""Seconds before the loop goes on after a failure that nobody expected."""

LONGEST_SLEEP = 20.0
"""Seconds after which the loop turns though nothing happens, which shows that it lives."""

RESTLESS = 3
"""Looks in a row at a root that had become another when they ended; then there is no verdict."""


class Loop:
    """One watch of one release.

    Args:
        subject: what is under watch.
        publication: who is told.
        clock: what time it is.
        draw: a random number from 0 to 1, for the jitter.
        polite: called once in the thread that makes full scans.
        reload: what the settings are now, for SIGHUP.
    """

    def __init__(
        self,
        subject: Subject,
        publication: Publication,
        *,
        clock: Clock,
        draw: Callable[[], float],
        polite: Callable[[], None],
        reload: Callable[[], Settings],
    ) -> None:
        self._publication = publication
        self._clock = clock
        self._draw = draw
        self._reload = reload
        self._planning = Planning()
        self._arrivals = Arrivals(clock)
        self._beside: Beside | None = None
        self._began = False
        self._rested = 0.0
        self._failures = self._restless = 0
        self._beat = clock.monotonic()
        self._wake = asyncio.Event()
        self._stopping = False
        self._looking = Looking(clock, polite=polite, shown=publication.scanning)
        self.running = self._looking.running
        self._senses = Senses(
            subject,
            clock=clock,
            publication=publication,
            planning=self._planning,
            running=self.running,
            wake=self._wake.set,
        )

    # What others ask for.

    def stop(self) -> None:
        """End the watch soon; whatever is being read is given up."""
        self._stopping = True
        self.running.cancel()
        self._wake.set()

    def reload(self) -> None:
        """Read settings, keyring and policy again, and judge by them at once."""
        self._publication.reloading()
        try:
            subject = msgspec.structs.replace(self._senses.subject, settings=self._reload())
        except DuriError as error:
            self._publication.problem("settings", f"the settings stay as they were: {error}")
            self._publication.reloaded(self._senses.subject, done=False)
            return
        self._senses.subject = subject
        self._publication.problem("settings", None)
        self._publication.reloaded(subject, done=True)
        self._senses.asked = True
        if self._planning.schedule is not None:
            now = self._clock.monotonic()
            self._plan(Depth.FULL, now, now)
        self._wake.set()

    def stuck(self) -> str | None:
        """Return why nothing has been proved for too long by a fault of the loop itself."""
        return self.running.stuck(beat=self._beat)

    # The loop.

    async def run(self) -> None:
        """Watch until `stop`."""
        pulse = asyncio.create_task(self._senses.pulse(POLL, self._tick))
        try:
            while not self._stopping:
                try:
                    await self._turn()
                except Exception as error:  # noqa: BLE001 - the one around this loop: it reports
                    self._failed(error)
                    await self._sleep(ERROR_PAUSE)
        finally:
            pulse.cancel()
            await asyncio.wait({pulse})
            await self._end()

    def _tick(self) -> None:
        """Tell that the watch lives, where it does."""
        if self.stuck() is None:
            self._publication.tick()

    async def _turn(self) -> None:
        now = self._beat = self._clock.monotonic()
        if self._beside is not None and self._beside.task.done():
            await self._finish(self._beside)
            return
        known = self._known()
        depth = looks.wanted(known, now)
        if depth is not None:
            await self._look(depth)
        elif looks.full_is_due(known, now):
            self._start()
        else:
            await self._sleep(looks.wakes_at(known, now) - now)

    def _known(self) -> Known:
        return Known(
            began=self._began,
            moved=self._senses.moved,
            asked=self._senses.asked,
            lost=self._senses.pending.everything,
            burst=self._senses.pending.burst,
            update=self._arrivals.update,
            schedule=self._planning.schedule,
            rested=self._rested,
            settle=float(self._senses.subject.settings.settle),
        )

    async def _look(self, depth: Depth) -> None:
        """Look in a thread, and publish."""
        senses = self._senses
        named, evidence, moved = senses.pending.take(), senses.asked, senses.moved
        senses.look_begins()
        wanted = Wanted(depth=depth, named=named, evidence=evidence or named.artifacts)
        examined = await self._examined(wanted)
        if not (examined is not None and self._settled(examined, moved=moved)):
            self._count_moves()
            return
        ended = self._clock.monotonic()
        self._rested = looks.rest(ended, examined.seconds)
        if examined.depth is not Depth.PARTIAL:
            self._plan(examined.depth, ended - examined.seconds, ended)
        self._publish(examined, first=named.first)

    async def _examined(self, wanted: Wanted) -> Examined | None:
        """Look once; what a look that failed was to look at is not forgotten."""
        examined: Examined | None = None
        try:
            examined = await self._looking.look(
                self._senses.subject, self._senses.standing, wanted, ground=Ground.FORE
            )
        finally:
            if examined is None:
                self._senses.lose()
        if self._beside is not None and examined is not None:
            self._beside.note(wanted.named, examined.depth)
        return None if self._stopping else examined

    def _settled(self, examined: Examined, *, moved: bool) -> bool:
        """Build upon a look, unless it was at what is no longer the root."""
        if examined.standing is None and not moved and self._senses.expects_a_root:
            # It was there a moment ago: between two renames it is not, and then it is.
            self._senses.lose()
            self._senses.poll()
            return False
        self._adopt(examined)
        self._senses.poll()
        if self._senses.moved:
            return False
        self._failures = self._restless = 0
        return True

    def _count_moves(self) -> None:
        """Bear with a root that becomes another while it is looked at, but not for long."""
        self._restless += int(self._senses.moved)
        if self._restless > RESTLESS:
            self._restless = 0
            raise UnverifiableError("the root became another one each time it was looked at")

    def _failed(self, error: Exception) -> None:
        """Report a failure; twice in a row nothing is proved any more."""
        self._failures += 1
        self._publication.failed(error)
        if self._failures > 1 or isinstance(error, UnverifiableError):
            now = int(self._clock.wall())
            self._publication.publish(
                examination.failed(self._senses.subject, error, now=now), first=None
            )

    # A full scan beside.

    def _start(self) -> None:
        """Begin a full scan, unless the last one still runs; then its turn is over."""
        began = self._clock.monotonic()
        self._plan(Depth.FULL, began, began)
        if self._beside is not None:
            return
        rate = self._senses.subject.settings.max_bytes_per_second
        wanted = Wanted(depth=Depth.FULL, bytes_per_second=rate)
        look = self._looking.look(
            self._senses.subject, self._senses.standing, wanted, ground=Ground.BACK
        )
        task = asyncio.create_task(look)
        task.add_done_callback(lambda _: self._wake.set())
        self._beside = Beside(task, self._senses.subject, self._senses.standing)

    async def _finish(self, beside: Beside) -> None:
        """Take over what a full scan found; look again at what changed while it ran."""
        self._beside = None
        examined = beside.task.result()
        if examined is None or not beside.counts(self._senses.subject, self._senses.standing):
            return  # root, evidence or settings are others since, and were looked at
        self._adopt(examined)
        named = beside.meanwhile()
        depth = Depth.STAT if named.everything else Depth.PARTIAL
        again = await self._examined(Wanted(depth=depth, named=named, evidence=True))
        if again is not None and self._settled(again, moved=False):
            whole = msgspec.structs.replace(
                again,
                depth=Depth.FULL,
                seconds=examined.seconds,
                scanned=examined.verdict.summary,
            )
            self._publish(whole, first=named.first)

    def _adopt(self, examined: Examined) -> None:
        """Build upon this look from now on."""
        before = self._senses.standing
        self._began = True
        self._senses.adopt(examined.standing)
        self._publication.adopted(before, examined.standing)

    def _plan(self, depth: Depth, began: float, ended: float) -> None:
        settings, draw = self._senses.subject.settings, self._draw()
        self._planning.after(depth, settings, began=began, ended=ended, draw=draw)
        if self._planning.schedule is not None:
            self._publication.planned(self._clock.wall() + self._planning.schedule.next - ended)

    def _publish(self, examined: Examined, *, first: float | None) -> None:
        if self._arrivals.holds(self._publication.verdict, examined, self._senses.moved_at):
            self._publication.arriving(examined.verdict)
        else:
            self._publication.publish(examined, first=first)

    async def _sleep(self, seconds: float) -> None:
        """Wait, at most so long, until something wakes the loop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, min(seconds, LONGEST_SLEEP)))
        self._wake.clear()

    async def _end(self) -> None:
        self.running.cancel()
        if self._beside is not None:
            await asyncio.wait({self._beside.task})
        self._senses.close()
        self._looking.close()
