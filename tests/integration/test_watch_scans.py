"""Scans of the whole tree that take long: what goes on beside, and when they are said to end."""

import os
import time
from datetime import datetime
from pathlib import Path

import pytest
from tests.integration.holding import Looks
from tests.integration.shop import Shop
from tests.integration.watching import Watcher, watching

BYTES = 1_400_000
RATE = 200_000
INTERVAL = 5
SLOW = ("--interval", str(INTERVAL), "--max-bytes-per-second", str(RATE))

ENDED = "duri_integrity_last_scan_timestamp_seconds"
FULL = 'duri_integrity_scans_total{kind="full"}'
STAT = 'duri_integrity_scans_total{kind="stat"}'


@pytest.fixture
def large(shop: Shop) -> Shop:
    """Return a release that is read for longer than the interval."""
    (shop.root / "large.bin").write_bytes(os.urandom(BYTES))
    assert shop.seal("--product", "shop", "--version", "1.0.1").code == 0
    return shop


def full_scan(watcher: Watcher) -> float | None:
    """Return when the full scan that runs now began; None where none does."""
    scanning = watcher.status()["scanning"]
    if scanning is None or scanning["kind"] != "full":
        return None
    return datetime.fromisoformat(scanning["began"]).timestamp()


def test_scan_that_outlasts_its_interval_hides_nothing_and_never_overlaps(
    large: Shop, home: Path
) -> None:
    options = ("--no-events", "--stat-passes", "4", "--keyring", large.keyring, *SLOW)
    with watching(large.root, *options, home=home) as watcher:
        watcher.until_status("verified")
        began = watcher.until(lambda: full_scan(watcher), about="a full scan")
        assert watcher.metrics()[FULL] == 1
        stat = watcher.metrics()[STAT]
        # Found by the scans in between, which go on.
        (large.root / "lib/planted.py").write_bytes(b"")
        watcher.until_status("corrupted")
        (large.root / "lib/planted.py").unlink()
        watcher.until_status("verified")
        watcher.until_scans("stat", int(stat) + 3)
        assert watcher.metrics()[FULL] == 1, "the scan ended too soon to tell"

        watcher.until_scans("full", 2)
        ended = watcher.metrics()[ENDED]
        assert ended - began > INTERVAL
        assert watcher.statuses() == ["verified", "corrupted", "verified"]
        following = watcher.until(
            lambda: (at := full_scan(watcher)) and at > began and at, about="the next full scan"
        )
        assert following + 1 > ended  # whole seconds are told


def test_first_scan_is_dated_by_its_end(shop: Shop, home: Path, looks: Looks) -> None:
    looks.ask("hold")
    with watching(shop.root, "--keyring", shop.keyring, home=home, prefix=looks.prefix) as watcher:
        watcher.until(lambda: looks.is_held, about="a first look")
        time.sleep(2.5)
        released = time.time()
        looks.ask_no_more("hold")
        watcher.until_status("verified")
        assert watcher.metrics()[ENDED] > released - 1


def test_scan_is_dated_by_its_end(large: Shop, home: Path) -> None:
    options = ("--stat-passes", "0", "--keyring", large.keyring, *SLOW)
    with watching(large.root, *options, home=home) as watcher:
        watcher.until_status("verified")
        assert abs(watcher.metrics()[ENDED] - time.time()) < INTERVAL
        began = watcher.until(lambda: full_scan(watcher), about="a full scan")
        watcher.until_scans("full", 2)
        assert watcher.metrics()[ENDED] - began > INTERVAL
        shown = datetime.fromisoformat(watcher.status()["last_scan_at"]).timestamp()
        assert shown - began >= INTERVAL - 1
        # What is said goes forward in time, whenever it was begun.
        (large.root / "main.py").write_bytes(b"")
        watcher.until_status("corrupted")
        watcher.hear()
        times = [line["time"] for line in watcher.lines]
        assert times == sorted(times)
        assert len(set(times)) > 1
