"""Rows 1 to 6, 11 and 12: whose signature is it, and over what."""

from pathlib import Path

import msgspec
import pytest
from tests.attack import releases
from tests.attack.releases import LATER, Release, is_refused, is_verified, make, new_key, ring_of

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


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("digest", ["sha256", "sha512", "blake3"])
def test_release_as_it_was_sealed_is_verified(
    tmp_path: Path, algorithm: Algorithm, digest: str
) -> None:
    made = make(tmp_path / "app", ring_of(new_key(algorithm)), algorithm=digest)
    verdict = made.verify()
    is_verified(verdict)
    assert not verdict.findings
    assert [check.ok for check in verdict.signatures] == [True, True, True]


# Row 1.


@pytest.mark.parametrize("name", [release.CHECKSUMS_SIGNATURE, release.METADATA_SIGNATURE])
def test_missing_signature_file_is_tampered(made: Release, name: str) -> None:
    (made.folder / name).unlink()
    is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MISSING, name)


def test_release_without_any_signature_is_tampered(made: Release) -> None:
    for name in release.SIGNATURES:
        (made.folder / name).unlink()
    verdict = made.verify()
    is_refused(verdict, TAMPERED, Kind.SIGNATURE_MISSING)
    assert verdict.version is None


@pytest.mark.parametrize("name", release.SIGNATURES)
@pytest.mark.parametrize("data", [b"", b"{}\n", b"null\n", b"[]\n"])
def test_empty_signature_file_is_tampered(made: Release, name: str, data: bytes) -> None:
    (made.folder / name).write_bytes(data)
    is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MALFORMED, name)


def test_envelope_without_signatures_is_tampered(made: Release) -> None:
    made.put_envelope(msgspec.structs.replace(made.envelope(), signatures=()))
    is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MISSING)


# Row 2.


@pytest.mark.parametrize("name", [*release.REQUIRED, *release.SIGNATURES])
def test_one_flipped_bit_anywhere_is_tampered(made: Release, name: str) -> None:
    path = made.folder / name
    data = path.read_bytes()
    step = max(1, len(data) // 97)
    for at in range(0, len(data), step):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert made.verify().status is TAMPERED, (name, at)
    path.write_bytes(data)
    is_verified(made.verify())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_flipped_bit_in_all_signature_files_alike_is_tampered(
    tmp_path: Path, algorithm: Algorithm
) -> None:
    """Alike, so that it is the signature that notices and not that the files differ."""
    made = make(tmp_path / "app", ring_of(new_key(algorithm)))
    data = made.read()[release.CHECKSUMS_SIGNATURE]
    for at in range(0, len(data), 7):
        made.put_signatures(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert made.verify().status is TAMPERED, at
    made.put_signatures(data)
    is_verified(made.verify())


@pytest.mark.parametrize("name", [*release.REQUIRED, *release.SIGNATURES])
def test_appended_byte_is_tampered(made: Release, name: str) -> None:
    path = made.folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert made.verify().status is TAMPERED


# Row 3.


def test_signature_by_unknown_key_is_tampered(made: Release) -> None:
    releases.resign(made, key=new_key())
    is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_UNTRUSTED)


def test_signature_by_revoked_key_is_tampered(made: Release) -> None:
    """Also where the release was signed before the revocation: dates can be made up."""
    ring = ring_of(releases.revoked(made.ring.keys[0]), new_key())
    is_refused(made.verify(ring), TAMPERED, Kind.SIGNATURE_UNTRUSTED)


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
    is_verified(releases.duri.verify(made.root, keyring=ring, now=LATER, from_archive=True))


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
            dsse.Envelope(payload=payload, signatures=(dsse.Signature(keyid=key.keyid, signature=mac),))
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


# Rows 11 and 12.


def test_another_payload_type_under_a_valid_signature_is_tampered(made: Release) -> None:
    key = local.signer_for(made.ring.keys[0])
    payload = made.envelope().payload
    for kind in ("application/json", "application/vnd.in-toto+json ", ""):
        signature = dsse.Signature(keyid=key.keyid, signature=key.sign(dsse.pae(kind, payload)))
        made.put_envelope(
            dsse.Envelope(payload=payload, payload_type=kind, signatures=(signature,))
        )
        is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MALFORMED)
    made.put_envelope(releases.signed(payload, made.ring.keys[0]))
    is_verified(made.verify())


def test_another_predicate_type_under_a_valid_signature_is_tampered(made: Release) -> None:
    payload = made.envelope().payload
    for other in (b"urn:duri:release:v2", b"urn:duri:receipt:v1", b"https://slsa.dev/provenance/v1"):
        changed = payload.replace(b"urn:duri:release:v1", other)
        assert changed != payload
        made.put_envelope(releases.signed(changed, made.ring.keys[0]))
        is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MALFORMED)


def test_permission_to_go_back_is_no_release_signature(made: Release) -> None:
    """One key signs both, for the same release; the one is worth nothing as the other."""
    permission = releases.rollback_permission(made, made.ring.keys[0], expires_at=LATER)
    release_signature = made.read()[release.CHECKSUMS_SIGNATURE]
    made.put_signatures(permission)
    is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MALFORMED)
    made.put_signatures(release_signature)
    is_verified(made.verify())


def test_mac_made_for_another_purpose_does_not_verify(tmp_path: Path) -> None:
    """The keyid, a bare MAC of the payload and one of the artifact are MACs by the same secret."""
    key = new_key(Algorithm.HMAC_SHA256)
    made = make(tmp_path / "app", ring_of(key))
    assert key.secret is not None
    payload = made.envelope().payload
    for message in (b"duri/keyid/v1", payload, made.read()[release.CHECKSUMS], b""):
        mac = local._mac(key, message)
        made.put_envelope(
            dsse.Envelope(payload=payload, signatures=(dsse.Signature(keyid=key.keyid, signature=mac),))
        )
        is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_INVALID)
    made.put_envelope(releases.signed(payload, key))
    is_verified(made.verify())


def test_key_signs_nothing_but_pre_authentication_encodings(made: Release) -> None:
    signer = local.signer_for(made.ring.keys[0])
    with pytest.raises(KeyringError, match="pre-authentication encodings only"):
        signer.sign(b"duri/keyid/v1")
    signer.sign(dsse.pae(dsse.PAYLOAD_TYPE, b"{}"))


def test_envelope_that_is_not_canonical_is_tampered(made: Release) -> None:
    """One meaning has one text, so nothing can be hidden beside what is signed."""
    envelope = made.envelope()
    text = made.read()[release.CHECKSUMS_SIGNATURE]
    assert dsse.write(envelope) == text
    compact = msgspec.json.format(text, indent=-1)
    for data in (compact, text.replace(b'"payload":', b'"payload" :'), b" " + text):
        made.put_signatures(data)
        is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MALFORMED)
    made.put_signatures(text)
    is_verified(made.verify())
