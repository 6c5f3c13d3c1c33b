"""Rows 3 to 6: whose signature is it, and how often does it count."""

from pathlib import Path

import msgspec
import pytest
from tests.attack import releases
from tests.attack.releases import LATER, Release, is_refused, is_verified, make, new_key, ring_of

import duri
from duri.errors import KeyringError
from duri.evidence import canonical, release
from duri.evidence import envelope as dsse
from duri.evidence.keys import keyring, local
from duri.evidence.keys.keyring import State
from duri.evidence.keys.material import Algorithm, secret_keyid
from duri.evidence.keys.secret import Secret
from duri.verdict import Kind, Status

TAMPERED = Status.TAMPERED
ALGORITHMS = list(Algorithm)


@pytest.fixture
def made(tmp_path: Path) -> Release:
    """Return a release that is verified."""
    return make(tmp_path / "app")


# Row 3.


def test_signature_by_unknown_key_is_tampered(made: Release) -> None:
    releases.resign(made, key=new_key())
    is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_UNTRUSTED)


def test_signature_by_revoked_key_is_tampered(made: Release) -> None:
    """Also where the release was signed before the revocation: dates can be made up."""
    ring = ring_of(releases.revoked(made.ring.keys[0]), new_key())
    is_refused(made.verify(ring), TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    archived = duri.verify(made.root, keyring=ring, now=LATER, from_archive=True)
    is_refused(archived, TAMPERED, Kind.SIGNATURE_UNTRUSTED)


@pytest.mark.parametrize(("age", "status"), [(-1, TAMPERED), (0, Status.VERIFIED)])
def test_signature_by_retiring_key_counts_until_its_window_ends(
    made: Release, age: int, status: Status
) -> None:
    old = releases.retiring(made.ring.keys[0], until=LATER + age)
    verdict = made.verify(ring_of(old, new_key()))
    if status is TAMPERED:
        is_refused(verdict, TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    is_verified(made.verify(ring_of(old, new_key()), now=LATER + age))
    assert verdict.status is status


def test_retiring_key_counts_only_while_both_are_verified(made: Release) -> None:
    ring = ring_of(releases.retiring(made.ring.keys[0], until=LATER), new_key())
    is_refused(made.verify(ring, dual_verify=False), TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    is_verified(made.verify(ring, dual_verify=True))


def test_pending_key_alone_is_tampered_and_counts_beside_an_active_one(made: Release) -> None:
    active = made.ring.keys[0]
    pending = new_key(state=State.PENDING, activated_at=None)
    payload = made.envelope().payload
    made.put_envelope(releases.signed(payload, pending))
    is_refused(made.verify(ring_of(active, pending)), TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    made.put_envelope(releases.signed(payload, pending, active))
    is_verified(made.verify(ring_of(active, pending, threshold=2)))


def test_archived_key_counts_only_for_what_an_archive_gives_back(made: Release) -> None:
    archived = msgspec.structs.replace(made.ring.keys[0], state=State.ARCHIVED)
    ring = ring_of(archived, new_key())
    is_refused(made.verify(ring), TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    is_verified(duri.verify(made.root, keyring=ring, now=LATER, from_archive=True))


# Row 4.


def test_algorithm_in_the_envelope_is_refused(made: Release) -> None:
    for field in ("alg", "algorithm", "sig_alg"):
        document = msgspec.json.decode(made.read()[release.CHECKSUMS_SIGNATURE])
        document["signatures"][0][field] = "none"
        made.put_signatures(canonical.encode(document))
        is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MALFORMED)


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ECDSA_P256_SHA256])
def test_mac_with_the_public_key_as_secret_is_tampered(
    tmp_path: Path, algorithm: Algorithm
) -> None:
    """What confused verifiers of tokens: everybody has the public key, so everybody could sign."""
    made = make(tmp_path / "app", ring_of(new_key(algorithm)))
    key = made.ring.keys[0]
    assert key.public_key is not None
    payload = made.envelope().payload
    message = dsse.pae(dsse.PAYLOAD_TYPE, payload)
    for secret in (key.public_key.encode(), key.public_key.strip().encode()):
        mac = local._mac(  # what an attacker computes, with the product's own code
            msgspec.structs.replace(key, algorithm=Algorithm.HMAC_SHA256, secret=Secret(secret)),
            message,
        )
        made.put_envelope(
            dsse.Envelope(
                payload=payload, signatures=(dsse.Signature(keyid=key.keyid, signature=mac),)
            )
        )
        is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_INVALID)


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ECDSA_P256_SHA256])
def test_public_key_as_mac_secret_is_no_keyring(algorithm: Algorithm) -> None:
    pem = new_key(algorithm).public_key
    assert pem is not None
    key = new_key(Algorithm.HMAC_SHA256)
    wrong = msgspec.structs.replace(
        key, secret=Secret(pem.encode()), keyid=secret_keyid(pem.encode())
    )
    with pytest.raises(KeyringError, match="key file of another kind"):
        ring_of(wrong)
    ring_of(key)


# Row 5.


def test_same_signature_twice_counts_once(made: Release) -> None:
    one, other = made.ring.keys[0], new_key()
    payload = made.envelope().payload
    envelope = releases.signed(payload, one)
    made.put_envelope(msgspec.structs.replace(envelope, signatures=envelope.signatures * 2))
    ring = ring_of(one, other, threshold=2)
    is_refused(made.verify(ring), TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    made.put_envelope(releases.signed(payload, one, other))
    is_verified(made.verify(ring))


def test_two_different_signatures_by_one_key_count_once(tmp_path: Path) -> None:
    """ECDSA is randomised, so one key gives as many good signatures as one likes."""
    one, other = new_key(Algorithm.ECDSA_P256_SHA256), new_key()
    made = make(tmp_path / "app", ring_of(one))
    payload = made.envelope().payload
    first, second = releases.signed(payload, one), releases.signed(payload, one)
    assert first.signatures != second.signatures
    made.put_envelope(
        msgspec.structs.replace(first, signatures=first.signatures + second.signatures)
    )
    is_refused(made.verify(ring_of(one, other, threshold=2)), TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    is_verified(made.verify(ring_of(one, other)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_key_under_two_keyids_is_no_keyring(algorithm: Algorithm) -> None:
    key = new_key(algorithm)
    twin = msgspec.structs.replace(key, keyid="0" * len(key.keyid), name="twin")
    with pytest.raises(KeyringError, match="the keyid is not the one of the key"):
        keyring.assemble([key, twin], threshold=2)
    with pytest.raises(KeyringError, match="two keys have the same keyid"):
        keyring.assemble([key, key], threshold=2)
    keyring.assemble([key, new_key(algorithm)], threshold=2)


def test_mac_secret_padded_with_zeros_is_the_same_key() -> None:
    """HMAC pads a key with zeros to a block (RFC 2104), so these secrets make the same MACs."""
    secret = bytes(range(1, 33))
    keys = [
        new_key(Algorithm.HMAC_SHA256, secret=Secret(one), keyid=secret_keyid(one))
        for one in (secret, secret + bytes(7))
    ]
    with pytest.raises(KeyringError, match="two keys have the same keyid"):
        keyring.assemble(keys, threshold=2)


# Row 6.


def test_unknown_signature_beside_a_good_one_is_ignored(made: Release) -> None:
    payload = made.envelope().payload
    made.put_envelope(releases.signed(payload, new_key(), made.ring.keys[0]))
    verdict = made.verify()
    is_verified(verdict)
    assert [one.kind for one in verdict.findings] == [Kind.SIGNATURE_UNTRUSTED]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bad_signature_by_a_known_key_beside_a_good_one_is_tampered(
    made: Release, algorithm: Algorithm
) -> None:
    other = new_key(algorithm)
    payload = made.envelope().payload
    good = releases.signed(payload, made.ring.keys[0])
    bad = releases.signed(payload + b" ", other)
    made.put_envelope(msgspec.structs.replace(good, signatures=good.signatures + bad.signatures))
    is_refused(made.verify(ring_of(*made.ring.keys, other)), TAMPERED, Kind.SIGNATURE_INVALID)
    is_verified(made.verify())
