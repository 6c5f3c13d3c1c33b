"""Settings, keyring and options of a running watcher: read again, changed under a scan, refused."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from tests.conftest import RunDuri
from tests.integration.shop import Shop
from tests.integration.watching import Watcher, watching

SLOW = ("--interval", "5", "--stat-passes", "0", "--max-bytes-per-second", "200000")
"""Full scans all the time, of some seconds each."""


@pytest.fixture
def large(shop: Shop) -> Shop:
    """Return a release that a slow scan reads for some seconds."""
    (shop.root / "large.bin").write_bytes(os.urandom(600_000))
    assert shop.seal("--product", "shop", "--version", "1.0.1").code == 0
    return shop


def during_a_scan(watcher: Watcher, change: Callable[[], object]) -> None:
    """Change something while a full scan runs; return a moment after its end."""
    watcher.until_status("verified")
    running = watcher.until(lambda: watcher.status()["scanning"], about="a full scan")
    assert running["kind"] == "full"
    change()

    def is_over() -> bool:
        now = watcher.status()["scanning"]
        return now is None or now["began"] != running["began"]

    watcher.until(is_over, about="the end of that scan")
    time.sleep(0.5)


@pytest.mark.parametrize(
    ("setting", "statuses"),
    [('product = "another"', ["verified", "tampered"]), ('product = "shop"', ["verified"])],
)
def test_settings_read_again_under_a_scan_are_not_undone_by_it(
    large: Shop, home: Path, setting: str, statuses: list[str]
) -> None:
    config = home / "duri.toml"
    config.write_text("")
    options = ("--config", config, "--keyring", large.keyring, *SLOW)
    with watching(large.root, *options, home=home) as watcher:

        def change() -> None:
            config.write_text(setting + "\n")
            watcher.process.send_signal(signal.SIGHUP)
            watcher.until_status(statuses[-1])

        during_a_scan(watcher, change)
        assert watcher.statuses() == statuses
        assert watcher.get("/readyz")[0] == (200 if statuses[-1] == "verified" else 503)


@pytest.mark.parametrize("status", ["tampered", "verified"])
def test_keyring_swapped_under_a_scan_is_not_undone_by_it(
    large: Shop, home: Path, run_duri: RunDuri, status: str
) -> None:
    new = home / "new.json"
    if status == "tampered":
        run_duri("keys", "new", "--out", new, check=0)
    else:
        shutil.copy(large.keyring, new)
    options = ("--keyring", large.keyring, *SLOW)
    with watching(large.root, *options, home=home) as watcher:

        def change() -> None:
            new.rename(large.keyring)
            watcher.until_status(status)

        during_a_scan(watcher, change)
        assert watcher.statuses() == ["verified", "tampered"][: 1 + (status == "tampered")]


def next_scan(watcher: Watcher) -> float:
    """Return in how many seconds the next scan is due."""
    status = watcher.status()
    now, due = (datetime.fromisoformat(status[name]) for name in ("at", "next_scan_at"))
    return (due - now).total_seconds()


def test_another_interval_counts_at_once(shop: Shop, home: Path) -> None:
    config = home / "duri.toml"
    config.write_text("interval = 3600\n")
    options = ("--config", config, "--keyring", shop.keyring, "--stat-passes", "0")
    with watching(shop.root, *options, home=home) as watcher:
        watcher.until_status("verified")
        assert next_scan(watcher) > 3000
        config.write_text("interval = 40\n")
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until(lambda: next_scan(watcher) < 41, about="a scan that is due sooner")
        assert watcher.status()["interval"] == 40
        assert watcher.metrics()["duri_integrity_interval_seconds"] == 40
        due = watcher.metrics()["duri_integrity_next_scan_timestamp_seconds"]
        assert due - time.time() < 41
        config.write_text("interval = 5\n")
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until_scans("full", 2)


def test_settings_that_cannot_be_read_are_not_said_to_be(shop: Shop, home: Path) -> None:
    config = home / "duri.toml"
    config.write_text("interval = 3600\n")
    options = ("--config", config, "--keyring", shop.keyring)
    with watching(shop.root, *options, home=home) as watcher:
        watcher.until_status("verified")
        config.write_text("interval = [")
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until(lambda: watcher.status()["problems"], about="a problem")
        assert not watcher.events("watch.reloaded")
        assert watcher.status()["interval"] == 3600
        config.write_text("interval = 1800\n")
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until(lambda: watcher.events("watch.reloaded"), about="settings read again")
        watcher.until(lambda: not watcher.status()["problems"], about="no problem")
        assert watcher.status()["interval"] == 1800
        assert watcher.statuses() == ["verified"]


def directly(root: Path) -> Path:
    return root / "uploads"


def through_a_link(root: Path) -> Path:
    link = root.parent / "link"
    link.symlink_to(root / "uploads")
    return link


def through_dots(root: Path) -> Path:
    return root.parent / "elsewhere" / ".." / root.name / "uploads"


@pytest.mark.parametrize("place", [directly, through_a_link, through_dots])
@pytest.mark.parametrize("option", ["--receipts", "--textfile"])
def test_watcher_does_not_write_into_what_it_watches(
    shop: Shop, run_duri: RunDuri, option: str, place: Callable[[Path], Path]
) -> None:
    before = sorted(shop.root.rglob("*"))
    (shop.root.parent / "elsewhere").mkdir()
    path = place(shop.root) / ("out.prom" if option == "--textfile" else "receipts")
    outside = ("--receipts", shop.root.parent / "receipts") if option == "--textfile" else ()
    call = ("--keyring", shop.keyring, "--listen", "none", *outside, option, path)
    ran = run_duri("watch", shop.root, *call, timeout=20)
    assert ran.code == 2, ran
    assert option in ran.err
    assert "Traceback" not in ran.err
    assert sorted(shop.root.rglob("*")) == before


def test_watcher_writes_beside_what_it_watches(shop: Shop, home: Path) -> None:
    # A name that begins like the root's is not inside.
    beside = shop.root.with_name(f"{shop.root.name}-metrics")
    beside.mkdir()
    receipts = shop.root.with_name(f"{shop.root.name}-receipts")
    options = ("--textfile", beside / "out.prom", "--receipts", receipts)
    key = shop.keyring
    with watching(shop.root, "--keyring", key, *options, home=home, receipts=False) as watcher:
        watcher.until_status("verified")
        watcher.until((beside / "out.prom").exists, about="a textfile")
        watcher.until((receipts / "receipts.jsonl").exists, about="receipts")
        assert watcher.statuses() == ["verified"]
