"""What is looked at twice a second, because no event need tell of it.

A mounted secret is swapped behind a link, a root by a rename or a link above it, artifacts may lie
on a file system without events, the clock is set. Guarantees: a few system calls, nothing is read,
nothing is believed: what is seen here only says that somebody should look. A change of the evidence
is told once, so that waiting for quiet ends.
"""

import os

import msgspec

from duri.errors import DuriError
from duri.watch import examination, stamp, target
from duri.watch.clock import Clock
from duri.watch.examination import Standing, Subject
from duri.watch.stamp import Stamp
from duri.watch.target import Identity

CLOCK_STEP = 2.0
"""Seconds by which the clock may drift from the monotonic one between two looks; more is a jump."""

MISSING = 0.4
"""A root may be away for this long: a folder that is replaced by two renames is gone in between."""

_GONE = Identity(0, 0, 0)
"""No folder has these numbers, so whatever is there next is another root."""


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
    """Compares what is there with what the last look saw, or the one that runs is looking at."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.offset()
        self._asleep = clock.asleep()
        self._known: Identity | None = None
        self._stamp: Stamp | None = None
        self._missing: float | None = None

    @property
    def expects_a_root(self) -> bool:
        """Whether the last thing that was told is that there is a root."""
        return self._known is not None

    def looks_at(self, subject: Subject, standing: Standing | None) -> None:
        """Take note of the root that a look is about to open."""
        fd = None if standing is None else target.reopened(standing.opened, subject.target)
        if fd is not None and standing is not None:
            os.close(fd)  # looking for a process by its name costs more than the look itself
            self._known = standing.opened.identity
        else:
            self._known = self._identity(subject, standing) or self._known

    def found(self, standing: Standing | None) -> None:
        """Take note of the root that a look has opened; None where it could not."""
        self._known = None if standing is None else standing.opened.identity

    def forget(self) -> None:
        """Take whatever is there next for another root."""
        self._known = _GONE

    def see(self, subject: Subject, standing: Standing | None) -> Seen:
        """See what changed."""
        jump, slept = self._jump(), self._slept()
        fd = None if standing is None else target.reopened(standing.opened, subject.target)
        if fd is not None and standing is not None and standing.opened.identity == self._known:
            self._missing = None
            try:
                evidence = self._is_new(stamp.of_evidence(subject.settings, fd), standing)
            finally:
                os.close(fd)
            return Seen(evidence=evidence, jump=jump, slept=slept)
        if fd is not None:
            os.close(fd)
        return Seen(moved=self._is_moved(subject, standing), jump=jump, slept=slept)

    def _jump(self) -> float | None:
        offset = self._clock.offset()
        moved, self._offset = offset - self._offset, offset
        return moved if abs(moved) > CLOCK_STEP else None

    def _slept(self) -> float | None:
        asleep = self._clock.asleep()
        slept, self._asleep = asleep - self._asleep, asleep
        return slept if slept > CLOCK_STEP else None

    def _is_new(self, seen: Stamp, standing: Standing) -> bool:
        before, self._stamp = self._stamp, seen
        return seen not in {before, standing.stamp}

    def _is_moved(self, subject: Subject, standing: Standing | None) -> bool:
        """Say whether the root is another folder, or has been away for too long."""
        now, identity = self._clock.monotonic(), self._identity(subject, standing)
        if identity is not None:
            self._missing = None
            return identity != self._known
        if self._known is None:
            return False  # said already
        self._missing = self._missing or now
        return now - self._missing >= MISSING

    def _identity(self, subject: Subject, standing: Standing | None) -> Identity | None:
        try:
            opened = examination.open_root(subject, standing)
        except DuriError:
            return None
        opened.close()
        return opened.identity
