"""in-toto's own validator accepts DuRi's statements, and refuses broken ones."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from tests.conformance.conftest import Release

Document = dict[str, Any]


def statement(document: Document) -> Statement:
    """Return a document as in-toto's type; unknown fields at its top level are DuRi's to add."""
    parsed = json_format.ParseDict(document, statement_pb2.Statement(), ignore_unknown_fields=True)
    return Statement.copy_from_pb(parsed)


def payload(release: Release) -> Document:
    """Return the statement that a release's signatures are over."""
    envelope = json.loads(release.artifact("checksums.sig"))
    document = json.loads(base64.b64decode(envelope["payload"]))
    assert isinstance(document, dict)
    return document


def provenance(release: Release) -> Document:
    """Return a release's provenance."""
    document = json.loads(release.artifact("provenance.json"))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("read", [payload, provenance])
def test_statement_is_accepted(release: Release, read: Callable[[Release], Document]) -> None:
    statement(read(release)).validate()


@pytest.mark.parametrize("read", [payload, provenance])
@pytest.mark.parametrize("missing", ["_type", "subject", "predicateType", "predicate", "digest"])
def test_broken_statement_is_refused(
    release: Release, read: Callable[[Release], Document], missing: str
) -> None:
    document = read(release)
    if missing == "digest":
        del document["subject"][0]["digest"]
    else:
        del document[missing]
    with pytest.raises((ValueError, AssertionError)):
        statement(document).validate()


def test_provenance_predicate_is_slsa_provenance(release: Release) -> None:
    document = provenance(release)
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    predicate = document["predicate"]
    # Strictly: an unknown field would be a field that SLSA does not have.
    parsed = json_format.ParseDict(predicate, provenance_pb2.Provenance())
    # SLSA provenance v1 requires these four.
    assert parsed.build_definition.build_type
    assert parsed.build_definition.external_parameters
    assert parsed.run_details.builder.id
    assert parsed.run_details.metadata.started_on.seconds > 0
    predicate["buildDefinition"]["builtOn"] = "a laptop"
    with pytest.raises(json_format.ParseError):
        json_format.ParseDict(predicate, provenance_pb2.Provenance())
