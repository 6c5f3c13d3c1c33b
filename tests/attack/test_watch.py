"""The watcher itself under attack: the wrong root, silence, forged numbers, an edited past."""

import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Component, RunDuri
from tests.integration.containers import Pod
from tests.integration.shop import Shop
from tests.integration.test_watch_bad_input import SET_CLOCK, set_clock
from tests.integration.watching import watching

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
SCANS = ("--interval", "5", "--stat-passes", "9")


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """Return a starter of containers, all of which end with the test."""
    made = Pod(tmp_path)
    try:
        yield made
    finally:
        made.end()


def damage(root: Path) -> bytes:
    """Change a file; return what it was."""
    path = root / "main.py"
    before = path.read_bytes()
    path.write_bytes(b"print('other')\n")
    return before


# Row 34.


def test_sidecar_that_watches_its_own_image_is_unverifiable(shop: Shop, home: Path) -> None:
    # All of it is in order, and would be verified: the copy that the watcher itself has.
    assert shop.verify().code == 0
    with watching(shop.root, "--keyring", shop.keyring, home=home, env=IN_POD) as watcher:
        watcher.until_status("unverifiable")
        (finding,) = watcher.status()["verdict"]["findings"]
        assert finding["kind"] == "root_unusable"
        assert "own image" in json.dumps(finding)
        assert watcher.get("/readyz")[0] == 503
        watcher.until(lambda: watcher.events("watch.scan"), about="a scan")
        assert watcher.statuses() == ["unverifiable"]
        assert watcher.metrics()["duri_integrity_status_verified"] == 0


def test_volume_is_watched_in_a_pod(shop: Shop, home: Path, component: Component) -> None:
    unshare = component("unshare")
    probe = subprocess.run([unshare, "-m", "true"], capture_output=True, check=False)
    component("mount namespaces", present=probe.returncode == 0)
    script = 'mount --bind "$1" "$1"; shift; exec "$@"'
    prefix = [unshare, "-m", "--propagation", "private", "sh", "-euc", script, "sh"]
    with watching(
        shop.root,
        *("--keyring", shop.keyring, *SCANS),
        home=home,
        env=IN_POD,
        prefix=[*prefix, str(shop.root)],
    ) as watcher:
        watcher.until_status("verified")
        damage(shop.root)
        watcher.until_status("corrupted")


def test_targets_tree_is_judged_and_its_twin_here_is_not(
    shop: Shop, home: Path, pod: Pod, tmp_path: Path, component: Component
) -> None:
    component("root's rights", present=os.geteuid() == 0)
    theirs = tmp_path / "theirs"
    subprocess.run(["cp", "-a", shop.root, theirs], check=True)
    before = damage(theirs)
    name = pod.name("app")
    options = ("--keyring", shop.keyring, "--target-process", name, *SCANS)
    with watching(shop.root, *options, home=home, env=IN_POD) as watcher:
        # Nobody goes by the name yet: the twin, which is in order, is no answer.
        watcher.until_status("unverifiable")
        pod.start(name, volumes={str(shop.root).lstrip("/"): str(theirs)})
        watcher.until_status("corrupted")
        (theirs / "main.py").write_bytes(before)
        watcher.until_status("verified")
        damage(shop.root)
        watcher.until_scans("stat", 4)
        assert "verified" not in watcher.statuses()[:2]
        assert watcher.statuses()[-1] == "verified"
        pod.end()
        watcher.until_status("unverifiable")


# Row 35.


def proved(duri: RunDuri, folder: Path, *options: str, code: int) -> str:
    """Return what `duri receipts verify` prints."""
    ran = duri("receipts", "verify", folder, *options, check=code)
    return ran.out + ran.err


def test_killed_watcher_leaves_a_gap_that_fails_where_coverage_is_required(
    shop: Shop, home: Path, run_duri: RunDuri
) -> None:
    options = ("--keyring", shop.keyring, *SCANS)
    with watching(shop.root, *options, home=home) as watcher:
        watcher.until_status("verified")
        watcher.until_scans("stat", 6)
        watcher.end(signal.SIGKILL)
    # Nobody waits here: the next one starts when its clock says that a minute has passed.
    clock = home / "clock"
    set_clock(clock, 60)
    prefix = [sys.executable, "-c", SET_CLOCK, str(clock)]
    with watching(shop.root, *options, home=home, prefix=prefix) as watcher:
        watcher.until_status("verified")
        watcher.until(lambda: watcher.status()["receipts"]["written"] > 3, about="receipts")
        strip = [one["status"] for one in watcher.status()["spans"]]
        assert strip == [None, "verified", None, "verified"]
        watcher.end()
    assert "gap" in proved(run_duri, home / "receipts", code=0)
    assert "gap" in proved(run_duri, home / "receipts", "--require-coverage", "99", code=13)


def test_watcher_that_is_never_stopped_leaves_no_gap(
    shop: Shop, home: Path, run_duri: RunDuri
) -> None:
    with watching(shop.root, "--keyring", shop.keyring, *SCANS, home=home) as watcher:
        watcher.until_status("verified")
        watcher.until_scans("stat", 6)
        said = proved(run_duri, home / "receipts", "--require-coverage", "99", code=0)
        assert "gap" not in said


def test_blocked_watcher_answers_nothing_and_its_numbers_stand_still(
    shop: Shop, home: Path
) -> None:
    textfile = home / "t.prom"
    options = ("--keyring", shop.keyring, "--textfile", textfile, *SCANS)
    with watching(shop.root, *options, home=home) as watcher:
        watcher.until_status("verified")
        first = watcher.metrics()["duri_integrity_last_scan_timestamp_seconds"]
        watcher.until(
            lambda: watcher.metrics()["duri_integrity_last_scan_timestamp_seconds"] > first,
            about="numbers that move",
        )
        watcher.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        before = textfile.read_bytes()
        where = ("127.0.0.1", int(watcher.address.rstrip("/").rsplit(":", 1)[1]))
        connection = http.client.HTTPConnection(*where, timeout=1)
        with contextlib.closing(connection):
            connection.request("GET", "/livez")
            with pytest.raises(TimeoutError):
                connection.getresponse()
        time.sleep(1)
        assert textfile.read_bytes() == before
        watcher.process.send_signal(signal.SIGCONT)
        watcher.until(lambda: textfile.read_bytes() != before, about="numbers that move again")
        assert watcher.get("/livez")[0] == 200


def test_forged_textfile_is_put_right(shop: Shop, home: Path) -> None:
    textfile = home / "t.prom"
    options = ("--keyring", shop.keyring, "--textfile", textfile, *SCANS)
    with watching(shop.root, *options, home=home) as watcher:
        damage(shop.root)
        watcher.until_status("corrupted")
        right = b"duri_integrity_status_corrupted 1.0"
        watcher.until(lambda: right in textfile.read_bytes(), about="the truth")
        for forge in ("write", "remove", "replace"):
            if forge == "write":
                textfile.write_bytes(b"duri_integrity_status_verified 1.0\n")
            else:
                textfile.unlink()
            if forge == "replace":
                textfile.symlink_to(home / "elsewhere")
            watcher.until(
                lambda: textfile.is_file() and right in textfile.read_bytes(), about=forge
            )
            assert not textfile.is_symlink()
        assert not (home / "elsewhere").exists()


def test_forged_textfile_at_the_start_is_no_verdict(shop: Shop, home: Path) -> None:
    textfile = home / "t.prom"
    for number, forged in enumerate(
        (
            'duri_integrity_consecutive_failures{status="corrupted"} 1e400\n',
            'duri_integrity_consecutive_failures{status="corrupted"} NaN\n',
            'duri_integrity_consecutive_failures{status="corrupted"} -7\n',
            "\0" * 100_000,
            "duri_integrity_status_verified 1.0\n" * 50_000,
        )
    ):
        textfile.write_text(forged)
        place = home / f"place{number}"
        place.mkdir()
        options = ("--keyring", shop.keyring, "--textfile", textfile, *SCANS)
        with watching(shop.root, *options, home=place) as watcher:
            watcher.until_status("verified")
            name = 'duri_integrity_consecutive_failures{status="corrupted"}'
            assert watcher.metrics()[name] == 0


class Forger(http.server.BaseHTTPRequestHandler):
    """Answers that all is well, whatever is asked."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"duri_integrity_status_verified 1\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_forger_on_the_port_does_not_keep_the_truth_from_being_told(shop: Shop, home: Path) -> None:
    textfile = home / "t.prom"
    damage(shop.root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forger) as forger:
        threading.Thread(target=forger.serve_forever, daemon=True).start()
        port = forger.server_address[1]
        options = ["--listen", f"127.0.0.1:{port}", "--textfile", str(textfile), *SCANS]
        with watching(
            shop.root, "--keyring", shop.keyring, *options, home=home, serve=False
        ) as watcher:
            watcher.until(lambda: watcher.statuses() == ["corrupted"], about="the truth")
            watcher.until(lambda: watcher.events("watch.problem"), about="a problem")
            assert watcher.events("watch.problem")[0]["about"] == "http"
            watcher.until(
                lambda: (
                    b"duri_integrity_http_listening 0.0" in (text := textfile.read_bytes())
                    and b"duri_integrity_status_corrupted 1.0" in text
                ),
                about="a textfile that says so",
            )
            forger.shutdown()
            forger.server_close()
            watcher.until(lambda: watcher.events("watch.listening"), about="listening")
            watcher.address = f"http://127.0.0.1:{port}/"
            watcher.until_status("corrupted")


def test_port_cannot_be_shared_with_a_second_listener(shop: Shop, home: Path) -> None:
    with watching(shop.root, "--keyring", shop.keyring, home=home) as watcher:
        port = int(watcher.address.rstrip("/").rsplit(":", 1)[1])
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, option, 1)
                with pytest.raises(OSError, match="in use"):
                    other.bind(("127.0.0.1", port))


def edited(folder: Path) -> None:
    path = folder / "receipts.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"corrupted"', b'"verified"', 1))


def shortened(folder: Path) -> None:
    path = folder / "receipts.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))


def removed(folder: Path) -> None:
    (folder / "receipts.jsonl").unlink()


@pytest.mark.parametrize("attack", [edited, shortened, removed])
def test_running_watcher_notices_what_is_done_to_its_receipts(
    shop: Shop, home: Path, run_duri: RunDuri, attack: object
) -> None:
    assert callable(attack)
    with watching(shop.root, "--keyring", shop.keyring, *SCANS, home=home) as watcher:
        watcher.until_status("verified")
        before = damage(shop.root)
        watcher.until_status("corrupted")
        (shop.root / "main.py").write_bytes(before)
        watcher.until_status("verified")
        watcher.until(lambda: watcher.status()["receipts"]["waiting"] == 0, about="receipts")
        attack(home / "receipts")
        told: str = watcher.until(lambda: watcher.status()["receipts"]["problem"], about="a word")
        assert told.startswith("the receipts' file was")
        watcher.until(
            lambda: [one for one in watcher.events("watch.problem") if one["about"] == "receipts"],
            about="a line",
        )
        assert watcher.get("/livez")[0] == 200
        assert watcher.end() == 0
    assert "whole" not in proved(run_duri, home / "receipts", code=11)
