"""Attacks on the tree while it is read: swapped paths, writers, failing disks, missing rights."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attack.racers import COMES_AND_GOES, GROWER, SWAPPER, VANISHES, WRITER
from tests.attack.sealed_tree import (
    CODE,
    Release,
    meanwhile,
    sealed,
    with_failing_calls,
)
from tests.attack.watch import watched
from tests.conftest import Node, Tree

import duri
from duri.errors import SealRefusedError
from duri.policy import Policy
from duri.tree import scan
from duri.verdict import Kind, Status

ROWS = {
    "test_watch_sees_what_reads_outside": 28,
    "test_path_swapped_for_a_link_never_reads_outside_the_root": 28,
    "test_swapped_path_never_seals_what_is_outside_the_root": 28,
    "test_file_written_while_it_is_read_is_changing": 29,
    "test_file_that_is_written_is_not_sealed": 29,
    "test_file_that_comes_and_goes_is_never_verified_as_new": 29,
    "test_sealed_path_that_vanishes_is_missing_and_nothing_else": 29,
    "test_unreadable_file_or_folder_leaves_no_verdict": 32,
    "test_unreadable_file_is_not_sealed": 32,
    "test_unreadable_planted_folder_leaves_no_verdict": 32,
    "test_failing_disk_leaves_no_verdict": 32,
    "test_failing_disk_is_not_sealed": 32,
}
"""Test -> the row of ATTACKS.md that it is about."""

Without = Callable[[], contextlib.AbstractContextManager[None]]

SECONDS = 1.0
"""How long a race is run for: some hundred scans."""

PATIENCE = 30.0
"""Seconds for a race that is won within milliseconds where nothing else runs."""

CANARY = b"secret of the host\n"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder outside the root that has the names of the root's `pkg`."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("core.py", "__init__.py", "secret"):
        (folder / name).write_bytes(CANARY)
    return folder


@pytest.fixture
def made(tree: Tree) -> Release:
    """Return a sealed and verified release."""
    return sealed(tree(CODE))


def test_watch_sees_what_reads_outside(outside: Path) -> None:
    with watched(outside) as watch:
        assert watch.seen() == []
        (outside / "secret").read_bytes()
        assert b"secret" in watch.seen()
        os.listdir(outside)
        assert watch.seen()


@pytest.mark.parametrize("path", ["pkg/core.py", "pkg"])
def test_path_swapped_for_a_link_never_reads_outside_the_root(
    path: str, made: Release, outside: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(outside / "core.py" if path == "pkg/core.py" else outside)
    verdicts = []
    with watched(outside) as watch, meanwhile(SWAPPER, made.root / path, link):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            verdicts.append(made.verify())
        assert watch.seen() == []
    # The race was run: both sides of it were seen, and no answer but these two.
    assert {verdict.status for verdict in verdicts} == {Status.VERIFIED, Status.CORRUPTED}
    kinds = {one.kind for verdict in verdicts for one in verdict.findings}
    assert kinds <= {Kind.TYPE, Kind.MISSING, Kind.CHANGING}
    assert Kind.TYPE in kinds


@pytest.mark.parametrize("path", ["pkg/core.py", "pkg"])
def test_swapped_path_never_seals_what_is_outside_the_root(
    path: str, made: Release, outside: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(outside / "core.py" if path == "pkg/core.py" else outside)
    refusals, digests = set(), set()
    folder = scan.open_root(os.fspath(made.root))
    with watched(outside) as watch, meanwhile(SWAPPER, made.root / path, link):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            # Not `duri.seal`: publishing takes most of its time, and races nobody.
            found = scan.seal(
                folder, policy=Policy(), algorithm="sha256", exclude=b".duri", threads=2
            )
            refusals |= {kind for kind, _, _ in found.refusals}
            digests.add(json.loads(found.checksums).get("pkg/core.py"))
        assert watch.seen() == []
    os.close(folder)
    # Either side of the race was seen. A refused file has zeros for a digest, and is not sealed.
    assert refusals <= {"link_leaves_root", "changing"}
    assert "link_leaves_root" in refusals
    assert digests <= {None, "0" * 64, hashlib.sha256(b"VALUE = 1\n").hexdigest()}
    assert len(digests) > 1


@pytest.mark.parametrize("program", [WRITER, GROWER], ids=["same bytes", "grows"])
@pytest.mark.parametrize("size", [1 << 12, 1 << 24])
def test_file_written_while_it_is_read_is_changing(program: str, size: int, tree: Tree) -> None:
    made = sealed(tree({**CODE, "data": b"x" * size, "more": bytes(1 << 16)}))
    verdicts = []
    with meanwhile(program, made.root / "data"):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            verdicts.append(made.verify())
            kinds = {(one.kind, one.path) for one in verdicts[-1].findings}
            assert kinds <= {(Kind.CHANGING, b"data"), (Kind.MODIFIED, b"data")}
            assert verdicts[-1].status is (Status.CORRUPTED if kinds else Status.VERIFIED)
            if (Kind.CHANGING, b"data") in kinds:
                break
        else:
            # Between two writes the content is the sealed one; not in each of thousands of scans.
            pytest.fail("it was never seen to change")
    os.truncate(made.root / "data", size)
    assert made.found("verified") == set()


def test_file_that_is_written_is_not_sealed(tree: Tree) -> None:
    made = sealed(tree({**CODE, "data": b"x" * (1 << 24)}))
    before, said = b"", ""
    until = time.monotonic() + PATIENCE
    with meanwhile(WRITER, made.root / "data"):
        # Nothing may be written while it is read, where processes wait for a core.
        while not said and time.monotonic() < until:
            before = (made.root / ".duri/checksums.json").read_bytes()
            try:
                duri.seal(made.root, version="2", keyring=made.keyring)
            except SealRefusedError as error:
                said = str(error)
    assert "data: changing" in said
    assert (made.root / ".duri/checksums.json").read_bytes() == before
    assert made.found("verified") == set()


def test_file_that_comes_and_goes_is_never_verified_as_new(made: Release) -> None:
    with meanwhile(COMES_AND_GOES, made.root / "pkg/new.py"):
        until = time.monotonic() + SECONDS / 2
        verdicts = []
        while time.monotonic() < until:
            verdicts.append(made.verify())
    (made.root / "pkg/new.py").unlink(missing_ok=True)
    kinds = {(one.kind, one.path) for verdict in verdicts for one in verdict.findings}
    assert kinds == {(Kind.NEW, b"pkg/new.py")}
    assert {verdict.status for verdict in verdicts} <= {Status.VERIFIED, Status.CORRUPTED}
    assert made.found("verified") == set()


@pytest.mark.parametrize("path", ["main.py", "pkg", "current"])
def test_sealed_path_that_vanishes_is_missing_and_nothing_else(
    path: str, made: Release, tmp_path: Path
) -> None:
    sealed_below = {
        (Kind.MISSING, os.fsencode(one))
        for one in (*CODE, "pkg")
        if os.fsdecode(one) == path or os.fsdecode(one).startswith(f"{path}/")
    }
    verdicts = []
    with meanwhile(VANISHES, made.root / path, tmp_path / "away"):
        until = time.monotonic() + SECONDS / 2
        while time.monotonic() < until:
            verdicts.append(made.verify())
    kinds = {(one.kind, one.path) for verdict in verdicts for one in verdict.findings}
    assert kinds <= sealed_below
    assert kinds
    assert {verdict.status for verdict in verdicts} <= {Status.VERIFIED, Status.CORRUPTED}
    if (tmp_path / "away").is_symlink() or (tmp_path / "away").exists():
        (tmp_path / "away").rename(made.root / path)
    assert made.found("verified") == set()


@pytest.mark.parametrize("path", ["main.py", "pkg", "pkg/data", "uploads"])
def test_unreadable_file_or_folder_leaves_no_verdict(
    path: str, made: Release, as_nobody: Without
) -> None:
    mode = (made.root / path).stat().st_mode & 0o777
    with as_nobody():
        assert made.found("verified") == set()
        (made.root / path).chmod(0)
        found = made.found("unverifiable")
        (made.root / path).chmod(mode)
    assert ("unreadable", path.encode()) in found
    assert {kind for kind, _ in found} <= {"unreadable", "mode"}


def test_unreadable_file_is_not_sealed(made: Release, as_nobody: Without) -> None:
    before = (made.root / ".duri/checksums.json").read_bytes()
    (made.root / "main.py").chmod(0)
    with as_nobody(), pytest.raises(SealRefusedError, match=r"main\.py: unreadable"):
        duri.seal(made.root, version="2", keyring=made.keyring)
    assert (made.root / ".duri/checksums.json").read_bytes() == before
    (made.root / "main.py").chmod(0o644)
    with as_nobody():
        duri.seal(made.root, version="2", keyring=made.keyring)


def test_unreadable_planted_folder_leaves_no_verdict(made: Release, as_nobody: Without) -> None:
    (made.root / "planted").mkdir(mode=0o000)
    with as_nobody():
        assert ("unreadable", b"planted") in made.found("unverifiable")
    (made.root / "planted").rmdir()
    assert made.found("verified") == set()


FAILING = {
    "pkg/core.py": "read:error=EIO",
    "pkg": "getdents64:error=EIO",
    "pkg/data": "getdents64:error=ESTALE",
    "main.py": "read:error=ESTALE",
    "pkg/data/table.bin": "read:error=EIO:when=2+",
}


@pytest.mark.parametrize("path", FAILING)
def test_failing_disk_leaves_no_verdict(path: str, tree: Tree) -> None:
    big: dict[str | bytes, Node] = {"pkg/data/table.bin": b"x" * (1 << 20)}
    made = sealed(tree({**CODE, **big}))
    watch = ("-P", str(made.root / path))
    assert with_failing_calls(made.command(), *watch).code == 0
    ended = with_failing_calls(made.command(), *watch, "-e", f"inject={FAILING[path]}")
    assert ended.code == Status.UNVERIFIABLE.exit_code, ended
    assert f"  {path}  read error" in ended.out, ended


def test_failing_disk_is_not_sealed(made: Release) -> None:
    before = (made.root / ".duri/checksums.json").read_bytes()
    seal = [made.command()[0], "seal", str(made.root), "--version", "2"]
    seal += ["--keyring", str(made.keyring_file())]
    ended = with_failing_calls(
        seal, "-P", str(made.root / "main.py"), "-e", "inject=read:error=EIO"
    )
    assert (ended.code, "main.py: io error" in ended.err) == (13, True), ended
    assert (made.root / ".duri/checksums.json").read_bytes() == before
    assert made.found("verified") == set()
