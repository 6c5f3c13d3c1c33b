"""`provenance.json`: where a release came from, as an in-toto Statement with SLSA provenance v1.

Source: in-toto Statement v1; SLSA provenance v1 (buildDefinition, runDetails).

Guarantees: its subjects are the other artifacts, so it cannot speak of another release; nothing of
the environment goes in unless the caller passes it.

Leaves to others: filling in a builder's own facts, validating an SBOM's content.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from duri.errors import MalformedError
from duri.evidence import canonical
from duri.evidence.release import CHECKSUMS, METADATA, PROVENANCE, SBOM_FORMATS, digest
from duri.evidence.statement import Subject, subjects

BUILD_TYPE = "urn:duri:build:seal:v1"
LOCAL_BUILDER = "urn:duri:builder:local"


class _Resource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    uri: str = ""
    digest: dict[str, str] = {}


class _Definition(msgspec.Struct, frozen=True, kw_only=True):
    build_type: str = msgspec.field(name="buildType")
    external_parameters: dict[str, object] = msgspec.field(name="externalParameters")
    internal_parameters: dict[str, object] = msgspec.field(
        name="internalParameters", default_factory=dict
    )
    resolved_dependencies: tuple[_Resource, ...] = msgspec.field(
        name="resolvedDependencies", default=()
    )


class _Builder(msgspec.Struct, frozen=True, kw_only=True):
    id: str


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    invocation_id: str = msgspec.field(name="invocationId", default="")
    started_on: str = msgspec.field(name="startedOn", default="")
    finished_on: str = msgspec.field(name="finishedOn", default="")


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    builder: _Builder
    metadata: _Run = _Run()


class _Predicate(msgspec.Struct, frozen=True, kw_only=True):
    build_definition: _Definition = msgspec.field(name="buildDefinition")
    run_details: _Details = msgspec.field(name="runDetails")


class _Statement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    type_: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicate_type: Literal["https://slsa.dev/provenance/v1"] = msgspec.field(name="predicateType")
    predicate: _Predicate
    sbom_digest: str | None = None
    sbom_format: str | None = None


def write(
    artifacts: Mapping[str, bytes],
    *,
    deployment_id: str,
    started_on: str,
    finished_on: str,
    parameters: Mapping[str, object],
    builder: str = LOCAL_BUILDER,
) -> bytes:
    """Return the canonical document about these artifacts.

    Args:
        artifacts: `checksums.json`, `deployment_metadata.json` and an SBOM file where there is one.
        deployment_id: the release, as the invocation's id.
        started_on: RFC 3339, UTC.
        finished_on: RFC 3339, UTC.
        parameters: SLSA external parameters: what the builder was asked for, nothing secret.
        builder: a URI naming who built.
    """
    sbom = next((name for name in artifacts if name in SBOM_FORMATS), None)
    return canonical.encode(
        _Statement(
            type_="https://in-toto.io/Statement/v1",
            subject=subjects(artifacts),
            predicate_type="https://slsa.dev/provenance/v1",
            predicate=_Predicate(
                build_definition=_Definition(
                    build_type=BUILD_TYPE, external_parameters=dict(parameters)
                ),
                run_details=_Details(
                    builder=_Builder(id=builder),
                    metadata=_Run(
                        invocation_id=deployment_id, started_on=started_on, finished_on=finished_on
                    ),
                ),
            ),
            sbom_digest=None if sbom is None else digest(artifacts[sbom]),
            sbom_format=None if sbom is None else SBOM_FORMATS[sbom],
        )
    )


def check(data: bytes, digests: Mapping[str, str]) -> None:
    """Check that a provenance speaks of these artifacts, and of this SBOM where it names one.

    Args:
        data: the bytes of `provenance.json`.
        digests: the SHA-256 of the artifacts that were accepted, by name.

    Raises:
        MalformedError: malformed, or about other artifacts. `where` is the provenance, or the SBOM
            file when it is the SBOM that does not match.
    """
    statement = canonical.decode(data, dict[str, object], name=PROVENANCE)
    about = canonical.parse(canonical.compact(statement), _Statement, name=PROVENANCE)
    named = {subject.name: subject.digest.sha256 for subject in about.subject}
    for name in (CHECKSUMS, METADATA):
        if named.get(name) != digests[name]:
            raise MalformedError(
                f"the provenance is not about this {name}",
                where=PROVENANCE,
                expected=f"sha256:{digests[name]}",
                got=f"sha256:{named[name]}" if name in named else "no such subject",
            )
    sbom = next((name for name in digests if name in SBOM_FORMATS), None)
    found = None if sbom is None else f"sha256:{digests[sbom]}"
    if about.sbom_digest != found:
        raise MalformedError(
            "the SBOM is not the one that the provenance names",
            where=sbom or "sbom",
            expected=about.sbom_digest or "no SBOM",
            got=found or "no SBOM file",
        )
