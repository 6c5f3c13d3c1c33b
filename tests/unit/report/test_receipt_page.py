"""The auditor's page and the JSON beside it: what they claim, and that they are safe to open."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from tests.unit.report import samples
from tests.unit.report.receipt_logs import INTERVAL, NOW, audited, open_log, scan, write_log

from duri.report.receipt import document, folder, text
from duri.report.receipt.audit import Audit
from duri.report.receipt.chain import Trouble
from duri.report.receipt.coverage import Reason
from duri.report.receipt.document import Source
from duri.report.receipt.length import Language, duration
from duri.report.receipt.page import render, words
from duri.report.receipt.receipt import Entry, Kind
from duri.verdict import Status

SOURCE = Source(folder="receipts", keyring="watch-key.pub.json", keyring_beside_receipts=True)
LANGUAGES: list[Language] = ["en", "ko"]


def page(audit: Audit, *, language: Language = "en", source: Source = SOURCE) -> str:
    """Return the page of an audit."""
    return render(audit, source, language=language, made=NOW, version="1.2.3", is_end_known=False)


class Tags(HTMLParser):
    """Collects the tags and attributes of a page, and that they close."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags(html: str) -> Tags:
    """Parse a page; every tag must close in order."""
    parser = Tags()
    parser.feed(re.sub(r"<(\w+)([^>]*)/>", r"<\1\2></\1>", html))
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture
def eventful(tmp_path: Path) -> Path:
    """Return a log with a gap, an incident and a hostile release name."""
    path = tmp_path / "receipts"
    now = write_log(path, scans=3)
    log = open_log(path, now=now + 1000)
    assert log.append(Entry(kind=Kind.START), now=now + 1000)
    hostile = samples.verdict(Status.CORRUPTED, deployment_id="<script>alert(1)</script>\u202e&\"'")
    assert log.append(scan(Status.CORRUPTED, verdict=hostile), now=now + 1000)
    assert log.append(scan(), now=now + 1300)
    log.close(now + 1300)
    return path


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_needs_nothing_else_and_runs_nothing(eventful: Path, language: Language) -> None:
    html = page(audited(eventful, end=NOW + 3000), language=language)
    parsed = tags(html)
    assert not {"script", "iframe", "img", "link", "object", "form"} & set(parsed.names)
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name == "style"]
    assert not re.search(r"""(?:https?:)?//\w|url\((?!#)|@import""", html)
    assert f'lang="{language}"' in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_gaps_incidents_and_releases(eventful: Path, language: Language) -> None:
    html = page(audited(eventful, end=NOW + 2535), language=language)
    say = words(language)
    assert say["reason.stopped"] in html
    assert say["state.corrupted"] in html
    assert "shop-1.4.2-17-0123456789ab" in html
    assert "60.552" in html  # 900 s and 635 s of 2,535 s
    assert "&lt;script&gt;" in html
    assert "\u202e" not in html


def test_languages_say_the_same_things_with_the_same_values() -> None:
    english, korean = words("en"), words("ko")
    assert english.keys() == korean.keys()
    for key, sentence in english.items():
        fields = sorted(re.findall(r"\{(\w+)\}", sentence))
        assert fields == sorted(re.findall(r"\{(\w+)\}", korean[key])), key
    for prefix, names in (("trouble", Trouble), ("reason", Reason), ("state", Status)):
        assert {f"{prefix}.{name.value}" for name in names} <= english.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_of_a_log_that_does_not_hold_claims_no_time(
    eventful: Path, language: Language
) -> None:
    lines = (eventful / folder.ACTIVE).read_bytes().splitlines(keepends=True)
    (eventful / folder.ACTIVE).write_bytes(b"".join(lines[:2] + lines[3:]))
    audit = audited(eventful, end=NOW + 3000)
    html = page(audit, language=language)
    tags(html)
    say = words(language)
    assert say["answer.tampered"] in html
    assert say["trouble.missing"] in html
    assert say["gaps.none"] not in html
    assert "%" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    value = json.loads(document.render(audit, SOURCE, exit_code=11))
    assert (value["status"], value["exit_code"], value["coverage"]) == ("tampered", 11, None)


def test_whole_coverage_is_said_and_never_rounded_up(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    write_log(path, scans=4)
    whole = audited(path, end=NOW + 4 * INTERVAL)
    assert whole.coverage is not None
    assert whole.coverage.percent == "100"
    assert words("en")["gaps.none"] in page(whole)
    nearly = msgspec.structs.replace(whole.coverage, covered=1_199_999, end=NOW + 1_200_000)
    assert nearly.percent == "99.999"
    assert msgspec.structs.replace(nearly, covered=0).percent == "0"


def test_text_and_json_say_the_same(eventful: Path) -> None:
    audit = audited(eventful, end=NOW + 2535)
    shown = text.render(audit, SOURCE, is_end_known=False)
    value = json.loads(document.render(audit, SOURCE, exit_code=0))
    coverage = value["coverage"]
    assert f"covered   {coverage['covered_percent']} %" in shown
    assert (coverage["gap_count"], coverage["incident_count"]) == (1, 1)
    assert shown.count("  gap  ") == shown.count("  incident  ") == 1
    assert coverage["seconds_by_status"] == {
        "verified": 1235,
        "corrupted": 300,
        "policy_changed": 0,
        "tampered": 0,
        "unverifiable": 0,
    }
    assert "The key lies beside the receipts" in shown
    assert "--head" in shown
    assert "\u202e" not in shown
    named = msgspec.structs.replace(SOURCE, keyring_beside_receipts=False)
    assert "lies beside" not in text.render(audit, named, is_end_known=True)
    assert "--head" not in text.render(audit, named, is_end_known=True)


def test_lengths_of_time_read_well() -> None:
    assert [duration(seconds) for seconds in (0, 59, 3600, 90061)] == [
        "0 s",
        "59 s",
        "1 h",
        "1 d 1 h",
    ]
    assert duration(90061, language="ko") == "1일 1시간"
    assert duration(61) == "1 min 1 s"
