"""`--json`: valid against its schema, complete, in one order, exact about names."""

import base64
import importlib.resources
import json
from typing import Any, TypeAlias

import jsonschema
import msgspec
import pytest
from tests.unit.report.samples import EVERY_STATUS, HOSTILE, finding, verdict

from duri.report import document
from duri.report.escape import unshown
from duri.verdict import Finding, Kind, Status, Verdict

Json: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def schema() -> Json:
    """Return the schema as it is shipped."""
    text = importlib.resources.files("duri.report").joinpath("verdict.schema.json").read_text()
    loaded: Json = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(loaded)
    return loaded


def rendered(judged: Verdict) -> Json:
    """Return the document as a program reads it."""
    loaded: Json = json.loads(document.render(judged))
    return loaded


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_valid(status: Status, schema: Json) -> None:
    loaded = rendered(EVERY_STATUS[status])
    jsonschema.Draft202012Validator(schema).validate(loaded)
    assert (loaded["status"], loaded["exit_code"]) == (status.value, status.exit_code)
    assert loaded["severity"] == status.severity


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_valid(kind: Kind, schema: Json) -> None:
    judged = verdict(Status.UNVERIFIABLE, finding(kind, b"x"))
    jsonschema.Draft202012Validator(schema).validate(rendered(judged))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "fine"),
        ("exit_code", 0),
        ("severity", "none"),
        ("schema_version", "2.0"),
        ("findings", None),
        ("extra", 1),
        ("root_bytes", "not base64!"),
    ],
)
def test_the_schema_refuses_what_is_no_verdict(key: str, value: object, schema: Json) -> None:
    loaded = rendered(EVERY_STATUS[Status.CORRUPTED])
    loaded[key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(loaded)


def test_the_schema_knows_exactly_the_kinds_there_are(schema: Json) -> None:
    assert schema["$defs"]["kind"]["enum"] == [kind.value for kind in Kind]
    assert schema["$defs"]["status"]["enum"] == [status.value for status in Status]


def test_the_schema_names_every_key_in_the_order_of_the_document(schema: Json) -> None:
    assert list(schema["properties"]) == list(document.Document.__struct_fields__)
    assert list(schema["$defs"]["finding"]["properties"]) == list(document.Entry.__struct_fields__)
    loaded = rendered(verdict(Status.CORRUPTED, HOSTILE, root="/srv/\x01"))
    assert list(loaded) == list(schema["properties"])
    assert list(loaded["findings"][0]) == list(schema["$defs"]["finding"]["properties"])
    assert list(loaded["summary"]) == list(schema["properties"]["summary"]["properties"])
    assert list(loaded["release"]) == list(schema["properties"]["release"]["properties"])


@pytest.mark.parametrize(
    "name", [b"\xff\xfe", b"a\nb", b"back\\slash", "cafe\u0301".encode(), HOSTILE.path or b""]
)
def test_a_name_that_cannot_be_text_is_there_in_base64(name: bytes, schema: Json) -> None:
    loaded = rendered(verdict(Status.CORRUPTED, finding(Kind.NEW, name)))
    jsonschema.Draft202012Validator(schema).validate(loaded)
    (entry,) = loaded["findings"]
    assert base64.b64decode(entry["path_bytes"]) == name
    assert unshown(entry["path"]) == name


@pytest.mark.parametrize("name", [b"app/main.py", "문서/a b.md".encode()])
def test_a_plain_name_is_there_once(name: bytes) -> None:
    (entry,) = rendered(verdict(Status.CORRUPTED, finding(Kind.NEW, name)))["findings"]
    assert entry["path"] == name.decode()
    assert "path_bytes" not in entry


def test_a_finding_without_a_path_has_null() -> None:
    (entry,) = rendered(verdict(Status.POLICY_CHANGED, finding(Kind.MODE_DIFFERS)))["findings"]
    assert entry["path"] is None
    assert "path_bytes" not in entry


def test_controls_in_values_are_escaped_and_surrogates_do_not_break_it() -> None:
    bad = Finding(
        kind=Kind.LINK_TARGET,
        status=Status.CORRUPTED,
        path=b"l",
        expected="a\x1b",
        actual="\udcff",
        detail="x\ny",
    )
    loaded = rendered(verdict(Status.CORRUPTED, bad, root="/srv/\udcff"))
    (entry,) = loaded["findings"]
    assert (entry["expected"], entry["actual"], entry["detail"]) == (r"a\x1b", r"\xff", r"x\ny")
    assert loaded["root"] == r"/srv/\xff"
    assert base64.b64decode(loaded["root_bytes"]) == b"/srv/\xff"


def test_one_line_and_indented_say_the_same() -> None:
    judged = EVERY_STATUS[Status.TAMPERED]
    line = document.render(judged, indent=0)
    assert line.count(b"\n") == 1
    assert msgspec.json.decode(line) == msgspec.json.decode(document.render(judged))
