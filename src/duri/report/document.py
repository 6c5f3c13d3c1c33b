"""A verdict as JSON: what `--json` prints, `/api/v1/status` serves and programs read.

Guarantees: the document is valid against `verdict.schema.json` beside this file; keys always come
in the same order; every finding is in it. A path is text as `duri.report.escape.shown` gives it,
and where that text is not the name itself `path_bytes` holds it in base64, so no name is lost.
Within `schema_version` 1 fields and kinds are only ever added.
"""

import binascii

import msgspec

from duri.report.escape import printable, shown
from duri.verdict import Finding, Kind, PolicyCheck, SignatureCheck, Status, Summary, Verdict

SCHEMA_VERSION = "1.0"
"""Of the document, not of the release; major.minor."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What is released here; all null until a signature vouched for it."""

    product: str | None
    environment: str | None
    version: str | None
    sequence: int | None
    deployment_id: str | None
    schema_version: str | None
    hash_algorithm: str | None
    hash_version: int | None
    created_at: str | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One finding."""

    kind: Kind
    status: Status
    path: str | None
    path_bytes: str | msgspec.UnsetType
    expected: str | None
    actual: str | None
    detail: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report, in the order in which it is written."""

    schema_version: str
    status: Status
    exit_code: int
    severity: str
    root: str
    root_bytes: str | msgspec.UnsetType
    checked_at: str
    mode: str
    release: Release
    summary: Summary
    policy: PolicyCheck
    signatures: tuple[SignatureCheck, ...]
    findings: tuple[Entry, ...]


def render(verdict: Verdict, *, indent: int = 2) -> bytes:
    """Return the document in UTF-8, ending in a newline; `indent` 0 writes it on one line."""
    encoded = msgspec.json.encode(document(verdict))
    return (msgspec.json.format(encoded, indent=indent) if indent else encoded) + b"\n"


def document(verdict: Verdict) -> Document:
    """Return the document of a verdict."""
    root, root_bytes = _name(verdict.root.encode("utf-8", "surrogateescape"))
    return Document(
        schema_version=SCHEMA_VERSION,
        status=verdict.status,
        exit_code=verdict.exit_code,
        severity=verdict.status.severity,
        root=root,
        root_bytes=root_bytes,
        checked_at=verdict.checked_at,
        mode=verdict.mode,
        release=Release(
            product=verdict.product,
            environment=verdict.environment,
            version=verdict.version,
            sequence=verdict.sequence,
            deployment_id=verdict.deployment_id,
            schema_version=verdict.schema_version,
            hash_algorithm=verdict.hash_algorithm,
            hash_version=verdict.hash_version,
            created_at=verdict.created_at,
        ),
        summary=verdict.summary,
        policy=verdict.policy,
        signatures=verdict.signatures,
        findings=tuple(_entry(finding) for finding in verdict.findings),
    )


def _entry(finding: Finding) -> Entry:
    path, path_bytes = (None, msgspec.UNSET) if finding.path is None else _name(finding.path)
    return Entry(
        kind=finding.kind,
        status=finding.status,
        path=path,
        path_bytes=path_bytes,
        expected=None if finding.expected is None else printable(finding.expected),
        actual=None if finding.actual is None else printable(finding.actual),
        detail=printable(finding.detail),
    )


def _name(name: bytes) -> tuple[str, str | msgspec.UnsetType]:
    """Return the name as text, and in base64 where the text is not the name."""
    text = shown(name)
    if text.encode() == name:
        return text, msgspec.UNSET
    return text, binascii.b2a_base64(name, newline=False).decode()
