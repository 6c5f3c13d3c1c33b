"""Makes the pictures of the status page in docs/images, from fixed snapshots.

    python -m scripts.screenshots [FOLDER]

Needs Debian's chromium and, for the Korean ones, a Korean font (fonts-nanum).
"""

import os
import shutil
import sys
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright
from tests.integration.page_server import PageServer, serving
from tests.unit.watch.page_snapshots import NOW, STATES

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

WIDE = 1280

NARROW = 390


class Picture(NamedTuple):
    """One picture: a snapshot in a theme, a language and a width."""

    name: str
    state: str
    theme: str = "light"
    language: str = "en"
    width: int = WIDE


PICTURES = (
    Picture("status-verified", "verified"),
    Picture("status-corrupted", "corrupted"),
    Picture("status-corrupted-dark", "corrupted", theme="dark"),
    Picture("status-verified-ko-dark", "verified", theme="dark", language="ko"),
    Picture("status-tampered-ko", "tampered", language="ko"),
    Picture("status-corrupted-narrow", "corrupted", width=NARROW),
)


def take(browser: Browser, server: PageServer, picture: Picture, folder: str) -> None:
    """Write one picture as PNG."""
    page = browser.new_page(
        viewport={"width": picture.width, "height": 800},
        locale="ko-KR" if picture.language == "ko" else "en-US",
        timezone_id="UTC",
        color_scheme="dark" if picture.theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page.goto(f"{server.url}?state={picture.state}")
    page.wait_for_selector("#pulse[data-pulse=live]")
    page.screenshot(path=os.path.join(folder, f"{picture.name}.png"), full_page=True)
    page.close()


def main() -> int:
    """Write every picture, or say what is missing."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "docs", "images")
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is not here; `sudo make system` installs it", file=sys.stderr)
        return 1
    with sync_playwright() as playwright, serving(dict(STATES), now=NOW) as server:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for picture in PICTURES:
            take(browser, server, picture, folder)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
