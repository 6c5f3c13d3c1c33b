"""The life of a key: a pure state machine, and what a state means at a time.

                rotate            activate               retire            remove
    (nothing) ─────────▶ pending ─────────▶ active ─────────────▶ archived ───────▶ (gone)
                            │       another │     ╲ (another is      ▲ │
                            │ is activated  ▼      ╲ active)         │ │
                            │           retiring ───╲── retire ──────┘ │
                            └───────────────┴─── revoke ───────────────┴──▶ revoked ──▶ (gone)

Guarantees
- Each event maps (keyring, time) to a new sound keyring or a KeyringError that says why not; the
  clock and the new key come in as arguments, nothing is stored.
- After `activate` exactly one key is active; a revoked key never leaves that state but by removal;
  pending, archived and revoked keys never sign.
- An overdue key first warns, then refuses to seal; nothing here stops a verification for its age.

Leaves to others: which releases still depend on a key, and the clock that was last seen.
"""

import enum

import msgspec

from duri import times
from duri.errors import KeyringError
from duri.evidence.keys.keyring import Key, Keyring, State, assemble
from duri.limits import CLOCK_SKEW_SECONDS, KEY_GRACE_DAYS

MAX_WINDOW_DAYS = 3650
"""A retiring window longer than ten years is a mistake in units."""


class Standing(enum.Enum):
    """What a good signature by a key is worth at a time."""

    COUNTS = "counts"
    COUNTS_BESIDE_ACTIVE = "counts beside an active key"
    WINDOW_OVER = "its retiring window is over"
    DUAL_VERIFY_OFF = "it is retiring and dual verification is off"
    ARCHIVED = "it is archived"
    REVOKED = "it is revoked"
    NOT_YET_VALID = "it was created later than this clock says"


def rotate(keyring: Keyring, key: Key) -> Keyring:
    """Add a new key, pending; refuse one in another state or already there."""
    if key.state is not State.PENDING:
        raise _refused(key, "a new key starts pending", State.PENDING)
    return assemble((*keyring.keys, key), threshold=keyring.threshold)


def activate(keyring: Keyring, keyid: str, *, now: int, window_days: int) -> Keyring:
    """Make a pending key the active one; every other active key retires for a window."""
    key = _find(keyring, keyid)
    if key.state is not State.PENDING:
        raise _refused(key, "only a pending key is activated", State.PENDING)
    if not 0 <= window_days <= MAX_WINDOW_DAYS:
        what = "the retiring window is out of bounds"
        expected = f"0 to {MAX_WINDOW_DAYS} days"
        raise KeyringError(what, expected=expected, got=str(window_days))
    if _not_yet_valid(key, now):
        raise KeyringError(
            "the key was created later than this clock says",
            where=key.label,
            expected=f"a clock after {times.write(key.created_at)}",
            got=times.write(now),
            todo="Set the clock.",
        )
    until = now + window_days * times.DAY

    def after(other: Key) -> Key:
        if other.keyid == keyid:
            return msgspec.structs.replace(other, state=State.ACTIVE, activated_at=now)
        if other.state is State.ACTIVE:
            return msgspec.structs.replace(other, state=State.RETIRING, verify_until=until)
        return other

    return assemble(map(after, keyring.keys), threshold=keyring.threshold)


def retire(keyring: Keyring, keyid: str) -> Keyring:
    """Archive a retiring key, or an active one beside which another is active."""
    key = _find(keyring, keyid)
    if key.state is State.ACTIVE:
        if sum(other.state is State.ACTIVE for other in keyring.keys) == 1:
            raise KeyringError(
                "the only active key cannot be retired: nothing would sign",
                where=key.label,
                expected="another active key",
                got="none",
                todo="First `duri keys rotate` and `duri keys activate`.",
            )
    elif key.state is not State.RETIRING:
        raise _refused(key, "only a retiring or an active key is retired", State.RETIRING)
    return _with(keyring, msgspec.structs.replace(key, state=State.ARCHIVED, verify_until=None))


def revoke(keyring: Keyring, keyid: str, *, now: int, reason: str) -> Keyring:
    """Revoke a key from any state, the only active one too; a second time changes nothing."""
    key = _find(keyring, keyid)
    if key.state is State.REVOKED:
        return keyring
    revoked = msgspec.structs.replace(
        key, state=State.REVOKED, revoked_at=now, reason=reason, verify_until=None
    )
    return _with(keyring, revoked)


def remove(keyring: Keyring, keyid: str, *, now: int) -> Keyring:
    """Take out a key that nothing current depends on.

    That is a pending, archived or revoked one, or a retiring one whose window is over.
    """
    key = _find(keyring, keyid)
    if key.state is State.ACTIVE or (key.state is State.RETIRING and _in_window(key, now)):
        raise KeyringError(
            "the key is still in use",
            where=key.label,
            expected="a pending, archived or revoked key, or a retiring one after its window",
            got=_state(key),
            todo="First `duri keys retire` or `duri keys revoke`.",
        )
    rest = [other for other in keyring.keys if other.keyid != keyid]
    return assemble(rest, threshold=keyring.threshold)


def signers(keyring: Keyring, now: int, *, dual_verify: bool) -> tuple[Key, ...]:
    """Return the keys that sign now, active ones first; none where no key is active."""
    counting = [
        key
        for key in keyring.keys
        if standing(key, now, dual_verify=dual_verify) is Standing.COUNTS
    ]
    active = tuple(key for key in counting if key.state is State.ACTIVE)
    retiring = tuple(key for key in counting if key.state is State.RETIRING)
    return active + retiring if active else ()


def standing(key: Key, now: int, *, dual_verify: bool, from_archive: bool = False) -> Standing:
    """Return what a good signature by this key is worth.

    Args:
        key: one key of the keyring.
        now: Unix seconds.
        dual_verify: whether retiring keys verify (`DURI_HMAC_KEY_DUAL_VERIFY`).
        from_archive: the release was brought back from the archive, for which an archived key
            counts; a retiring one too, which an operator may just not have archived yet.
    """
    if key.state is State.REVOKED:
        return Standing.REVOKED
    if _not_yet_valid(key, now):
        return Standing.NOT_YET_VALID
    if key.state is State.PENDING:
        return Standing.COUNTS_BESIDE_ACTIVE
    if key.state is State.ACTIVE or from_archive:
        return Standing.COUNTS
    if key.state is State.ARCHIVED:
        return Standing.ARCHIVED
    return _retiring(key, now, dual_verify=dual_verify)


def age_days(key: Key, now: int) -> int:
    """Return the whole days since the key was activated, or else created; never below zero."""
    return max(0, now - _since(key)) // times.DAY


def overdue(key: Key, now: int, period_days: int) -> bool:
    """Return whether the key has been in use for longer than its rotation period."""
    return now > _since(key) + period_days * times.DAY


def sealing_refused(key: Key, now: int, period_days: int) -> bool:
    """Return whether the key has outlived its grace too and seals no more; it still verifies."""
    return overdue(key, now, period_days + KEY_GRACE_DAYS)


def _retiring(key: Key, now: int, *, dual_verify: bool) -> Standing:
    if not _in_window(key, now):
        return Standing.WINDOW_OVER
    return Standing.COUNTS if dual_verify else Standing.DUAL_VERIFY_OFF


def _since(key: Key) -> int:
    return key.created_at if key.activated_at is None else key.activated_at


def _not_yet_valid(key: Key, now: int) -> bool:
    return key.created_at > now + CLOCK_SKEW_SECONDS


def _in_window(key: Key, now: int) -> bool:
    return key.verify_until is not None and now <= key.verify_until


def _find(keyring: Keyring, keyid: str) -> Key:
    key = keyring.find(keyid)
    if key is None:
        what = "the keyring has no such key"
        raise KeyringError(what, todo="See `duri keys list`.")
    return key


def _with(keyring: Keyring, changed: Key) -> Keyring:
    keys = [changed if key.keyid == changed.keyid else key for key in keyring.keys]
    return assemble(keys, threshold=keyring.threshold)


def _refused(key: Key, what: str, state: State) -> KeyringError:
    return KeyringError(what, where=key.label, expected=f"one that is {state}", got=_state(key))


def _state(key: Key) -> str:
    if key.verify_until is None:
        return f"one that is {key.state}"
    return f"one that is {key.state} until {times.write(key.verify_until)}"
