"""What the kernel tells of a watched tree, from both sources: real changes, real events."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.conftest import Component, Folder, Node, Tree, require
from tests.integration.watched import Watched

from duri.policy import Policy
from duri.tree import events
from duri.tree.exchange import exchange

NODES: dict[str | bytes, Node] = {
    "a/b/f": b"one",
    "a/b/c/g": b"two",
    "a/h": b"three",
    "d/f": b"four",
    "top": b"five",
    "empty": Folder(),
    ".duri/checksums.json": b"{}",
}
POLICY = Policy(ignore=("*.tmp", "cache/"), mutable=("m/", "*.db"))

Make: TypeAlias = Callable[..., Watched]


def fanotify_works() -> bool:
    """Return whether this process may use it, which root in a container may not."""
    opened = events.open_watcher(Policy(), None)
    return opened.watcher is not None and opened.watcher.source == "fanotify"


@pytest.fixture(params=["inotify", "fanotify"])
def source(request: pytest.FixtureRequest) -> str:
    """Return each source in turn."""
    if request.param == "fanotify":
        require("fanotify", present=fanotify_works())
    return str(request.param)


@pytest.fixture
def make(tree: Tree, source: str) -> Make:
    """Return what makes a watched tree."""

    def watched(nodes: dict[str | bytes, Node] | None = None) -> Watched:
        return Watched(tree({**NODES, **(nodes or {})}), source=source, policy=POLICY)

    return watched


def write(path: bytes, content: bytes = b"x") -> None:
    with open(path, "ab") as file:
        file.write(content)


Change: TypeAlias = Callable[[Watched], object]


def folders_at_once(watched: Watched) -> None:
    os.makedirs(watched.at("d/x/y/z"))
    write(watched.at("d/x/y/z/f"))


def ignored_no_more(watched: Watched) -> None:
    write(watched.at("d/x.tmp"))
    os.rename(watched.at("d/x.tmp"), watched.at("d/x"))


NAMES: dict[str, tuple[Change, dict[bytes, bool]]] = {
    "a file is written to": (lambda t: write(t.at("a/b/f")), {b"a/b": False}),
    "a file of the root is written to": (lambda t: write(t.at("top")), {b"": False}),
    "a file is cut": (lambda t: os.truncate(t.at("a/b/f"), 0), {b"a/b": False}),
    "a file is planted": (lambda t: write(t.at("a/b/new")), {b"a/b": False}),
    "a file is deleted": (lambda t: os.unlink(t.at("a/b/f")), {b"a/b": False}),
    "a file is renamed": (lambda t: os.rename(t.at("a/h"), t.at("a/i")), {b"a": False}),
    "a file is renamed over another": (
        lambda t: os.rename(t.at("a/h"), t.at("d/f")),
        {b"a": False, b"d": False},
    ),
    "a file's mode changes": (lambda t: os.chmod(t.at("a/b/f"), 0o700), {b"a/b": False}),
    "a folder's mode changes": (lambda t: os.chmod(t.at("a/b"), 0o700), {b"a": False}),
    "a folder of the root changes its mode": (lambda t: os.chmod(t.at("d"), 0o700), {b"": False}),
    "the root changes its mode": (lambda t: os.chmod(t.root, 0o700), {b"": False}),
    "times are set": (lambda t: os.utime(t.at("a/b/f"), (1, 1)), {b"a/b": False}),
    "a hard link is made": (lambda t: os.link(t.at("a/b/f"), t.at("d/twin")), {b"d": False}),
    "a symbolic link is made": (lambda t: os.symlink("f", t.at("d/link")), {b"d": False}),
    "a FIFO is made": (lambda t: os.mkfifo(t.at("d/fifo")), {b"d": False}),
    "a name that is not UTF-8 is planted": (lambda t: write(t.at(b"d/\xff\xfe")), {b"d": False}),
    "a folder that is not UTF-8 is made": (
        lambda t: os.mkdir(t.at(b"d/\xff")),
        {b"d": False, b"d/\xff": True},
    ),
    "a folder is made": (lambda t: os.mkdir(t.at("d/n")), {b"d": False, b"d/n": True}),
    "a folder is made in the root": (lambda t: os.mkdir(t.at("n")), {b"": False, b"n": True}),
    "folders are made at once": (
        folders_at_once,
        {b"d": False, b"d/x": True},
    ),
    "an empty folder is deleted": (lambda t: os.rmdir(t.at("empty")), {b"": False}),
    "an ignored file is renamed to one that is not": (
        ignored_no_more,
        {b"d": False},
    ),
    "a mutable file becomes executable": (lambda t: os.chmod(t.at("s.db"), 0o700), {b"": False}),
    "a file below a mutable folder is planted": (
        lambda t: write(t.at("m/sub/new")),
        {b"m/sub": False},
    ),
    "a file below a mutable folder becomes executable": (
        lambda t: os.chmod(t.at("m/sub/f"), 0o700),
        {b"m/sub": False},
    ),
    "a file whose name begins as the artifacts' does": (
        lambda t: write(t.at(".duri-not")),
        {b"": False},
    ),
}
FREE: dict[str | bytes, Node] = {
    "m/sub/f": b"free",
    "s.db": b"free",
    "y.tmp": b"ignored",
    "cache/x": b"ignored",
}


@pytest.mark.parametrize("change", NAMES)
def test_change_names_the_folders_that_it_is_in(change: str, make: Make) -> None:
    watched = make(FREE)
    act, named = NAMES[change]
    act(watched)
    found = watched.named()
    # Only fanotify, which may merge events, calls what left unknown as well.
    gone = {path for path, deep in found.items() if deep and not os.path.lexists(watched.at(path))}
    assert {path: deep for path, deep in found.items() if path not in gone} == named
    assert not gone or watched.watcher.source == "fanotify"
    assert watched.named() == {}, "told twice"


SILENT: dict[str, Change] = {
    "everything is read": lambda t: subprocess.run(
        ["sh", "-c", 'ls -lRa "$1"; cat "$1"/a/b/* "$1"/.duri/*', "sh", t.root],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ),
    "everything is watched again": lambda t: t.walk(b""),
    "an ignored file is planted": lambda t: write(t.at("d/x.tmp")),
    "an ignored file is written to": lambda t: write(t.at("y.tmp")),
    "an ignored folder changes its mode": lambda t: os.chmod(t.at("d/cache"), 0o700),
    "a mutable file is written to": lambda t: write(t.at("s.db")),
    "a file below a mutable folder is written to": lambda t: write(t.at("m/sub/f")),
    "something outside changes": lambda t: write(t.root + b"-beside"),
}


@pytest.mark.parametrize("change", SILENT)
def test_what_is_no_change_says_nothing(change: str, make: Make) -> None:
    watched = make(FREE | {"d/cache": Folder()})
    SILENT[change](watched)
    assert watched.named() == {}
    write(watched.at("d/f"))
    assert watched.named() == {b"d": False}


def test_folder_moved_within_the_tree_is_watched_under_its_new_path(make: Make) -> None:
    watched = make()
    os.rename(watched.at("a/b"), watched.at("d/b"))
    found = watched.named()
    if watched.watcher.source == "fanotify":
        assert found.pop(b"a/b")
    assert found == {b"a": False, b"d": False, b"d/b": True}
    # Not walked yet: its old path must not be named, and its new one is unknown already.
    write(watched.at("d/b/c/g"))
    assert watched.named() == {}
    watched.walk(b"d/b")
    write(watched.at("d/b/c/g"))
    assert watched.named() == {b"d/b/c": False}


def test_folder_moved_and_walked_before_its_events_are_read_stays_watched(make: Make) -> None:
    watched = make()
    os.rename(watched.at("a/b"), watched.at("d/b"))
    watched.walk(b"")
    found = watched.named()
    assert found.items() >= {b"a": False, b"d": False, b"d/b": True}.items()
    for path, deep in found.items():
        if deep:
            watched.walk(path)
    write(watched.at("d/b/c/g"))
    assert watched.named() == {b"d/b/c": False}


def test_folder_moved_out_and_its_successor_are_told_apart(make: Make, tmp_path: Path) -> None:
    watched = make()
    os.rename(watched.at("a"), tmp_path / "outside")
    os.makedirs(watched.at("a/b"))
    watched.walk(b"")
    for path, deep in watched.named().items():
        if deep:
            watched.walk(path)
    write(os.fsencode(tmp_path / "outside/b/f"))
    assert watched.named() == {}, "the folder that was moved out still names one in the tree"
    write(watched.at("a/b/f"))
    assert watched.named() == {b"a/b": False}


def watch_only(watched: Watched, *paths: bytes) -> None:
    """Watch some folders, as when the kernel refused the others."""
    watched.watcher.forget()
    for path in paths:
        fd = os.open(watched.at(path), os.O_RDONLY)
        watched.watcher.watch(fd, path)
        os.close(fd)


def test_folder_below_one_without_a_watch_is_dropped_with_it(make: Make, tmp_path: Path) -> None:
    watched = make()
    watch_only(watched, b"", b"a/b")
    os.rename(watched.at("a"), tmp_path / "outside")
    watched.named()
    write(os.fsencode(tmp_path / "outside/b/f"))
    assert (watched.named(), watched.watcher.watches) == ({}, 1)


def test_folder_in_one_without_a_watch_tells_itself_that_it_moved(make: Make) -> None:
    watched = make()
    watch_only(watched, b"", b"a/b", b"a/b/c")
    os.rename(watched.at("a/b"), watched.at("d/b"))
    assert watched.named() == {b"a": False, b"a/b": True}
    write(watched.at("d/b/c/g"))
    assert (watched.named(), watched.watcher.watches) == ({}, 1)


def test_folder_moved_in_is_unknown_as_a_whole(make: Make, tmp_path: Path) -> None:
    watched = make()
    (tmp_path / "outside/deep").mkdir(parents=True)
    os.rename(tmp_path / "outside", watched.at("d/in"))
    assert watched.named() == {b"d": False, b"d/in": True}


@pytest.mark.parametrize("late", ["before", "after"])
def test_late_scan_with_an_old_path_does_not_hide_the_new_one(late: str, make: Make) -> None:
    watched = make()
    held_up = os.open(watched.at("a/b"), os.O_RDONLY)
    os.rename(watched.at("a/b"), watched.at("d/b"))
    watched.settle()
    if late == "after":
        watched.walk(b"d/b")
    watched.watcher.watch(held_up, b"a/b")
    if late == "before":
        watched.walk(b"d/b")
    os.close(held_up)
    write(watched.at("d/b/f"))
    assert watched.named() == {b"d/b": False}


def test_two_folders_that_are_exchanged_are_both_unknown(make: Make) -> None:
    watched = make()
    exchange(watched.at("a"), watched.at("d"))
    assert watched.named() == {b"": False, b"a": True, b"d": True}
    watched.walk(b"")
    write(watched.at("d/b/f"))
    assert watched.named() == {b"d/b": False}


def test_deleted_folders_are_forgotten(make: Make) -> None:
    watched = make()
    before = watched.watcher.watches
    for _ in range(3):
        os.makedirs(watched.at("n/o/p"))
        watched.walk(b"n")
        assert watched.watcher.watches == before + 3
        shutil.rmtree(watched.at("n"))
        assert watched.named().items() >= {b"": False}.items()
        assert watched.watcher.watches == before


ARTIFACT_CHANGES: dict[str, Change] = {
    "an artifact is written to": lambda t: write(t.at(".duri/checksums.json")),
    "an artifact is planted": lambda t: write(t.at(".duri/new")),
    "an artifact is deleted": lambda t: os.unlink(t.at(".duri/checksums.json")),
    "an artifact's mode changes": lambda t: os.chmod(t.at(".duri/checksums.json"), 0o600),
    "the folder's mode changes": lambda t: os.chmod(t.at(".duri"), 0o700),
    "the folder is deleted": lambda t: shutil.rmtree(t.at(".duri")),
}


@pytest.mark.parametrize("change", ARTIFACT_CHANGES)
def test_change_of_the_artifacts_is_told_as_such(change: str, make: Make) -> None:
    watched = make()
    ARTIFACT_CHANGES[change](watched)
    found = watched.settle()
    assert (found.artifacts, found.folders, found.lost) == (True, (), False)


def test_artifacts_that_are_exchanged_are_watched_again(make: Make, tmp_path: Path) -> None:
    watched = make()
    (tmp_path / "next").mkdir()
    exchange(watched.at(".duri"), os.fsencode(tmp_path / "next"))
    found = watched.settle()
    assert (found.artifacts, found.folders) == (True, ())
    watched.walk(b".duri")
    write(os.fsencode(tmp_path / "next/old"))
    assert watched.settle().artifacts is False
    write(watched.at(".duri/new"))
    assert watched.settle().artifacts is True


def test_artifacts_outside_the_root_are_watched(make: Make, tmp_path: Path) -> None:
    watched = make()
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    fd = os.open(evidence, os.O_RDONLY)
    watched.watcher.watch(fd, os.fsencode(evidence), artifacts=True)
    os.close(fd)
    write(os.fsencode(evidence / "checksums.json"))
    found = watched.settle()
    assert (found.artifacts, found.folders) == (True, ())


def test_artifacts_deep_in_the_tree_are_told_of_when_a_folder_above_moves(
    tree: Tree, source: str
) -> None:
    root = tree({"a/b/.duri/x": b"", "a/b/.duri2": b"", "a/f": b""})
    fd = os.open(root, os.O_RDONLY)
    opened = events.open_watcher(
        Policy(), b"a/b/.duri", root_fd=fd, allow_fanotify=source == "fanotify"
    )
    os.close(fd)
    assert opened.watcher is not None
    os.chmod(root / "a", 0o700)
    assert events.read(opened.watcher).artifacts is False
    os.rename(root / "a", root / "c")
    assert events.read(opened.watcher).artifacts is True
    os.mkdir(root / "a")
    assert events.read(opened.watcher).artifacts is True
    os.mkdir(root / "a-not")
    assert events.read(opened.watcher).artifacts is False


@pytest.mark.parametrize("end", ["deleted", "moved"])
def test_root_that_goes_is_told(end: str, make: Make) -> None:
    watched = make()
    write(watched.at("top"))
    assert watched.settle().root_gone is False
    if end == "moved":
        os.rename(watched.root, watched.root + b"-moved")
    else:
        shutil.rmtree(watched.root)
    assert watched.settle().root_gone is True


def test_forgotten_root_says_nothing_and_another_is_watched(make: Make, tree: Tree) -> None:
    watched = make()
    write(watched.at("a/b/f"))
    watched.watcher.forget()
    write(watched.at("a/b/f"))
    assert (watched.named(), watched.watcher.watches) == ({}, 0)
    old, watched.root = watched.root, os.fsencode(tree(NODES, name="next"))
    watched.walk(b"")
    write(os.path.join(old, b"a/b/f"))
    assert watched.named() == {}
    write(watched.at("a/b/f"))
    assert watched.named() == {b"a/b": False}


def test_lost_events_are_told_and_later_ones_come(make: Make) -> None:
    watched = make()
    limits = [
        int(path.read_text())
        for path in map(
            Path,
            ["/proc/sys/fs/inotify/max_queued_events", "/proc/sys/fs/fanotify/max_queued_events"],
        )
        if path.exists()
    ]
    if max(limits) > 40_000:
        pytest.skip("the queue is longer here than is made to overflow")
    # Each names another entry, so that none is merged with one before.
    for number in range(max(limits) + 10):
        os.symlink("f", watched.at(f"d/{number}"))
    found = watched.settle()
    assert found.lost
    watched.walk(b"")
    write(watched.at("a/b/f"))
    after = watched.settle()
    assert (after.lost, after.folders) == (False, ((b"a/b", False),))


def test_five_thousand_folders_are_watched_quickly(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = make()
    for number in range(5000):
        os.mkdir(watched.at(f"d/{number}"))
    assert len(watched.named()) == 5001
    began = time.perf_counter()
    watched.walk(b"d")
    with capsys.disabled():
        took = (time.perf_counter() - began) * 1000
        sys.stdout.write(f"\n{watched.watcher.source}: 5,000 folders watched in {took:.0f} ms\n")
    write(watched.at("d/4999/f"))
    assert watched.named() == {b"d/4999": False}


def test_fanotify_tells_who_it_was(tree: Tree) -> None:
    require("fanotify", present=fanotify_works())
    watched = Watched(tree(NODES), source="fanotify")
    # It lives until it is told to end, so that it can be asked who it is.
    with subprocess.Popen(
        ["sh", "-c", 'echo x >> "$1"; read end', "sh", watched.at("a/b/f")], stdin=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 10
        while not (origins := watched.settle().origins) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.communicate(b"\n")
    (origin,) = origins
    assert (origin.path, origin.pid) == (b"a/b/f", process.pid)
    assert (origin.uid, origin.command) == (os.getuid(), "sh")
    # Our own changes are changes all the same.
    write(watched.at("a/b/f"))
    found = watched.settle()
    assert (found.origins, found.folders) == ((), ((b"a/b", False),))


def test_without_rights_inotify_takes_over_and_says_why(
    as_nobody: Callable[[], AbstractContextManager[None]],
) -> None:
    with as_nobody():
        opened = events.open_watcher(Policy(), b".duri")
    assert opened.watcher is not None
    assert opened.watcher.source == "inotify"
    assert opened.problem == "who makes a change is not known: fanotify asks for CAP_SYS_ADMIN"
    assert events.open_watcher(Policy(), b".duri", allow_fanotify=False).problem is None


def test_without_any_source_scans_go_on() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        opened = events.open_watcher(Policy(), b".duri", allow_fanotify=False)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert opened.watcher is None
    assert opened.problem is not None
    assert opened.problem.startswith("inotify has no queue left: raise fs.inotify.max_user_inst")
    assert opened.problem.endswith("; changes are seen by scans only")


def test_folder_that_may_not_be_read_is_counted(
    tree: Tree, as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    root = tree({"a/f": b"", "closed": Folder(0o755)})
    watched = Watched(root, source="inotify")
    fd = os.open(watched.at("closed"), os.O_RDONLY)
    os.chmod(watched.at("closed"), 0o300)
    with as_nobody(), pytest.raises(PermissionError):
        watched.watcher.watch(fd, b"closed")
    assert (watched.watcher.refused, watched.watcher.refusal) == (1, errno.EACCES)
    assert events.problem_of(watched.watcher) == (
        "inotify refuses to watch: Permission denied; 1 folder is seen by scans only"
    )
    os.chmod(watched.at("closed"), 0o700)
    watched.watcher.watch(fd, b"closed")
    os.close(fd)
    assert (watched.watcher.refused, events.problem_of(watched.watcher)) == (0, None)


NO_WATCHES = "inotify has no watches left: raise fs.inotify.max_user_watches"
FEW_WATCHES = textwrap.dedent("""
    import os, sys
    from duri.policy import Policy
    from duri.tree import events
    with open("/proc/sys/user/max_inotify_watches", "w") as limit:
        limit.write("3")
    opened = events.open_watcher(Policy(), None, allow_fanotify=False)
    watcher = opened.watcher
    for name in [".", *sorted(os.listdir("."))]:
        fd = os.open(name, os.O_RDONLY)
        try:
            watcher.watch(fd, b"" if name == "." else os.fsencode(name))
        except OSError as error:
            print(error.errno)
        os.close(fd)
    print(watcher.watches, watcher.refused, watcher.refusal)
    print(events.problem_of(watcher))
    open("0/f", "w").close()
    print(events.read(watcher).folders)
""")


def test_limit_of_watches_is_counted_and_said(tree: Tree, component: Component) -> None:
    root = tree({f"{number}": Folder() for number in range(6)})
    unshare = [component("unshare"), "--user", "--map-root-user"]
    probe = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    component("user namespaces", present=probe.returncode == 0)
    ended = subprocess.run(
        [*unshare, sys.executable, "-c", FEW_WATCHES],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        *[str(errno.ENOSPC)] * 4,
        f"3 4 {errno.ENOSPC}",
        f"{NO_WATCHES}; 4 folders are seen by scans only",
        "((b'0', False),)",
    ]
