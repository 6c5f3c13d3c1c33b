"""`duri watch` from its start to its end, as the process that users run."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Component, RunDuri
from tests.integration.shop import Shop
from tests.integration.watching import Watcher, watching


def edit(root: Path) -> Callable[[], object]:
    path = root / "lib/prices.py"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"3", b"4"))
    return lambda: path.write_bytes(before)


def plant(root: Path) -> Callable[[], object]:
    path = root / "lib/deep/.hidden.pth"
    path.write_bytes(b"import os\n")
    return path.unlink


def plant_in_new_folders(root: Path) -> Callable[[], object]:
    path = root / "new/folder/inside"
    path.mkdir(parents=True)
    (path / "sitecustomize.py").write_bytes(b"")
    return lambda: shutil.rmtree(root / "new")


def delete(root: Path) -> Callable[[], object]:
    path = root / "lib/deep/er/rates.py"
    before = path.read_bytes()
    path.unlink()
    return lambda: path.write_bytes(before)


def delete_folder(root: Path) -> Callable[[], object]:
    away = root.parent / "away"
    (root / "lib/deep").rename(away)
    return lambda: away.rename(root / "lib/deep")


def change_mode(root: Path) -> Callable[[], object]:
    path = root / "bin/start"
    path.chmod(0o4755)
    return lambda: path.chmod(0o755)


def change_mode_of_folder(root: Path) -> Callable[[], object]:
    path = root / "lib/deep"
    path.chmod(0o777)
    return lambda: path.chmod(0o755)


def change_link(root: Path) -> Callable[[], object]:
    path = root / "lib/current"
    path.unlink()
    path.symlink_to("/etc/passwd")

    def undo() -> None:
        path.unlink()
        path.symlink_to("prices.py")

    return undo


def rename_over(root: Path) -> Callable[[], object]:
    path, other = root / "main.py", root.parent / "other.py"
    before = path.read_bytes()
    other.write_bytes(before + b"# more\n")
    other.rename(path)
    return lambda: path.write_bytes(before)


def replace_folder_by_link(root: Path) -> Callable[[], object]:
    away = root.parent / "away"
    path = root / "many"
    path.rename(away)
    path.symlink_to(away)

    def undo() -> None:
        path.unlink()
        away.rename(path)

    return undo


def damage_evidence(root: Path) -> Callable[[], object]:
    path = root / ".duri/checksums.json"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"0", b"1", 1))
    return lambda: path.write_bytes(before)


CHANGES = [
    (edit, "corrupted"),
    (plant, "corrupted"),
    (plant_in_new_folders, "corrupted"),
    (delete, "corrupted"),
    (delete_folder, "corrupted"),
    (change_mode, "corrupted"),
    (change_mode_of_folder, "corrupted"),
    (change_link, "corrupted"),
    (rename_over, "corrupted"),
    (replace_folder_by_link, "corrupted"),
    (damage_evidence, "tampered"),
]


@pytest.mark.parametrize("events", ["fanotify", "inotify"])
def test_each_change_is_seen_as_it_happens_and_so_is_its_repair(
    shop: Shop, home: Path, events: str
) -> None:
    options = ["--no-fanotify"] if events == "inotify" else []
    with watching(shop.root, "--keyring", shop.keyring, *options, home=home) as watcher:
        watcher.until_status("verified")
        for change, status in CHANGES:
            undo = change(shop.root)
            watcher.until_status(status)
            undo()
            watcher.until_status("verified")
        expected = ["verified"]
        for _, status in CHANGES:
            expected += [status, "verified"]
        assert watcher.statuses() == expected
        assert watcher.metrics()["duri_integrity_detection_seconds_count"] >= len(CHANGES)


def test_without_events_a_scan_finds_the_change(shop: Shop, home: Path) -> None:
    options = ["--no-events", "--interval", "5", "--stat-passes", "9"]
    with watching(shop.root, "--keyring", shop.keyring, *options, home=home) as watcher:
        watcher.until_status("verified")
        undo = edit(shop.root)
        watcher.until_status("corrupted")
        undo()
        watcher.until_status("verified")
        assert watcher.status()["events"]["source"] == "none"


def test_change_made_while_nobody_watched_is_found_at_the_start(shop: Shop, home: Path) -> None:
    edit(shop.root)
    with watching(shop.root, "--keyring", shop.keyring, home=home) as watcher:
        watcher.until_status("corrupted")
        assert watcher.statuses() == ["corrupted"]


def test_probes_tell_the_release_from_the_watcher(shop: Shop, watcher: Watcher) -> None:
    assert watcher.get("/readyz")[0] == 200
    undo = edit(shop.root)
    watcher.until(lambda: watcher.get("/readyz")[0] == 503, about="not ready")
    assert "corrupted" in watcher.get("/readyz")[1]
    assert watcher.get("/livez")[0] == 200
    undo()
    watcher.until(lambda: watcher.get("/readyz")[0] == 200, about="ready again")


def test_status_names_what_changed_and_who_changed_it(
    shop: Shop, watcher: Watcher, component: Component
) -> None:
    component("root's rights", present=os.geteuid() == 0)
    edit(shop.root)
    watcher.until_status("corrupted")
    status = watcher.status()
    assert [(one["kind"], one["path"]) for one in status["verdict"]["findings"]] == [
        ("modified", "lib/prices.py")
    ]
    assert [one["path"] for one in status["origins"]] == ["lib/prices.py"]
    assert status["origins"][0]["pid"] == os.getpid()


def test_end_leaves_a_last_receipt_in_good_time(
    shop: Shop, watcher: Watcher, home: Path, run_duri: RunDuri
) -> None:
    began = time.monotonic()
    assert watcher.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    proved = run_duri("receipts", "verify", home / "receipts", check=0)
    assert "the watcher was stopped" in proved.out or "chain is whole" in proved.out
    assert [line["event"] for line in watcher.lines][-1] == "watch.stopped"
    del shop


def test_hangup_reads_settings_and_keyring_again(shop: Shop, home: Path) -> None:
    config = home / "duri.toml"
    config.write_text(f'keyring = "{shop.keyring}"\n')
    with watching(shop.root, "--config", config, home=home) as watcher:
        watcher.until_status("verified")
        config.write_text(f'keyring = "{shop.keyring}"\nproduct = "another"\n')
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until_status("tampered")
        config.write_text("interval = [")
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until(lambda: watcher.status()["problems"], about="a problem with the settings")
        config.write_text(f'keyring = "{shop.keyring}"\n')
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until_status("verified")
        watcher.until(lambda: not watcher.status()["problems"], about="no problem any more")


def test_keyring_swapped_as_kubernetes_does_is_noticed(
    shop: Shop, home: Path, run_duri: RunDuri
) -> None:
    secret = home / "secret"
    for version in ("..one", "..two"):
        (secret / version).mkdir(parents=True)
    shutil.copy(shop.keyring, secret / "..one/keyring.json")
    run_duri("keys", "new", "--out", secret / "..two/keyring.json", check=0)
    (secret / "..data").symlink_to("..one")
    (secret / "keyring.json").symlink_to("..data/keyring.json")

    def swap(version: str) -> None:
        (secret / "..data_tmp").symlink_to(version)
        (secret / "..data_tmp").rename(secret / "..data")

    with watching(shop.root, "--keyring", secret / "keyring.json", home=home) as watcher:
        watcher.until_status("verified")
        swap("..two")
        watcher.until_status("tampered")
        swap("..one")
        watcher.until_status("verified")
        (secret / "keyring.json").unlink()
        watcher.until_status("unverifiable")
        (secret / "keyring.json").symlink_to("..data/keyring.json")
        watcher.until_status("verified")


def test_root_that_goes_away_is_unverifiable_until_it_is_back(shop: Shop, watcher: Watcher) -> None:
    away = shop.root.parent / "away"
    shop.root.rename(away)
    watcher.until_status("unverifiable")
    assert watcher.status()["verdict"]["findings"][0]["kind"] == "root_unusable"
    away.rename(shop.root)
    watcher.until_status("verified")
    edit(shop.root)
    watcher.until_status("corrupted")


def test_port_that_is_taken_is_a_problem_and_no_end(
    shop: Shop, home: Path, watcher: Watcher
) -> None:
    port = watcher.address.rsplit(":", 1)[1].rstrip("/")
    second = home / "second"
    second.mkdir()
    options: list[str | Path] = ["--keyring", shop.keyring]
    options += ["--listen", f"127.0.0.1:{port}"]
    with watching(shop.root, *options, home=second, serve=False) as other:
        other.until(lambda: other.events("watch.problem"), about="a problem")
        assert other.events("watch.problem")[0]["about"] == "http"
        other.until(lambda: other.statuses() == ["verified"], about="a verdict all the same")
        watcher.end()
        other.until(lambda: other.events("watch.listening"), about="listening in the end")


def test_second_watcher_does_not_write_to_the_first_ones_receipts(
    shop: Shop, home: Path, watcher: Watcher
) -> None:
    with watching(shop.root, "--keyring", shop.keyring, home=home) as second:
        second.until_status("verified")
        second.until(lambda: second.status()["receipts"]["problem"], about="a problem")
        assert "another watcher" in second.status()["receipts"]["problem"]
        watcher.end()
        second.until(
            lambda: not second.status()["receipts"]["problem"], about="receipts", seconds=60
        )


def test_full_scan_stands_back_and_events_do_not_wait_for_it(shop: Shop, home: Path) -> None:
    (shop.root / "large.bin").write_bytes(os.urandom(3_000_000))
    assert shop.seal("--product", "shop", "--version", "1.0.1").code == 0
    options = ["--interval", "5", "--stat-passes", "0", "--max-bytes-per-second", "300000"]
    with watching(shop.root, "--keyring", shop.keyring, *options, home=home) as watcher:
        watcher.until_status("verified")
        running = watcher.until(lambda: watcher.status()["scanning"], about="a full scan")
        assert running["kind"] == "full"
        tasks = Path(f"/proc/{watcher.process.pid}/task")
        nices = {
            int((one / "stat").read_text().rsplit(")", 1)[1].split()[16]) for one in tasks.iterdir()
        }
        assert nices == {0, 10}
        undo = edit(shop.root)
        watcher.until_status("corrupted", seconds=4)
        # It found the file as it was or as it is, and must not undo what was seen since.
        watcher.until_scans("full", 2)
        assert watcher.metrics()["duri_integrity_status_corrupted"] == 1
        undo()
        watcher.until_status("verified", seconds=4)
        watcher.until_scans("full", 3)
        assert watcher.metrics()["duri_integrity_status_verified"] == 1
        assert watcher.statuses() == ["verified", "corrupted", "verified"]


def nices(watcher: Watcher) -> set[int]:
    """Return how far each thread of a watcher stands back (proc(5), field 19)."""
    tasks = Path(f"/proc/{watcher.process.pid}/task").iterdir()
    return {int((one / "stat").read_text().rsplit(")", 1)[1].split()[16]) for one in tasks}
