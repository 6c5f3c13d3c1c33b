"""What is looked at twice a second, because no event need tell of it.

A mounted secret is swapped behind a link, a root by a rename or a link above it, artifacts may lie
on a file system without events, the clock is set. Guarantees: a few system calls, nothing is read,
nothing is believed: what is seen here only says that somebody should look.
"""

import os

import msgspec

from duri.errors import DuriError
from duri.watch import examination, stamp, target
from duri.watch.clock import Clock
from duri.watch.examination import Standing, Subject

CLOCK_STEP = 2.0
"""Seconds by which the clock may drift from the monotonic one between two looks; more is a jump."""

MISSING = 0.4
"""A root may be away for this long: a folder that is replaced by two renames is gone in between."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What another look is to find out about.

    Attributes:
        moved: the root is another folder, or cannot be opened.
        evidence: artifacts or keyring are not the files they were.
        jump: by how many seconds the wall clock was set; None where it was not.
        slept: for how many seconds the machine slept; None where it did not.
    """

    moved: bool = False
    evidence: bool = False
    jump: float | None = None
    slept: float | None = None


class Polling:
    """Compares what is there with what the last look saw."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.offset()
        self._asleep = clock.asleep()
        self._missing: float | None = None

    def see(self, subject: Subject, standing: Standing | None) -> Seen:
        """See what changed."""
        jump, slept = self._jump(), self._slept()
        fd = None if standing is None else target.reopened(standing.opened, subject.target)
        if standing is None or fd is None:
            return Seen(moved=self._is_moved(subject, standing), jump=jump, slept=slept)
        self._missing = None
        try:
            changed = stamp.of_evidence(subject.settings, fd) != standing.stamp
        finally:
            os.close(fd)
        return Seen(evidence=changed, jump=jump, slept=slept)

    def _jump(self) -> float | None:
        offset = self._clock.offset()
        moved, self._offset = offset - self._offset, offset
        return moved if abs(moved) > CLOCK_STEP else None

    def _slept(self) -> float | None:
        asleep = self._clock.asleep()
        slept, self._asleep = asleep - self._asleep, asleep
        return slept if slept > CLOCK_STEP else None

    def _is_moved(self, subject: Subject, standing: Standing | None) -> bool:
        """Say whether the root is another folder, or has been away for too long."""
        now = self._clock.monotonic()
        try:
            opened = examination.open_root(subject, standing)
        except DuriError:
            if standing is None:
                return False  # said already
            self._missing = self._missing or now
            return now - self._missing >= MISSING
        opened.close()
        self._missing = None
        return standing is None or standing.opened.identity != opened.identity
