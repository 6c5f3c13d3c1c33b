"""A watcher under a supervisor: what systemd hears of it, and where it keeps its state."""

import signal
import socket
from pathlib import Path

from tests.integration.shop import Shop
from tests.integration.watching import watching


def test_systemd_hears_of_start_reload_life_and_end(shop: Shop, tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(address))
        heard.settimeout(30)
        messages: list[str] = []

        def until(line: str) -> None:
            while True:
                messages.append(heard.recv(4096).decode())
                if line in messages[-1].splitlines():
                    return

        env = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "2000000"}
        with watching(shop.root, "--keyring", shop.keyring, home=tmp_path, env=env) as watcher:
            until("READY=1")
            assert any("STATUS=verified: shop 1.0.0" in message for message in messages)
            until("WATCHDOG=1")
            until("WATCHDOG=1")
            watcher.process.send_signal(signal.SIGHUP)
            until("RELOADING=1")
            assert any(line.startswith("MONOTONIC_USEC=") for line in messages[-1].splitlines())
            until("READY=1")
            (shop.root / "main.py").write_bytes(b"")
            while "STATUS=corrupted" not in messages[-1]:
                messages.append(heard.recv(4096).decode())
            assert watcher.end() == 0
            until("STOPPING=1")


def test_state_is_kept_where_systemd_says(shop: Shop, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    env = {"STATE_DIRECTORY": str(state)}
    options = ("--keyring", shop.keyring)
    with watching(shop.root, *options, home=tmp_path, env=env, receipts=False) as watcher:
        watcher.until_status("verified")
        folder = Path(watcher.until(lambda: watcher.status()["receipts"]["folder"], about="one"))
        assert folder.is_relative_to(state)
        assert (folder / "receipts.jsonl").stat().st_size > 0
        assert (folder / "watch-key.json").stat().st_mode & 0o777 == 0o600


def test_receipts_lie_where_they_are_asked_to(shop: Shop, tmp_path: Path) -> None:
    env = {"STATE_DIRECTORY": str(tmp_path / "state"), "DURI_RECEIPTS": str(tmp_path / "chosen")}
    options = ("--keyring", shop.keyring)
    with watching(shop.root, *options, home=tmp_path, env=env, receipts=False) as watcher:
        watcher.until_status("verified")
        folder = watcher.until(lambda: watcher.status()["receipts"]["folder"], about="receipts")
        assert folder == str(tmp_path / "chosen")
