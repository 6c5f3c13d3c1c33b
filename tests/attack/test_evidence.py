"""Rows 1, 2, 11 and 12: is there a signature, and over what."""

from pathlib import Path

import msgspec
import pytest
from tests.attack import releases
from tests.attack.releases import LATER, Release, is_refused, is_verified, make, new_key, ring_of

from duri.errors import KeyringError
from duri.evidence import envelope as dsse
from duri.evidence import release
from duri.evidence.keys import local
from duri.evidence.keys.material import Algorithm
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
    for other in (
        b"urn:duri:release:v2",
        b"urn:duri:receipt:v1",
        b"https://slsa.dev/provenance/v1",
    ):
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
            dsse.Envelope(
                payload=payload, signatures=(dsse.Signature(keyid=key.keyid, signature=mac),)
            )
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


def test_signature_in_another_spelling_of_base64_is_tampered(made: Release) -> None:
    """64 bytes leave four bits of the last character free; they are not the attacker's either."""
    text = made.read()[release.CHECKSUMS_SIGNATURE]
    at = text.index(b"==") - 1
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(text[at]) ^ 1]
    made.put_signatures(text[:at] + bytes([other]) + text[at + 1 :])
    is_refused(made.verify(), TAMPERED, Kind.SIGNATURE_MALFORMED)
    made.put_signatures(text)
    is_verified(made.verify())
