"""The watch itself: look when it is time to, publish what was found.

    1. Twice a second see whether root, evidence, keyring or clock changed (`polling`).
    2. Ask what is wanted next (`looks`): a change to judge, a scan that is due, or to wait.
    3. Look (`examination`), in a thread; events collect meanwhile. A full scan that is merely due
       runs beside, with less right to the machine, and what changed meanwhile is looked at again.
    4. Publish (`publication`), unless a successor is just arriving (`settling`).

Guarantees: all state changes in the event loop's thread, so a reader always has one whole snapshot.
Whatever fails is reported and counted, and the loop goes on. A look that is stuck is told of by
`stuck`, whatever its status was.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from duri.errors import DuriError
from duri.settings import Settings
from duri.tree import scan
from duri.tree.events import Changes
from duri.watch import examination, looks, schedule, settling
from duri.watch.clock import Clock
from duri.watch.examination import Depth, Examined, Standing, Subject, Wanted
from duri.watch.hearing import Hearing
from duri.watch.looks import Known
from duri.watch.pending import Named, Pending
from duri.watch.polling import Polling
from duri.watch.publication import Publication
from duri.watch.running import Running
from duri.watch.schedule import Schedule
from duri.watch.settling import Update

POLL = 0.5
"""Seconds between two looks at what no event tells of."""

ERROR_PAUSE = 1.0
"""Seconds before the loop goes on after a failure that nobody expected."""


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
        self.subject = subject
        self._publication = publication
        self._clock = clock
        self._draw = draw
        self._reload = reload
        self._standing: Standing | None = None
        self._hearing = Hearing(clock, self._heard)
        self._polling = Polling(clock)
        self._beside = Pending()
        self._scanned_from: Standing | None = None
        self._schedule: Schedule | None = None
        self._update: Update | None = None
        self._began = False
        self._moved = False
        self._asked = False
        self._rested = 0.0
        self._polled = 0.0
        self._beat = clock.monotonic()
        self._wake = asyncio.Event()
        self._stopping = False
        self._full: asyncio.Task[Examined] | None = None
        self.running = Running(clock)
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="look")
        self._scans = ThreadPoolExecutor(1, thread_name_prefix="scan", initializer=polite)

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
            self.subject = msgspec.structs.replace(self.subject, settings=self._reload())
        except DuriError as error:
            self._publication.problem("settings", f"the settings stay as they were: {error}")
            self._publication.reloaded(self.subject)
            return
        self._publication.problem("settings", None)
        self._publication.reloaded(self.subject)
        self._asked = True
        self._wake.set()

    def stuck(self) -> str | None:
        """Return why nothing has been proved for too long by a fault of the loop itself."""
        return self.running.stuck(beat=self._beat)

    # The loop.

    async def run(self) -> None:
        """Watch until `stop`."""
        try:
            while not self._stopping:
                try:
                    await self._turn()
                except Exception as error:  # noqa: BLE001 - the one around this loop: it reports
                    self._publication.failed(error)
                    await self._sleep(ERROR_PAUSE)
        finally:
            await self._end()

    async def _turn(self) -> None:
        now = self._beat = self._clock.monotonic()
        if self._full is not None and self._full.done():
            await self._finish_full(self._full)
            return
        if self._began and now >= self._polled + POLL:
            self._poll(now)
        known = self._known()
        depth = looks.wanted(known, now)
        if depth is not None:
            await self._look(depth)
        elif looks.full_is_due(known, now):
            self._start_full()
        else:
            await self._sleep(min(looks.wakes_at(known, now), self._polled + POLL) - now)

    def _known(self) -> Known:
        return Known(
            began=self._began,
            moved=self._moved,
            asked=self._asked,
            lost=self._hearing.pending.everything,
            burst=self._hearing.pending.burst,
            update=self._update,
            schedule=self._schedule,
            rested=self._rested,
            scanning=self._full is not None,
            settle=float(self.subject.settings.settle),
        )

    async def _look(self, depth: Depth) -> None:
        """Look in a thread, and publish."""
        named, evidence = self._hearing.pending.take(), self._asked
        self._asked = self._moved = False
        if self._full is not None and named != Named():
            self._beside.add_named(named)
        wanted = Wanted(depth=depth, named=named, evidence=evidence or named.artifacts)
        examined: Examined | None = None
        try:
            examined = await self._examined(wanted, self._checks, self._standing)
        finally:
            if examined is None:  # nobody looked at what it took
                self._hearing.pending.lose(self._clock.monotonic())
        if self._stopping:
            return
        self._adopt(examined)
        ended = self._clock.monotonic()
        self._rested = looks.rest(ended, examined.seconds)
        if examined.depth is not Depth.PARTIAL:
            self._plan(examined.depth, ended - examined.seconds, ended)
        self._publish(examined, first=named.first)

    async def _examined(
        self, wanted: Wanted, where: ThreadPoolExecutor, standing: Standing | None
    ) -> Examined:
        progress, now, subject = scan.Progress(), int(self._clock.wall()), self.subject
        with self.running.shown(wanted.depth, progress, self._publication.scanning):
            return await asyncio.get_running_loop().run_in_executor(
                where,
                lambda: examination.examine(subject, standing, wanted, now=now, progress=progress),
            )

    # A full scan beside.

    def _start_full(self) -> None:
        self._beside = Pending()
        began = self._clock.monotonic()
        rate = self.subject.settings.max_bytes_per_second
        wanted = Wanted(depth=Depth.FULL, bytes_per_second=rate)
        self._plan(Depth.FULL, began, began)
        self._scanned_from = self._standing
        self._full = asyncio.create_task(self._examined(wanted, self._scans, self._standing))
        self._full.add_done_callback(lambda _: self._wake.set())

    async def _finish_full(self, task: asyncio.Task[Examined]) -> None:
        """Take over what a full scan found; look again at what changed while it ran."""
        self._full, before, self._scanned_from = None, self._scanned_from, None
        examined = task.result()
        if self._stopping or not examination.is_same(before, self._standing):
            return  # the root or the evidence is another since, and was looked at in full
        self._adopt(examined)
        beside = self._beside.take()
        if beside != Named():
            depth = Depth.STAT if beside.everything else Depth.PARTIAL
            again = await self._examined(
                Wanted(depth=depth, named=beside), self._checks, self._standing
            )
            self._adopt(again)
            examined = msgspec.structs.replace(
                again,
                depth=Depth.FULL,
                seconds=examined.seconds,
                scanned=examined.verdict.summary,
            )
        if not self._stopping:
            self._publish(examined, first=beside.first)

    # Between two looks.

    def _poll(self, now: float) -> None:
        """See what no event tells of."""
        self._polled = now
        seen = self._polling.see(self.subject, self._standing)
        if seen.jump is not None:
            self._publication.clock_jumped(seen.jump)
            self._asked = True
        if seen.slept is not None:
            self._publication.slept(seen.slept)
            self._asked = True
        if seen.evidence:
            self._hearing.pending.touch_artifacts(now)
        self._moved = self._moved or seen.moved
        self._publication.tick()

    def _heard(self, changes: Changes) -> None:
        self._publication.heard(changes)
        if changes.root_gone:
            self._polled = 0.0
        self._wake.set()

    def _adopt(self, examined: Examined) -> None:
        """Build upon this look from now on."""
        before, self._standing = self._standing, examined.standing
        self._began = True
        heard = None if self._standing is None else self._standing.events.watcher
        self._hearing.follow(heard)
        self._publication.adopted(before, self._standing)

    def _plan(self, depth: Depth, began: float, ended: float) -> None:
        settings = self.subject.settings
        interval, passes = float(settings.interval), settings.stat_passes
        if depth is Depth.FULL or self._schedule is None:
            self._schedule = schedule.after_full(
                began, interval=interval, stat_passes=passes, draw=self._draw()
            )
        else:
            self._schedule = schedule.after_stat(
                self._schedule, ended, interval=interval, stat_passes=passes
            )
        self._publication.planned(self._clock.wall() + self._schedule.next - ended)

    def _publish(self, examined: Examined, *, first: float | None) -> None:
        now = self._clock.monotonic()
        published = self._publication.verdict
        if settling.is_arriving(published, examined.verdict, authentic=examined.authentic):
            update = self._update or Update(began=now, moved=now)
            self._update = Update(
                began=update.began, moved=max(update.moved, self._hearing.moved_at)
            )
            if now < self._update.ends:
                self._publication.arriving(examined.verdict)
                return
        self._update = None
        self._publication.publish(examined, first=first)

    async def _sleep(self, seconds: float) -> None:
        """Wait, at most so long, until something wakes the loop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, seconds))
        self._wake.clear()

    async def _end(self) -> None:
        self.running.cancel()
        if self._full is not None:
            await asyncio.wait({self._full})
        self._hearing.follow(None)
        for executor in (self._checks, self._scans):
            executor.shutdown(wait=True, cancel_futures=True)
