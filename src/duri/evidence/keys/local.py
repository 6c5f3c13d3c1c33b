"""Signing and verifying with keys that stand in the keyring.

Guarantees
- The algorithm is the keyring's. A signature of an impossible length reaches no library.
- Verifying an asymmetric key never touches its private half; MACs are compared in constant time.
- A private key signs only after it was shown to belong to the public key that verifiers hold.
- cryptography is loaded by the first key that needs it, and only the part that it needs.

Leaves to `trust` which keys count, and to other backends the keys that services keep.
"""

from collections.abc import Callable
from functools import partial

from duri.errors import KeyringError
from duri.evidence.keys.backend import PAE_PREFIX, SignatureVerdict
from duri.evidence.keys.key import Key
from duri.evidence.keys.material import Algorithm, raw_public_key

_MAX_ECDSA_BYTES = 72
"""SEQUENCE of two INTEGERs of at most 33 bytes each: 2 + 2 * (2 + 33)."""
_MIN_ECDSA_BYTES = 8
"""The same with one byte each."""
_ED25519_BYTES = 64
_MAC_BYTES = 32
_RESTORE = "Restore the keyring from where it was made."


def verify_signature(key: Key, pae: bytes, signature: bytes) -> SignatureVerdict:
    """Check one signature by one key.

    Raises:
        KeyringError: the keyring does not hold what it takes, so neither GOOD nor BAD can be said.
    """
    if not key.verifies_offline:
        what = "the key is kept by a service, which this check does not reach"
        raise KeyringError(what, where=key.label, expected="a secret or public_key in the keyring")
    if not pae.startswith(PAE_PREFIX):
        return SignatureVerdict.BAD
    if key.algorithm is Algorithm.HMAC_SHA256:
        good = len(signature) == _MAC_BYTES and _mac_matches(key, pae, signature)
    elif key.algorithm is Algorithm.ED25519:
        good = len(signature) == _ED25519_BYTES and _ed25519_matches(key, pae, signature)
    else:
        plausible = _MIN_ECDSA_BYTES <= len(signature) <= _MAX_ECDSA_BYTES
        good = plausible and _ecdsa_matches(key, pae, signature)
    return SignatureVerdict.GOOD if good else SignatureVerdict.BAD


class LocalSigner:
    """Signs with a key that the keyring holds whole; made by `signer_for`."""

    __slots__ = ("_key", "_signature")

    def __init__(self, key: Key, signature: Callable[[bytes], bytes]) -> None:
        """Keep the key and the function that signs bytes with it."""
        self._key = key
        self._signature = signature

    @property
    def keyid(self) -> str:
        """The key's id."""
        return self._key.keyid

    @property
    def algorithm(self) -> Algorithm:
        """The keyring's word for how it signs."""
        return self._key.algorithm

    def sign(self, pae: bytes) -> bytes:
        """Return the signature over a pre-authentication encoding; KeyringError for other bytes."""
        if not pae.startswith(PAE_PREFIX):
            what = "a key signs pre-authentication encodings only"
            raise KeyringError(what, where=self._key.label)
        return self._signature(pae)


def signer_for(key: Key) -> LocalSigner:
    """Return the signer of a key that the keyring holds whole.

    Raises:
        KeyringError: the key has only a public part, is kept by a service, or is damaged.
    """
    if key.secret is not None:
        return LocalSigner(key, lambda pae: _mac(key, pae))
    if key.private_key is None:
        raise KeyringError(
            "the key cannot sign here",
            where=key.label,
            expected="a secret or a private_key in the keyring",
            got="a key that a service keeps" if key.uri is not None else "only its public part",
            todo="Sign where the whole keyring is.",
        )
    return LocalSigner(key, _private_signature(key, key.private_key.reveal()))


def check_material(key: Key) -> None:
    """Parse the key in full: its point is on its curve, its halves belong together.

    Loading a keyring leaves this out, because a gate pays for it; commands that make, list or
    change keyrings do it.
    """
    if key.private_key is not None:
        signer_for(key)
    elif key.public_key is not None and key.algorithm is Algorithm.ED25519:
        _ed25519_matches(key, PAE_PREFIX, bytes(_ED25519_BYTES))
    elif key.public_key is not None:
        _ecdsa_matches(key, PAE_PREFIX, bytes(_MIN_ECDSA_BYTES))


def _mac(key: Key, pae: bytes) -> bytes:
    from hmac import digest

    if key.secret is None:
        what = "the key has no secret"
        raise KeyringError(what, where=key.label)
    return digest(key.secret.reveal(), pae, "sha256")


def _mac_matches(key: Key, pae: bytes, signature: bytes) -> bool:
    from hmac import compare_digest

    return compare_digest(_mac(key, pae), signature)


def _ecdsa_matches(key: Key, pae: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    class Ecdsa(ec.ECDSA):
        """ECDSA whose making does not load every cipher, which costs a gate ten milliseconds.

        The base class asks its backend about deterministic signing; nothing is signed here.
        """

        def __init__(self, algorithm: SHA256) -> None:
            self._sha256 = algorithm

        @property
        def algorithm(self) -> SHA256:
            """The digest."""
            return self._sha256

        @property
        def deterministic_signing(self) -> bool:
            """Whether the nonce follows from the message."""
            return False

    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _raw(key))
    except ValueError as error:
        raise _unusable(key) from error
    try:
        public.verify(signature, pae, Ecdsa(SHA256()))
    except InvalidSignature:
        return False
    return True


def _ed25519_matches(key: Key, pae: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import (
        InvalidSignature,
        UnsupportedAlgorithm,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PublicKey,
    )

    try:
        public = Ed25519PublicKey.from_public_bytes(_raw(key))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(key) from error
    try:
        public.verify(signature, pae)
    except InvalidSignature:
        return False
    return True


def _raw(key: Key) -> bytes:
    if key.public_key is None:
        what = "the key has no public_key"
        raise KeyringError(what, where=key.label)
    return raw_public_key(key.algorithm, key.public_key)


def _unusable(key: Key) -> KeyringError:
    return KeyringError(
        "the key is not usable by the cryptography library here",
        where=key.label,
        expected=f"an {key.algorithm} key on its curve",
        todo=_RESTORE,
    )


def _private_signature(key: Key, pem: bytes) -> Callable[[bytes], bytes]:
    """Parse a private key, compare it with the public one, and return how it signs."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's error is dropped: it may describe the material.
        raise _unusable(key) from None
    if key.algorithm is Algorithm.ED25519 and isinstance(private, ed25519.Ed25519PrivateKey):
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        signature: Callable[[bytes], bytes] = private.sign
    elif (
        key.algorithm is Algorithm.ECDSA_P256_SHA256
        and isinstance(private, ec.EllipticCurvePrivateKey)
        and isinstance(private.curve, ec.SECP256R1)
    ):
        point = PublicFormat.UncompressedPoint
        public = private.public_key().public_bytes(Encoding.X962, point)
        signature = partial(private.sign, signature_algorithm=ec.ECDSA(SHA256()))
    else:
        what = f"the private_key is not an {key.algorithm} key"
        raise KeyringError(what, where=key.label, todo=_RESTORE)
    if public != _raw(key):
        what = "the private_key does not belong to the public_key"
        raise KeyringError(what, where=key.label, todo=_RESTORE)
    return signature
