"""New keys, and the part of a keyring that verifiers get.

Guarantees: a new key is pending and sound; asymmetric keys come from the cryptography library's own
generator, MAC secrets from the randomness that is passed in. What `public_part` returns can verify
and cannot sign.
"""

import os
from collections.abc import Callable

import msgspec

from duri.errors import KeyringError
from duri.evidence.keys.keyring import Algorithm, Key, Keyring, State, assemble
from duri.evidence.keys.lifecycle import activate
from duri.evidence.keys.material import public_keyid, secret_keyid, spki_to_pem
from duri.evidence.keys.secret import Secret
from duri.limits import MIN_SECRET_BYTES

DEFAULT_ALGORITHM = Algorithm.ECDSA_P256_SHA256


class PublicPart(msgspec.Struct, frozen=True, kw_only=True):
    """A keyring without private material, and the keyids that have no public part."""

    keyring: Keyring
    dropped: tuple[str, ...] = ()


def new_key(
    algorithm: Algorithm = DEFAULT_ALGORITHM,
    *,
    now: int,
    name: str | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> Key:
    """Return a new pending key that holds its private part.

    Args:
        algorithm: what it signs with.
        now: Unix seconds, its creation.
        name: a person's label.
        random: the source of a MAC secret; asymmetric keys use the library's.
    """
    if algorithm is Algorithm.HMAC_SHA256:
        secret = random(MIN_SECRET_BYTES)
        return Key(
            keyid=secret_keyid(secret),
            algorithm=algorithm,
            state=State.PENDING,
            created_at=now,
            name=name,
            secret=Secret(secret),
        )
    private, public = _new_pair(algorithm)
    return Key(
        keyid=public_keyid(algorithm, public),
        algorithm=algorithm,
        state=State.PENDING,
        created_at=now,
        name=name,
        private_key=Secret(private),
        public_key=public,
    )


def new_keyring(key: Key, *, now: int) -> Keyring:
    """Return a keyring with one pending key made active."""
    return activate(assemble([key]), key.keyid, now=now, window_days=0)


def public_part(keyring: Keyring, *, drop_hmac: bool = False) -> PublicPart:
    """Return what verifiers need of a keyring.

    Args:
        keyring: the whole one.
        drop_hmac: leave out keys that have no public part, and report them; otherwise refuse.

    Raises:
        KeyringError: a key has no public part, or too few keys remain for the threshold.
    """
    dropped = tuple(key.keyid for key in keyring.keys if key.secret is not None)
    if dropped and not drop_hmac:
        raise KeyringError(
            "an HMAC key has no public part: who can check it can sign with it",
            where=f"key {dropped[0][:16]}",
            expected="asymmetric keys only",
            todo=f"Rotate to {DEFAULT_ALGORITHM}, or leave the HMAC keys out.",
        )
    public = [
        msgspec.structs.replace(
            key, private_key=None, uri=None if key.public_key is not None else key.uri
        )
        for key in keyring.keys
        if key.secret is None
    ]
    return PublicPart(keyring=assemble(public, threshold=keyring.threshold), dropped=dropped)


def _new_pair(algorithm: Algorithm) -> tuple[bytes, str]:
    """Return a new private key as PKCS#8 PEM and its public key as PEM."""
    from cryptography.hazmat.primitives.asymmetric import (
        ec,
        ed25519,
    )
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private = (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm is Algorithm.ED25519
        else ec.generate_private_key(ec.SECP256R1())
    )
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, spki_to_pem(der)
