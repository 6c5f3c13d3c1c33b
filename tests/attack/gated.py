"""A release behind its gate: its keyring as a file, and the command line that gates it."""

import os
from pathlib import Path

from tests.attack import releases
from tests.attack.releases import Release
from tests.conftest import clean_environment


class Gated:
    """A release with its keyring as a file, and the gate's command line for it."""

    def __init__(self, made: Release) -> None:
        self.made = made
        self.ring = releases.keyring_file(made.root.parent / "keyring.json", made.ring)
        self.ran = made.root.parent / "ran"

    def gate(self, *command: str | Path) -> list[str]:
        """Return the arguments of `duri gate` with a command."""
        options = ["gate", os.fspath(self.made.root), "--keyring", os.fspath(self.ring)]
        return [*options, "--", *(os.fspath(word) for word in command)]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a clean boot, and more."""
        return clean_environment(self.made.root.parent) | more
