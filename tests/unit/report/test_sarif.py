"""SARIF 2.1.0: what the specification requires of the parts that are used.

The OASIS schema is not kept here; these checks state its requirements (sections in brackets).
"""

import json
import re
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.report.samples import DIGEST_2, EVERY_STATUS, HOSTILE, MODIFIED, finding, verdict

from duri.report import sarif
from duri.verdict import Finding, Kind, Status, Verdict

Json: TypeAlias = dict[str, Any]

EVERY_KIND = verdict(Status.UNVERIFIABLE, *(finding(kind, b"x") for kind in Kind))


def rendered(judged: Verdict) -> Json:
    """Return the log as a program reads it."""
    log: Json = json.loads(sarif.render(judged, version="1.0.0"))
    return log


def check(log: Json) -> None:
    """Check the structure that SARIF 2.1.0 requires."""
    assert log["version"] == "2.1.0"  # 3.13.2
    assert log["$schema"].startswith("https://docs.oasis-open.org/sarif/")  # 3.13.3
    (run,) = log["runs"]  # 3.13.4
    driver = run["tool"]["driver"]  # 3.14.6, 3.18.2
    assert driver["name"]  # 3.19.8
    rules = driver["rules"]
    ids = [rule["id"] for rule in rules]  # 3.49.3
    assert len(set(ids)) == len(ids)
    for rule in rules:
        assert set(rule) <= {
            "id",
            "name",
            "shortDescription",
            "fullDescription",
            "help",
            "defaultConfiguration",
        }
        for text in ("shortDescription", "fullDescription", "help"):
            assert rule[text]["text"]  # 3.12.3
        assert rule["defaultConfiguration"]["level"] in {"none", "note", "warning", "error"}
    (invocation,) = run["invocations"]  # 3.20
    assert isinstance(invocation["executionSuccessful"], bool)  # 3.20.14
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", invocation["endTimeUtc"])  # 3.9
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}  # 3.14.17
    for result in run["results"]:
        assert result["message"]["text"]  # 3.27.11
        assert result["level"] in {"none", "note", "warning", "error"}  # 3.27.10
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]  # 3.27.5, 3.27.6
        assert all(
            isinstance(value, str) for value in result["partialFingerprints"].values()
        )  # 3.27.17
        for location in result.get("locations", []):
            place = location["physicalLocation"]["artifactLocation"]
            if "uriBaseId" in place:
                assert place["uriBaseId"] in run["originalUriBaseIds"]  # 3.4.4, 3.14.14
                assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", place["uri"])  # 3.4.3
                assert not place["uri"].startswith("/")
            else:
                assert re.fullmatch(r"file:///(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", place["uri"])
    for base in run["originalUriBaseIds"].values():
        assert base.get("uri", "/").endswith("/")  # 3.14.14


@pytest.mark.parametrize("judged", [*EVERY_STATUS.values(), EVERY_KIND])
def test_every_verdict_is_valid(judged: Verdict) -> None:
    check(rendered(judged))


def test_every_finding_is_a_result_with_the_level_of_its_severity() -> None:
    results = rendered(EVERY_KIND)["runs"][0]["results"]
    assert len(results) == len(Kind)
    levels = {result["ruleId"]: result["level"] for result in results}
    assert levels["duri/modified"] == "error"
    assert levels["duri/ignore_differs"] == "warning"
    assert levels["duri/unsigned"] == "note"


@given(st.binary(min_size=1).filter(lambda path: not path.startswith(b"/")))
def test_a_uri_names_the_path_exactly(path: bytes) -> None:
    uri = sarif.uri(path)
    assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri)
    assert unquote_to_bytes(uri) == path


def test_a_name_like_a_scheme_is_a_path() -> None:
    assert sarif.uri(b"javascript:alert(1)") == "javascript%3Aalert%281%29"


def test_an_artifact_is_not_placed_in_the_tree() -> None:
    run = rendered(EVERY_STATUS[Status.TAMPERED])["runs"][0]
    bases = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"]
        for result in run["results"]
    ]
    assert bases == ["ARTIFACTS", "SRCROOT"]


def test_a_keyring_is_in_neither_and_is_placed_where_it_is_named_absolutely() -> None:
    absolute = finding(Kind.KEYRING_UNUSABLE, b"/etc/secrets/a key.json")
    relative = finding(Kind.KEYRING_UNUSABLE, b"key.json")
    log = rendered(verdict(Status.UNVERIFIABLE, absolute, relative))
    check(log)
    first, second = log["runs"][0]["results"]
    place = first["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "file:///etc/secrets/a%20key.json"}
    assert "locations" not in second
    assert "key.json" in second["message"]["text"]


def fingerprint(one: Finding) -> str:
    """Return a finding's fingerprint."""
    (result,) = rendered(verdict(Status.CORRUPTED, one))["runs"][0]["results"]
    value: str = result["partialFingerprints"]["duriFinding/v1"]
    return value


def test_a_fingerprint_is_the_same_in_the_next_scan_and_another_for_another_deviation() -> None:
    later = msgspec.structs.replace(MODIFIED, actual=DIGEST_2[:-1] + "0", detail="again")
    assert fingerprint(MODIFIED) == fingerprint(later)
    elsewhere = msgspec.structs.replace(MODIFIED, path=b"app/other.py")
    otherwise = msgspec.structs.replace(MODIFIED, kind=Kind.TYPE)
    assert len({fingerprint(one) for one in (MODIFIED, elsewhere, otherwise, HOSTILE)}) == 4


def test_a_fingerprint_never_changes_between_versions() -> None:
    assert fingerprint(MODIFIED) == (
        "2ce32782c7875be28b4c935cd55d5bea9f4a58142a0cab2025a3f30f157b7217"
    )


def test_a_message_holds_no_link_and_no_control() -> None:
    bad = finding(Kind.NEW, b"[click](https://example.com)\x1b[2J")
    (result,) = rendered(verdict(Status.CORRUPTED, bad))["runs"][0]["results"]
    text = result["message"]["text"]
    assert text.isprintable()
    assert r"\[click\](https://example.com)\\x1b\[2J" in text


def test_no_verdict_is_an_execution_that_failed() -> None:
    def successful(status: Status) -> object:
        run = rendered(EVERY_STATUS[status])["runs"][0]
        return run["invocations"][0]["executionSuccessful"]

    assert successful(Status.UNVERIFIABLE) is False
    assert successful(Status.CORRUPTED) is True
