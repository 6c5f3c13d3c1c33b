"""What `duri status` believes: a status document of version 1, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.report.samples import EVERY_STATUS

from duri.errors import UnverifiableError, UsageError
from duri.verdict import Status
from duri.watch.http import client, document
from duri.watch.snapshot import Snapshot


def written(status: Status | None) -> dict[str, Any]:
    snapshot = Snapshot(
        version=1,
        at=1.0,
        started_at=1.0,
        root="/srv/app",
        since=1.0,
        verdict=None if status is None else EVERY_STATUS[status],
    )
    loaded: dict[str, Any] = json.loads(document.render(snapshot, most=100))
    return loaded


def parse(loaded: object) -> client.Told:
    return client.parse(json.dumps(loaded).encode(), where="x")


@pytest.mark.parametrize("status", list(Status))
def test_a_verdict_comes_through_whole(status: Status) -> None:
    told = parse(written(status))
    before, after = EVERY_STATUS[status], told.verdict
    assert after is not None
    assert told.status is status
    assert (after.status, after.findings, after.summary) == (
        before.status,
        before.findings,
        before.summary,
    )
    assert (after.root, after.deployment_id) == (before.root, before.deployment_id)


def test_no_scan_yet_comes_through() -> None:
    told = parse(written(None))
    assert (told.status, told.verdict) == (None, None)


def test_what_a_newer_watcher_adds_is_left_out_and_said() -> None:
    loaded = written(Status.CORRUPTED) | {"schema_version": "1.7", "more": [1]}
    loaded["verdict"]["findings"][0]["kind"] = "later"
    told = parse(loaded)
    assert told.unknown_kinds == ("later",)
    assert told.verdict is not None
    assert len(told.verdict.findings) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": "verified"},
        {"status": None},
        {"status": "fine"},
        {"schema_version": "2.0"},
        {"verdict": None},
        {"verdict": {}},
        {"problems": "none"},
        {"findings_total": "1"},
        {"root": 1},
    ],
)
def test_a_document_that_is_not_sound_is_no_status(change: dict[str, object]) -> None:
    with pytest.raises(UnverifiableError):
        parse(written(Status.CORRUPTED) | change)


def test_a_path_that_no_escape_explains_is_no_status() -> None:
    loaded = written(Status.CORRUPTED)
    loaded["verdict"]["findings"][0]["path"] = "a\\q"
    with pytest.raises(UnverifiableError):
        parse(loaded)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"\xff", b"<html>", b"[" * 100_000])
def test_what_is_no_document_is_no_status(raw: bytes) -> None:
    with pytest.raises(UnverifiableError):
        client.parse(raw, where="x")


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else(raw: bytes) -> None:
    with pytest.raises(UnverifiableError):
        client.parse(raw, where="x")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:9101",
        "https://127.0.0.1:9101",
        "file:///etc/passwd",
        "http://",
        "http://:9101",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://user:secret@127.0.0.1:9101",
        "http://127.0.0.1:9101/?a=b",
        "http://127.0.0.1:9101/#a",
        "http://127.0.0.1:9101/a b",
        "http://127.0.0.1:9101/\r\nX: y",
        "http://[::1:9101",
        "http://\u00e9:9101",
        "http://" + "a" * 70 + ":9101",
    ],
)
def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError):
        client.ask(url, findings=1, seconds=1)
