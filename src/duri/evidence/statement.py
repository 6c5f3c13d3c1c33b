"""The in-toto Statements that DuRi signs: a release, and the permission to go back to one.

Source: in-toto Attestation Framework, Statement v1.

Guarantees: a release statement names every artifact with its SHA-256, and the release they make up,
so artifacts of two releases can never be mixed. Payload and predicate type are checked when parsed:
a signature made for one purpose is worth nothing for another.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from duri.errors import MalformedError
from duri.evidence import canonical
from duri.evidence.envelope import PAYLOAD_TYPE, Envelope
from duri.tree.digest import sha256

_HEX_SHA256 = 64


class Digest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A digest set with the one digest that DuRi's statements carry, lower-case hex."""

    sha256: str

    def __post_init__(self) -> None:
        """Refuse anything but the one spelling of a SHA-256."""
        if len(self.sha256) != _HEX_SHA256 or not set(self.sha256) <= set("0123456789abcdef"):
            message = "not a lower-case hex SHA-256"
            raise ValueError(message)


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a statement is about."""

    name: str
    digest: Digest


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The predicate of a release: what it is, under which policy, signed when (RFC 3339, UTC)."""

    product: str
    environment: str
    deployment_id: str
    sequence: int
    policy_digest: str
    signed_at: str


class Rollback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The predicate that permits one older release below the floor, until it expires."""

    product: str
    environment: str
    deployment_id: str
    sequence: int
    reason: str
    who: str
    issued_at: str
    expires_at: str


class ReleaseStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release and all its artifacts."""

    type_: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(
        name="_type", default="https://in-toto.io/Statement/v1"
    )
    subject: tuple[Subject, ...]
    predicate_type: Literal["urn:duri:release:v1"] = msgspec.field(
        name="predicateType", default="urn:duri:release:v1"
    )
    predicate: Release


class RollbackStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A permission about one release, named by the digest of its metadata."""

    type_: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(
        name="_type", default="https://in-toto.io/Statement/v1"
    )
    subject: tuple[Subject, ...]
    predicate_type: Literal["urn:duri:rollback-authorization:v1"] = msgspec.field(
        name="predicateType", default="urn:duri:rollback-authorization:v1"
    )
    predicate: Rollback


def subjects(files: Mapping[str, bytes]) -> tuple[Subject, ...]:
    """Return files as subjects, sorted by name."""
    return tuple(
        Subject(name=name, digest=Digest(sha256=sha256(files[name]))) for name in sorted(files)
    )


def release_payload(files: Mapping[str, bytes], predicate: Release) -> bytes:
    """Return the payload that binds these artifacts to this release."""
    return canonical.compact(ReleaseStatement(subject=subjects(files), predicate=predicate))


def rollback_payload(metadata: bytes, predicate: Rollback) -> bytes:
    """Return the payload that permits going back to the release with this metadata."""
    about = {predicate.deployment_id: metadata}
    return canonical.compact(RollbackStatement(subject=subjects(about), predicate=predicate))


def parse_release(envelope: Envelope, *, name: str) -> ReleaseStatement:
    """Parse the payload of an envelope whose signature counts.

    Raises:
        MalformedError: it is no release statement, not compact and canonical, or repeats a subject.
    """
    statement = _parse(envelope, ReleaseStatement, name)
    names = [subject.name for subject in statement.subject]
    if not names or names != sorted(set(names)):
        raise MalformedError("subjects are not sorted and unique", where=name)
    return statement


def parse_rollback(envelope: Envelope, *, name: str) -> RollbackStatement:
    """Parse the payload of a rollback authorisation whose signature counts."""
    statement = _parse(envelope, RollbackStatement, name)
    if len(statement.subject) != 1:
        raise MalformedError("an authorisation is about exactly one release", where=name)
    return statement


def _parse(envelope: Envelope, kind: type[canonical.T], name: str) -> canonical.T:
    if envelope.payload_type != PAYLOAD_TYPE:
        raise MalformedError(
            "another payload type", where=name, expected=PAYLOAD_TYPE, got=envelope.payload_type
        )
    statement = canonical.parse(envelope.payload, kind, name=name)
    if canonical.compact(statement) != envelope.payload:
        raise MalformedError("the payload is not canonical", where=name)
    return statement
