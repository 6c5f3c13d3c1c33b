"""Keys for tests: real ones, made once a process, in any state."""

import functools

import msgspec

from duri.evidence.keys.generate import new_key
from duri.evidence.keys.keyring import Algorithm, Key, Keyring, State, assemble
from duri.evidence.keys.material import secret_keyid
from duri.evidence.keys.secret import Secret
from duri.times import DAY

NOW = 1_795_341_600
"""2026-11-22T10:00:00Z."""

WINDOW = 30
PAE = b"DSSEv1 28 application/vnd.in-toto+json 2 {}"


@functools.cache
def example(number: int, algorithm: Algorithm = Algorithm.HMAC_SHA256) -> Key:
    """Return the same pending key for the same number and algorithm."""
    created = NOW - 10 * DAY
    if algorithm is Algorithm.HMAC_SHA256:
        return new_key(algorithm, now=created, random=lambda size: bytes([number]) * size)
    return new_key(algorithm, now=created)


def in_state(
    key: Key, state: State, *, verify_until: int = NOW + WINDOW * DAY, created_at: int | None = None
) -> Key:
    """Return the key as a sound one in this state."""
    return msgspec.structs.replace(
        key,
        state=state,
        created_at=key.created_at if created_at is None else created_at,
        activated_at=None if state is State.PENDING else NOW - 9 * DAY,
        verify_until=verify_until if state is State.RETIRING else None,
        revoked_at=NOW - DAY if state is State.REVOKED else None,
        reason="left on a train" if state is State.REVOKED else None,
    )


def ring(*states: State, threshold: int = 1) -> tuple[Keyring, list[Key]]:
    """Return a keyring with one MAC key a state, and the keys in the order asked for."""
    keys = [in_state(example(number), state) for number, state in enumerate(states, 1)]
    return assemble(keys, threshold=threshold), keys


def hmac_key(secret: bytes, state: State = State.ACTIVE) -> Key:
    """Return a MAC key of this secret."""
    key = Key(
        keyid=secret_keyid(secret),
        algorithm=Algorithm.HMAC_SHA256,
        state=State.PENDING,
        created_at=NOW - 10 * DAY,
        secret=Secret(secret),
    )
    return in_state(key, state)
