"""Telling what was found: metrics, page, log, receipts, textfile, systemd; each in its own way.

Guarantees: readers get one frozen snapshot, whole; its version grows with each change. What goes
wrong beside the release is a named problem: logged when it begins and when it ends, shown while it
lasts, and never a reason to stop. Numbers only grow.

All of it runs in the event loop's thread; what is written to disk is left to `writer`.
"""

import asyncio

import msgspec

from duri.report.receipt.receipt import Entry, Kind
from duri.tree.events import Changes
from duri.verdict import Verdict
from duri.watch import history, systemd, views
from duri.watch.clock import Clock
from duri.watch.counts import Counts
from duri.watch.examination import Depth, Examined, Standing, Subject
from duri.watch.history import History
from duri.watch.log import Log
from duri.watch.origins import Origins
from duri.watch.problems import Problems
from duri.watch.snapshot import KeyAge, Scanning, Snapshot
from duri.watch.writer import Writer

EXPORT_EVERY = 15.0
"""Seconds between two textfiles where nothing happens: what ages in it stays current."""


class Publication:
    """Everybody who is told.

    Args:
        subject: what is under watch.
        clock: what time it is.
        log: where lines go.
        counts: the series.
        told: the supervisor of this process.
        past: what an earlier process left.
        boot: the kernel's boot id, for receipts.
    """

    writer: Writer
    """Set before the watch begins; it reads the metrics that are registered here."""

    def __init__(
        self,
        subject: Subject,
        *,
        clock: Clock,
        log: Log,
        counts: Counts,
        told: systemd.Supervisor,
        past: History,
        boot: str | None,
    ) -> None:
        self._subject = subject
        self._clock = clock
        self._log = log
        self._counts = counts
        self._told = told
        self._history = past
        self._boot = boot
        self._problems = Problems(log)
        self._origins = Origins()
        self._standing: Standing | None = None
        self._keys: tuple[KeyAge, ...] = ()
        self._exported = 0.0
        self._lost = False
        self._fed = 0.0
        self._changed = asyncio.Event()
        now = clock.wall()
        self.verdict: Verdict | None = None
        self.snapshot = Snapshot(
            version=1,
            at=now,
            started_at=now,
            root=subject.target.root,
            since=now,
            interval=subject.settings.interval,
        )

    # What readers wait for.

    async def wait(self, version: int) -> None:
        """Return once there is a snapshot after `version`."""
        while self.snapshot.version <= version:
            await self._changed.wait()

    def scanning(self, scanning: Scanning | None) -> None:
        """Take note of the scan that runs now."""
        self._change(scanning=scanning)

    def _change(self, **known: object) -> None:
        """Make the next snapshot."""
        now = self._clock.wall()
        self.snapshot = msgspec.structs.replace(
            self.snapshot,
            version=self.snapshot.version + 1,
            at=now,
            keys=self._keys,
            receipts=self.writer.written.receipts,
            events=views.events(self._standing, self._counts.events_lost),
            origins=self._origins.shown(),
            spans=history.spans(self._history, now=now),
            points=history.points(self._history, now=now),
            problems=self._problems.shown(),
            **known,
        )
        self._count()
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()

    # What the loop tells.

    def publish(self, examined: Examined, *, first: float | None) -> None:
        """Tell what a look found.

        Args:
            examined: the look.
            first: when the first of the changes that led to it was seen, monotonic.
        """
        before, verdict, now = self.verdict, examined.verdict, self._clock.wall()
        is_scan = examined.depth is not Depth.PARTIAL
        is_new = before is None or before.status is not verdict.status
        detected = None if first is None else self._clock.monotonic() - first
        self._counts.found(examined, before, now=now, detected=detected)
        self.verdict = verdict
        since = now if is_new else self.snapshot.since
        self._history = history.record(self._history, verdict.status, at=now)
        if is_scan:
            self._history = history.record_scan(self._history, views.point(examined, now))
        if is_new:
            reason = None if before is None else f"it was {before.status.value}"
            self._log.verdict(verdict, "watch.status", reason=reason)
        if is_scan:
            self._log.verdict(verdict, "watch.scan", reason=f"{examined.depth.value} scan")
            self._lost = False
            for settled in ("clock", "loop"):
                self._problems.note(settled, None)
        for entry in views.entries(
            examined,
            is_new=is_new,
            since=since,
            interval=self._subject.settings.interval,
            lost=self._counts.events_lost,
            boot=self._boot,
        ):
            self.writer.record(entry)
        standing = examined.standing
        known: dict[str, object] = {"last_scan_at": now} if is_scan else {}
        if examined.depth is Depth.FULL and standing is not None and standing.baseline is not None:
            known["last_full_at"] = now
        self._change(
            verdict=verdict,
            since=since,
            updating=False,
            root=verdict.root,
            target=None if standing is None else standing.opened.description,
            **known,
        )
        self._exported = self._clock.monotonic()
        self.writer.export()
        if before is None:
            systemd.ready(self._told, status=views.sentence(verdict))
        elif is_new:
            systemd.say(self._told, views.sentence(verdict))

    def arriving(self, verdict: Verdict) -> None:
        """Tell that a successor's files are still arriving."""
        if not self.snapshot.updating:
            release, sequence = verdict.deployment_id, verdict.sequence
            reason = "the artifacts of a later release are authentic; its files still arrive"
            self._log.say("watch.update", deployment_id=release, sequence=sequence, reason=reason)
            self._change(updating=True)
            if self.verdict is not None:
                note = f"alarms wait: {verdict.deployment_id} is arriving"
                self.writer.record(views.note(self.verdict, note, self._subject))

    def adopted(self, before: Standing | None, after: Standing | None) -> None:
        """Take note of what the next looks build upon."""
        self._standing = after
        if (
            before is not None
            and after is not None
            and before.opened.identity != after.opened.identity
        ):
            self._counts.bump(root_changes=1)
            self._log.say("watch.root", reason="the root is another folder now")
        if after is None:
            return
        days = self._subject.settings.rotation_period_days
        self._keys = views.keys(after, now=self._clock.wall(), period_days=days)
        if before is None or before.events is not after.events:
            source = views.source(after)
            self._log.say("watch.events", source=source, reason=after.events.problem)
        self.problem("events", views.events_problem(after))

    def reloading(self) -> None:
        """Tell that the settings are read again."""
        systemd.reloading(self._told, monotonic_ns=int(self._clock.monotonic() * 1e9))

    def reloaded(self, subject: Subject, *, done: bool) -> None:
        """Take note of settings that were read again, or could not be."""
        self._subject = subject
        if done:
            self._log.say("watch.reloaded")
        systemd.ready(self._told)
        self._change(interval=subject.settings.interval)

    def heard(self, changes: Changes) -> None:
        """Take note of events."""
        self._origins.add(changes.origins, self._clock.wall())
        self._counts.bump(events=changes.events, events_lost=int(changes.lost))
        if changes.lost and not self._lost:
            self._lost = True
            reason = "events were lost; scans of the whole tree follow"
            self._log.say("watch.events_lost", level="warning", reason=reason)

    def planned(self, at: float) -> None:
        """Take note of when the next scan is due, in Unix seconds."""
        self.snapshot = msgspec.structs.replace(self.snapshot, next_scan_at=at)
        self._count()

    def clock_jumped(self, seconds: float) -> None:
        """Tell that the wall clock was set."""
        self._counts.bump(clock_jumps=1)
        self._history = history.moved(self._history, seconds)
        self._log.say("watch.clock", level="warning", seconds=round(seconds, 1))
        self.problem("clock", f"the clock was set by {seconds:+.0f} seconds")

    def slept(self, seconds: float) -> None:
        """Tell that the machine slept, and nobody watched."""
        now = self._clock.wall()
        self._history = history.unwatched(self._history, since=now - seconds, until=now)
        self._log.say("watch.slept", level="warning", seconds=round(seconds, 1))

    def failed(self, error: BaseException) -> None:
        """Tell of a failure that nobody expected."""
        self._counts.bump(loop_errors=1)
        self.problem("loop", f"unexpected failure: {type(error).__name__}: {error}")

    def problem(self, name: str, sentence: str | None) -> None:
        """Tell that something beside the release does not work, or works again."""
        if self._problems.note(name, sentence):
            self._change()

    def tick(self) -> None:
        """Do what is due while nothing happens."""
        now = self._clock.monotonic()
        self.writer.flush()
        if now >= self._exported + EXPORT_EVERY:
            self._exported = now
            self._count()
            self.writer.export()
        seconds = self._told.watchdog_seconds
        if seconds is not None and now >= self._fed + min(seconds, 1.0):
            self._fed = now
            systemd.watchdog(self._told)

    def disk(self) -> None:
        """Take note of how the outputs on disk stand."""
        written = self.writer.written
        self.problem("textfile", written.textfile_problem)
        self.problem("receipts", written.receipts.problem)
        if written.receipts != self.snapshot.receipts:
            self._change()
        else:
            self._count()

    def started(self) -> None:
        """Tell that the watch begins."""
        self._log.say("watch.started", root=self._subject.target.root)
        self.writer.record(Entry(kind=Kind.START, interval=self._subject.settings.interval))

    def ended(self, reason: str | None) -> None:
        """Tell that the watch ends: by whose wish, or None for nobody's.

        Only what ends on purpose leaves a receipt that says so: after any other end the receipts
        break off, and whoever reads them sees that.
        """
        if reason is None:
            self._log.say("watch.failed", level="critical")
            return
        systemd.stopping(self._told)
        self.writer.record(Entry(kind=Kind.STOP, note=reason))
        self._log.say("watch.stopped", reason=reason)

    def served(self, address: str | None, problem: str | None) -> None:
        """Tell where the answers are, or why there are none."""
        self._counts.served(listening=address is not None)
        if address is not None:
            self._log.say("watch.listening", address=address)
        self.problem("http", problem)

    def _count(self) -> None:
        days = self._subject.settings.rotation_period_days
        self._counts.show(self.snapshot, self.writer.written, self._standing, period_days=days)
