"""One key as a value, and what makes it sound.

Guarantees: a key that `check_key` accepts has the keyid that follows from it, exactly one home, and
times that fit its state. No error quotes a value that could be key material.

Leaves to `local` what needs a cryptography library: points on their curve, pairs that belong
together.
"""

import enum

import msgspec

from duri.errors import KeyringError
from duri.evidence.keys.material import (
    Algorithm,
    check_private_pem,
    check_secret,
    public_keyid,
    secret_keyid,
)
from duri.evidence.keys.secret import Secret
from duri.times import MAX_TIME

URI_SCHEMES = ("file", "awskms", "aws-secretsmanager", "vault", "gcpkms", "azurekv")
"""Where else a key may live (DESIGN, section 4)."""

_MAX_NAME = 64
_MAX_REASON = 500
_MAX_URI = 1024
_MAX_SHOWN = 24
_HEX = frozenset("0123456789abcdef")
_KEYID_DIGITS = {True: 64, False: 32}


class State(enum.StrEnum):
    """Where a key stands in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"
    ARCHIVED = "archived"
    REVOKED = "revoked"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key; times are Unix seconds.

    Attributes:
        name: a person's label, never used to choose a key for a signature.
        verify_until: the last second of the retiring window; None unless retiring.
        revoked_at: None unless revoked; a revoked key never counts, whatever this says.
        reason: why it was revoked; None unless revoked.
        secret: home of a MAC key.
        private_key: home of an asymmetric key, unencrypted PKCS#8 PEM; `public_key` stands with it.
        public_key: SubjectPublicKeyInfo PEM; alone, the key verifies and cannot sign.
        uri: home of a key that a service keeps; `public_key` may stand with it to verify offline.
    """

    keyid: str
    algorithm: Algorithm
    state: State
    created_at: int
    name: str | None = None
    activated_at: int | None = None
    verify_until: int | None = None
    revoked_at: int | None = None
    reason: str | None = None
    secret: Secret | None = None
    private_key: Secret | None = None
    public_key: str | None = None
    uri: str | None = None

    @property
    def holds_secret(self) -> bool:
        """Whether who reads this key can sign with it."""
        return self.secret is not None or self.private_key is not None

    @property
    def verifies_offline(self) -> bool:
        """Whether the keyring alone suffices to check a signature of this key."""
        return self.secret is not None or self.public_key is not None

    @property
    def label(self) -> str:
        """How a message names the key: the start of its keyid and its name."""
        return f"key {self.keyid[:16]}" + (f" ({self.name})" if self.name else "")


def shown(text: str) -> str:
    """Return a text for an error: itself where it is short and plain, else only its length.

    No material fits: the shortest secret in use is longer than what is shown.
    """
    plain = text.isascii() and text.isprintable() and len(text) <= _MAX_SHOWN
    return f"'{text}'" if plain else f"a text of {len(text)} characters"


def check_key(key: Key) -> None:
    """Raise KeyringError where the key is not sound."""
    digits = _KEYID_DIGITS[key.algorithm.is_asymmetric]
    if len(key.keyid) != digits or not _HEX.issuperset(key.keyid):
        what = f"the keyid of an {key.algorithm} key has another form"
        expected = f"{digits} lower-case hex digits"
        raise KeyringError(what, expected=expected, got=shown(key.keyid))
    # An unsound name stands in no message.
    _check_text(key, "name", key.name, _MAX_NAME)
    _check_text(key, "reason", key.reason, _MAX_REASON)
    _check_times(key)
    try:
        derived = _derived_keyid(key)
    except KeyringError as error:
        # Chained to nothing: the frames below hold material.
        raise KeyringError(
            error.what, where=key.label, expected=error.expected, got=error.got, todo=error.todo
        ) from None
    if derived is not None and derived != key.keyid:
        raise KeyringError(
            "the keyid is not the one of the key",
            where=key.label,
            expected=derived,
            got=key.keyid,
            todo="Correct the keyid, or restore the keyring from where it was made.",
        )


def _check_text(key: Key, field: str, text: str | None, limit: int) -> None:
    if text is not None and not (text.isprintable() and 0 < len(text) <= limit):
        what = f"the {field} is empty, too long or not printable"
        where = f"key {key.keyid[:16]}"
        raise KeyringError(what, where=where, expected=f"1 to {limit} printable characters")


def _check_times(key: Key) -> None:
    """Refuse fields that belong to another state: what they were meant to say is a guess."""
    wrong = None
    if key.state is State.PENDING and key.activated_at is not None:
        wrong = "a pending key has activated_at"
    elif key.state is State.RETIRING and key.verify_until is None:
        wrong = "a retiring key has no verify_until"
    elif key.state is not State.RETIRING and key.verify_until is not None:
        wrong = f"a key that is {key.state} has verify_until"
    elif key.state is not State.REVOKED and (key.revoked_at, key.reason) != (None, None):
        wrong = f"a key that is {key.state} has revoked_at or a reason"
    if wrong is not None:
        raise KeyringError(wrong, where=key.label, todo="Change states with `duri keys`.")
    times = (key.created_at, key.activated_at, key.verify_until, key.revoked_at)
    if not all(time is None or 0 <= time <= MAX_TIME for time in times):
        what = "a time outside the years 1970 to 9999"
        raise KeyringError(what, where=key.label)


def _derived_keyid(key: Key) -> str | None:
    """Check the key's home and return the keyid that follows; None where a service keeps it."""
    homes = [
        name
        for name, present in (
            ("secret", key.secret is not None),
            ("private_key", key.private_key is not None),
            ("uri", key.uri is not None),
            ("public_key", key.public_key is not None),
        )
        if present
    ]
    if key.algorithm.is_asymmetric:
        allowed = [["private_key", "public_key"], ["public_key"], ["uri"], ["uri", "public_key"]]
    else:
        allowed = [["secret"], ["uri"]]
    if homes not in allowed:
        raise KeyringError(
            f"an {key.algorithm} key lives in exactly one place",
            expected=" or ".join(" with ".join(names) for names in allowed),
            got=" with ".join(homes) or "none",
        )
    if key.uri is not None:
        _check_uri(key.uri)
    if key.secret is not None:
        check_secret(key.secret.reveal())
        return secret_keyid(key.secret.reveal())
    if key.private_key is not None:
        check_private_pem(key.private_key.reveal())
    return public_keyid(key.algorithm, key.public_key) if key.public_key is not None else None


def _check_uri(uri: str) -> None:
    scheme, _, rest = uri.partition(":")
    authority = rest[2:].split("/", 1)[0] if rest.startswith("//") else ""
    plain = uri.isascii() and uri.isprintable() and " " not in uri and len(uri) <= _MAX_URI
    if not plain or scheme not in URI_SCHEMES or not rest:
        what = "the uri names no home of a key"
        raise KeyringError(what, expected=", ".join(f"{name}:" for name in URI_SCHEMES))
    if "@" in authority:
        what = "the uri holds a user or a password"
        raise KeyringError(what, todo="Credentials come from the service's own chain.")
