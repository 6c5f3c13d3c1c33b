"""Opening a folder inside another root: whatever its links say, nothing outside is opened."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Folder, Link, Tree

from duri.tree.exchange import exchange
from duri.tree.rooted import open_in_root


@pytest.fixture
def root(tree: Tree) -> Iterator[int]:
    """Return the descriptor of a root with links that try to leave it."""
    place = tree(
        {
            "app/main": b"",
            "etc": Folder(),
            "absolute": Link("/app"),
            "relative": Link("app"),
            "up": Link("../../../../../../../../app"),
            "outside": Link("/usr"),
            "loop": Link("loop"),
            "file": b"",
        }
    )
    fd = os.open(place, os.O_RDONLY)
    yield fd
    os.close(fd)


def opened(root: int, path: bytes) -> tuple[int, int]:
    """Open and return which folder it is."""
    fd = open_in_root(root, path)
    try:
        assert not os.get_inheritable(fd)
        found = os.fstat(fd)
        return found.st_dev, found.st_ino
    finally:
        os.close(fd)


def refusal(root: int, path: bytes) -> int | None:
    """Return the number of the error; None where a folder was opened."""
    try:
        os.close(open_in_root(root, path))
    except OSError as error:
        return error.errno
    return None


@pytest.mark.parametrize(
    "path",
    [b"app", b"/app", b"absolute", b"relative", b"up", b"../../../app", b"etc/../app", b"app/."],
)
def test_path_is_resolved_as_if_the_root_were_all_there_is(path: bytes, root: int) -> None:
    found = os.stat("app", dir_fd=root)
    assert opened(root, path) == (found.st_dev, found.st_ino)


@pytest.mark.parametrize("path", [b"/", b".", b"..", b"../..", b"/../../.."])
def test_root_has_no_parent(path: bytes, root: int) -> None:
    found = os.fstat(root)
    assert opened(root, path) == (found.st_dev, found.st_ino)


@pytest.mark.parametrize(
    ("path", "number"),
    [
        (b"outside", errno.ENOENT),
        (b"/usr", errno.ENOENT),
        (b"none", errno.ENOENT),
        (b"", errno.ENOENT),
        (b"loop", errno.ELOOP),
        (b"file", errno.ENOTDIR),
        (b"app/main", errno.ENOTDIR),
        (b"nul\0", errno.EINVAL),
    ],
)
def test_what_is_no_folder_of_the_root_is_refused(path: bytes, number: int, root: int) -> None:
    assert os.path.isdir("/usr")
    assert refusal(root, path) == number


def test_link_that_the_kernel_makes_is_refused() -> None:
    proc = os.open("/proc", os.O_RDONLY)
    try:
        assert os.path.isdir("/proc/self/cwd")
        assert refusal(proc, b"self/cwd") == errno.ELOOP
    finally:
        os.close(proc)


def test_number_that_is_no_descriptor_is_refused(root: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        open_in_root(-1, b"app")
    closed = os.dup(root)
    os.close(closed)
    assert refusal(closed, b"app") == errno.EBADF


def test_folder_that_is_moved_out_meanwhile_opens_nothing_outside(tree: Tree) -> None:
    place = tree({"root/a/b/deep/x": b"", "root/target/inside": b"", "target/outside": b""})
    fd = os.open(place / "root", os.O_RDONLY)
    end = threading.Event()
    thread = threading.Thread(target=_swap, args=(place, end))
    thread.start()
    outcomes = set()
    try:
        for _ in range(3000):
            try:
                found = open_in_root(fd, b"a/b/deep/../../../target")
            except OSError as error:
                outcomes.add(error.errno)
                continue
            names = os.listdir(found)
            os.close(found)
            outcomes.add(0)
            assert names == ["inside"]
    finally:
        end.set()
        thread.join()
        os.close(fd)
    assert {0} <= outcomes <= {0, errno.ENOENT, errno.EAGAIN}


def _swap(place: Path, end: threading.Event) -> None:
    """Exchange a folder of the root for one outside, so that ".." from it leads elsewhere."""
    outside = os.fsencode(place / "b")
    os.makedirs(outside + b"/deep")
    while not end.is_set():
        exchange(os.fsencode(place / "root/a/b"), outside)
