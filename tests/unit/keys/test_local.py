"""Signing and verifying, with securesystemslib as the independent check."""

import base64
import hashlib
import hmac
import os
import subprocess
import sys
from collections.abc import Callable

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import (  # type: ignore[attr-defined]
    Signature,
    SSlibKey,
)
from tests.unit.keys.examples import NOW, PAE, example, in_state

from duri.errors import KeyringError
from duri.evidence.keys.backend import SignatureVerdict, Signer
from duri.evidence.keys.generate import new_key
from duri.evidence.keys.key import Key, State, check_key
from duri.evidence.keys.keyring import Algorithm, assemble
from duri.evidence.keys.local import check_material, signer_for, verify_signature
from duri.evidence.keys.material import public_keyid, raw_public_key, spki_to_pem
from duri.evidence.keys.secret import Secret

ASYMMETRIC = [Algorithm.ECDSA_P256_SHA256, Algorithm.ED25519]
GOOD, BAD = SignatureVerdict.GOOD, SignatureVerdict.BAD


@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_a_key_signs_it_verifies_and_no_other_key_does(algorithm: Algorithm) -> None:
    signer: Signer = signer_for(example(1, algorithm))
    signature = signer.sign(PAE)
    assert (signer.keyid, signer.algorithm) == (example(1, algorithm).keyid, algorithm)
    assert verify_signature(example(1, algorithm), PAE, signature) is GOOD
    assert verify_signature(example(2, algorithm), PAE, signature) is BAD
    assert verify_signature(example(1, algorithm), PAE + b"x", signature) is BAD


@pytest.mark.parametrize("algorithm", Algorithm)
@given(place=st.integers(0, 31), mask=st.integers(1, 255))
def test_a_changed_byte_of_a_signature_is_bad(algorithm: Algorithm, place: int, mask: int) -> None:
    signature = bytearray(signer_for(example(1, algorithm)).sign(PAE))
    signature[place] ^= mask
    assert verify_signature(example(1, algorithm), PAE, bytes(signature)) is BAD


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("length", [0, 1, 7, 8, 31, 32, 33, 63, 64, 65, 72, 73, 100_000])
def test_a_signature_of_any_length_of_nonsense_is_bad(algorithm: Algorithm, length: int) -> None:
    for nonsense in (bytes(length), b"\xff" * length, os.urandom(length)):
        assert verify_signature(example(1, algorithm), PAE, nonsense) is BAD


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_public_part_verifies_and_cannot_sign(algorithm: Algorithm) -> None:
    whole = example(1, algorithm)
    public = msgspec.structs.replace(whole, private_key=None)
    check_material(public)
    assert verify_signature(public, PAE, signer_for(whole).sign(PAE)) is GOOD
    with pytest.raises(KeyringError, match="only its public part"):
        signer_for(public)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_securesystemslib_verifies_what_we_sign(algorithm: Algorithm) -> None:
    key = example(1, algorithm)
    assert key.public_key is not None
    scheme = "ed25519" if algorithm is Algorithm.ED25519 else "ecdsa-sha2-nistp256"
    theirs = SSlibKey.from_crypto(
        load_pem_public_key(key.public_key.encode()), keyid=key.keyid, scheme=scheme
    )
    signature = Signature(key.keyid, signer_for(key).sign(PAE).hex())
    theirs.verify_signature(signature, PAE)
    with pytest.raises((UnverifiedSignatureError, VerificationError)):
        theirs.verify_signature(signature, PAE + b"x")


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_keyid_is_the_digest_that_openssl_computes(algorithm: Algorithm) -> None:
    key = example(1, algorithm)
    assert key.public_key is not None
    der = load_pem_public_key(key.public_key.encode()).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    assert key.keyid == hashlib.sha256(der).hexdigest()


def test_a_mac_and_its_keyid_are_plain_hmac() -> None:
    key = example(1)
    secret = bytes([1]) * 32
    assert signer_for(key).sign(PAE) == hmac.new(secret, PAE, "sha256").digest()
    assert key.keyid == hmac.new(secret, b"duri/keyid/v1", "sha256").hexdigest()[:32]


@pytest.mark.parametrize("message", [b"", b"duri/keyid/v1", b"DSSEv1", b" DSSEv1 "])
@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_key_serves_no_other_purpose(algorithm: Algorithm, message: bytes) -> None:
    with pytest.raises(KeyringError, match="pre-authentication"):
        signer_for(example(1, algorithm)).sign(message)
    mac = hmac.new(bytes([1]) * 32, message, "sha256").digest()
    assert verify_signature(example(1), message, mac) is BAD


def test_a_verdict_is_no_truth_value() -> None:
    with pytest.raises(TypeError):
        bool(BAD)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_private_key_of_another_pair_does_not_sign(algorithm: Algorithm) -> None:
    mine, other = example(1, algorithm), example(2, algorithm)
    check_material(mine)
    mixed = msgspec.structs.replace(mine, private_key=other.private_key)
    for use in (signer_for, check_material):
        with pytest.raises(KeyringError, match="does not belong"):
            use(mixed)


def private_pem(private: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> Secret:
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return Secret(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


@pytest.mark.parametrize(
    "make",
    [
        lambda: private_pem(ec.generate_private_key(ec.SECP384R1())),
        lambda: example(1, Algorithm.ED25519).private_key,
        lambda: Secret(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    ],
)
def test_a_private_key_of_another_kind_does_not_sign(make: Callable[[], Secret]) -> None:
    key = msgspec.structs.replace(example(1, Algorithm.ECDSA_P256_SHA256), private_key=make())
    with pytest.raises(KeyringError):
        signer_for(key)


def test_an_encrypted_private_key_is_refused() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    key = example(1, Algorithm.ECDSA_P256_SHA256)
    with pytest.raises(KeyringError, match="unencrypted"):
        check_key(msgspec.structs.replace(key, private_key=private_pem(private, b"password")))


def public_of(curve: ec.EllipticCurve) -> bytes:
    public = ec.generate_private_key(curve).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def compressed() -> bytes:
    """Return the SubjectPublicKeyInfo of a P-256 key with its point compressed: a second DER."""
    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    )
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point


@pytest.mark.parametrize(
    "der",
    [
        public_of(ec.SECP384R1()),
        public_of(ec.SECP256K1()),
        compressed(),
        public_of(ec.SECP256R1()) + b"\0",
        public_of(ec.SECP256R1())[:-1],
    ],
    ids=["P-384", "secp256k1", "compressed", "a byte too many", "a byte too few"],
)
def test_a_point_has_one_encoding_and_one_curve(der: bytes) -> None:
    raw_public_key(Algorithm.ECDSA_P256_SHA256, spki_to_pem(public_of(ec.SECP256R1())))
    with pytest.raises(KeyringError, match="P-256"):
        raw_public_key(Algorithm.ECDSA_P256_SHA256, spki_to_pem(der))


def ed25519_spki(coordinate: int) -> bytes:
    return bytes.fromhex("302a300506032b6570032100") + coordinate.to_bytes(32, "little")


@pytest.mark.parametrize("excess", [0, 3, 18])
def test_an_ed25519_key_has_one_encoding(excess: int) -> None:
    raw_public_key(Algorithm.ED25519, spki_to_pem(ed25519_spki(2**255 - 20)))
    for sign in (0, 1 << 255):
        with pytest.raises(KeyringError, match="canonical"):
            raw_public_key(
                Algorithm.ED25519, spki_to_pem(ed25519_spki(2**255 - 19 + excess + sign))
            )


def test_a_point_off_the_curve_is_refused_when_used() -> None:
    der = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + b"\x05" * 64
    pem = spki_to_pem(der)
    key = Key(
        keyid=public_keyid(Algorithm.ECDSA_P256_SHA256, pem),
        algorithm=Algorithm.ECDSA_P256_SHA256,
        state=State.ACTIVE,
        created_at=NOW,
        public_key=pem,
    )
    assemble([key])
    with pytest.raises(KeyringError, match="not usable"):
        check_material(key)
    with pytest.raises(KeyringError, match="not usable"):
        verify_signature(key, PAE, bytes(64))


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem + "\n\n",
    ],
)
def test_white_space_around_a_pem_changes_no_keyid(change: Callable[[str], str]) -> None:
    pem = example(1, Algorithm.ED25519).public_key or ""
    assert public_keyid(Algorithm.ED25519, change(pem)) == public_keyid(Algorithm.ED25519, pem)


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: "x\n" + pem,
        lambda pem: pem + pem,
        lambda pem: pem.replace("PUBLIC", "RSA PUBLIC"),
        lambda pem: pem.replace("M", "!", 1),
        lambda pem: pem.replace("-----END", "=\n-----END"),
        lambda _: "",
    ],
)
def test_a_pem_is_one_block_of_base64(change: Callable[[str], str]) -> None:
    pem = example(1, Algorithm.ED25519).public_key or ""
    with pytest.raises(KeyringError, match="PUBLIC KEY"):
        public_keyid(Algorithm.ED25519, change(pem))


def test_keys_of_others_are_usable() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = spki_to_pem(bytes.fromhex("302a300506032b6570032100") + raw)
    key = Key(
        keyid=public_keyid(Algorithm.ED25519, pem),
        algorithm=Algorithm.ED25519,
        state=State.ACTIVE,
        created_at=NOW,
        public_key=pem,
    )
    assert verify_signature(key, PAE, private.sign(PAE)) is GOOD


@pytest.mark.parametrize(
    ("algorithm", "loaded"),
    [(Algorithm.HMAC_SHA256, False), (Algorithm.ED25519, True)],
)
def test_cryptography_is_loaded_only_by_a_key_that_needs_it(
    *, algorithm: Algorithm, loaded: bool
) -> None:
    key = in_state(example(1, algorithm), State.ACTIVE)
    secret = base64.b64encode(key.secret.reveal()).decode() if key.secret else None
    program = f"""
import sys
from duri.evidence.keys.keyring import Algorithm, Key, State, assemble
from duri.evidence.keys.secret import Secret
from duri.evidence.keys.trust import judge
import base64
secret = {secret!r}
key = Key(keyid={key.keyid!r}, algorithm=Algorithm({algorithm.value!r}), state=State.ACTIVE,
          created_at=0, public_key={key.public_key!r},
          secret=None if secret is None else Secret(base64.b64decode(secret)))
keyring = assemble([key])
assert "cryptography" not in sys.modules
signature = bytes.fromhex({signer_for(key).sign(PAE).hex()!r})
assert judge({PAE!r}, [(key.keyid, signature)], keyring=keyring, now=1, dual_verify=True).ok
print("cryptography" in sys.modules, "cryptography.hazmat.primitives.serialization" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(loaded), "False"]


def test_new_keys_differ() -> None:
    for algorithm in Algorithm:
        assert new_key(algorithm, now=NOW).keyid != new_key(algorithm, now=NOW).keyid
