"""The bytes of a key: algorithms, encodings, keyids.

Guarantees
- A keyid follows from the key: SHA-256 of the DER SubjectPublicKeyInfo, or for a MAC secret half of
  HMAC-SHA256(secret, "duri/keyid/v1"). That label starts no DSSE pre-authentication encoding, so a
  keyid says nothing about a signature.
- Each public key has exactly one accepted encoding (P-256 as named curve and uncompressed point,
  Ed25519 with a canonical coordinate), so one key never stands under two keyids for a threshold.
- A MAC secret is never something published: a PEM text, an SSH public key, a DER public key.

Leaves to `local`: whether a point is on its curve and whether a private key fits its public one,
which need a cryptography library that a boot gate loads only when it verifies.
"""

import binascii
import enum

from duri.errors import KeyringError
from duri.limits import MAX_SECRET_BYTES
from duri.tree.digest import sha256

_KEYID_LABEL = b"duri/keyid/v1"
_ED25519_FIELD = 2**255 - 19


class Algorithm(enum.StrEnum):
    """What a key signs with; always the keyring's word, never the envelope's."""

    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    ED25519 = "ed25519"
    HMAC_SHA256 = "hmac-sha256"

    @property
    def is_asymmetric(self) -> bool:
        """Whether a key that verifies cannot sign."""
        return self is not Algorithm.HMAC_SHA256


# The DER that precedes the key itself: RFC 5480 section 2 with secp256r1 and an uncompressed point
# (the last byte, 04), RFC 8410 section 4.
_SPKI_PREFIX = {
    Algorithm.ECDSA_P256_SHA256: bytes.fromhex(
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
    ),
    Algorithm.ED25519: bytes.fromhex("302a300506032b6570032100"),
}
_KEY_BYTES = {Algorithm.ECDSA_P256_SHA256: 64, Algorithm.ED25519: 32}

# What people paste where a secret belongs, and everybody may know.
_PUBLISHED = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-", *_SPKI_PREFIX.values())


def spki_to_pem(der: bytes) -> str:
    """Return a DER SubjectPublicKeyInfo as PEM."""
    text = binascii.b2a_base64(der, newline=False).decode("ascii")
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def raw_public_key(algorithm: Algorithm, pem: str) -> bytes:
    """Return the key within a public key's PEM: an uncompressed point, or 32 bytes for Ed25519.

    Raises:
        KeyringError: it is not the one accepted encoding of a key for this algorithm.
    """
    der = _der(pem, "PUBLIC KEY")
    prefix = _SPKI_PREFIX[algorithm]
    if not der.startswith(prefix) or len(der) != len(prefix) + _KEY_BYTES[algorithm]:
        what = f"public_key is not an {algorithm} key"
        raise KeyringError(
            what,
            expected="a P-256 SubjectPublicKeyInfo with named curve and uncompressed point"
            if algorithm is Algorithm.ECDSA_P256_SHA256
            else "an Ed25519 SubjectPublicKeyInfo",
            got=f"{len(der)} bytes of another structure",
            todo="Convert it with `openssl pkey -pubin`, or make a key with `duri keys new`.",
        )
    raw = der[len(prefix) :]
    if algorithm is Algorithm.ECDSA_P256_SHA256:
        return b"\x04" + raw
    # RFC 8032 section 5.1.3: the coordinate without its sign bit is below the field's prime.
    if int.from_bytes(raw, "little") & (2**255 - 1) >= _ED25519_FIELD:
        what = "public_key is not a canonical Ed25519 key"
        raise KeyringError(what, todo="Make another key with `duri keys new`.")
    return raw


def public_keyid(algorithm: Algorithm, pem: str) -> str:
    """Return the keyid of a public key: the lower-hex SHA-256 of its SubjectPublicKeyInfo."""
    raw_public_key(algorithm, pem)
    return sha256(_der(pem, "PUBLIC KEY"))


def secret_keyid(secret: bytes) -> str:
    """Return the keyid of a MAC secret: 32 hex digits that do not reveal it."""
    from hmac import digest

    return digest(secret, _KEYID_LABEL, "sha256").hex()[:32]


def check_secret(secret: bytes) -> None:
    """Refuse a MAC secret that is empty, too large, or something published."""
    todo = "Make a secret with `head -c 32 /dev/urandom | base64`, or a key with `duri keys new`."
    if not secret:
        what = "the HMAC secret is empty"
        raise KeyringError(what, todo=todo)
    if len(secret) > MAX_SECRET_BYTES:
        what = "the HMAC secret is too large"
        expected = f"at most {MAX_SECRET_BYTES} bytes"
        raise KeyringError(what, expected=expected, got=f"{len(secret)} bytes", todo=todo)
    if b"-----BEGIN " in secret or secret.lstrip().startswith(_PUBLISHED):
        what = "the HMAC secret is a key file of another kind, which others may know"
        raise KeyringError(what, expected="random bytes", got="a PEM, SSH or DER key", todo=todo)


def check_private_pem(pem: bytes) -> None:
    """Refuse a private key that is not one unencrypted PKCS#8 PEM."""
    _der(pem.decode("ascii", "replace"), "PRIVATE KEY")


def _der(pem: str, label: str) -> bytes:
    lines = pem.strip().splitlines()
    framed = len(lines) > 2 and (lines[0], lines[-1]) == (  # noqa: PLR2004 - two frames, a body
        f"-----BEGIN {label}-----",
        f"-----END {label}-----",
    )
    try:
        # Errors of the decoder are dropped with their context: the text may be a private key.
        der = binascii.a2b_base64("".join(lines[1:-1]), strict_mode=True) if framed else b""
    except ValueError:
        der = b""
    if not der:
        what = f"not a PEM {label}"
        kind = "PKCS#8, unencrypted" if label == "PRIVATE KEY" else "SubjectPublicKeyInfo"
        raise KeyringError(
            what,
            expected=f"one '-----BEGIN {label}-----' block ({kind})",
            got="another text",
            todo="Convert it with `openssl pkey`, or make a key with `duri keys new`.",
        )
    return der
