"""The auditor's page in a real browser: accessible in both themes and languages, whole on A4."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, sync_playwright
from scripts.screenshots import FLAGS
from tests.conftest import RunDuri, require
from tests.unit.report.receipt_logs import NOW, open_log, scan, write_log

from duri.report.receipt import folder
from duri.report.receipt.receipt import Entry, Kind
from duri.verdict import Status

A4_WIDTH = 688
"""CSS pixels between the margins that the page asks for: 182 mm."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium once."""
    path = require("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


def written(path: Path) -> Path:
    """Return a log with every status and a gap."""
    now = write_log(path, scans=3) + 2000
    log = open_log(path, now=now)
    assert log.append(Entry(kind=Kind.START), now=now)
    for number, status in enumerate(Status):
        assert log.append(scan(status), now=now + 300 * number)
    log.close(now)
    return path


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("holds", ["a log that holds", "one that does not"])
def test_page_is_accessible_and_whole_on_screens_and_paper(
    browser: Browser, run_duri: RunDuri, tmp_path: Path, language: str, holds: str
) -> None:
    log = written(tmp_path / "receipts")
    if holds != "a log that holds":
        file = log / folder.ACTIVE
        file.write_bytes(file.read_bytes().replace(b"corrupted", b"verified"))
    page_file = tmp_path / "page.html"
    options = ("--now", str(NOW + 6000), "--language", language, "--html", page_file)
    run_duri("report", log, *options, check=0 if holds == "a log that holds" else 11)
    themes: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
    for theme in themes:
        # axe is a script of the test's own, which the page's policy would refuse.
        context = browser.new_context(color_scheme=theme, bypass_csp=True)
        page = context.new_page()
        complaints: list[str] = []

        def listen(message: ConsoleMessage, said: list[str] = complaints) -> None:
            said.append(message.text)

        page.on("console", listen)
        page.goto(page_file.as_uri())
        assert [one["id"] for one in Axe().run(page).response["violations"]] == []
        page.set_viewport_size({"width": 360, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.emulate_media(media="print")
        page.set_viewport_size({"width": A4_WIDTH, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == A4_WIDTH
        context.close()
        assert complaints == []
