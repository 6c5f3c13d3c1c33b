"""What events have named since the last look.

Guarantees: bounded: beyond MAX_FOLDERS the whole tree is looked at instead. Nothing is taken away
before somebody has it: `take` gives all and begins anew.
"""

from collections.abc import Iterable

import msgspec

from duri.tree.events import Changes
from duri.watch import settling
from duri.watch.settling import Burst

MAX_FOLDERS = 2_000
"""Beyond this, looking at each by name costs what a scan of the whole tree costs."""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Folders to look at again.

    Attributes:
        folders: paths relative to the root, and whether all below is meant too.
        everything: the whole tree, because events were lost or too many.
        artifacts: the evidence too.
        first: when the first of these changes was seen.
    """

    folders: tuple[tuple[bytes, bool], ...] = ()
    everything: bool = False
    artifacts: bool = False
    first: float | None = None


class Pending:
    """Collects changes until somebody takes them."""

    def __init__(self) -> None:
        self._folders: dict[bytes, bool] = {}
        self._everything = False
        self.burst: Burst | None = None

    def add(self, changes: Changes, now: float) -> None:
        """Add what was read from the kernel."""
        if not (changes.folders or changes.artifacts or changes.lost):
            return
        self._merge(changes.folders, everything=changes.lost)
        self.burst = settling.grown(self.burst, now, artifacts=changes.artifacts)

    def add_named(self, named: Named) -> None:
        """Add what was taken before, to be looked at once more."""
        self._merge(named.folders, everything=named.everything)

    def lose(self, now: float) -> None:
        """Name the whole tree: what was named is not known any more."""
        self._merge((), everything=True)
        self.burst = settling.grown(self.burst, now, artifacts=True)

    def touch_artifacts(self, now: float) -> None:
        """Add a change of the evidence that no event told of."""
        self.burst = settling.grown(self.burst, now, artifacts=True)

    @property
    def everything(self) -> bool:
        """Whether the whole tree is to be looked at."""
        return self._everything

    def _merge(self, folders: Iterable[tuple[bytes, bool]], *, everything: bool) -> None:
        for path, deep in folders:
            self._folders[path] = deep or self._folders.get(path, False)
        if everything or len(self._folders) > MAX_FOLDERS:
            self._everything = True
            self._folders.clear()

    def take(self) -> Named:
        """Return what was named, and begin anew."""
        burst = self.burst
        named = Named(
            folders=() if self._everything else tuple(self._folders.items()),
            everything=self._everything,
            artifacts=burst is not None and burst.artifacts is not None,
            first=None if burst is None else burst.first,
        )
        self._folders = {}
        self._everything = False
        self.burst = None
        return named
