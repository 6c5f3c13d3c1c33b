"""What an error about an artifact becomes: what was got stands beside what was expected."""

import json

import pytest
from tests.unit.report.samples import verdict

from duri.errors import DuriError, MalformedError, UnverifiableError
from duri.evidence import findings
from duri.report import document, sarif, text
from duri.verdict import Kind, Status

COMPARED = MalformedError(
    "too many signatures", where="checksums.sig", expected="at most 16", got="40"
)
EXPLAINED = MalformedError("not Base64", where="checksums.sig", got="incorrect padding")
PLAIN = MalformedError("not canonical Base64 (stray bits)", where="checksums.sig")

TEXTS = {
    COMPARED: "expected at most 16, got 40; too many signatures",
    EXPLAINED: "not Base64: incorrect padding",
    PLAIN: "not canonical Base64 (stray bits)",
}


@pytest.mark.parametrize(("error", "said"), TEXTS.items(), ids=["compared", "explained", "plain"])
def test_error_reads_forwards_in_every_output(error: DuriError, said: str) -> None:
    found = findings.from_error(Kind.SIGNATURE_MALFORMED, "checksums.sig", error)
    judged = verdict(Status.TAMPERED, found)
    line = next(one for one in text.render(judged).splitlines() if "checksums.sig" in one)
    assert line.split("signature malformed", 1)[1].lstrip(":; ") == said
    (entry,) = json.loads(document.render(judged))["findings"]
    compared = error is COMPARED
    assert (entry["expected"], entry["actual"]) == (
        ("at most 16", "40") if compared else (None,) * 2
    )
    assert ("got" in entry["detail"], "40" in entry["detail"]) == (False, False)
    (result,) = json.loads(sarif.render(judged, version="1"))["runs"][0]["results"]
    message = result["message"]["text"]
    assert message.endswith(f". {error.what if compared else said}"), message
    assert ("; expected at most 16; got 40" in message) is compared


def test_error_that_leaves_no_verdict_says_so_and_any_other_is_tampered() -> None:
    newer = UnverifiableError("sealed by a newer DuRi", expected="2.0 or older", got="9.0")
    found = findings.from_error(Kind.SCHEMA_UNKNOWN, "deployment_metadata.json", newer)
    assert (found.status, found.expected, found.actual) == (
        Status.UNVERIFIABLE,
        "2.0 or older",
        "9.0",
    )
    other = findings.from_error(Kind.ARTIFACT_MALFORMED, "deployment_metadata.json", PLAIN)
    assert other.status is Status.TAMPERED
