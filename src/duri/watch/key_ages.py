"""The keys of a keyring beside their ages, as the page and the metrics show them.

Guarantees: every key of the keyring is there once, in the order of `duri keys list`: what signs
first, then the older before the newer. Only an active key is ever due. No key material is in it.

What an age is and when a key is overdue is `duri.evidence.keys.lifecycle`'s.
"""

from collections.abc import Iterable

from duri.evidence.keys import lifecycle
from duri.evidence.keys.key import Key, State
from duri.evidence.keys.keyring import Keyring
from duri.watch.snapshot import KeyAge

_ORDER = (State.ACTIVE, State.PENDING, State.RETIRING, State.ARCHIVED, State.REVOKED)


def ages(keyring: Keyring, *, now: int, period_days: int) -> tuple[KeyAge, ...]:
    """Return each key's age.

    Args:
        keyring: the keyring at hand.
        now: Unix seconds.
        period_days: how long a key may be the active one (`DURI_HMAC_KEY_ROTATION_PERIOD`).
    """
    ordered = sorted(
        keyring.keys, key=lambda key: (_ORDER.index(key.state), key.created_at, key.keyid)
    )
    return tuple(_age(key, now=now, period_days=period_days) for key in ordered)


def rotation_due(keys: Iterable[KeyAge]) -> bool:
    """Return whether any of these keys is due for rotation."""
    return any(key.due for key in keys)


def _age(key: Key, *, now: int, period_days: int) -> KeyAge:
    return KeyAge(
        keyid=key.keyid,
        name=key.name,
        algorithm=str(key.algorithm),
        state=str(key.state),
        age_days=lifecycle.age_days(key, now),
        due=key.state is State.ACTIVE and lifecycle.overdue(key, now, period_days),
    )
