"""The status document: complete, in one order, exact about names, bounded, valid."""

import base64
import importlib.resources
import json
from typing import Any, TypeAlias

import jsonschema
import msgspec
import pytest
import referencing
from tests.unit.report.samples import EVERY_STATUS, HOSTILE, finding, verdict

from duri.report import document as verdict_document
from duri.report.escape import unshown
from duri.verdict import Kind, Status
from duri.watch.http import document
from duri.watch.snapshot import (
    Events,
    KeyAge,
    Origin,
    ReceiptLog,
    Scanning,
    ScanPoint,
    Snapshot,
    Span,
)

Json: TypeAlias = dict[str, Any]

AT = 1_795_000_000.75
EMPTY = Snapshot(version=1, at=AT, started_at=AT, root="/srv/app", since=AT)
FULL = Snapshot(
    version=7,
    at=AT,
    started_at=AT,
    root="/srv/\udcff",
    target="shop (4711)\x1b",
    verdict=verdict(Status.CORRUPTED, HOSTILE),
    since=AT,
    last_scan_at=AT,
    last_full_at=AT,
    next_scan_at=AT + 300,
    scanning=Scanning(kind="full", began=AT, files=1, bytes=2, total_files=3, total_bytes=None),
    updating=True,
    events=Events(source="inotify", watches=5, lost=1, problem="too few\nwatches"),
    keys=(
        KeyAge(
            keyid="ab" * 32,
            name="\u202ebob",
            algorithm="ed25519",
            state="active",
            age_days=-1,
            due=True,
        ),
    ),
    receipts=ReceiptLog(folder="/r", written=1, sequence=9, last_at=AT, waiting=2, problem="\x07"),
    origins=((b"a\xff", Origin(pid=1, uid=0, command="evil\x1b[2J", at=AT)),),
    spans=(
        Span(begin=AT - 60, end=AT, status=None),
        Span(begin=AT, end=AT + 1, status=Status.VERIFIED),
    ),
    points=(
        ScanPoint(at=AT, kind="stat", duration_ms=1, bytes_hashed=2, modified=3, missing=4, new=5),
    ),
    problems=("textfile: no space\n",),
)


def schema(package: str, name: str) -> Json:
    loaded: Json = json.loads(importlib.resources.files(package).joinpath(name).read_text())
    jsonschema.Draft202012Validator.check_schema(loaded)
    return loaded


STATUS = schema("duri.watch.http", "status.schema.json")
VERDICT = schema("duri.report", "verdict.schema.json")
REGISTRY: referencing.Registry[Any] = referencing.Registry().with_resources(
    (one["$id"], referencing.Resource.from_contents(one)) for one in (STATUS, VERDICT)
)
VALIDATOR = jsonschema.Draft202012Validator(STATUS, registry=REGISTRY)


def rendered(snapshot: Snapshot, *, most: int = 1000) -> Json:
    """Return the document as a program reads it."""
    loaded: Json = json.loads(document.render(snapshot, most=most))
    return loaded


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_valid(status: Status) -> None:
    loaded = rendered(msgspec.structs.replace(EMPTY, verdict=EVERY_STATUS[status]))
    VALIDATOR.validate(loaded)
    assert (loaded["status"], loaded["exit_code"]) == (status.value, status.exit_code)
    assert loaded["severity"] == status.severity
    assert loaded["ready"] is (status in {Status.VERIFIED, Status.POLICY_CHANGED})


def test_no_scan_yet_is_valid_and_critical() -> None:
    loaded = rendered(EMPTY)
    VALIDATOR.validate(loaded)
    assert (loaded["status"], loaded["verdict"]) == (None, None)
    assert (loaded["exit_code"], loaded["severity"], loaded["ready"]) == (13, "critical", False)


def test_everything_there_is_is_valid_and_in_the_order_of_the_schema() -> None:
    loaded = rendered(FULL)
    VALIDATOR.validate(loaded)
    properties = STATUS["properties"]
    assert list(loaded) == list(properties)
    assert list(properties) == list(document.Document.__struct_fields__)
    for name in ("scanning", "events", "receipts"):
        assert list(loaded[name]) == list(properties[name]["properties"])
    for name in ("keys", "origins", "spans", "points"):
        assert list(loaded[name][0]) == list(properties[name]["items"]["properties"])
    assert loaded["since"] == "2026-11-18T11:06:40Z"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "fine"),
        ("exit_code", 0),
        ("ready", True),
        ("severity", "none"),
        ("since", "yesterday"),
        ("verdict", {}),
        ("extra", 1),
        ("schema_version", "2.0"),
        ("findings_total", -1),
    ],
)
def test_the_schema_refuses_what_is_no_status(key: str, value: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(rendered(FULL) | {key: value})


def test_the_verdict_is_the_one_that_verify_prints() -> None:
    assert FULL.verdict is not None
    assert rendered(FULL)["verdict"] == json.loads(verdict_document.render(FULL.verdict))


def test_names_are_exact_and_nothing_acts_on_a_terminal() -> None:
    loaded = rendered(FULL)
    assert base64.b64decode(loaded["root_bytes"]) == b"/srv/\xff" == unshown(loaded["root"])
    (change,) = loaded["origins"]
    assert base64.b64decode(change["path_bytes"]) == b"a\xff" == unshown(change["path"])
    text = document.render(FULL, most=10).decode()
    assert text.endswith("\n")
    assert text[:-1].isprintable()


def test_findings_are_cut_by_number_and_the_rest_is_counted() -> None:
    found = tuple(finding(Kind.MODIFIED, b"%d" % number) for number in range(10))
    snapshot = msgspec.structs.replace(EMPTY, verdict=verdict(Status.CORRUPTED, *found))
    for most, listed, truncated in ((0, 0, True), (9, 9, True), (10, 10, False), (11, 10, False)):
        loaded = rendered(snapshot, most=most)
        VALIDATOR.validate(loaded)
        assert [one["path"] for one in loaded["verdict"]["findings"]] == [
            str(number) for number in range(listed)
        ]
        assert (loaded["findings_total"], loaded["truncated"]) == (10, truncated)


def test_findings_are_cut_by_size_whatever_their_names_are() -> None:
    found = tuple(finding(Kind.NEW, b"\xff" * 4000) for _ in range(10_000))
    snapshot = msgspec.structs.replace(EMPTY, verdict=verdict(Status.CORRUPTED, *found))
    raw = document.render(snapshot, most=10_000)
    assert len(raw) < 7 * document.MAX_FINDINGS_BYTES
    loaded = json.loads(raw)
    assert (loaded["findings_total"], loaded["truncated"]) == (10_000, True)
    assert loaded["verdict"]["findings"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00Z"),
        (-5.0, "1970-01-01T00:00:00Z"),
        (AT, "2026-11-18T11:06:40Z"),
        (1e18, "9999-12-31T23:59:59Z"),
    ],
)
def test_a_clock_that_stands_wrong_is_written_all_the_same(seconds: float, text: str) -> None:
    assert document.written(seconds) == text
