"""Looks that fail, that stand still, that end the watcher: what is told then, and by whom."""

import contextlib
import itertools
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.holding import Looks
from tests.integration.shop import Shop
from tests.integration.watching import Watcher, watching

WATCHDOG_SECONDS = 2
ERRORS = "duri_integrity_loop_errors_total"


@pytest.fixture
def watcher(shop: Shop, home: Path, looks: Looks) -> Iterator[Watcher]:
    """Return a watcher whose looks do what a test asks."""
    options = ("--keyring", shop.keyring, "--interval", "3600")
    with watching(shop.root, *options, home=home, prefix=looks.prefix) as started:
        started.until_status("verified")
        yield started


def test_looks_that_fail_leave_no_verdict_until_they_work(
    shop: Shop, watcher: Watcher, looks: Looks
) -> None:
    with looks.asked("fail"):
        (shop.root / "main.py").touch()
        watcher.until_status("unverifiable")
        assert watcher.get("/readyz")[0] == 503
        assert watcher.get("/livez")[0] == 200
        assert watcher.metrics()[ERRORS] >= 2
        (finding,) = watcher.status()["verdict"]["findings"]
        assert finding["kind"] == "scan_incomplete"
        assert "Input/output error" in json.dumps(finding)
        assert watcher.status()["problems"]
    watcher.until_status("verified")
    watcher.until(lambda: watcher.get("/readyz")[0] == 200, about="ready")
    watcher.until(lambda: not watcher.status()["problems"], about="no problem")
    assert watcher.statuses() == ["verified", "unverifiable", "verified"]


def test_change_that_a_failed_look_was_to_find_is_found(
    shop: Shop, watcher: Watcher, looks: Looks
) -> None:
    with looks.asked("fail"):
        (shop.root / "lib/planted.py").write_bytes(b"")
        watcher.until(lambda: watcher.metrics()[ERRORS] >= 1, about="a failure")
    watcher.until_status("corrupted")
    (shop.root / "lib/planted.py").unlink()
    watcher.until_status("verified")


def test_first_look_that_fails_is_unverifiable_and_not_silence(
    shop: Shop, home: Path, looks: Looks
) -> None:
    looks.ask("fail")
    with watching(shop.root, "--keyring", shop.keyring, home=home, prefix=looks.prefix) as watcher:
        watcher.until_status("unverifiable")
        looks.ask_no_more("fail")
        watcher.until_status("verified")


class Supervisor:
    """Who listens for a sign of life."""

    def __init__(self, listening: socket.socket) -> None:
        """Listen there."""
        self._listening = listening
        listening.settimeout(0.05)

    def fed(self, seconds: float) -> list[float]:
        """Return when it was told that the watcher lives, in the next seconds."""
        end, times = time.monotonic() + seconds, []
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                if b"WATCHDOG=1" in self._listening.recv(4096):
                    times.append(time.monotonic())
        return times


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Return a supervisor at `notify` in the test's folder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        yield Supervisor(listening)


@pytest.mark.parametrize("still", [60, 1], ids=["that-moves", "that-is-stuck"])
def test_supervisor_is_told_of_life_during_a_long_look_unless_it_is_stuck(
    shop: Shop, home: Path, looks: Looks, supervisor: Supervisor, tmp_path: Path, still: int
) -> None:
    looks.ask("still", still)
    env = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 1_000_000),
    }
    options = ("--keyring", shop.keyring, "--interval", "3600")
    with (
        looks.asked("hold"),
        watching(shop.root, *options, home=home, env=env, prefix=looks.prefix) as watcher,
    ):
        watcher.until(lambda: looks.is_held, about="a first look")
        began = time.monotonic()
        times = [began, *supervisor.fed(2.5 * WATCHDOG_SECONDS)]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        if still > 1:
            assert max(gaps) < WATCHDOG_SECONDS
            assert times[-1] > began + WATCHDOG_SECONDS
            assert watcher.get("/livez")[0] == 200
        else:
            assert times[-1] < began + WATCHDOG_SECONDS
            assert watcher.get("/livez")[0] == 503
        looks.ask_no_more("hold")
        watcher.until_status("verified")

        def is_alive() -> bool:
            (shop.root / "main.py").touch()  # where nothing happens, a second is not long enough
            return watcher.get("/livez")[0] == 200

        watcher.until(is_alive, about="alive")
        assert supervisor.fed(1.5)


def kinds(home: Path) -> list[str]:
    """Return the kinds of the receipts, in order."""
    lines = (home / "receipts/receipts.jsonl").read_text().splitlines()
    return [json.loads(line)["kind"] for line in lines]


def test_end_on_purpose_is_the_last_receipt(watcher: Watcher, home: Path) -> None:
    assert watcher.end(signal.SIGTERM) == 0
    assert kinds(home)[-1] == "stop"
    assert kinds(home).count("stop") == 1
    assert watcher.lines[-1]["event"] == "watch.stopped"


def test_kill_leaves_no_receipt_of_an_end(watcher: Watcher, home: Path) -> None:
    watcher.until(lambda: "scan" in kinds(home), about="receipts")
    assert watcher.end(signal.SIGKILL) == -signal.SIGKILL
    assert "stop" not in kinds(home)


def test_crash_leaves_no_receipt_of_an_end(
    shop: Shop, watcher: Watcher, home: Path, looks: Looks
) -> None:
    watcher.until(lambda: "scan" in kinds(home), about="receipts")
    looks.ask("crash")
    (shop.root / "main.py").touch()
    assert watcher.process.wait(30) not in {0, None}
    watcher.hear()
    assert watcher.events("watch.failed")
    assert not watcher.events("watch.stopped")
    assert "stop" not in kinds(home)
    # What was to be written is all the same.
    assert kinds(home)[:2] == ["start", "scan"]
