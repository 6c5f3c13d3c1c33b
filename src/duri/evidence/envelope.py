"""The DSSE envelope: a payload, its type, and signatures over both.

Source: DSSE v1.0.2, protocol and envelope documents.

Guarantees: a parsed envelope is bounded, canonical, with canonical Base64 only, so that no byte of
it can change and mean the same. What is signed is the pre-authentication encoding of payload type
and payload; it stays within what key services accept.

Leaves to others: which signatures count (`duri.evidence.keys.trust`), what the payload says
(`duri.evidence.statement`).
"""

import binascii

import msgspec

from duri.errors import MalformedError, UsageError
from duri.evidence import canonical
from duri.limits import MAX_PAE_BYTES, MAX_SIGNATURE_BYTES, MAX_SIGNATURES

PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One signature: the keyid is a hint from outside, the bytes are raw."""

    keyid: str
    signature: bytes


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A payload and signatures over it; nothing in it is believed before one of them counts."""

    payload: bytes
    payload_type: str = PAYLOAD_TYPE
    signatures: tuple[Signature, ...] = ()


class _Sig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: tuple[_Sig, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding, the message that is signed.

    Raises:
        UsageError: it is longer than key services accept for a MAC.
    """
    kind = payload_type.encode()
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    if len(message) > MAX_PAE_BYTES:
        raise UsageError(
            "the statement to sign is too long",
            expected=f"at most {MAX_PAE_BYTES} bytes, the limit of key services that make MACs",
            got=f"{len(message)} bytes",
            todo="Shorten the product's, environment's or version's name, or attach fewer files",
        )
    return message


def write(envelope: Envelope) -> bytes:
    """Return the envelope as a canonical document.

    Raises:
        UsageError: it has more signatures than a verifier reads.
    """
    if len(envelope.signatures) > MAX_SIGNATURES:
        raise UsageError(
            "too many keys sign",
            expected=f"at most {MAX_SIGNATURES} signatures",
            got=str(len(envelope.signatures)),
            todo="Retire the old keys: duri keys retire",
        )
    return canonical.encode(
        _Document(
            payload=_encode(envelope.payload),
            payload_type=envelope.payload_type,
            signatures=tuple(
                _Sig(keyid=one.keyid, sig=_encode(one.signature)) for one in envelope.signatures
            ),
        )
    )


def parse(data: bytes, *, name: str) -> Envelope:
    """Parse the bytes of a `.sig`.

    Raises:
        MalformedError: too large, not canonical, not Base64, or too many signatures.
    """
    if len(data) > MAX_SIGNATURE_BYTES:
        raise MalformedError(
            "too large for a signature file",
            where=name,
            expected=f"at most {MAX_SIGNATURE_BYTES} bytes",
            got=f"{len(data)} bytes",
        )
    document = canonical.decode(data, _Document, name=name)
    if len(document.signatures) > MAX_SIGNATURES:
        raise MalformedError(
            "too many signatures",
            where=name,
            expected=f"at most {MAX_SIGNATURES}",
            got=str(len(document.signatures)),
        )
    return Envelope(
        payload=_decode(document.payload, name),
        payload_type=document.payload_type,
        signatures=tuple(
            Signature(keyid=one.keyid, signature=_decode(one.sig, name))
            for one in document.signatures
        ),
    )


def _encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _decode(text: str, name: str) -> bytes:
    """Decode canonical Base64: spare bits would let a byte change without changing the meaning."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError("not Base64", where=name, got=str(error)) from error
    if _encode(data) != text:
        raise MalformedError("not canonical Base64 (stray bits)", where=name)
    return data
