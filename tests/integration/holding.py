"""Watchers whose looks a test holds up, fails or moves the root away from; see `held_looks`."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.integration import held_looks


class Looks:
    """What is asked of a watcher's looks; `prefix` starts it with them."""

    def __init__(self, folder: Path) -> None:
        """Ask in this folder, which is made."""
        folder.mkdir()
        self._folder = folder
        self.prefix = [sys.executable, os.fspath(held_looks.__file__), os.fspath(folder)]

    def ask(self, name: str, argument: object = "yes") -> None:
        """Ask for this from now on."""
        (self._folder / name).symlink_to(str(argument))

    def ask_no_more(self, name: str) -> None:
        """Ask for this no more, if anybody did."""
        (self._folder / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def asked(self, name: str, argument: object = "yes") -> Iterator[None]:
        """Ask for this meanwhile."""
        self.ask(name, argument)
        try:
            yield
        finally:
            self.ask_no_more(name)

    @property
    def is_held(self) -> bool:
        """Whether a look waits since `hold` was asked for."""
        return (self._folder / "held").exists()
