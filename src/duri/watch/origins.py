"""Who changed what, where the kernel tells: the latest for each path, bounded."""

import collections
from collections.abc import Iterable

from duri.tree import events
from duri.watch.snapshot import Origin

MAX_ORIGINS = 256
"""Paths remembered: more than a person reads."""


class Origins:
    """The latest change of each path."""

    def __init__(self) -> None:
        self._by_path: collections.OrderedDict[bytes, Origin] = collections.OrderedDict()

    def add(self, seen: Iterable[events.Origin], at: float) -> None:
        """Remember who changed what; what was changed longest ago goes first."""
        for one in seen:
            self._by_path.pop(one.path, None)
            self._by_path[one.path] = Origin(pid=one.pid, uid=one.uid, command=one.command, at=at)
        while len(self._by_path) > MAX_ORIGINS:
            self._by_path.popitem(last=False)

    def shown(self) -> tuple[tuple[bytes, Origin], ...]:
        """Return paths with who changed them, newest last."""
        return tuple(self._by_path.items())
