"""Reading a keyring that is to be changed, and writing it back."""

import fcntl
import os
import time
from collections.abc import Callable

import click

from duri import settings
from duri.errors import KeyringError
from duri.evidence import anchor
from duri.evidence.keys import local, store
from duri.evidence.keys.keyring import Keyring, Loaded

keyring_option = click.option(
    "--keyring", metavar="FILE", help="The keyring [DURI_KEYRING, DURI_HMAC_KEY_FILE]."
)
key_argument = click.argument("key", metavar="KEY")
now_option = click.option(
    "--now", "now", type=int, hidden=True, default=lambda: int(time.time()), help="Unix seconds."
)


def load(named: str | None, *, now: int) -> Loaded:
    """Return the keyring that a flag or the settings name.

    Raises:
        KeyringError: none is named, or it cannot be used.
    """
    loaded = anchor.load(named, settings=settings.load(), now=now)
    if loaded is None:
        raise KeyringError("no keyring was named", expected="--keyring or DURI_KEYRING")
    for key in loaded.keyring.keys:
        local.check_material(key)
    return loaded


def change(named: str | None, step: Callable[[Keyring], Keyring], *, now: int) -> Keyring:
    """Take one step with a keyring and replace its file atomically."""
    where = settings.load()
    path = anchor.file_named(named, settings=where)
    if path is None:
        raise KeyringError(
            "no keyring file was named", expected="--keyring or DURI_KEYRING, a file to change"
        )
    # Through a link the file itself is changed: others read it by its own name.
    path = os.path.realpath(path)
    try:
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyringError("the key file is missing", where=path, got=str(error)) from error
    try:
        # Two steps at once would lose one of them; a lost revocation is the worst of these.
        fcntl.flock(folder, fcntl.LOCK_EX)
        loaded = anchor.load(path, settings=where, now=now)
        assert loaded is not None  # noqa: S101 - a file was named; for the type checker
        changed = step(loaded.keyring)
        for key in changed.keys:
            local.check_material(key)
        store.write_file(path, changed, replace=True)
    finally:
        os.close(folder)
    return changed
