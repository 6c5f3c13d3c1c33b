"""When changes are judged, and when an alarm may wait for a release that is just arriving.

Changes come in bursts: a build tool writes, renames and sets modes within milliseconds; a
deployment replaces thousands of files. Judging in the middle of a burst finds a state that nobody
meant.

Guarantees: whatever keeps changing, a change is judged within LONGEST (or what `settle` allows); an
alarm waits longer only while an authentic successor's artifacts are there and files still arrive,
and never beyond UPDATE_LONGEST. Pure: times come in, in seconds of a monotonic clock.
"""

import msgspec

from duri.verdict import Status, Verdict

QUIET = 0.025
"""Without a change for this long a burst is over: editors and tools pause less within one."""

LONGEST = 0.5
"""A burst is judged by then however long it goes on, so that noise hides nothing for a second."""

ARTIFACTS_QUIET = 0.25
"""Artifacts are several files that belong together; copying them takes this long at most."""

ARTIFACTS_LONGEST = 0.9
"""Whoever keeps touching artifacts gains no more than this."""

SETTLE_BURSTS = 12
"""With `settle` a burst is judged after this many times its seconds, however long it goes on."""

UPDATE_QUIET = 10.0
"""A deployment pauses less between its steps: pip unpacks elsewhere for seconds before it moves."""

UPDATE_LONGEST = 120.0
"""A release that has not arrived by then is no release that is arriving."""


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that nobody has judged yet; `artifacts` is when an artifact changed last."""

    first: float
    last: float
    artifacts: float | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """A successor that arrives: when it was first seen, and when a file came last."""

    began: float
    moved: float

    @property
    def ends(self) -> float:
        """When what is there is judged as it is."""
        return min(self.moved + UPDATE_QUIET, self.began + UPDATE_LONGEST)


def grown(burst: Burst | None, now: float, *, artifacts: bool) -> Burst:
    """Return the burst with a change that was seen now."""
    seen = now if artifacts else None
    if burst is None:
        return Burst(first=now, last=now, artifacts=seen)
    return Burst(first=burst.first, last=now, artifacts=seen or burst.artifacts)


def due(burst: Burst, *, settle: float) -> float:
    """Return when the burst is judged, unless it grows before."""
    quiet = burst.last + max(QUIET, settle)
    latest = burst.first + max(LONGEST, SETTLE_BURSTS * settle)
    if burst.artifacts is not None:
        quiet = max(quiet, burst.artifacts + ARTIFACTS_QUIET)
        latest = max(latest, burst.first + ARTIFACTS_LONGEST)
    return min(quiet, latest)


def is_arriving(published: Verdict | None, found: Verdict, *, authentic: bool) -> bool:
    """Return whether a tree that differs may be a successor that is still being copied.

    Args:
        published: the verdict that readers have.
        found: the one that would follow it.
        authentic: whether the evidence alone calls for no failure.
    """
    return (
        authentic
        and published is not None
        and published.status is Status.VERIFIED
        and found.status is Status.CORRUPTED
        and found.product == published.product
        and (found.sequence or 0) > (published.sequence or 0)
    )
