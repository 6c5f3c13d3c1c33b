"""A keyring's JSON: strict in, canonical out.

Guarantees: `decode` bounds the size before it looks, refuses what is not UTF-8, trailing bytes,
unknown versions and fields, wrong types and duplicate keys; `encode` writes keys sorted, two-space
indent, LF and a newline at the end, so that equal keyrings have equal bytes.

Leaves to `key` and `keyring` whether the keys make sense.
"""

import binascii

import msgspec

from duri import times
from duri.errors import KeyringError
from duri.evidence.keys.key import Key, State, shown
from duri.evidence.keys.material import Algorithm
from duri.evidence.keys.secret import Secret
from duri.limits import MAX_KEYRING_BYTES

SCHEMA_VERSION = "1.0"
_TODO = "Restore the keyring from where it was made, or make one with `duri keys new`."


class _WireKey(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    keyid: str
    algorithm: str
    state: str
    created_at: str
    name: str | None = None
    activated_at: str | None = None
    verify_until: str | None = None
    revoked_at: str | None = None
    reason: str | None = None
    secret: str | None = None
    private_key: str | None = None
    public_key: str | None = None
    uri: str | None = None


class _WireKeyring(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    keys: list[_WireKey]
    schema_version: str
    threshold: int = 1


def decode(data: bytes) -> tuple[list[Key], int]:
    """Return the keys and the threshold of a keyring's JSON, or raise KeyringError."""
    if len(data) > MAX_KEYRING_BYTES:
        what = "the keyring is too large"
        expected = f"at most {MAX_KEYRING_BYTES} bytes"
        raise KeyringError(what, expected=expected, got="more", todo=_TODO)
    # Every error below leaves its cause out: the cause, or the frames it holds, may quote material.
    try:
        data.decode("utf-8")
        document = msgspec.json.decode(data)
    except UnicodeDecodeError:
        what = "the keyring is not UTF-8"
        raise KeyringError(what, expected="JSON in UTF-8", todo=_TODO) from None
    except (msgspec.DecodeError, RecursionError):
        what = "the keyring is malformed"
        raise KeyringError(what, expected="one JSON object", got="other text", todo=_TODO) from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, str) and version != SCHEMA_VERSION:
        raise KeyringError(
            "the keyring has a schema_version that this DuRi does not know",
            expected=SCHEMA_VERSION,
            got=shown(version),
            todo="Update DuRi, or restore the keyring.",
        )
    try:
        wire = msgspec.convert(document, _WireKeyring)
    except msgspec.ValidationError as error:
        raise KeyringError(_schema_problem(str(error)), todo=_TODO) from None
    # The decoder keeps the last of two equal keys. Each key of an object costs one colon outside
    # strings, and the conversion has shown that there are no objects but these.
    if _colons(data) != len(document) + sum(len(key) for key in document["keys"]):
        what = "the keyring has a duplicate JSON key"
        raise KeyringError(what, expected="each key once in its object", todo=_TODO)
    return [_key(key) for key in wire.keys], wire.threshold


def encode(keys: tuple[Key, ...], threshold: int) -> bytes:
    """Return canonical JSON."""
    wire = _WireKeyring(
        keys=[_wire(key) for key in keys], schema_version=SCHEMA_VERSION, threshold=threshold
    )
    return msgspec.json.format(msgspec.json.encode(wire, order="sorted"), indent=2) + b"\n"


def _colons(data: bytes) -> int:
    """Count the colons outside strings of a valid JSON text.

    Without escaped backslashes, then escaped quotes, every quote opens or closes a string, so the
    pieces between quotes lie outside and inside by turns.
    """
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return sum(piece.count(b":") for piece in bare.split(b'"')[::2])


def _schema_problem(message: str) -> str:
    """Say what the schema refused by type and place; a field's name could be anything."""
    if "unknown field" in message:
        place = message.rpartition(" - at ")[2] if " - at " in message else "the keyring"
        return f"unknown field in {place}"
    return f"the keyring does not fit schema {SCHEMA_VERSION}: {message}"


def _key(wire: _WireKey) -> Key:
    where = f"key {wire.keyid[:16]}" if wire.keyid.isalnum() and wire.keyid.isascii() else "a key"

    def refuse(field: str, expected: str, value: str | None = None) -> KeyringError:
        what = f"{field} is wrong"
        got = None if value is None else shown(value)
        return KeyringError(what, where=where, expected=expected, got=got)

    def time(field: str, text: str) -> int:
        try:
            return times.parse(text)
        except (ValueError, OverflowError):
            raise refuse(field, "a time like 2026-11-22T10:00:00Z", text) from None

    def time_or_none(field: str, text: str | None) -> int | None:
        return None if text is None else time(field, text)

    if wire.algorithm not in list(Algorithm):
        raise refuse("algorithm", ", ".join(Algorithm), wire.algorithm)
    if wire.state not in list(State):
        raise refuse("state", ", ".join(State), wire.state)
    secret = None
    if wire.secret is not None:
        try:
            secret = Secret(binascii.a2b_base64(wire.secret, strict_mode=True))
        except ValueError:
            raise refuse("secret", "base64") from None
    return Key(
        keyid=wire.keyid,
        algorithm=Algorithm(wire.algorithm),
        state=State(wire.state),
        created_at=time("created_at", wire.created_at),
        name=wire.name,
        activated_at=time_or_none("activated_at", wire.activated_at),
        verify_until=time_or_none("verify_until", wire.verify_until),
        revoked_at=time_or_none("revoked_at", wire.revoked_at),
        reason=wire.reason,
        secret=secret,
        private_key=None if wire.private_key is None else Secret(wire.private_key.encode()),
        public_key=wire.public_key,
        uri=wire.uri,
    )


def _wire(key: Key) -> _WireKey:
    def time(seconds: int | None) -> str | None:
        return None if seconds is None else times.write(seconds)

    secret = None if key.secret is None else key.secret.reveal()
    return _WireKey(
        keyid=key.keyid,
        algorithm=key.algorithm.value,
        state=key.state.value,
        created_at=times.write(key.created_at),
        name=key.name,
        activated_at=time(key.activated_at),
        verify_until=time(key.verify_until),
        revoked_at=time(key.revoked_at),
        reason=key.reason,
        secret=None if secret is None else binascii.b2a_base64(secret, newline=False).decode(),
        private_key=None if key.private_key is None else key.private_key.reveal().decode(),
        public_key=key.public_key,
        uri=key.uri,
    )
