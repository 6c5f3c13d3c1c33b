"""Half a minute of random damage and repair under `duri watch`, against an independent oracle.

The oracle is `bench/watch/oracle.py`: os.walk, lstat and hashlib, nothing of DuRi. The long version
is `python -m bench.watch soak --seconds 3600`.
"""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from bench.watch import soak
from bench.watch.release import Release, sealed
from bench.watch.targets import growth
from bench.watch.watcher import Watcher
from tests.conftest import DURI, clean_environment

REPOSITORY = Path(__file__).parents[2]
SECONDS = 30.0
MEGABYTE_KIB = 1000


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Return a sealed tree of 240 files with a link, an empty folder and modes of its own."""
    root = tmp_path / "release"
    for number in range(240):
        path = root / f"group_{number % 6}" / f"package_{number % 24}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"module %d\n" % number * (number * 7))
    (root / "empty").mkdir()
    (root / "link").symlink_to("group_0")
    (root / "group_1" / "run").write_bytes(b"#!/bin/sh\n")
    (root / "group_1" / "run").chmod(0o755)
    return sealed(str(root), duri=str(DURI), home=str(tmp_path / "keys"))


@pytest.mark.parametrize("options", [(), ("--no-fanotify",)], ids=["best", "inotify"])
def test_watcher_and_oracle_agree_at_the_end_of_every_scan(
    release: Release, tmp_path: Path, options: tuple[str, ...]
) -> None:
    watcher = Watcher(
        duri=str(DURI),
        root=release.root,
        keyring=release.keyring,
        home=str(tmp_path / "watcher"),
        options=("--interval", "5", "--stat-passes", "4", *options),
        variables=clean_environment(tmp_path),
    )
    with watcher:
        soaked = soak.soak(watcher, release, seconds=SECONDS / 2, seed=len(options))
    assert not soaked.disagreements, soak.evidence_of(soaked)
    statuses = Counter(soaked.statuses)
    assert statuses["verified"]
    assert statuses["corrupted"] >= 3
    assert set(soaked.scans) == {"full", "stat"}
    assert growth([one.descriptors for one in soaked.weights]) <= 1
    assert growth([one.rss_kib for one in soaked.weights]) < 10 * MEGABYTE_KIB
    assert watcher.process.returncode == 0


def test_soak_finds_out_a_watcher_that_is_blind(release: Release, tmp_path: Path) -> None:
    program = tmp_path / "duri"
    program.write_text(
        f"#!/bin/sh\nexport PYTHONPATH={REPOSITORY}\nexec {sys.executable} -m "
        'bench.tests.pretender "$@"\n'
    )
    program.chmod(0o755)
    watcher = Watcher(
        duri=str(program),
        root=release.root,
        keyring=release.keyring,
        home=str(tmp_path / "watcher"),
        variables={"BLIND": "mode,new,missing", "PATH": os.environ["PATH"]},
    )
    with watcher:
        soaked = soak.soak(watcher, release, seconds=4, seed=1)
    assert soaked.disagreements
