"""DSSE by securesystemslib alone: it verifies what DuRi signs, and DuRi verifies what it signs."""

import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined] # no types
from tests.conformance.conftest import Release

import duri
from duri.evidence import envelope as dsse
from duri.evidence.release import SIGNATURES
from duri.verdict import Kind, Status


def public_key(release: Release) -> SSlibKey:
    """Return the keyring's public key under the keyid that the envelope names."""
    keyid = json.loads(release.artifact("checksums.sig"))["signatures"][0]["keyid"]
    return SSlibKey.from_crypto(load_pem_public_key(release.public_pem().encode()), keyid=keyid)


def another_key(key: SSlibKey) -> SSlibKey:
    """Return a key that signed nothing, under the same keyid."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return SSlibKey.from_crypto(public, keyid=key.keyid)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_file_is_verified(release: Release, name: str) -> None:
    envelope = Envelope.from_dict(json.loads(release.artifact(name)))
    key = public_key(release)
    accepted = envelope.verify([key], 1)
    assert list(accepted) == [key.keyid]
    assert json.loads(envelope.payload)["_type"] == "https://in-toto.io/Statement/v1"


def test_changed_payload_type_and_signature_are_refused(release: Release) -> None:
    document = json.loads(release.artifact("checksums.sig"))
    key = public_key(release)
    for field in ("payload", "sig", "payloadType"):
        envelope = Envelope.from_dict(json.loads(json.dumps(document)))
        match field:
            case "payload":
                changed = bytearray(envelope.payload)
                changed[10] ^= 1
                envelope.payload = bytes(changed)
            case "sig":
                signature = envelope.signatures[key.keyid]
                digits = signature.signature
                signature.signature = digits[:-1] + ("0" if digits[-1] != "0" else "1")
            case "payloadType":
                envelope.payload_type += "2"
        with pytest.raises(VerificationError):
            envelope.verify([key], 1)


def test_another_key_is_refused(release: Release) -> None:
    envelope = Envelope.from_dict(json.loads(release.artifact("checksums.sig")))
    with pytest.raises(VerificationError):
        envelope.verify([another_key(public_key(release))], 1)


def test_envelope_of_another_signer_verifies_in_duri(release: Release) -> None:
    """The same payload, signed by securesystemslib's signer with the key of the keyring."""
    before = Envelope.from_dict(json.loads(release.artifact("checksums.sig")))
    write_signatures(release, sign(release, before.payload))
    verdict = duri.verify(release.root, keyring=release.keyring)
    assert verdict.status is Status.VERIFIED, verdict.findings
    assert json.loads(release.artifact("checksums.sig")) != before.to_dict() or (
        b"ed25519" in release.keyring.read_bytes()  # which signs deterministically
    )


def test_envelope_of_another_signer_over_another_payload_is_tampered(release: Release) -> None:
    payload = Envelope.from_dict(json.loads(release.artifact("checksums.sig"))).payload
    write_signatures(release, sign(release, payload.replace(b'"sequence":', b'"sequence":1')))
    verdict = duri.verify(release.root, keyring=release.keyring)
    assert verdict.status is Status.TAMPERED
    assert {one.kind for one in verdict.findings} == {Kind.ARTIFACTS_MIXED}


def test_envelope_of_another_signer_with_an_unknown_key_is_tampered(release: Release) -> None:
    payload = Envelope.from_dict(json.loads(release.artifact("checksums.sig"))).payload
    signer = CryptoSigner(ec.generate_private_key(ec.SECP256R1()))
    envelope = Envelope(payload, dsse.PAYLOAD_TYPE, {})
    envelope.sign(signer)
    write_signatures(release, envelope)
    verdict = duri.verify(release.root, keyring=release.keyring, now=int(time.time()))
    assert verdict.status is Status.TAMPERED
    assert Kind.SIGNATURE_UNTRUSTED in {one.kind for one in verdict.findings}


def sign(release: Release, payload: bytes) -> Envelope:
    """Return an envelope by securesystemslib's own signer, with the private key of the keyring."""
    private = json.loads(release.keyring.read_bytes())["keys"][0]["private_key"]
    signer = CryptoSigner(load_pem_private_key(private.encode(), None), public_key(release))
    envelope = Envelope(payload, dsse.PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return envelope


def write_signatures(release: Release, envelope: Envelope) -> None:
    """Write an envelope as the signature files, in the one form that DuRi reads."""
    signatures = tuple(
        dsse.Signature(keyid=keyid, signature=bytes.fromhex(one.signature))
        for keyid, one in envelope.signatures.items()
    )
    data = dsse.write(dsse.Envelope(payload=envelope.payload, signatures=signatures))
    for name in SIGNATURES:
        (release.root / ".duri" / name).write_bytes(data)
