"""A release replaced by its successor, in the ways that people use, while it is watched."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.conftest import Component, RunDuri, Tree
from tests.integration.shop import Shop
from tests.integration.watching import FILES, Watcher, sealed, watching

from duri.watch import settling

MANY = 400
"""Files of each package: installing them takes longer than an alarm may wait otherwise."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class Releases(NamedTuple):
    """Two releases, and the root at which the first one runs."""

    root: Path
    one: Shop
    two: Shop
    home: Path


@pytest.fixture
def releases(tree: Tree, run_duri: RunDuri, tmp_path: Path) -> Releases:
    """Return releases 1.0.0 and 2.0.0, and `current`, a copy of the first."""
    one = sealed(tree, run_duri, name="one")
    root = tree({**FILES, "main.py": b"print('two')\n", "extra.py": b""}, name="two")
    for number in range(MANY):
        (root / f"many/g{number}.txt").write_bytes(b"%d\n" % number)
    shutil.rmtree(root / "lib/deep")
    two = Shop(root, one.keyring, run_duri)
    assert two.seal("--product", "shop", "--version", "2.0.0", "--sequence", "9999999999").code == 0
    # rsync takes files of one size and one second for the same.
    for path in (root / ".duri").iterdir():
        os.utime(path, (2_000_000_000, 2_000_000_000))
    current = tmp_path / "current"
    subprocess.run(["cp", "-a", one.root, current], check=True)
    home = tmp_path / "home"
    home.mkdir()
    return Releases(current, one, two, home)


@pytest.fixture
def watcher(releases: Releases) -> Iterator[Watcher]:
    """Return a watcher over the first release."""
    with watching(releases.root, "--keyring", releases.one.keyring, home=releases.home) as started:
        started.until_status("verified")
        yield started


def exchange(one: Path, other: Path) -> None:
    """Swap two names in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    failed = libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    assert not failed, os.strerror(ctypes.get_errno())


def by_two_renames(releases: Releases, new: Path) -> None:
    releases.root.rename(releases.root.parent / "old")
    new.rename(releases.root)


def by_exchange(releases: Releases, new: Path) -> None:
    exchange(releases.root, new)
    shutil.rmtree(new)


def by_rsync(releases: Releases, new: Path) -> None:
    subprocess.run(["rsync", "-a", "--delete", f"{new}/", f"{releases.root}/"], check=True)


WAYS = [by_two_renames, by_exchange, by_rsync]


def until_version(watcher: Watcher, version: str) -> None:
    """Return once this version is verified."""
    watcher.until(
        lambda: (
            (verdict := watcher.status()["verdict"])["release"]["version"] == version
            and verdict["status"] == "verified"
        ),
        about=f"version {version}",
    )


@pytest.mark.parametrize("replace", WAYS)
def test_successor_with_its_artifacts_is_no_alarm(
    releases: Releases,
    watcher: Watcher,
    replace: Callable[[Releases, Path], None],
    component: Component,
) -> None:
    component("rsync")
    replace(releases, releases.two.root)
    until_version(watcher, "2.0.0")
    assert watcher.statuses() == ["verified"]
    # It is the new one that is watched now.
    (releases.root / "extra.py").write_bytes(b"import os\n")
    watcher.until_status("corrupted")


@pytest.mark.parametrize("replace", WAYS)
def test_successor_without_its_artifacts_is_one_change_of_status(
    releases: Releases,
    watcher: Watcher,
    replace: Callable[[Releases, Path], None],
    component: Component,
) -> None:
    component("rsync")
    shutil.rmtree(releases.two.root / ".duri")
    replace(releases, releases.two.root)
    watcher.until(lambda: len(watcher.statuses()) > 1, about="a change")
    assert len(watcher.statuses()) == 2
    assert watcher.statuses()[1] in {"corrupted", "unverifiable"}
    # Nothing follows once all is quiet.
    watcher.until(lambda: not watcher.status()["updating"], about="quiet")
    shutil.copytree(releases.one.root / ".duri", releases.root / ".duri", dirs_exist_ok=True)
    watcher.until_status("corrupted")


def test_switched_link_is_no_alarm_even_if_the_old_release_goes(
    releases: Releases, tmp_path: Path
) -> None:
    link, new = tmp_path / "link", tmp_path / "link.new"
    link.symlink_to(releases.root)
    with watching(link, "--keyring", releases.one.keyring, home=releases.home) as watcher:
        watcher.until_status("verified")
        new.symlink_to(releases.two.root)
        new.rename(link)
        shutil.rmtree(releases.root)
        until_version(watcher, "2.0.0")
        assert watcher.statuses() == ["verified"]
        new.symlink_to(tmp_path / "home")
        new.rename(link)
        watcher.until_status("unverifiable")


def test_package_installed_after_its_artifacts_is_no_alarm(
    releases: Releases, tree: Tree, run_duri: RunDuri, tmp_path: Path
) -> None:
    """The artifacts come first, so that what is installed then is known to be on its way."""
    targets = [tmp_path / "site1", tmp_path / "site2"]
    for version, target in enumerate(targets, 1):
        install(wheel(tmp_path, version), target)
        shop = Shop(target, releases.one.keyring, run_duri)
        sequence = ("--sequence", str(version))
        assert shop.seal("--product", "shop", "--version", f"{version}.0", *sequence).code == 0
    watched, fresh = targets
    with watching(watched, "--keyring", releases.one.keyring, home=releases.home) as watcher:
        watcher.until_status("verified")
        artifacts = tmp_path / "arriving"
        shutil.copytree(fresh / ".duri", artifacts)
        exchange(artifacts, watched / ".duri")
        install(wheel(tmp_path, 2), watched, "--upgrade")
        shutil.rmtree(watched / "goods-1.0.dist-info")  # which pip leaves behind with --target
        until_version(watcher, "2.0")
        assert watcher.statuses() == ["verified"]
    del tree


def test_successor_that_arrives_without_events_is_no_alarm(releases: Releases) -> None:
    options = ["--no-events", "--interval", "5", "--stat-passes", "4"]
    key = releases.one.keyring
    with watching(releases.root, "--keyring", key, *options, home=releases.home) as watcher:
        watcher.until_status("verified")
        artifacts = releases.root.parent / "arriving"
        shutil.copytree(releases.two.root / ".duri", artifacts)
        exchange(artifacts, releases.root / ".duri")
        watcher.until(lambda: watcher.status()["updating"], about="a successor on its way")
        by_rsync(releases, releases.two.root)
        until_version(watcher, "2.0.0")
        assert watcher.statuses() == ["verified"]


def test_successor_that_never_arrives_is_an_alarm(releases: Releases, watcher: Watcher) -> None:
    artifacts = releases.root.parent / "arriving"
    shutil.copytree(releases.two.root / ".duri", artifacts)
    exchange(artifacts, releases.root / ".duri")
    watcher.until(lambda: watcher.status()["updating"], about="a successor on its way")
    assert watcher.get("/readyz")[0] == 200
    watcher.until_status("corrupted")


def test_receipt_says_that_alarms_wait(releases: Releases, watcher: Watcher) -> None:
    def receipts() -> list[dict[str, Any]]:
        lines = (releases.home / "receipts/receipts.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def put(folder: Path) -> None:
        for path in folder.iterdir():
            shutil.copy(path, releases.root.parent / "arriving")
            (releases.root.parent / "arriving").rename(releases.root / ".duri" / path.name)

    put(releases.two.root / ".duri")
    watcher.until(lambda: watcher.status()["updating"], about="a successor on its way")
    watcher.until(lambda: [one for one in receipts() if "note" in one], about="a receipt")
    (waits,) = (one for one in receipts() if "note" in one)
    assert (waits["kind"], waits["status"]) == ("change", "verified")
    (update,) = watcher.events("watch.update")
    assert waits["note"] == f"alarms wait: {update['deployment_id']} is arriving"
    put(releases.one.root / ".duri")
    watcher.until(lambda: not watcher.status()["updating"], about="the first one again")
    assert watcher.statuses() == ["verified"]
    releases.one.duri("receipts", "verify", releases.home / "receipts", check=0)


SETTLE = 2


@pytest.mark.parametrize(
    ("pause", "statuses"),
    [(SETTLE / 2, ["verified"]), (SETTLE * 2, ["verified", "corrupted", "verified"])],
    ids=["shorter", "longer"],
)
def test_artifacts_may_come_last_within_the_quiet_that_was_asked_for(
    releases: Releases, pause: float, statuses: list[str]
) -> None:
    options = ("--keyring", releases.one.keyring, "--settle", str(SETTLE), "--interval", "3600")
    with watching(releases.root, *options, home=releases.home) as watcher:
        watcher.until_status("verified")
        new = f"{releases.two.root}/"
        subprocess.run(
            ["rsync", "-a", "--delete", "--exclude=/.duri", new, f"{releases.root}/"], check=True
        )
        time.sleep(pause)
        shutil.copytree(releases.two.root / ".duri", releases.root / ".duri", dirs_exist_ok=True)
        began = time.monotonic()
        until_version(watcher, "2.0.0")
        # Long before it would be judged however much still happened.
        assert SETTLE - 1 < time.monotonic() - began < settling.SETTLE_BURSTS * SETTLE / 2
        assert watcher.statuses() == statuses


def test_artifacts_that_nobody_signed_gain_no_time(
    releases: Releases, watcher: Watcher, run_duri: RunDuri
) -> None:
    other = releases.root.parent / "other.json"
    run_duri("keys", "new", "--out", other, check=0)
    forged = Shop(releases.two.root, other, run_duri)
    options = ("--product", "shop", "--version", "3.0.0", "--sequence", "99999999999")
    assert forged.seal(*options).code == 0
    exchange(releases.two.root / ".duri", releases.root / ".duri")
    watcher.until_status("tampered")
    assert not watcher.events("watch.update")


def wheel(folder: Path, version: int) -> Path:
    """Return a wheel of a package `goods`, made here."""
    path = folder / f"goods-{version}.0-py3-none-any.whl"
    info = f"goods-{version}.0.dist-info"
    files = {f"goods/item{number}.py": f"PRICE = {number * version}\n" for number in range(MANY)}
    files["goods/__init__.py"] = f"VERSION = {version}\n"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: goods\nVersion: {version}.0\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)  # of one time, so that it is the same
    return path


def install(package: Path, target: Path, *options: str) -> None:
    """Install a wheel into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-compile", "--disable-pip-version-check", "--root-user-action=ignore"]
    subprocess.run([*command, "--target", target, *options, package], check=True)
