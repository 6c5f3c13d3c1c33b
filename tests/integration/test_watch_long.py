"""What grows in a watcher over days: nothing. Releases pass, changes come and go, pages are read.

The long version of this is `python -m bench.watch soak --seconds 3600`; what is asked for here is
that nothing is kept for each release, change, request or failure.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.integration.shop import Shop
from tests.integration.watching import Watcher

import duri

RELEASES = 30
CHANGES = 120
MEGABYTE_KIB = 1024

SCANS = ("--interval", "5", "--stat-passes", "9")


@pytest.fixture
def watch_options(home: Path) -> Sequence[str | Path]:
    """Have everything written that may be written."""
    return ("--state", home / "state.json", "--textfile", home / "t.prom", *SCANS)


def resident(watcher: Watcher) -> int:
    """Return its memory, in KiB."""
    text = Path(f"/proc/{watcher.process.pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1])


def descriptors(watcher: Watcher) -> int:
    """Return how many it has open."""
    return len(os.listdir(f"/proc/{watcher.process.pid}/fd"))


def threads(watcher: Watcher) -> int:
    """Return how many it runs."""
    return len(os.listdir(f"/proc/{watcher.process.pid}/task"))


def series(text: str) -> set[str]:
    """Return every series' name and labels, without what says which release it is."""
    names = {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}
    return {re.sub(r'(deployment_id|version|status)="[^"]*"', r"\1", name) for name in names}


def until_version(watcher: Watcher, version: str) -> None:
    """Return once this version is verified."""

    def is_verified() -> bool:
        verdict = watcher.status()["verdict"]
        release = verdict["release"]
        return bool(verdict["status"] == "verified" and release["version"] == version)

    watcher.until(is_verified, about=f"version {version}")


def flat(before: int, after: int, most: int, what: str) -> None:
    """Assert that something did not grow."""
    assert after - before <= most, f"{what}: {before} before, {after} after"


def test_series_stay_the_same_however_many_releases_pass(
    shop: Shop, watcher: Watcher, home: Path
) -> None:
    made = shop.root.parent / "made"
    known: list[tuple[set[str], int, int]] = []
    for number in range(RELEASES):
        shutil.rmtree(made, ignore_errors=True)
        subprocess.run(["cp", "-a", shop.root, made], check=True)
        version = f"2.0.{number}"
        sequence = 10_000_000_000 + number
        duri.seal(made, version=version, product="shop", sequence=sequence, keyring=shop.keyring)
        # Each as a deployment brings it: the old artifacts are gone for a moment.
        shutil.rmtree(shop.artifacts)
        shutil.copytree(made / ".duri", shop.artifacts)
        until_version(watcher, version)
        if number in {4, RELEASES - 1}:
            text = watcher.get("/metrics")[1]
            assert f'version="{version}"' in text
            assert text.count("\nduri_integrity_scan_info{") == 1
            assert text.count("\nduri_integrity_scan_duration_ms{") == 1
            known.append((series(text), descriptors(watcher), resident(watcher)))
    (names, files, memory), (names_after, files_after, memory_after) = known
    assert names_after == names
    flat(files, files_after, 1, "descriptors")
    flat(memory, memory_after, 4 * MEGABYTE_KIB, "resident")
    assert series((home / "t.prom").read_text()) == names


def spoil_tree(shop: Shop, number: int) -> Callable[[], object]:
    """Plant a file that has a name of its own each time."""
    path = shop.root / f"lib/planted-{number}-{'x' * 150}"
    path.write_bytes(b"%d" % number)
    return path.unlink


def spoil_folder(shop: Shop, number: int) -> Callable[[], object]:
    """Plant folders, each of which is watched."""
    path = shop.root / f"lib/folder-{number}"
    (path / "in/it").mkdir(parents=True)
    return lambda: shutil.rmtree(path)


def spoil_keyring(shop: Shop, number: int) -> Callable[[], object]:
    """Damage the keyring."""
    before = shop.keyring.read_bytes()
    shop.keyring.write_bytes(b"%d" % number)
    return lambda: shop.keyring.write_bytes(before)


def spoil_root(shop: Shop, number: int) -> Callable[[], object]:
    """Take the root away."""
    away = shop.root.parent / f"away-{number}"
    shop.root.rename(away)
    return lambda: away.rename(shop.root)


@pytest.mark.parametrize(
    ("spoil", "times"),
    [(spoil_tree, CHANGES), (spoil_folder, CHANGES), (spoil_keyring, 15), (spoil_root, 10)],
)
def test_changes_that_come_and_go_leave_nothing_behind(
    shop: Shop, watcher: Watcher, spoil: Callable[[Shop, int], Callable[[], object]], times: int
) -> None:
    known: list[tuple[int, int, int, int, set[str]]] = []
    for number in range(times):
        undo = spoil(shop, number)
        watcher.until(lambda: watcher.status()["status"] != "verified", about=f"change {number}")
        undo()
        watcher.until_status("verified")
        if number in {times // 3, times - 1}:
            watcher.until(lambda: not watcher.status()["scanning"], about="rest")
            text = watcher.get("/metrics")[1]
            watches = int(watcher.metrics()["duri_integrity_event_watches"])
            known.append(
                (resident(watcher), descriptors(watcher), threads(watcher), watches, series(text))
            )
    before, after = known
    flat(before[0], after[0], 4 * MEGABYTE_KIB, "resident")
    flat(before[1], after[1], 1, "descriptors")
    flat(before[2], after[2], 1, "threads")
    flat(before[3], after[3], 2, "watches")
    assert after[4] == before[4]


def test_reading_and_reloading_leave_nothing_behind(watcher: Watcher) -> None:
    known: list[tuple[int, int]] = []
    for turn in range(3):
        for _ in range(60):
            for path in ("/", "/metrics", "/api/v1/status", "/api/v1/receipts", "/nothing"):
                watcher.get(path)
        for _ in range(20):
            watcher.process.send_signal(signal.SIGHUP)
        reloaded = turn + 1
        watcher.until(
            lambda: len(watcher.events("watch.reloaded")) >= reloaded,  # noqa: B023 - asked at once
            about="reloaded",
        )
        watcher.until(lambda: not watcher.status()["scanning"], about="rest")
        known.append((resident(watcher), descriptors(watcher)))
    flat(known[1][0], known[2][0], 4 * MEGABYTE_KIB, "resident")
    flat(known[1][1], known[2][1], 2, "descriptors")
