"""Signing a release: one statement over all artifacts, by every key that signs now.

Guarantees: the three signature files are the same bytes, so no one of them can be exchanged alone.
A key past its grace refuses to sign; one that is only overdue says so.

Leaves to others: publishing the files.
"""

from collections.abc import Mapping, Sequence

import msgspec

from duri import times
from duri.errors import KeyringError
from duri.evidence import envelope as dsse
from duri.evidence import release, statement
from duri.evidence.keys import lifecycle, local
from duri.evidence.keys.backend import Signer
from duri.evidence.keys.keyring import Keyring
from duri.limits import KEY_GRACE_DAYS


class Signers(msgspec.Struct, frozen=True):
    """The keys that sign, and what is worth saying about them."""

    keys: tuple[Signer, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def keyids(self) -> tuple[str, ...]:
        """The ids of the keys that sign."""
        return tuple(key.keyid for key in self.keys)


def choose(keyring: Keyring, *, now: int, dual_verify: bool, period_days: int) -> Signers:
    """Return the keys that sign now: active ones, and retiring ones in their window.

    Raises:
        KeyringError: none signs, or one is overdue beyond its grace.
    """
    keys = lifecycle.signers(keyring, now, dual_verify=dual_verify)
    if not keys:
        raise KeyringError(
            "no key of the keyring signs now",
            expected="an active key",
            got=", ".join(f"{key.label} ({key.state})" for key in keyring.keys),
            todo="Make one with `duri keys rotate` and `duri keys activate`.",
        )
    notes = []
    for key in keys:
        if not lifecycle.overdue(key, now, period_days) or key.state != "active":
            continue
        age = lifecycle.age_days(key, now)
        if lifecycle.sealing_refused(key, now, period_days):
            raise KeyringError(
                "the key is long overdue for rotation and seals no more",
                where=key.label,
                expected=f"at most {period_days} days and a grace of {KEY_GRACE_DAYS}",
                got=f"{age} days",
                todo="Use `duri keys rotate`, then `duri keys activate`. Verification goes on.",
            )
        notes.append(
            f"{key.label} is {age} days old and due for rotation after {period_days}; "
            f"it seals for {period_days + KEY_GRACE_DAYS - age} days more"
        )
    return Signers(keys=tuple(local.signer_for(key) for key in keys), notes=tuple(notes))


def sign_release(
    files: Mapping[str, bytes],
    metadata: release.Metadata,
    signers: Sequence[Signer],
    *,
    signed_at: int,
) -> dict[str, bytes]:
    """Return the signature files of a release; none where nothing signs."""
    if not signers:
        return {}
    payload = statement.release_payload(
        files,
        statement.Release(
            product=metadata.product,
            environment=metadata.environment,
            deployment_id=metadata.deployment_id,
            sequence=metadata.sequence,
            policy_digest=metadata.ignore_hash,
            signed_at=times.write(signed_at),
        ),
    )
    return dict.fromkeys(release.SIGNATURES, dsse.write(sign(payload, signers)))


def sign(payload: bytes, signers: Sequence[Signer]) -> dsse.Envelope:
    """Return an envelope with one signature a key over this payload."""
    return add_signatures(dsse.Envelope(payload=payload), signers)


def add_signatures(envelope: dsse.Envelope, signers: Sequence[Signer]) -> dsse.Envelope:
    """Return the envelope with a signature by each key that has none in it yet."""
    message = dsse.pae(envelope.payload_type, envelope.payload)
    signed = {one.keyid for one in envelope.signatures}
    added = tuple(
        dsse.Signature(keyid=signer.keyid, signature=signer.sign(message))
        for signer in signers
        if signer.keyid not in signed
    )
    return msgspec.structs.replace(envelope, signatures=envelope.signatures + added)
