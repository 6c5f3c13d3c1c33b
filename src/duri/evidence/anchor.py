"""The trust anchor: which keyring the settings name.

Guarantees: a keyring that is passed comes before one that the settings name; DURI_KEYRING before
DURI_HMAC_KEY_FILE, and that before a key in DURI_HMAC_KEY, which prod refuses. What was named and
cannot be used is an error; the next in line is never tried instead.
"""

import os

from duri.evidence.keys import source
from duri.evidence.keys.keyring import Keyring, Loaded
from duri.settings import Settings


def load(
    named: Keyring | str | os.PathLike[str] | None, *, settings: Settings, now: int
) -> Loaded | None:
    """Return the keyring to use with what is worth saying about it; None where none is named.

    Raises:
        KeyringError: the one that is named cannot be used.
    """
    if isinstance(named, Keyring):
        return Loaded(keyring=named)
    path = file_named(named, settings=settings)
    if path is not None:
        return source.load_file(path, prod=settings.is_production, now=now)
    if settings.hmac_key is not None:
        return source.load_environment(settings.hmac_key, prod=settings.is_production, now=now)
    return None


def file_named(named: str | os.PathLike[str] | None, *, settings: Settings) -> str | None:
    """Return the file that holds the keyring, or None where no file does."""
    if named is not None:
        return os.fspath(named)
    return settings.keyring or settings.hmac_key_file
