"""The status page in a real browser: accessible, live, honest when it is not, whole unscripted.

One Chromium for all tests. axe-core judges every state in both themes and both languages; the
policy that the watcher serves the page with is in force, and a breach of it fails the test.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from scripts.screenshots import FLAGS
from tests.conftest import require
from tests.integration.page_server import PageServer, serving, stop
from tests.unit.watch.page_snapshots import NOW, STATES, snapshot, verdict

from duri.verdict import Status

WAIT = 20_000
"""Milliseconds for what takes one: this machine may be shared."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium once."""
    path = require("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def server() -> Iterator[PageServer]:
    """Serve the fixed snapshots."""
    with serving(dict(STATES), now=NOW) as started:
        yield started


@contextlib.contextmanager
def tab(
    browser: Browser,
    *,
    language: str = "en",
    width: int = 1280,
    scripts: bool = True,
    failures: bool = False,
) -> Iterator[Page]:
    """Open a page that fails the test for what it complains of, unless failures are expected."""
    context = browser.new_context(
        locale="ko-KR" if language == "ko" else "en-US",
        color_scheme="light",
        viewport={"width": width, "height": 800},
        java_script_enabled=scripts,
        reduced_motion="reduce",
        timezone_id="Asia/Seoul",
    )
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert failures or complaints == []


def live(page: Page) -> None:
    page.wait_for_selector("#pulse[data-pulse=live]")


def violations(page: Page, *rules: str) -> str:
    """Return what axe-core finds against WCAG and its best practices, or some rules, as text."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return "\n".join(
        f"{one['id']} {node['target']}: {node.get('failureSummary')}"
        for one in found
        for node in one["nodes"][:4]
    )


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", STATES)
def test_state_is_accessible_and_silent_in_both_themes(
    browser: Browser, server: PageServer, name: str, language: str
) -> None:
    with tab(browser, language=language) as page:
        page.goto(f"{server.url}?state={name}")
        live(page)
        assert violations(page) == ""
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.emulate_media(color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        # A theme changes colours, and nothing else that a rule is about.
        assert violations(page, "color-contrast") == ""


@pytest.mark.parametrize("name", ["corrupted", "events-lost", "hostile"])
def test_narrow_page_is_accessible_and_never_scrolls_sideways(
    browser: Browser, server: PageServer, name: str
) -> None:
    with tab(browser, width=320) as page:
        page.goto(f"{server.url}?state={name}")
        live(page)
        assert violations(page) == ""
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_axe_finds_what_is_wrong(browser: Browser, server: PageServer) -> None:
    with tab(browser) as page:
        page.goto(server.url)
        assert violations(page) == ""
        page.evaluate("document.querySelector('html').removeAttribute('lang')")
        page.evaluate("document.querySelector('h1').style.color = 'tan'")
        found = violations(page)
        assert "html-has-lang" in found
        assert "color-contrast" in found


def test_breach_of_the_policy_is_noticed(browser: Browser, server: PageServer) -> None:
    def breach() -> None:
        with tab(browser) as page:
            page.goto(server.url)
            page.evaluate("document.body.setAttribute('onclick', 'alert(1)')")
            page.evaluate("document.body.click()")
            live(page)

    with pytest.raises(AssertionError, match=r"(?i)content.security"):
        breach()


def test_hostile_names_run_nothing(browser: Browser, server: PageServer) -> None:
    with tab(browser) as page:
        page.on("dialog", lambda _: pytest.fail("a script of the tree ran"))
        page.goto(f"{server.url}?state=hostile")
        live(page)
        assert page.locator("main script, main img, main b").count() == 0
        expect(page.locator("main")).to_contain_text("<script>alert(1)")


def test_keyboard_reaches_the_answer_and_opens_the_tree(
    browser: Browser, server: PageServer
) -> None:
    with tab(browser) as page:
        page.goto(f"{server.url}?state=corrupted-many")
        live(page)
        page.keyboard.press("Tab")
        skip = page.locator(".skip")
        expect(skip).to_be_focused()
        box = skip.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        folder = page.locator("details[data-key='lib/python3.11/site-packages/package_000']")
        for _ in range(20):
            page.keyboard.press("Tab")
            if folder.locator("> summary").evaluate("one => one === document.activeElement"):
                break
        expect(folder.locator("> summary")).to_be_focused()
        assert (
            folder.locator("> summary").evaluate("one => getComputedStyle(one).outlineWidth")
            == "3px"
        )
        assert folder.get_attribute("open") is None
        page.keyboard.press("Enter")
        assert folder.get_attribute("open") is not None


def test_change_shows_by_itself_and_keeps_what_was_opened(
    browser: Browser, server: PageServer
) -> None:
    closed = "lib/python3.11/site-packages/package_003"
    with tab(browser) as page:
        page.goto(f"{server.url}?state=corrupted-many")
        live(page)
        summary = page.locator(f"details[data-key='{closed}'] > summary")
        summary.focus()
        summary.press("Enter")
        # Focusing has scrolled already; the wheel does so a moment later.
        scrolled = page.evaluate("window.scrollY") + 400
        page.mouse.wheel(0, 400)
        page.wait_for_function("expected => window.scrollY === expected", arg=scrolled)
        changed = msgspec.structs.replace(
            STATES["corrupted-many"], version=13, problems=("the disk is full",)
        )
        server.publish("corrupted-many", changed)
        expect(page.locator(".problems")).to_contain_text("the disk is full")
        assert page.locator(f"details[data-key='{closed}']").get_attribute("open") is not None
        expect(page.locator(f"details[data-key='{closed}'] > summary")).to_be_focused()
        assert page.evaluate("window.scrollY") == scrolled
        expect(page.locator("#announcer")).to_have_text("")


def test_change_of_the_status_is_announced_and_titled(browser: Browser, server: PageServer) -> None:
    with tab(browser) as page:
        page.goto(f"{server.url}?state=verified")
        live(page)
        expect(page.locator("h1")).to_have_text("Verified")
        server.publish("verified", msgspec.structs.replace(STATES["corrupted"], version=13))
        expect(page.locator("h1")).to_have_text("Corrupted")
        expect(page.locator("#announcer")).to_contain_text("Corrupted. What runs here is not")
        expect(page).to_have_title(re.compile("^Corrupted – "))
        icon = page.locator("link[rel=icon]").get_attribute("href") or ""
        assert icon.endswith("static/icon-corrupted.svg")


@pytest.mark.parametrize("way", ["dies", "falls silent"])
def test_page_says_that_it_is_not_live(browser: Browser, server: PageServer, way: str) -> None:
    server.silence = 2
    with tab(browser, failures=True) as page:
        page.goto(f"{server.url}?state=verified")
        live(page)
        expect(page.locator("#lost")).to_be_hidden()
        calm = page.locator(".hero").evaluate("one => getComputedStyle(one).backgroundColor")
        if way == "dies":
            stop(server)
        else:
            server.mute = True
        expect(page.locator("#lost")).to_contain_text("Not live since", timeout=WAIT)
        expect(page.locator("#pulse")).to_have_text("Not live")
        expect(page).to_have_title(re.compile("^⚠ Not live"))
        grey = page.locator(".hero").evaluate("one => getComputedStyle(one).backgroundColor")
        assert grey != calm
        assert violations(page) == ""
        if way == "falls silent":
            server.mute = False
            live(page)
            expect(page.locator("#lost")).to_be_hidden()
            expect(page).to_have_title(re.compile("^Verified"))


def test_page_is_whole_without_scripts(browser: Browser, server: PageServer) -> None:
    with tab(browser, scripts=False) as page:
        page.goto(f"{server.url}?state=corrupted")
        assert page.locator("h1").inner_text() == "Corrupted"
        assert "12 minutes ago" in page.locator(".hero").inner_text()
        assert "Reloads every 30 seconds" in page.locator(".top").inner_text()
        assert page.locator("#pulse").is_hidden()
        assert page.locator("#lost").is_hidden()
        assert page.locator(".findings summary").first.is_visible()
        refresh = page.locator("noscript meta, meta[http-equiv=refresh]")
        assert refresh.first.get_attribute("content") == "30"


def test_ages_count_on_in_the_words_they_were_served_in(
    browser: Browser, server: PageServer
) -> None:
    for language, served in (("en", "12 minutes ago"), ("ko", "12분 전")):
        with tab(browser, language=language) as page:
            page.goto(f"{server.url}?state=corrupted")
            live(page)
            age = page.locator(".hero .ago").first
            expect(age).to_have_text(served)
            expect(page.locator(".hero .local")).to_contain_text("10:39:36")
            recent = page.locator("[data-ago]").filter(has_text=re.compile("1 minute ago|1분 전"))
            assert recent.count() > 0


def test_language_can_be_chosen(browser: Browser, server: PageServer) -> None:
    with tab(browser) as page:
        page.goto(server.url)
        page.get_by_role("link", name="한국어").click()
        expect(page.locator("h1")).to_have_text("정상")
        live(page)
        server.publish("verified", snapshot(verdict(Status.CORRUPTED), version=14))
        expect(page.locator("h1")).to_have_text("손상됨")


def test_ten_thousand_findings_open_at_once(browser: Browser, server: PageServer) -> None:
    with tab(browser) as page:
        page.goto(f"{server.url}?state=corrupted-many")
        live(page)
        took = page.evaluate(
            "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        assert took < 10_000
        expect(page.locator(".findings")).to_contain_text("10,000 findings")


def test_page_prints(browser: Browser, server: PageServer) -> None:
    with tab(browser) as page, tempfile.TemporaryDirectory() as folder:
        page.goto(f"{server.url}?state=corrupted")
        live(page)
        page.emulate_media(media="print")
        paper = page.locator(".hero").evaluate("one => getComputedStyle(one).backgroundColor")
        assert paper == "rgb(255, 255, 255)"
        assert len(page.pdf(path=f"{folder}/page.pdf")) > 1000
