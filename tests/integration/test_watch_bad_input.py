"""`duri watch` and what should not happen: each has a name, a number and a line, and no end.

Whatever is done here, the process stays up, the status is the right one, it is verified again once
things are as they were, and the receipts hold together.
"""

import fcntl
import itertools
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.conftest import DURI, Component, RunDuri, clean_environment
from tests.integration.shop import Shop
from tests.integration.watching import Watcher, watching

SCANS = ("--interval", "5", "--stat-passes", "9")
"""A scan each half second."""

NUMBERS = itertools.count()


@pytest.fixture
def watch_options() -> Sequence[str]:
    """Have scans soon."""
    return SCANS


def kinds(watcher: Watcher) -> set[str]:
    """Return the kinds of what is found now."""
    verdict = watcher.status()["verdict"]
    return {one["kind"] for one in verdict["findings"]} if verdict else set()


def until_kind(watcher: Watcher, kind: str) -> None:
    """Return once something of this kind is found."""
    watcher.until(lambda: kind in kinds(watcher), about=kind)


def until_problem(watcher: Watcher, words: str) -> None:
    """Return once a problem with these words is shown, and logged."""
    watcher.until(lambda: words in " ".join(watcher.status()["problems"]), about=words)
    watcher.until(
        lambda: any(words in line["reason"] for line in watcher.events("watch.problem")),
        about=f"a line: {words}",
    )


def until_no_problem(watcher: Watcher) -> None:
    """Return once there is none."""
    watcher.until(lambda: not watcher.status()["problems"], about="no problem")


def receipts_hold(watcher: Watcher, home: Path, duri: RunDuri) -> str:
    """End the watcher, and have its receipts verified."""
    assert watcher.end() == 0
    return duri("receipts", "verify", home / "receipts", check=0).out


# The root.


def test_root_that_is_deleted_and_made_again(
    shop: Shop, watcher: Watcher, home: Path, run_duri: RunDuri
) -> None:
    copy = shop.root.parent / "copy"
    subprocess.run(["cp", "-a", shop.root, copy], check=True)
    for _ in range(3):
        shutil.rmtree(shop.root)
        watcher.until_status("unverifiable")
        until_kind(watcher, "root_unusable")
        subprocess.run(["cp", "-a", copy, shop.root], check=True)
        watcher.until_status("verified")
    (shop.root / "main.py").write_bytes(b"other")
    watcher.until_status("corrupted")
    assert "unverifiable" in receipts_hold(watcher, home, run_duri)


def test_root_that_becomes_a_file_a_link_to_itself_or_a_fifo(shop: Shop, watcher: Watcher) -> None:
    away = shop.root.parent / "away"
    shop.root.rename(away)
    makes: list[Callable[[], object]] = [
        shop.root.touch,
        lambda: shop.root.symlink_to(shop.root),
        lambda: os.mkfifo(shop.root),
    ]
    for make in makes:
        make()
        watcher.until_status("unverifiable")
        until_kind(watcher, "root_unusable")
        shop.root.unlink()
        time.sleep(0.2)
    away.rename(shop.root)
    watcher.until_status("verified")


@pytest.mark.parametrize("kind", ["file", "missing", "empty"])
def test_root_that_is_none_at_the_start_is_unverifiable_until_it_is_there(
    shop: Shop, home: Path, kind: str
) -> None:
    root = home / "root"
    if kind == "file":
        root.touch()
    elif kind == "empty":
        root.mkdir()
    with watching(root, "--keyring", shop.keyring, home=home) as watcher:
        watcher.until_status("unverifiable")
        assert watcher.get("/readyz")[0] == 503
        assert watcher.get("/livez")[0] == 200
        if kind == "file":
            root.unlink()
        elif kind == "empty":
            root.rmdir()
        subprocess.run(["cp", "-a", shop.root, root], check=True)
        watcher.until_status("verified")


def test_same_folder_under_another_mode_is_unverifiable_and_comes_back(
    shop: Shop, home: Path
) -> None:
    options: list[str | Path] = ["--keyring", shop.keyring, *SCANS]
    with watching(shop.root, *options, home=home, as_nobody=True) as watcher:
        watcher.until_status("verified")
        shop.root.chmod(0)
        watcher.until_status("unverifiable")
        shop.root.chmod(0o755)
        watcher.until_status("verified")


# The artifacts.


def sealed_as(shop: Shop, *options: str) -> Path:
    """Return the artifacts of the same tree, sealed otherwise."""
    copy = shop.root.parent / f"sealed-{next(NUMBERS)}"
    subprocess.run(["cp", "-a", shop.root, copy], check=True)
    shutil.rmtree(copy / ".duri")
    assert Shop(copy, shop.keyring, shop.duri).seal(*options).code == 0
    return copy / ".duri"


Damage = Callable[[Shop], object]


def replaced_by(shop: Shop, *options: str) -> None:
    made = sealed_as(shop, *options)
    shutil.rmtree(shop.artifacts)
    made.rename(shop.artifacts)


def other_product(shop: Shop) -> None:
    replaced_by(shop, "--product", "bank", "--sequence", "9999999999")


def older_release(shop: Shop) -> None:
    replaced_by(shop, "--product", "shop", "--version", "0.9", "--sequence", "3")


def mixed(shop: Shop) -> None:
    made = sealed_as(shop, "--product", "shop", "--version", "2", "--sequence", "9999999999")
    shutil.copy(made / "deployment_metadata.json", shop.artifacts)


def flipped(shop: Shop) -> None:
    path = shop.artifacts / "provenance.json"
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])


def one_missing(shop: Shop) -> None:
    (shop.artifacts / "checksums.sig").unlink()


def all_missing(shop: Shop) -> None:
    shutil.rmtree(shop.artifacts)


def one_more(shop: Shop) -> None:
    (shop.artifacts / "evil.py").write_bytes(b"")


def linked_folder(shop: Shop) -> None:
    away = shop.root.parent / f"away-{next(NUMBERS)}"
    shop.artifacts.rename(away)
    shop.artifacts.symlink_to(away)


def fifo_for_an_artifact(shop: Shop) -> None:
    one_missing(shop)
    os.mkfifo(shop.artifacts / "checksums.sig")


def truncated(shop: Shop) -> None:
    os.truncate(shop.artifacts / "checksums.json", 10)


DAMAGES: list[tuple[Damage, set[str]]] = [
    (other_product, {"tampered"}),
    (older_release, {"tampered"}),
    (mixed, {"tampered"}),
    (flipped, {"tampered"}),
    (one_missing, {"tampered"}),
    (one_more, {"tampered"}),
    (truncated, {"tampered"}),
    (all_missing, {"unverifiable"}),
    (linked_folder, {"tampered", "unverifiable"}),
    (fifo_for_an_artifact, {"tampered", "unverifiable"}),
]


@pytest.mark.parametrize("events", [[], ["--no-events"]], ids=["events", "no-events"])
def test_artifacts_replaced_under_it(
    shop: Shop, home: Path, run_duri: RunDuri, events: list[str]
) -> None:
    kept = shop.root.parent / "kept"
    subprocess.run(["cp", "-a", shop.artifacts, kept], check=True)
    options: list[str | Path] = [
        "--keyring",
        shop.keyring,
        "--product",
        "shop",
        "--minimum-sequence",
        "1000",
    ]
    with watching(shop.root, *options, *events, home=home) as watcher:
        watcher.until_status("verified")
        for damage, statuses in DAMAGES:
            # The metrics say it a moment before the log does.
            watcher.until(lambda: watcher.statuses()[-1:] == ["verified"], about="a line")
            before = len(watcher.statuses())
            damage(shop)
            watcher.until(lambda: len(watcher.statuses()) > before, about=damage.__name__)  # noqa: B023
            assert set(watcher.statuses()[before:]) <= statuses, damage.__name__
            if shop.artifacts.is_symlink():
                shop.artifacts.unlink()
            else:
                shutil.rmtree(shop.artifacts, ignore_errors=True)
            subprocess.run(["cp", "-a", kept, shop.artifacts], check=True)
            watcher.until_status("verified")
        receipts_hold(watcher, home, run_duri)


# The keyring.


def test_keyring_that_is_gone_empty_or_nonsense_is_unverifiable(
    shop: Shop, watcher: Watcher
) -> None:
    kept = shop.keyring.read_bytes()
    spoil: list[Callable[[], object]] = [
        lambda: None,
        shop.keyring.touch,
        lambda: shop.keyring.write_bytes(b"{}"),
        lambda: shop.keyring.write_bytes(b"[" * 5000),
        shop.keyring.mkdir,
        lambda: os.mkfifo(shop.keyring),
        lambda: shop.keyring.symlink_to(shop.keyring),
    ]
    for number, one in enumerate(spoil):
        shop.keyring.unlink()
        one()
        watcher.until_status("unverifiable")
        assert "keyring_unusable" in kinds(watcher), number
        # The watcher goes on: what is changed meanwhile is known when the keyring is back.
        if shop.keyring.is_dir() and not shop.keyring.is_symlink():
            shop.keyring.rmdir()
        else:
            shop.keyring.unlink(missing_ok=True)
        shop.keyring.write_bytes(kept)
        shop.keyring.chmod(0o600)
        watcher.until_status("verified")
    shop.keyring.unlink()
    watcher.until_status("unverifiable")
    (shop.root / "main.py").write_bytes(b"other")
    shop.keyring.write_bytes(kept)
    shop.keyring.chmod(0o600)
    watcher.until_status("corrupted")


def test_keyring_that_may_not_be_read_is_unverifiable_until_it_may(shop: Shop, home: Path) -> None:
    options: list[str | Path] = ["--keyring", shop.keyring]
    with watching(shop.root, *options, home=home, as_nobody=True) as watcher:
        watcher.until_status("verified")
        shop.keyring.chmod(0)
        watcher.until_status("unverifiable")
        assert "keyring_unusable" in kinds(watcher)
        shop.keyring.chmod(0o600)
        watcher.until_status("verified")


# Disks.

MOUNTED = 'mount -t tmpfs -o size="$1" tmpfs "$2"; shift 2; exec "$@"'


def on_small_disk(component: Component, size: str, place: Path) -> list[str]:
    """Return what starts a watcher that has a small disk of its own at a place."""
    unshare = component("unshare")
    probe = subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False)
    component("mount namespaces", present=probe.returncode == 0)
    place.mkdir()
    shell = ["sh", "-euc", MOUNTED, "sh", size, str(place)]
    return [unshare, "-m", "--propagation", "private", *shell]


def fill(folder: Path) -> Path:
    """Write until there is no room left; return the file that took it."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    return path


def test_full_disk_delays_receipts_and_textfile_and_loses_none(
    shop: Shop, home: Path, run_duri: RunDuri, component: Component
) -> None:
    disk = home / "disk"
    prefix = on_small_disk(component, "256k", disk)
    (home / "kept").mkdir()
    options: list[str | Path] = [
        "--keyring",
        shop.keyring,
        "--receipts",
        disk,
        "--textfile",
        disk / "t.prom",
    ]
    with watching(shop.root, *options, *SCANS, home=home, prefix=prefix, receipts=False) as watcher:
        inside = Path(f"/proc/{watcher.process.pid}/root{disk}")
        watcher.until_status("verified")
        watcher.until((inside / "t.prom").exists, about="a textfile")
        before = (inside / "t.prom").read_bytes()
        filler = fill(inside)
        (shop.root / "main.py").write_bytes(b"other")
        watcher.until_status("corrupted")
        until_problem(watcher, "No space left")
        watcher.until(
            lambda: watcher.metrics()["duri_integrity_receipts_waiting"] > 0, about="waiting"
        )
        watcher.until(
            lambda: watcher.metrics()["duri_integrity_receipt_errors_total"] > 0, about="errors"
        )
        assert watcher.get("/livez")[0] == 200
        # Whole: what was there, or nothing newer than the disk had room for.
        kept = (inside / "t.prom").read_bytes()
        assert kept.startswith(before[:40])
        assert kept.endswith(b"\n")
        filler.unlink()
        watcher.until(
            lambda: not watcher.metrics()["duri_integrity_receipts_waiting"], about="written"
        )
        until_no_problem(watcher)
        watcher.until(
            lambda: b"duri_integrity_status_corrupted 1.0" in (inside / "t.prom").read_bytes(),
            about="a textfile that is right again",
        )
        shutil.copytree(inside, home / "kept", dirs_exist_ok=True)
        proved = run_duri("receipts", "verify", home / "kept", check=0).out
        assert "corrupted" in proved
        assert [line["status"] for line in watcher.events("watch.status")] == [
            "verified",
            "corrupted",
        ]


def test_disk_that_is_full_from_the_start_delays_receipts(
    shop: Shop, home: Path, run_duri: RunDuri, component: Component
) -> None:
    disk = home / "disk"
    prefix = on_small_disk(component, "64k", disk)
    at = prefix.index("-euc") + 1
    prefix[at] = prefix[at].replace(
        "shift 2;", 'dd if=/dev/zero of="$2/filler" 2>/dev/null || :; shift 2;'
    )
    options: list[str | Path] = ["--keyring", shop.keyring, "--receipts", disk / "r"]
    with watching(shop.root, *options, *SCANS, home=home, prefix=prefix, receipts=False) as watcher:
        watcher.until_status("verified")
        until_problem(watcher, "No space left")
        watcher.until_scans("stat", 3)
        inside = Path(f"/proc/{watcher.process.pid}/root{disk}")
        (inside / "filler").unlink()
        watcher.until(
            lambda: (log := watcher.status()["receipts"])["written"] > 0 and log["waiting"] == 0,
            about="receipts",
        )
        shutil.copytree(inside / "r", home / "kept")
        proved = run_duri("receipts", "verify", home / "kept", check=0).out
        assert "the chain is whole" in proved
        # The first of all is the start, however late it came to be written.
        assert "1 to " in proved


def test_folders_that_may_not_be_written_are_a_problem_until_they_may(
    shop: Shop, home: Path, run_duri: RunDuri
) -> None:
    (home / "out").mkdir(mode=0o555)
    (home / "receipts").mkdir(mode=0o555)
    (home / "out").chmod(0o555)
    options: list[str | Path] = [
        "--keyring",
        shop.keyring,
        "--textfile",
        home / "out/t.prom",
        *SCANS,
    ]
    with watching(shop.root, *options, home=home, as_nobody=True) as watcher:
        watcher.until_status("verified")
        until_problem(watcher, "ermission denied")
        assert len(watcher.status()["problems"]) == 2
        assert watcher.metrics()["duri_integrity_textfile_errors_total"] > 0
        for folder in ("out", "receipts"):
            (home / folder).chmod(0o755)
        until_no_problem(watcher)
        watcher.until((home / "out/t.prom").exists, about="a textfile")
        assert "the chain is whole" in receipts_hold(watcher, home, run_duri)


# The clock.

SET_CLOCK = textwrap.dedent("""
    import os, runpy, sys, time
    real, file = time.time, sys.argv[1]
    time.time = lambda: real() + float(os.readlink(file))
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
""")


def set_clock(file: Path, seconds: float) -> None:
    """Have a watcher's clock be so much ahead of the right one, from one moment to the next."""
    new = file.with_name("new")
    new.symlink_to(str(seconds))
    new.rename(file)


@pytest.mark.parametrize("seconds", [-1.9e9, 2.6e11, 1.2e12], ids=["1960", "10000", "40000"])
def test_clock_that_no_date_can_say_ends_nothing(
    shop: Shop, home: Path, run_duri: RunDuri, seconds: float
) -> None:
    clock = home / "clock"
    set_clock(clock, 0)
    prefix = [sys.executable, "-c", SET_CLOCK, str(clock)]
    options = ("--keyring", shop.keyring, *SCANS)
    with watching(shop.root, *options, home=home, prefix=prefix) as watcher:
        watcher.until_status("verified")
        set_clock(clock, seconds)
        watcher.until(
            lambda: watcher.metrics()["duri_integrity_clock_jumps_total"] == 1, about="a jump"
        )
        scans = watcher.metrics()['duri_integrity_scans_total{kind="stat"}']
        watcher.until_scans("stat", int(scans) + 2)
        assert {watcher.get(path)[0] for path in ("/", "/livez", "/api/v1/status")} == {200}
        set_clock(clock, 0)
        watcher.until_status("verified")
        receipts_hold(watcher, home, run_duri)


def test_clock_that_jumps_is_told_and_neither_hurries_nor_delays_a_scan(
    shop: Shop, home: Path, run_duri: RunDuri
) -> None:
    clock = home / "clock"
    set_clock(clock, 0)

    def jump(seconds: float) -> None:
        set_clock(clock, seconds)

    prefix = [sys.executable, "-c", SET_CLOCK, str(clock)]
    options: list[str | Path] = ["--keyring", shop.keyring, "--state", home / "state.json"]
    options += ["--interval", "5", "--stat-passes", "0"]
    with watching(shop.root, *options, home=home, prefix=prefix) as watcher:
        watcher.until_status("verified")
        jump(86_400)
        watcher.until(
            lambda: watcher.metrics()["duri_integrity_clock_jumps_total"] == 1, about="a jump"
        )
        assert watcher.events("watch.clock")[0]["seconds"] == pytest.approx(86_400, abs=3)
        full = 'duri_integrity_scans_total{kind="full"}'
        before, began = watcher.metrics()[full], time.monotonic()
        watcher.until_scans("full", int(before) + 2)
        assert 4 < time.monotonic() - began < 14
        assert watcher.statuses() == ["verified"]
        jump(-3600)
        # The state file has seen tomorrow.
        watcher.until_status("unverifiable")
        assert "clock_behind" in kinds(watcher)
        assert watcher.metrics()["duri_integrity_clock_jumps_total"] == 2
        before, began = watcher.metrics()[full], time.monotonic()
        watcher.until_scans("full", int(before) + 2)
        assert 4 < time.monotonic() - began < 14
        jump(86_500)
        watcher.until_status("verified")
        assert [round(line["seconds"] / 100) for line in watcher.events("watch.clock")] == [
            864,
            -900,
            901,
        ]
        spans = watcher.status()["spans"]
        assert spans[-1]["status"] == "verified"
        assert all(one["end"] == other["begin"] for one, other in itertools.pairwise(spans))
        assert watcher.get("/livez")[0] == 200
        assert watcher.end() == 0
    # Receipts whose times go back are told of, and prove no less.
    proved = run_duri("receipts", "verify", home / "receipts", check=0).out
    assert "the chain is whole" in proved


# The tree.


def test_ten_thousand_findings_leave_it_quick(
    shop: Shop, watcher: Watcher, home: Path, run_duri: RunDuri
) -> None:
    folder = shop.root / "planted"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"a file with a name of some length {number}").touch()
    watcher.until(
        lambda: watcher.metrics()["duri_integrity_files_new"] == 10_000, about="all of them"
    )
    for path, most in (
        ("/api/v1/status", 2),
        ("/api/v1/status?findings=10000", 5),
        ("/", 5),
        ("/metrics", 1),
        ("/readyz", 1),
    ):
        began = time.monotonic()
        code, body, _ = watcher.get(path)
        assert code in {200, 503}
        assert time.monotonic() - began < most, path
        assert len(body) < 20_000_000
    status = watcher.status()
    assert status["findings_total"] == 10_000
    assert status["truncated"]
    assert max(map(len, watcher.said)) < 10_000
    shutil.rmtree(folder)
    watcher.until_status("verified")
    assert "corrupted" in receipts_hold(watcher, home, run_duri)


def test_unreadable_subtree_is_unverifiable_while_it_is(shop: Shop, home: Path) -> None:
    options: list[str | Path] = ["--keyring", shop.keyring, *SCANS]
    (shop.root / "lib/deep").chmod(0)
    with watching(shop.root, *options, home=home, as_nobody=True) as watcher:
        watcher.until_status("unverifiable")
        until_kind(watcher, "unreadable")
        (shop.root / "lib/deep").chmod(0o755)
        watcher.until_status("verified")
        for path, mode in (("lib", 0o755), ("main.py", 0o644), ("lib/deep/er", 0o755)):
            (shop.root / path).chmod(0)
            watcher.until_status("unverifiable")
            until_kind(watcher, "unreadable")
            (shop.root / path).chmod(mode)
            watcher.until_status("verified")
        # Events of what became readable again are heard again.
        (shop.root / "lib/deep/er/rates.py").write_bytes(b"other")
        watcher.until_status("corrupted", seconds=5)


def test_special_files_are_drift_and_block_nothing(
    shop: Shop, watcher: Watcher, component: Component
) -> None:
    component("root's rights", present=os.geteuid() == 0)
    path = shop.root / "lib/special"

    def bind_socket() -> None:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.fspath(path))

    def make_device() -> None:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))

    makes: list[Callable[[], object]] = [lambda: os.mkfifo(path), bind_socket, make_device]
    for make in makes:
        make()
        watcher.until_status("corrupted")
        assert kinds(watcher) == {"new"}
        path.unlink()
        watcher.until_status("verified")
    content = (shop.root / "main.py").read_bytes()
    (shop.root / "main.py").unlink()
    os.mkfifo(shop.root / "main.py")
    watcher.until_status("corrupted")
    watcher.until(lambda: kinds(watcher) == {"type"}, about="another type")
    (shop.root / "main.py").unlink()
    (shop.root / "main.py").write_bytes(content)
    watcher.until_status("verified")


@pytest.mark.parametrize(
    "mount",
    [
        ["--bind", "{root}/lib/deep", "{root}/lib/deep"],
        ["-t", "tmpfs", "tmpfs", "{root}/lib/deep"],
        ["--bind", "/dev/null", "{root}/main.py"],
        [
            *("-t", "overlay", "overlay", "{root}/lib/deep", "-o"),
            "lowerdir={root}/lib/deep,upperdir={disk}/up,workdir={disk}/work",
        ],
    ],
    ids=["bind", "tmpfs", "file", "overlay"],
)
def test_mount_over_a_part_is_drift_while_it_is_there(
    shop: Shop, home: Path, component: Component, mount: list[str]
) -> None:
    disk = home / "disk"
    prefix = on_small_disk(component, "1m", disk)
    nsenter = component("nsenter")
    with watching(
        shop.root, "--keyring", shop.keyring, *SCANS, home=home, prefix=prefix
    ) as watcher:
        watcher.until_status("verified")
        enter = [nsenter, "-m", "-t", str(watcher.process.pid)]
        subprocess.run([*enter, "mkdir", f"{disk}/up", f"{disk}/work"], check=True)
        told = [word.format(root=shop.root, disk=disk) for word in mount]
        subprocess.run([*enter, "mount", *told], check=True)
        watcher.until_status("corrupted")
        assert "mount_point" in kinds(watcher)
        over = next(word for word in reversed(told) if word.startswith(f"{shop.root}/"))
        subprocess.run([*enter, "umount", over], check=True)
        watcher.until_status("verified")
        (shop.root / "lib/deep/er/rates.py").write_bytes(b"other")
        watcher.until_status("corrupted", seconds=5)


def test_hard_link_from_outside_is_drift_while_it_is_there(shop: Shop, watcher: Watcher) -> None:
    outside = shop.root.parent / "outside"
    os.link(shop.root / "main.py", outside)
    watcher.until_status("corrupted")
    until_kind(watcher, "hard_link")
    with outside.open("ab") as file:
        file.write(b"# through the other name\n")
    until_kind(watcher, "modified")
    os.truncate(outside, len(b"print('open')\n"))
    watcher.until(lambda: kinds(watcher) == {"hard_link"}, about="the link alone")
    outside.unlink()
    watcher.until_status("verified")


def test_file_that_is_written_all_the_time_is_never_verified(shop: Shop, watcher: Watcher) -> None:
    path = shop.root / "main.py"
    before = path.read_bytes()
    ended = threading.Event()

    def write() -> None:
        with path.open("r+b", buffering=0) as file:
            while not ended.wait(0.0005):
                file.seek(0)
                file.write(b"#")
        path.write_bytes(before)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        watcher.until_status("corrupted", seconds=5)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert kinds(watcher) & {"modified", "changing"}
            assert watcher.get("/livez")[0] == 200
    finally:
        ended.set()
        writing.join()
    watcher.until_status("verified")


def test_sparse_giant_is_answered_at_once(shop: Shop, watcher: Watcher) -> None:
    path = shop.root / "giant"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    watcher.until_status("corrupted", seconds=5)
    path.unlink()
    watcher.until_status("verified", seconds=5)
    before = (shop.root / "main.py").read_bytes()
    os.truncate(shop.root / "main.py", 1 << 40)
    watcher.until_status("corrupted", seconds=5)
    watcher.until_scans("stat", 3)
    assert watcher.get("/livez")[0] == 200
    (shop.root / "main.py").write_bytes(before)
    watcher.until_status("verified", seconds=5)


def test_odd_names_are_shown_and_logged_safely(shop: Shop, watcher: Watcher) -> None:
    folder = os.fsencode(shop.root)
    for name in (
        b"two\nlines",
        b"\xff\xfe",
        "right\u202eto left".encode(),
        b"\x1b[31mred",
        b"<script>alert(1)</script>",
        b'"} 1\nduri_integrity_status_verified 1',
    ):
        path = os.path.join(folder, name.replace(b"/", b"|"))
        with open(path, "wb"):
            pass
        watcher.until_status("corrupted")
        page, metrics = watcher.get("/")[1], watcher.get("/metrics")[1]
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page
        assert metrics.count("\nduri_integrity_status_verified ") == 1
        os.unlink(path)
        watcher.until_status("verified")
    said = "".join(watcher.said)
    assert "\u202e" not in said
    assert "\x1b" not in said
    assert not [line for line in watcher.said if not line.startswith("{")]


# The kernel's limits.

FEW_WATCHES = 'echo 4 > /proc/sys/user/max_inotify_watches; exec "$@"'


def test_too_few_inotify_watches_are_told_and_scans_find_the_rest(
    shop: Shop, home: Path, component: Component
) -> None:
    unshare = [component("unshare"), "--user", "--map-root-user", "sh", "-euc", FEW_WATCHES, "sh"]
    probe = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    component("user namespaces", present=probe.returncode == 0)
    options: list[str | Path] = ["--keyring", shop.keyring, *SCANS]
    with watching(shop.root, *options, home=home, prefix=unshare) as watcher:
        watcher.until_status("verified")
        until_problem(watcher, "inotify has no watches left")
        assert watcher.metrics()["duri_integrity_event_watches_refused_total"] > 0
        assert watcher.status()["events"]["problem"]
        for path in ("main.py", "lib/deep/er/rates.py", "many/f3.txt"):
            before = (shop.root / path).read_bytes()
            (shop.root / path).write_bytes(b"other")
            watcher.until_status("corrupted")
            (shop.root / path).write_bytes(before)
            watcher.until_status("verified")
        assert len(watcher.events("watch.problem")) == 1


def stop(watcher: Watcher) -> None:
    """Stop it, and return once it stands."""
    watcher.process.send_signal(signal.SIGSTOP)
    state = Path(f"/proc/{watcher.process.pid}/stat")
    while state.read_text().rsplit(")", 1)[1].split()[0] != "T":
        time.sleep(0.01)


def test_overflowing_queue_is_counted_and_a_scan_of_everything_follows(
    shop: Shop, home: Path
) -> None:
    # Of fanotify's events the kernel makes one for each folder, so its queue is hard to fill.
    options = ["--no-fanotify", "--interval", "86400", "--stat-passes", "0"]
    with watching(shop.root, "--keyring", shop.keyring, *options, home=home) as watcher:
        watcher.until_status("verified")
        most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        stop(watcher)
        # The last change is among what the kernel forgets.
        for number in range(most // 2 + 200):
            (shop.root / f"many/n{number}").touch()
            (shop.root / f"many/n{number}").unlink()
        (shop.root / "lib/deep/er/rates.py").write_bytes(b"other")
        watcher.process.send_signal(signal.SIGCONT)
        watcher.until_status("corrupted")
        watcher.until(
            lambda: watcher.metrics()["duri_integrity_events_lost_total"] > 0, about="lost"
        )
        assert {one["path"] for one in watcher.status()["verdict"]["findings"]} == {
            "lib/deep/er/rates.py"
        }
        assert len(watcher.events("watch.events_lost")) == 1
        (shop.root / "lib/deep/er/rates.py").write_bytes(b"RATES = {}\n")
        watcher.until_status("verified", seconds=5)


def test_storm_of_events_leaves_the_answers_quick(shop: Shop, watcher: Watcher) -> None:
    ended = threading.Event()

    def storm() -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            path = shop.root / f"many/n{number % 50}"
            path.touch()
            path.unlink()

    storming = threading.Thread(target=storm)
    storming.start()
    slowest = 0.0
    try:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            began = time.monotonic()
            assert watcher.metrics()
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.05)
        (shop.root / "main.py").write_bytes(b"other")
        watcher.until(
            lambda: watcher.metrics()["duri_integrity_files_modified"] == 1, about="the change"
        )
    finally:
        ended.set()
        storming.join()
    assert slowest < 2
    (shop.root / "main.py").write_bytes(b"print('open')\n")
    watcher.until_status("verified")


# Signals.


def test_kill_and_restart_go_on_where_it_ended(shop: Shop, home: Path, run_duri: RunDuri) -> None:
    failures = 'duri_integrity_consecutive_failures{status="corrupted"}'
    options: list[str | Path] = ["--keyring", shop.keyring, "--textfile", home / "t.prom", *SCANS]
    (shop.root / "main.py").write_bytes(b"other")
    with watching(shop.root, *options, home=home) as watcher:
        watcher.until(lambda: watcher.metrics()[failures] >= 3, about="failures")
        watcher.end(signal.SIGKILL)
    text = (home / "t.prom").read_text()
    counted = float(text.split(failures)[1].split()[0])
    assert counted >= 2
    time.sleep(1.2)
    with watching(shop.root, *options, home=home) as watcher:
        watcher.until(lambda: watcher.metrics()[failures] > counted, about="more failures")
        watcher.until(lambda: watcher.status()["receipts"]["written"] > 1, about="receipts")
        assert watcher.status()["receipts"]["sequence"] > watcher.status()["receipts"]["written"]
        statuses = [one["status"] for one in watcher.status()["spans"]]
        assert statuses[-1] == "corrupted"
        proved = receipts_hold(watcher, home, run_duri)
        assert "2 runs" in proved


def test_stopped_watcher_finds_what_changed_meanwhile(shop: Shop, watcher: Watcher) -> None:
    stop(watcher)
    (shop.root / "main.py").write_bytes(b"other")
    (shop.root / "lib/deep/new").mkdir()
    time.sleep(1)
    watcher.process.send_signal(signal.SIGCONT)
    watcher.until_status("corrupted", seconds=5)
    watcher.until(lambda: kinds(watcher) == {"modified", "new"}, about="both")
    assert watcher.get("/livez")[0] == 200


def test_end_in_the_middle_of_a_slow_full_scan_is_at_once(shop: Shop, home: Path) -> None:
    (shop.root / "large.bin").write_bytes(os.urandom(5_000_000))
    assert shop.seal("--product", "shop", "--version", "1.0.1").code == 0
    options = ["--interval", "5", "--stat-passes", "0", "--max-bytes-per-second", "65536"]
    with watching(shop.root, "--keyring", shop.keyring, *options, home=home) as watcher:
        watcher.until_status("verified")
        watcher.until(lambda: watcher.status()["scanning"], about="a full scan")
        began = time.monotonic()
        assert watcher.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 3
        assert watcher.lines[-1]["event"] == "watch.stopped"


def test_signals_in_quick_succession_do_no_harm(shop: Shop, watcher: Watcher) -> None:
    for _ in range(20):
        watcher.process.send_signal(signal.SIGHUP)
    watcher.until(lambda: watcher.events("watch.reloaded"), about="reloaded")
    watcher.until_status("verified")
    (shop.root / "main.py").write_bytes(b"other")
    watcher.until_status("corrupted")
    watcher.process.send_signal(signal.SIGTERM)
    watcher.process.send_signal(signal.SIGHUP)
    watcher.process.send_signal(signal.SIGINT)
    assert watcher.end() == 0


# Outputs in odd places.


def logging_to(shop: Shop, home: Path, log: int) -> subprocess.Popen[bytes]:
    """Start a watcher that logs to a pipe and writes a textfile `t.prom`."""
    options = ("--keyring", shop.keyring, "--textfile", home / "t.prom", "--listen", "none")
    told: tuple[str | Path, ...] = (shop.root, *options, "--receipts", home / "r", *SCANS)
    command = [os.fspath(DURI), "watch", *(os.fspath(word) for word in told)]
    return subprocess.Popen(command, stderr=log, env=clean_environment(home))


def until_written(process: subprocess.Popen[bytes], textfile: Path, status: str) -> None:
    """Return once the textfile says this status."""
    end = time.monotonic() + 10
    series = f"duri_integrity_status_{status} 1.0\n".encode()
    while not textfile.exists() or series not in textfile.read_bytes():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, f"never {status}"
        time.sleep(0.05)


def test_log_that_nobody_reads_holds_up_nothing(shop: Shop, home: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    process = logging_to(shop, home, writing)
    os.close(writing)
    try:
        until_written(process, home / "t.prom", "verified")
        time.sleep(6)  # twelve scans: more lines than the pipe holds
        (shop.root / "main.py").write_bytes(b"other")
        until_written(process, home / "t.prom", "corrupted")
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)


def test_log_that_is_gone_ends_nothing(shop: Shop, home: Path) -> None:
    reading, writing = os.pipe()
    process = logging_to(shop, home, writing)
    os.close(writing)
    try:
        until_written(process, home / "t.prom", "verified")
        os.close(reading)
        (shop.root / "main.py").write_bytes(b"other")
        until_written(process, home / "t.prom", "corrupted")
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_textfile_never_takes_the_place_of_what_is_no_file(
    shop: Shop, home: Path, component: Component
) -> None:
    component("root's rights", present=os.geteuid() == 0)
    null = home / "null"
    os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    options = ("--keyring", shop.keyring, *SCANS)
    with watching(shop.root, *options, "--textfile", null, home=home) as watcher:
        watcher.until_status("verified")
        until_problem(watcher, "null")
        assert null.is_char_device()


@pytest.mark.parametrize("name", [b"two\nlines", b"\xff", b"\x1b[31m", "\u202e".encode()])
def test_odd_name_of_the_root_is_watched_and_shown_safely(
    shop: Shop, home: Path, name: bytes
) -> None:
    root = os.path.join(os.fsencode(home), name)
    subprocess.run([b"cp", b"-a", os.fsencode(shop.root), root], check=True)
    options = ("--keyring", shop.keyring, *SCANS)
    with watching(os.fsdecode(root), *options, home=home) as watcher:
        watcher.until_status("verified")
        watcher.until(lambda: watcher.status()["receipts"]["written"] > 1, about="receipts")
        assert "\u202e" not in watcher.get("/")[1]
        with open(os.path.join(root, b"main.py"), "wb"):
            pass
        watcher.until_status("corrupted")
        watcher.hear()
        assert not [line for line in watcher.said if not line.startswith("{")]
        assert "\u202e" not in "".join(watcher.said)


def test_few_descriptors_are_enough(shop: Shop, home: Path) -> None:
    prefix = ["sh", "-c", 'ulimit -n 32; exec "$@"', "sh"]
    options = ("--keyring", shop.keyring, *SCANS)
    with watching(shop.root, *options, home=home, prefix=prefix) as watcher:
        watcher.until_status("verified")
        (shop.root / "lib/deep/er/rates.py").write_bytes(b"other")
        watcher.until_status("corrupted")


def test_receipts_folder_that_is_removed_is_told_and_made_use_of_when_it_is_back(
    watcher: Watcher, home: Path, run_duri: RunDuri
) -> None:
    folder, kept = home / "receipts", home / "kept"
    watcher.until(lambda: watcher.status()["receipts"]["written"] > 2, about="receipts")
    folder.rename(kept)
    until_problem(watcher, "No such file")
    watcher.until(lambda: watcher.status()["receipts"]["waiting"] > 1, about="waiting")
    folder.mkdir()
    watcher.until(lambda: not watcher.status()["receipts"]["waiting"], about="written", seconds=60)
    assert watcher.status()["receipts"]["problem"] == "the receipts' folder was replaced"
    assert watcher.end() == 0
    keys = ("--keyring", kept / "watch-key.pub.json")
    assert "the chain is whole" in run_duri("receipts", "verify", kept, *keys, check=0).out
    # The sequence goes on, so the two folders together are one log.
    first = json.loads((folder / "receipts.jsonl").read_text().splitlines()[0])
    last = json.loads((kept / "receipts.jsonl").read_text().splitlines()[-1])
    assert first["sequence"] == last["sequence"] + 1


def test_deep_folders_are_found_and_repaired(shop: Shop, watcher: Watcher) -> None:
    at = os.open(shop.root, os.O_RDONLY)
    for _ in range(1500):  # a path far longer than any system call takes
        os.mkdir("deep", dir_fd=at)
        at, above = os.open("deep", os.O_RDONLY, dir_fd=at), at
        os.close(above)
    os.close(at)
    watcher.until_status("corrupted")
    watcher.until_scans("stat", 3)
    assert watcher.get("/")[0] == 200
    subprocess.run(["rm", "-rf", shop.root / "deep"], check=True)
    watcher.until_status("verified")


# Wrong calls.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--interval", "4"], "5<=x<=86400"),
        (["--interval", "86401"], "5<=x<=86400"),
        (["--interval", "often"], "not a valid"),
        (["--listen", "nowhere"], "HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "HOST:PORT"),
        (["--target-pid", "3", "--target-process", "app"], "both"),
        (["--root", "other"], "named twice"),
        (["--stat-passes", "101"], "0<=x<=100"),
        (["--max-bytes-per-second", "1"], "65536"),
    ],
)
def test_wrong_call_ends_with_2_and_says_why(
    shop: Shop, run_duri: RunDuri, options: list[str], words: str
) -> None:
    ran = run_duri("watch", shop.root, "--keyring", shop.keyring, *options, timeout=20)
    assert ran.code == 2, ran
    assert words in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", ["DURI_INTEGRITY_INTERVAL", "DURI_STAT_PASSES", "DURI_SETTLE"])
def test_wrong_variable_ends_with_2_and_names_it(shop: Shop, run_duri: RunDuri, name: str) -> None:
    env = {name: "100000"}
    ran = run_duri("watch", shop.root, "--keyring", shop.keyring, env=env, timeout=20)
    assert ran.code == 2, ran
    assert re.search(rf"\b{name}\b", ran.err)


def test_without_a_keyring_it_runs_and_says_unverifiable(shop: Shop, home: Path) -> None:
    with watching(shop.root, home=home) as watcher:
        watcher.until_status("unverifiable")
        assert "keyring_unusable" in kinds(watcher)
        assert watcher.get("/readyz")[0] == 503
        assert watcher.get("/livez")[0] == 200
