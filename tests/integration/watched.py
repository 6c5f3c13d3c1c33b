"""A tree that is watched as a scan watches it: each folder before it is listed.

Guarantees: `settle` reads until the kernel has nothing more and gives everything as one, so a test
says what must be named and not in how many readings.
"""

import os
import select
from pathlib import Path

from duri.policy import Policy
from duri.tree import events
from duri.tree.events import Changes, Watcher

ARTIFACTS = b".duri"
IGNORED = {b"cache", "cache"}
"""Folders that a test's policy may ignore; a scan never comes to them."""


class Watched:
    """A root and its watcher."""

    def __init__(self, root: Path, *, source: str, policy: Policy | None = None) -> None:
        self.root = os.fsencode(root)
        fd = os.open(self.root, os.O_RDONLY)
        opened = events.open_watcher(
            policy or Policy(), ARTIFACTS, root_fd=fd, allow_fanotify=source == "fanotify"
        )
        os.close(fd)
        assert opened.watcher is not None, opened
        assert opened.watcher.source == source, opened
        self.watcher: Watcher = opened.watcher
        self.walk(b"")
        assert self.settle() == Changes()

    def walk(self, path: bytes) -> None:
        """Watch a folder and all below, each before it is listed; the artifacts as such."""
        try:
            fd = os.open(
                os.path.join(self.root, path), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            )
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            self.watcher.watch(fd, path, artifacts=path == ARTIFACTS)
            with os.scandir(fd) as listing:
                entries = list(listing)
        finally:
            os.close(fd)
        for entry in entries:
            leaves_out = path == ARTIFACTS or entry.name in IGNORED
            if entry.is_dir(follow_symlinks=False) and not leaves_out:
                self.walk(os.path.join(path, os.fsencode(entry.name)))

    def settle(self) -> Changes:
        """Read everything that waits."""
        folders: dict[bytes, bool] = {}
        origins: dict[bytes, events.Origin] = {}
        artifacts = root_gone = lost = False
        count = 0
        while select.select([self.watcher], [], [], 0)[0]:
            found = events.read(self.watcher)
            for path, deep in found.folders:
                folders[path] = folders.get(path, False) or deep
            origins |= {origin.path: origin for origin in found.origins}
            artifacts |= found.artifacts
            root_gone |= found.root_gone
            lost |= found.lost
            count += found.events
        return Changes(
            folders=tuple(sorted(folders.items())),
            artifacts=artifacts,
            root_gone=root_gone,
            lost=lost,
            events=count,
            origins=tuple(origins.values()),
        )

    def named(self) -> dict[bytes, bool]:
        """Return the folders that changes named, and whether deep; nothing else may have come."""
        found = self.settle()
        assert not any([found.artifacts, found.root_gone, found.lost]), found
        return dict(found.folders)

    def at(self, path: bytes | str) -> bytes:
        """Return where a path of the tree is."""
        return os.path.join(self.root, os.fsencode(path))
