"""Attacks on the tree while it is read: swapped paths, writers, failing disks, missing rights."""

import contextlib
import ctypes
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.attack.sealed_tree import (
    CODE,
    Release,
    meanwhile,
    sealed,
    with_failing_calls,
)
from tests.conftest import Tree

import duri
from duri.errors import SealRefusedError
from duri.verdict import Kind, Status

ROWS = {
    "test_watch_sees_what_reads_outside": 28,
    "test_path_swapped_for_a_link_never_reads_outside_the_root": 28,
    "test_swapped_path_never_seals_what_is_outside_the_root": 28,
    "test_file_written_while_it_is_read_is_changing": 29,
    "test_file_that_is_written_is_not_sealed": 29,
    "test_file_that_comes_and_goes_is_never_verified_as_new": 29,
    "test_unreadable_file_or_folder_leaves_no_verdict": 32,
    "test_unreadable_file_is_not_sealed": 32,
    "test_unreadable_planted_folder_leaves_no_verdict": 32,
    "test_failing_disk_leaves_no_verdict": 32,
    "test_failing_disk_is_not_sealed": 32,
}
"""Row of ATTACKS.md -> which of these tests are about it."""

Without = Callable[[], contextlib.AbstractContextManager[None]]

SECONDS = 1.0
"""How long a race is run for: some hundred scans."""

CANARY = b"secret of the host\n"

_IN_ACCESS, _IN_OPEN = 0x1, 0x20
_IN_NONBLOCK = 0o4000
_libc = ctypes.CDLL(None, use_errno=True)

# Swaps two names at once, without a gap in which neither is there: renameat2, RENAME_EXCHANGE.
SWAPPER = """
import ctypes, os, sys
one, other = map(os.fsencode, sys.argv[1:])
swap = ctypes.CDLL(None).renameat2
print("begun", flush=True)
while True:
    assert swap(-100, one, -100, other, 2) == 0
"""

WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR)
first = os.pread(file, 1, 0)
print("begun", flush=True)
while True:
    os.pwrite(file, first, 0)
"""

GROWER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
print("begun", flush=True)
while True:
    os.write(file, b"x")
    if os.fstat(file).st_size > 1 << 24:
        os.ftruncate(file, 1)
"""

COMES_AND_GOES = """
import os, sys
print("begun", flush=True)
while True:
    os.close(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY))
    os.unlink(sys.argv[1])
"""


class Watched:
    """What was opened or read among the watched files and folders (inotify)."""

    def __init__(self, *paths: Path) -> None:
        self._descriptor = _libc.inotify_init1(_IN_NONBLOCK)
        assert self._descriptor >= 0
        for path in paths:
            added = _libc.inotify_add_watch(
                self._descriptor, os.fsencode(path), _IN_OPEN | _IN_ACCESS
            )
            assert added > 0, path

    def seen(self) -> list[bytes]:
        """Return what was opened or read since the last call, by name."""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return []
        names = []
        while data:
            length = struct.unpack_from("iIII", data)[3]
            names.append(data[16 : 16 + length].rstrip(b"\0"))
            data = data[16 + length :]
        return names

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)


@contextlib.contextmanager
def watched(*paths: Path) -> Iterator[Watched]:
    """Watch files and folders during the body."""
    watch = Watched(*paths)
    try:
        yield watch
    finally:
        watch.close()


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
    outcomes = set()
    with watched(outside) as watch, meanwhile(SWAPPER, made.root / path, link):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                duri.seal(made.root, version="2", keyring=made.keyring)
                outcomes.add("sealed")
            except SealRefusedError:
                outcomes.add("refused")
        assert watch.seen() == []
    assert "refused" in outcomes


@pytest.mark.parametrize("program", [WRITER, GROWER], ids=["same bytes", "grows"])
@pytest.mark.parametrize("size", [1 << 12, 1 << 24])
def test_file_written_while_it_is_read_is_changing(program: str, size: int, tree: Tree) -> None:
    content = b"x" * size
    made = sealed(tree({**CODE, "data": content}))
    with meanwhile(program, made.root / "data"):
        verdicts = [made.verify() for _ in range(20)]
    if program is GROWER:
        assert {verdict.status for verdict in verdicts} == {Status.CORRUPTED}
    else:
        # What a small file's one read returned was the sealed content, and nothing came between.
        assert Status.CORRUPTED in {verdict.status for verdict in verdicts}
    kinds = {(one.kind, one.path) for verdict in verdicts for one in verdict.findings}
    assert kinds <= {(Kind.CHANGING, b"data"), (Kind.MODIFIED, b"data")}
    assert (Kind.CHANGING, b"data") in kinds
    (made.root / "data").write_bytes(content)
    assert made.found("verified") == set()


def test_file_that_is_written_is_not_sealed(tree: Tree) -> None:
    made = sealed(tree({**CODE, "data": b"x" * (1 << 24)}))
    before = (made.root / ".duri/checksums.json").read_bytes()
    with (
        meanwhile(WRITER, made.root / "data"),
        pytest.raises(SealRefusedError, match="data: changing"),
    ):
        duri.seal(made.root, version="2", keyring=made.keyring)
    assert (made.root / ".duri/checksums.json").read_bytes() == before


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
    with as_nobody(), pytest.raises(SealRefusedError, match="main.py: unreadable"):
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
    big = {"pkg/data/table.bin": b"x" * (1 << 20)}
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
