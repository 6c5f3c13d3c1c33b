"""The status page as HTML: each state says what it must, in both languages, and nothing escapes."""

import re
from html.parser import HTMLParser

import pytest
from tests.unit.watch.page_snapshots import (
    HOSTILE_NAMES,
    MANY,
    NOW,
    OVERDUE_KEY,
    STATES,
    snapshot,
    verdict,
)

from duri.verdict import Finding, Kind, Status
from duri.watch.page import ASSETS, render
from duri.watch.page.languages import words
from duri.watch.snapshot import Events, Origin, ReceiptLog, Snapshot

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """What a parser of HTML sees: elements in order, their attributes, and whether tags match."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def page(shown: Snapshot, *, language: str = "en", now: float = NOW) -> Page:
    return Page(render(shown, language=language, now=now))


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", STATES)
def test_state_is_said_in_words_title_and_icon(name: str, language: str) -> None:
    state = {
        "corrupted-many": "corrupted",
        "events-lost": "verified",
        "no-receipts": "verified",
        "policy-changed": "policy_changed",
        "spike": "corrupted",
        "hostile": "corrupted",
    }.get(name, name)
    html = render(STATES[name], language=language, now=NOW)
    seen = Page(html)
    said = words("ko" if language == "ko" else "en")
    assert f'<h1 id="status">{said[f"state.{state}"]}</h1>' in html
    assert f"<title>{said[f'state.{state}']} – " in html
    assert said[f"says.{state}"] in seen.text
    assert ("html", {"lang": language}) in seen.elements
    assert f'href="static/icon-{state}.svg"' in html
    assert b"<svg" in ASSETS[f"icon-{state}.svg"].content


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", STATES)
def test_page_needs_no_inline_script_no_style_and_no_other_origin(name: str, language: str) -> None:
    seen = page(STATES[name], language=language)
    for tag, attributes in seen.elements:
        assert "style" not in attributes
        assert tag != "style"
        assert not any(key.startswith("on") for key in attributes)
        for key in ("href", "src"):
            address = attributes.get(key) or ""
            assert ":" not in address
            assert not address.startswith("/")
    assert [attributes for tag, attributes in seen.elements if tag == "script"] == [
        {"src": "static/page.js", "defer": None}
    ]


def test_assets_are_what_the_page_asks_for() -> None:
    html = render(STATES["verified"], language="en", now=NOW)
    asked = set(re.findall(r'"static/([^"]+)"', html))
    assert asked == {"page.css", "page.js", "icon-verified.svg"}
    assert asked < set(ASSETS)
    assert len(ASSETS) == len(set(ASSETS)) == len({asset.content for asset in ASSETS.values()})
    assert ASSETS["page.js"].content_type.startswith("text/javascript")
    assert b"prefers-color-scheme" in ASSETS["page.css"].content
    with pytest.raises(KeyError):
        ASSETS["../__init__.py"]


def test_page_reloads_by_itself_without_javascript_only() -> None:
    html = render(STATES["verified"], language="en", now=NOW)
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in html
    assert html.count("http-equiv") == 1


def test_hostile_names_are_text_and_nothing_else() -> None:
    html = render(STATES["hostile"], language="en", now=NOW)
    seen = Page(html)
    assert "<script>alert" not in html
    assert "<img" not in html
    assert not any(tag in {"img", "b", "i"} for tag, _ in seen.elements)
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "<script>alert(1)" in seen.text
    assert r"two\nlines" in seen.text
    assert r"invoice\u202efdp.exe" in seen.text
    assert r"\xff\xfe not UTF-8" in seen.text
    assert "{{ 7*7 }}" in seen.text
    assert "{evil} \\x1b[31m" in seen.text
    assert "결제/" in seen.text
    assert "a" * 4000 in html
    assert "<b>shop</b>" in seen.text


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_name_anywhere_is_bounded_and_quoted(name: bytes) -> None:
    text = name.decode("utf-8", "replace")
    found = Finding(
        kind=Kind.ARTIFACT_UNEXPECTED, status=Status.TAMPERED, path=name, detail=text, actual=text
    )
    shown = snapshot(
        verdict(Status.TAMPERED, found, product=text, version=text, deployment_id=text),
        root=name.decode("utf-8", "surrogateescape"),
        target=text,
        problems=(text,),
        events=Events(source=text, problem=text),
        receipts=ReceiptLog(folder=text, problem=text),
        origins=((name, Origin(pid=1, command=text, at=NOW)),),
    )
    html = render(shown, language="ko", now=NOW)
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "\u202e" not in html
    assert len(html) < 200_000
    Page(html)


def test_status_is_dated_absolutely_and_relatively() -> None:
    text = page(STATES["corrupted"]).text
    assert "01:39:36 UTC 12 minutes ago" in text
    assert "01:39:36 UTC 12분 전" in page(STATES["corrupted"], language="ko").text


def test_corrupted_page_says_what_to_do_what_differs_and_who_did_it() -> None:
    text = page(STATES["corrupted"]).text
    assert "2 modified · 1 missing · 1 new of 12,418 sealed files" in text
    assert "Take this instance out of traffic." in text
    assert "duri verify --all /srv/app" in text
    assert "not ready, traffic is kept away" in text
    assert "changed by /usr/bin/python3 process 48213, user 0" in text
    assert "sealed 0755" in text
    assert "now 4755" in text


def test_verified_page_asks_for_nothing() -> None:
    text = page(STATES["verified"]).text
    assert "What to do next" not in text
    assert "What differs" not in text
    assert "Problems" not in text
    assert "ready, traffic may come" in text


def test_spike_is_said_before_anything_else() -> None:
    text = page(STATES["spike"]).text
    assert text.index("Spike:") < text.index("What to do next")
    assert "Spike:" not in page(STATES["corrupted"]).text


def test_problems_of_the_watcher_stand_above_the_rest_once() -> None:
    told = "1,204 folders are not watched"
    shown = snapshot(
        verdict(Status.VERIFIED), problems=(told,), events=Events(source="inotify", problem=told)
    )
    html = render(shown, language="en", now=NOW)
    notice = html[html.index('class="notice problems"') : html.index('class="columns"')]
    assert notice.count(told) == 1


def test_key_past_its_rotation_is_marked() -> None:
    due = page(snapshot(verdict(Status.VERIFIED), keys=OVERDUE_KEY)).text
    assert "1 key is past its rotation period." in due
    assert re.search("133 days ?rotate", due)
    assert "rotate" not in page(STATES["verified"]).text


def test_status_nobody_renewed_is_called_old() -> None:
    shown = STATES["verified"]
    assert "may be old" not in page(shown, now=NOW + 500).text
    late = page(shown, now=NOW + 3600).text
    assert "No scan has ended for 1 hour 1 minute; one is due every 5 minutes." in late


def test_updating_never_covers_a_critical_status() -> None:
    calm = snapshot(verdict(Status.VERIFIED), updating=True)
    bad = snapshot(verdict(Status.CORRUPTED), updating=True)
    assert '<h1 id="status">Updating</h1>' in render(calm, language="en", now=NOW)
    html = render(bad, language="en", now=NOW)
    assert '<h1 id="status">Corrupted</h1>' in html
    assert "A new release is arriving" in html


def test_nothing_of_the_release_is_claimed_before_a_signature_was_accepted() -> None:
    assert "no signature has been accepted" in page(STATES["tampered"]).text
    assert "no signature has been accepted" not in page(STATES["verified"]).text


def test_ten_thousand_findings_make_a_bounded_page_that_counts_them_all() -> None:
    html = render(STATES["corrupted-many"], language="en", now=NOW)
    assert "10,000 findings" in html
    assert len(html) < 400_000
    assert 'href="api/v1/status"' in html
    assert len(MANY) == 10_000


def test_page_says_what_is_not_kept() -> None:
    text = page(STATES["no-receipts"]).text
    assert "No receipts are kept" in text
    assert "scans only" in text


def test_unknown_language_is_english() -> None:
    assert "Verified" in page(STATES["verified"], language="tlh").text
