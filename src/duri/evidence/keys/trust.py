"""Which of an envelope's signatures count, and whether they suffice.

The steps, in this order for each signature; the same pair of keyid and bytes is looked at once:

1. The key is the one with exactly this keyid. There is no other: it is ignored, and noted.
2. The signature is checked with the keyring's algorithm for that key. Bad: the whole is not
   authentic, however good the others are, because a known key never signed this.
3. The key's state and the clock say whether a good signature counts. Not: it is noted.
4. A pending key counts only where an active one has signed too.
5. Distinct keys that count reach the keyring's threshold, or the whole is not authentic.

Guarantees: `ok` is true only after all five, and a Trust used as a truth value is an error.

Leaves to others: the envelope's format and bounds, what the payload says.
"""

from collections.abc import Iterable
from typing import NoReturn

import msgspec

from duri.evidence.keys.backend import SignatureVerdict, Verify
from duri.evidence.keys.keyring import Key, Keyring, State
from duri.evidence.keys.lifecycle import Standing, standing
from duri.evidence.keys.local import verify_signature
from duri.verdict import Kind, Status

_MAX_SHOWN = 64


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say about the signatures.

    Attributes:
        kind: SIGNATURE_MISSING, SIGNATURE_INVALID, SIGNATURE_UNTRUSTED or CLOCK_BEHIND.
        status: the status it calls for; `verified` where it is only a note.
        keyid: safe to show; None where it is about all of them.
        sentence: for a person.
    """

    kind: Kind
    status: Status
    keyid: str | None
    sentence: str


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What the signatures are worth: the distinct keys that count, in the keyring's order."""

    counted: tuple[str, ...]
    ok: bool
    problems: tuple[Problem, ...]

    def __bool__(self) -> NoReturn:
        """Refuse: every Trust would be true."""
        message = "ask for Trust.ok"
        raise TypeError(message)


def judge(
    pae: bytes,
    signatures: Iterable[tuple[str, bytes]],
    *,
    keyring: Keyring,
    now: int,
    dual_verify: bool,
    from_archive: bool = False,
    verify: Verify = verify_signature,
) -> Trust:
    """Return which signatures count.

    Args:
        pae: the pre-authentication encoding of the envelope.
        signatures: keyid and signature, as the envelope has them.
        keyring: the keys, the algorithms, the threshold.
        now: Unix seconds.
        dual_verify: whether retiring keys verify.
        from_archive: the release was brought back from the archive.
        verify: how one signature is checked; another one reaches key services.

    Raises:
        KeyringError: a signature could not be checked at all.
    """
    pairs = tuple(dict.fromkeys(signatures))
    standings: dict[str, Standing] = {}
    bad: set[str] = set()
    unknown: list[str] = []
    for keyid, signature in pairs:
        key = keyring.find(keyid)
        if key is None:
            unknown.append(keyid)
        # A revoked key that only a service could check is asked no more: it never counts.
        elif (key.state is State.REVOKED and not key.verifies_offline) or (
            verify(key, pae, signature) is SignatureVerdict.GOOD
        ):
            standings[keyid] = standing(
                key, now, dual_verify=dual_verify, from_archive=from_archive
            )
        else:
            bad.add(keyid)

    signed = [key for key in keyring.keys if key.keyid in standings]
    counting = {key.keyid for key in signed if standings[key.keyid] is Standing.COUNTS}
    if any(key.state is State.ACTIVE for key in signed if key.keyid in counting):
        beside = Standing.COUNTS_BESIDE_ACTIVE
        counting |= {key.keyid for key in signed if standings[key.keyid] is beside}
    ok = not bad and len(counting) >= max(1, keyring.threshold)

    problems = [_invalid(key) for key in keyring.keys if key.keyid in bad]
    problems += [
        _uncounted(key, standings[key.keyid], ok=ok) for key in signed if key.keyid not in counting
    ]
    problems += [_unknown(keyid, ok=ok) for keyid in unknown]
    if not pairs:
        problems.append(_missing())
    elif counting and not bad and not ok:
        problems.append(_too_few(len(counting), keyring.threshold))
    counted = tuple(key.keyid for key in signed if key.keyid in counting)
    return Trust(counted=counted, ok=ok, problems=tuple(problems))


def _invalid(key: Key) -> Problem:
    return Problem(
        kind=Kind.SIGNATURE_INVALID,
        status=Status.TAMPERED,
        keyid=key.keyid,
        sentence=f"The signature by {key.label} is not over these bytes.",
    )


def _uncounted(key: Key, why: Standing, *, ok: bool) -> Problem:
    """Say why a good signature does not count; a failure only where the others do not suffice."""
    sentence = f"The signature by {key.label} does not count: {why.value}."
    kind, status = Kind.SIGNATURE_UNTRUSTED, Status.TAMPERED
    if why is Standing.COUNTS_BESIDE_ACTIVE:
        sentence = f"The signature by {key.label} does not count: it is pending and stands alone."
    elif why is Standing.NOT_YET_VALID:
        # The keyring is authentic, so it is the clock that is wrong: set back, or never set.
        kind, status = Kind.CLOCK_BEHIND, Status.UNVERIFIABLE
    return Problem(
        kind=kind, status=Status.VERIFIED if ok else status, keyid=key.keyid, sentence=sentence
    )


def _unknown(keyid: str, *, ok: bool) -> Problem:
    shown = ascii(keyid[:_MAX_SHOWN])[1:-1]
    return Problem(
        kind=Kind.SIGNATURE_UNTRUSTED,
        status=Status.VERIFIED if ok else Status.TAMPERED,
        keyid=shown,
        sentence=f"A signature by a key that the keyring does not have is ignored: {shown}.",
    )


def _missing() -> Problem:
    return Problem(
        kind=Kind.SIGNATURE_MISSING,
        status=Status.TAMPERED,
        keyid=None,
        sentence="There is no signature.",
    )


def _too_few(count: int, threshold: int) -> Problem:
    return Problem(
        kind=Kind.SIGNATURE_UNTRUSTED,
        status=Status.TAMPERED,
        keyid=None,
        sentence=f"Signatures by {threshold} keys are needed, by {count} count.",
    )
