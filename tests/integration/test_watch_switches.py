"""A root that becomes another one while it is looked at, or is away between two renames."""

import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import RunDuri
from tests.integration.held_looks import switch
from tests.integration.holding import Looks
from tests.integration.shop import Shop
from tests.integration.watching import Watcher, watching


class Links(NamedTuple):
    """A link that is watched, and where it may lead."""

    link: Path
    good: Path
    other: Path
    bad: Path


@pytest.fixture
def links(shop: Shop, tmp_path: Path) -> Links:
    """Return a link to the release, a copy of that, and a copy with a planted file."""
    other, bad = tmp_path / "other", tmp_path / "bad"
    for copy in (other, bad):
        subprocess.run(["cp", "-a", shop.root, copy], check=True)
    (bad / "planted.py").write_bytes(b"")
    link = tmp_path / "current"
    link.symlink_to(shop.root)
    return Links(link, shop.root, other, bad)


@pytest.mark.parametrize("noticed", [True, False], ids=["meanwhile", "at-the-end"])
def test_nothing_is_told_of_a_root_that_is_none_any_more(
    links: Links, shop: Shop, home: Path, looks: Looks, *, noticed: bool
) -> None:
    options = ("--keyring", shop.keyring, "--interval", "3600")
    with watching(links.link, *options, home=home, prefix=looks.prefix) as watcher:
        watcher.until_status("verified")
        with looks.asked("hold"):
            switch(links.link, [links.good, links.bad])
            watcher.until(lambda: looks.is_held, about="a look at the bad one")
            switch(links.link, [links.bad, links.other])
            if noticed:
                time.sleep(1.2)  # two looks at the link
        watcher.until(lambda: watcher.metrics()[ROOTS] >= 1, about="another root")
        watcher.until_scans("full", 2)
        assert watcher.statuses() == ["verified"]
        # The twin: one that stays is told of, and the new one is what is watched.
        (links.other / "planted.py").write_bytes(b"")
        watcher.until_status("corrupted")
        (links.other / "planted.py").unlink()
        watcher.until_status("verified")
        switch(links.link, [links.other, links.bad])
        watcher.until_status("corrupted")


ROOTS = "duri_integrity_root_changes_total"


def test_root_that_is_another_one_each_time_is_unverifiable(
    links: Links, shop: Shop, home: Path, looks: Looks
) -> None:
    options = ("--keyring", shop.keyring, "--interval", "3600")
    with watching(links.link, *options, home=home, prefix=looks.prefix) as watcher:
        watcher.until_status("verified")
        names = [links.link, links.good, links.other]
        with looks.asked("switch", ":".join(map(str, names))):
            switch(links.link, [links.good, links.other])
            watcher.until_status("unverifiable")
            assert watcher.get("/readyz")[0] == 503
            assert "another one each time" in str(watcher.status()["verdict"]["findings"])
            # It is looked at all the same, and there is no verdict by chance.
            time.sleep(1.5)
            assert watcher.statuses() == ["verified", "unverifiable"]
        watcher.until_status("verified")


def test_root_that_is_switched_a_few_times_is_no_alarm(
    links: Links, shop: Shop, home: Path, looks: Looks
) -> None:
    with watching(links.link, "--keyring", shop.keyring, home=home, prefix=looks.prefix) as watcher:
        watcher.until_status("verified")
        for _ in range(6):
            switch(links.link, [links.good, links.other])
            time.sleep(0.1)
        time.sleep(1)
        assert watcher.statuses() == ["verified"]
        (links.link.resolve() / "planted.py").write_bytes(b"")
        watcher.until_status("corrupted")


def test_two_renames_just_after_a_change_are_no_alarm(
    shop: Shop, watcher: Watcher, tmp_path: Path
) -> None:
    fresh, old = tmp_path / "fresh", tmp_path / "old"
    for _ in range(3):
        subprocess.run(["cp", "-a", shop.root, fresh], check=True)
        (shop.root / "main.py").touch()
        time.sleep(0.005)
        shop.root.rename(old)
        time.sleep(0.15)
        fresh.rename(shop.root)
        time.sleep(1)
        shutil.rmtree(old)
    assert watcher.statuses() == ["verified"]
    (shop.root / "lib/planted.py").write_bytes(b"")
    watcher.until_status("corrupted")


def test_root_that_stays_away_just_after_a_change_is_unverifiable(
    shop: Shop, watcher: Watcher, tmp_path: Path
) -> None:
    (shop.root / "main.py").touch()
    time.sleep(0.005)
    shop.root.rename(tmp_path / "old")
    watcher.until_status("unverifiable")
    (tmp_path / "old").rename(shop.root)
    watcher.until_status("verified")
    assert watcher.statuses() == ["verified", "unverifiable", "verified"]


def test_successor_put_in_again_and_again_is_waited_for_once(
    shop: Shop, home: Path, looks: Looks, tmp_path: Path, run_duri: RunDuri
) -> None:
    looks.ask("longest", 3)
    artifacts = {1: tmp_path / "one", 2: tmp_path / "two", 3: tmp_path / "three"}
    shutil.copytree(shop.artifacts, artifacts[1])
    for number in (2, 3):
        later = tmp_path / f"release{number}"
        subprocess.run(["cp", "-a", shop.root, later], check=True)
        (later / "main.py").write_bytes(b"%d" % number)
        options = ("--product", "shop", "--version", f"{number}.0", "--sequence", f"{number}" * 10)
        assert Shop(later, shop.keyring, run_duri).seal(*options).code == 0
        shutil.copytree(later / ".duri", artifacts[number])

    def put(number: int) -> None:
        for path in artifacts[number].iterdir():
            shutil.copy(path, tmp_path / "arriving")
            (tmp_path / "arriving").rename(shop.artifacts / path.name)

    def updates() -> int:
        return len(watcher.events("watch.update"))

    with watching(shop.root, "--keyring", shop.keyring, home=home, prefix=looks.prefix) as watcher:
        watcher.until_status("verified")
        put(2)
        watcher.until(lambda: updates() == 1, about="a successor on its way")
        put(1)
        watcher.until(lambda: not watcher.status()["updating"], about="the first one again")
        time.sleep(3)
        assert watcher.statuses() == ["verified"]
        put(2)
        watcher.until_status("corrupted")
        assert updates() == 1
        put(1)
        watcher.until_status("verified")
        # Another one is waited for anew.
        put(3)
        watcher.until(lambda: updates() == 2, about="another successor on its way")
        assert watcher.statuses() == ["verified", "corrupted", "verified"]
        watcher.until_status("corrupted")
