"""Keyrings as values, parsed and written in one place.

Guarantees
- What `parse` and `assemble` return is sound: known version and fields, no duplicate JSON key, 1 to
  MAX_KEYS keys, distinct keyids and homes, each keyid the one that follows from its key, fields
  that fit the state, a threshold that the keyring can meet.
- `parse(write(keyring))` is the keyring, and equal keyrings have equal bytes.
- No error quotes a value that could be key material.

Leaves to others: the library's check of points and key pairs (`local`), files and their modes
(`source`), what states mean over time (`lifecycle`).
"""

from collections.abc import Iterable

import msgspec

from duri.errors import KeyringError
from duri.evidence.keys.key import Key, State, check_key, shown
from duri.evidence.keys.material import Algorithm
from duri.evidence.keys.wire import SCHEMA_VERSION, decode, encode
from duri.limits import MAX_KEYS, MIN_SECRET_BYTES

__all__ = [
    "SCHEMA_VERSION",
    "Algorithm",
    "Key",
    "Keyring",
    "Loaded",
    "State",
    "assemble",
    "check_lengths",
    "parse",
    "select",
    "write",
]

_MIN_PREFIX = 8


class Keyring(msgspec.Struct, frozen=True, kw_only=True):
    """Keys in the order of (created_at, keyid), and how many distinct ones a release needs.

    Made by `assemble` or `parse`, never by hand.
    """

    keys: tuple[Key, ...]
    threshold: int = 1
    schema_version: str = SCHEMA_VERSION

    def find(self, keyid: str) -> Key | None:
        """Return the key with exactly this keyid."""
        return next((key for key in self.keys if key.keyid == keyid), None)

    @property
    def holds_secret(self) -> bool:
        """Whether who reads this keyring can sign."""
        return any(key.holds_secret for key in self.keys)


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A keyring beside what is worth saying about it; nothing here prints."""

    keyring: Keyring
    warnings: tuple[str, ...] = ()


def parse(data: bytes, *, where: str | None = None, prod: bool) -> Loaded:
    """Return the keyring in these bytes.

    Args:
        data: the JSON text.
        where: what errors call the source.
        prod: whether a short MAC secret is refused; otherwise it is a warning.

    Raises:
        KeyringError: the bytes are no sound keyring.
    """
    try:
        keys, threshold = decode(data)
        keyring = assemble(keys, threshold=threshold)
        return Loaded(keyring=keyring, warnings=check_lengths(keyring, prod=prod))
    except KeyringError as error:
        place = ": ".join(part for part in (where, error.where) if part)
        # The frames of the cause hold the bytes; the parts are all there is to say.
        raise KeyringError(
            error.what,
            where=place or None,
            expected=error.expected,
            got=error.got,
            todo=error.todo,
        ) from None


def write(keyring: Keyring) -> bytes:
    """Return the keyring as canonical JSON."""
    return encode(keyring.keys, keyring.threshold)


def assemble(keys: Iterable[Key], *, threshold: int = 1) -> Keyring:
    """Return a sound keyring of these keys in their order, or raise KeyringError."""
    ordered = tuple(sorted(keys, key=lambda key: (key.created_at, key.keyid)))
    if not 1 <= len(ordered) <= MAX_KEYS:
        what = "the keyring has too many keys" if ordered else "the keyring has no keys"
        raise KeyringError(what, expected=f"1 to {MAX_KEYS} keys", got=str(len(ordered)))
    if not 1 <= threshold <= len(ordered):
        what = "the threshold cannot be met by the keys"
        raise KeyringError(what, expected=f"1 to {len(ordered)}, the number of keys")
    for key in ordered:
        check_key(key)
    _refuse_twins("keyid", [key.keyid for key in ordered])
    # One key of a service under two names would count twice against a threshold.
    _refuse_twins("uri", [key.uri for key in ordered if key.uri is not None])
    return Keyring(keys=ordered, threshold=threshold)


def check_lengths(keyring: Keyring, *, prod: bool) -> tuple[str, ...]:
    """Return a warning for each MAC secret that is too short; refuse it in prod."""
    warnings = []
    for key in keyring.keys:
        if key.secret is None or len(key.secret) >= MIN_SECRET_BYTES:
            continue
        error = KeyringError(
            "the HMAC secret is too short",
            where=key.label,
            expected=f"at least {MIN_SECRET_BYTES} bytes",
            got=f"{len(key.secret)} bytes",
            todo="Replace it with `duri keys rotate`, or make a keyring with `duri keys new`.",
        )
        if prod:
            raise error
        warnings.append(str(error))
    return tuple(warnings)


def select(keyring: Keyring, text: str) -> Key:
    """Return the one key that a person means: by keyid, at least 8 of its digits, or name.

    Only for commands. The key of a signature is chosen by its whole keyid alone.
    """
    exact = [key for key in keyring.keys if text in (key.keyid, key.name)]
    found = exact or [
        key for key in keyring.keys if len(text) >= _MIN_PREFIX and key.keyid.startswith(text)
    ]
    if len(found) != 1:
        raise KeyringError(
            "several keys fit" if found else "no key fits",
            expected="a keyid, at least 8 of its first digits, or a key's name",
            got=shown(text),
            todo="See `duri keys list`.",
        )
    return found[0]


def _refuse_twins(field: str, values: list[str]) -> None:
    twins = sorted({value for value in values if values.count(value) > 1})
    if twins:
        what = f"two keys have the same {field}"
        raise KeyringError(what, expected="each key once", got=twins[0], todo="Remove the copy.")
