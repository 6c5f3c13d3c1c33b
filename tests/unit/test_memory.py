"""What a memory is good for, and when it is good for nothing."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.conftest import require
from tests.property.shuffles import Place
from tests.property.test_memory import SETTLED, Watched, assert_same

from duri.errors import UnverifiableError
from duri.policy import Policy
from duri.tree import events, scan
from duri.verdict import Kind

RATE = 1_000_000


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Watched]:
    root = tmp_path / "root"
    (root / "folder" / "below").mkdir(parents=True)
    for path in (root, root / "folder", root / "folder" / "below"):
        path.chmod(0o755)
    for name in ("one", "folder/two", "folder/below/three"):
        (root / name).write_bytes(b"x" * 1000)
        (root / name).chmod(0o644)
    watched = Watched(Place(os.fsencode(root), os.fsencode(tmp_path)))
    yield watched
    os.close(watched.root_fd)


def path(tree: Watched, name: str) -> Path:
    return Path(os.fsdecode(tree.place.root)) / name


def test_settled_files_are_not_read_again_and_changed_ones_are(tree: Watched) -> None:
    assert tree.full().bytes_hashed == 3000
    # So young that a write in the same tick would not be seen.
    assert tree.stat().bytes_hashed == 3000
    time.sleep(SETTLED)
    assert tree.stat().bytes_hashed == 3000
    found = tree.stat()
    assert (found.bytes_hashed, found.verified_files, len(tree.memory)) == (0, 3, 3)
    path(tree, "one").write_bytes(b"y" * 1000)
    found = tree.stat()
    assert (found.bytes_hashed, found.verified_files) == (1000, 2)
    assert [one.kind for one in found.findings] == [Kind.MODIFIED]
    assert tree.full().bytes_hashed == 3000


def test_a_part_reads_its_own_files_only(tree: Watched) -> None:
    tree.full()
    assert tree.part({(b"folder", False)}).bytes_hashed == 1000
    assert tree.part({(b"folder", True)}).bytes_hashed == 2000
    assert tree.part({(b"", True)}).bytes_hashed == 3000
    assert tree.part({(b"folder/below", False), (b"folder", True)}).bytes_hashed == 2000


def test_an_edit_in_the_tick_of_a_look_is_found_by_the_next(tree: Watched) -> None:
    for look in (tree.stat, lambda: tree.part({(b"", False)})):
        for content in (b"y", b"x") * 20:
            path(tree, "one").write_bytes(content * 1000)
            assert bool(tree.full().findings) == (content == b"y")
            # At once, of the same size: the clock of the file system may not have moved.
            other = b"x" if content == b"y" else b"y"
            path(tree, "one").write_bytes(other * 1000)
            assert bool(look().findings) == (other == b"y")


def test_a_memory_of_another_seal_is_no_memory(tree: Watched) -> None:
    tree.full()
    time.sleep(SETTLED)
    assert not tree.full().findings
    assert tree.stat().bytes_hashed == 0
    path(tree, "one").write_bytes(b"y" * 1000)
    other = Watched(tree.place)
    other.memory = tree.memory
    path(tree, "one").write_bytes(b"x" * 1000)
    assert other.part({(b"", False)}).whole_needed
    found = other.stat()
    assert found.bytes_hashed == 3000
    assert [one.kind for one in found.findings] == [Kind.MODIFIED]
    assert tree.stat().bytes_hashed == 3000
    os.close(other.root_fd)


def test_a_memory_of_another_policy_or_root_is_no_memory(tree: Watched, tmp_path: Path) -> None:
    tree.full()
    looser = scan.baseline(
        checksums=tree.sealed.checksums,
        attributes=tree.sealed.attributes,
        policy=Policy(ignore=("new",)),
        algorithm="sha256",
    )
    path(tree, "new").write_bytes(b"")
    assert tree.part({(b"", False)}).findings
    tree.baseline, before = looser, tree.baseline
    assert tree.part({(b"folder", False)}).whole_needed
    assert not tree.stat().findings
    tree.baseline = before
    assert_same(tree.stat(), tree.everything(), "back")
    path(tree, "").rename(tmp_path / "moved")
    (tmp_path / "root").mkdir()
    os.close(tree.root_fd)
    tree.root_fd = scan.open_root(str(tmp_path / "root"))
    assert tree.part({(b"", False)}).whole_needed
    assert tree.stat().verified_files == 0


def test_nothing_is_known_at_first_and_after_clearing(tree: Watched) -> None:
    assert tree.part({(b"", True)}).whole_needed
    tree.full()
    assert not tree.part({(b"", True)}).whole_needed
    tree.memory.clear()
    assert len(tree.memory) == 0
    assert tree.part({(b"", True)}).whole_needed


def cancelled(tree: Watched, look: scan.Look) -> float:
    """Start a look, cancel it, and return how long it then took to end."""
    progress = scan.Progress()
    ended: list[float] = []

    def run() -> None:
        with pytest.raises(UnverifiableError):
            compared(tree, look, progress)
        ended.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    while not progress.bytes:
        time.sleep(0.005)
    begin = time.monotonic()
    progress.cancel()
    thread.join()
    return ended[0] - begin


def compared(tree: Watched, look: scan.Look, progress: scan.Progress) -> scan.Comparison:
    return scan.compare(
        tree.root_fd,
        tree.baseline,
        strict=True,
        exclude=None,
        threads=2,
        total_bytes=tree.sealed.total_bytes,
        progress=progress,
        look=look,
    )


@pytest.fixture
def large(tree: Watched) -> Iterator[Watched]:
    path(tree, "large").write_bytes(bytes(8 * RATE))
    path(tree, "large").chmod(0o644)
    found = Watched(tree.place)
    yield found
    os.close(found.root_fd)


def test_a_cancelled_look_ends_soon_and_leaves_nothing_to_rely_on(large: Watched) -> None:
    large.full()
    time.sleep(SETTLED)
    large.full()
    assert large.stat().bytes_hashed == 0
    slow = scan.Look(memory=large.memory, bytes_per_second=RATE)
    assert cancelled(large, slow) < 1
    assert len(large.memory) == 0
    assert large.part({(b"", True)}).whole_needed
    assert large.stat().bytes_hashed == 8 * RATE + 3000
    assert large.stat().bytes_hashed == 0


def test_a_throttled_look_takes_its_time(large: Watched) -> None:
    begin = time.monotonic()
    compared(large, scan.Look(bytes_per_second=8 * RATE), scan.Progress())
    assert time.monotonic() - begin > 0.9
    with pytest.raises(ValueError, match="positive"):
        compared(large, scan.Look(bytes_per_second=0), scan.Progress())


def test_two_looks_with_one_memory_are_refused_at_once(large: Watched) -> None:
    slow = scan.Look(memory=large.memory, bytes_per_second=RATE)
    progress = scan.Progress()

    def run() -> None:
        with pytest.raises(UnverifiableError):
            compared(large, slow, progress)

    thread = threading.Thread(target=run)
    thread.start()
    while not progress.bytes:
        time.sleep(0.005)
    for use in (large.full, large.stat, large.memory.clear):
        with pytest.raises(RuntimeError, match="another comparison"):
            use()
    progress.cancel()
    thread.join()
    assert not large.full().findings


@pytest.mark.parametrize("bad", [b"/", b"../x", b"a//b", b"a/", b"a\0"])
def test_what_is_no_folder_below_the_root_is_a_wrong_call(tree: Watched, bad: bytes) -> None:
    tree.full()
    with pytest.raises(ValueError, match="no folder to look at"):
        tree.part({(bad, False)})
    assert_same(tree.part({(b"folder", False)}), tree.everything(), "still good")
    with pytest.raises(ValueError, match="without a memory"):
        tree.look(scan.Look(only=((b"", False),)))


def test_each_folder_is_told_of_before_it_is_listed(tree: Watched) -> None:
    opened = events.open_watcher(Policy(), exclude=None)
    assert opened.watcher is not None
    tree.look(scan.Look(memory=tree.memory, watcher=opened.watcher))
    assert opened.watcher.watches == 3
    path(tree, "appeared").mkdir()
    tree.look(
        scan.Look(memory=tree.memory, watcher=opened.watcher, only=((b"", False),), reread=False)
    )
    assert opened.watcher.watches == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda at: at("folder").rename(at("gone")),
        lambda at: (at("folder").rename(at("gone")), at("folder").write_bytes(b"")),
        lambda at: at("folder").chmod(0o700),
        lambda at: (at("new/in/it").mkdir(parents=True), at("new/in/it/a").write_bytes(b"")),
    ],
)
def test_no_finding_stays_when_a_change_is_undone(
    tree: Watched, change: Callable[[Callable[[str], Path]], object]
) -> None:
    tree.full()
    change(lambda name: path(tree, name))
    assert_same(tree.part({(b"", False)}), tree.everything(), "changed")
    assert tree.everything().findings
    if path(tree, "folder").is_file():
        path(tree, "folder").unlink()
    if path(tree, "gone").exists():
        path(tree, "gone").rename(path(tree, "folder"))
    path(tree, "folder").chmod(0o755)
    if path(tree, "new").exists():
        path(tree, "new").rename(Path(os.fsdecode(tree.place.stash)) / "new")
    # Not named as deep: that the folder was not there is remembered.
    found = tree.part({(b"", False)})
    assert_same(found, tree.everything(), "undone")
    assert not found.findings


def test_a_name_that_comes_or_goes_asks_for_the_whole_and_others_keep_what_was_found(
    tree: Watched, tmp_path: Path
) -> None:
    os.link(path(tree, "one"), path(tree, "folder/pair"))
    pair = Watched(tree.place)
    time.sleep(SETTLED)
    assert not pair.full().findings
    for part in (b"", b"folder"):
        assert_same(pair.part({(part, False)}), pair.everything(), part)
        assert_same(pair.part({(part, False)}, reread=True), pair.everything(), part)
    path(tree, "folder/pair").rename(tmp_path / "outside")
    assert pair.part({(b"folder", False)}).whole_needed
    found = pair.stat()
    assert_same(found, pair.everything(), "moved out")
    assert {one.kind for one in found.findings} == {Kind.MISSING, Kind.HARD_LINK}
    time.sleep(SETTLED)
    pair.stat()
    for part in (b"", b"folder"):
        assert_same(pair.part({(part, False)}), pair.everything(), part)
    os.link(path(tree, "folder/two"), path(tree, "new"))
    assert pair.part({(b"", False)}).whole_needed
    assert_same(pair.stat(), pair.everything(), "linked")
    os.close(pair.root_fd)


@pytest.mark.parametrize("harm", [False, True])
@pytest.mark.parametrize("closed", ["folder", "data/m"])
def test_a_folder_that_nobody_could_enter_is_looked_at_with_all_below_it(
    tree: Watched,
    as_nobody: Callable[[], AbstractContextManager[None]],
    closed: str,
    harm: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    (path(tree, "data/m") / "below").mkdir(parents=True)
    other = Watched(tree.place)
    path(tree, closed).chmod(0)
    with as_nobody():
        found = other.full()
    assert [(one.kind, one.path) for one in found.findings] == [
        (Kind.UNREADABLE, os.fsencode(closed))
    ]
    path(tree, closed).chmod(0o755)
    if harm and closed == "folder":
        path(tree, "folder/below/three").write_bytes(b"y" * 1000)
    elif harm:
        path(tree, "data/m/below/run").touch(0o755)
    # Only something below it is named, and nobody knows what else is there.
    assert other.part({(os.fsencode(closed) + b"/below", False)}).whole_needed
    assert other.stat().findings if harm else not other.stat().findings
    path(tree, closed).chmod(0)
    with as_nobody():
        other.full()
    path(tree, closed).chmod(0o755)
    found = other.part({(os.fsencode(closed), False)})
    assert_same(found, other.everything(), "itself")
    assert bool(found.findings) == harm
    os.close(other.root_fd)


def test_a_leaf_that_became_a_folder_is_known_as_one_before_what_is_in_it_tells(
    tree: Watched,
) -> None:
    tree.full()
    path(tree, "one").unlink()
    path(tree, "one/in/it").mkdir(parents=True)
    for part in (b"one", b"one/in"):
        for deep in (False, True):
            assert tree.part({(part, deep)}).whole_needed
            assert_same(tree.stat(), tree.everything(), part)
            path(tree, "one/in/it").rmdir()
            shutil.rmtree(path(tree, "one"))
            path(tree, "one").write_bytes(b"x" * 1000)
            path(tree, "one").chmod(0o644)
            assert_same(tree.part({(b"", False)}), tree.everything(), "put back")
            path(tree, "one").unlink()
            path(tree, "one/in/it").mkdir(parents=True)
    tree.stat()
    for part in (b"one", b"one/in"):
        for deep in (False, True):
            assert_same(tree.part({(part, deep)}), tree.everything(), part)


def test_a_new_folder_that_was_empty_is_not_any_more(tree: Watched) -> None:
    path(tree, "new").mkdir()
    assert [one.path for one in tree.full().findings] == [b"new"]
    path(tree, "new/in").mkdir()
    assert tree.part({(b"new/in", True)}).whole_needed
    assert_same(tree.stat(), tree.everything(), "whole")
    path(tree, "new/in/it").write_bytes(b"")
    assert_same(tree.part({(b"new/in", False)}), tree.everything(), "known")


def test_a_file_that_could_not_be_opened_is_not_known_by_its_identity(
    tree: Watched, as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    require("root, who reads every file", present=os.geteuid() == 0)
    path(tree, "one").chmod(0)
    closed = Watched(tree.place)
    time.sleep(SETTLED)
    assert not closed.full().findings
    # Not tried, since it is the one that was verified.
    with as_nobody():
        assert closed.stat().verified_files == 3
        for look in (closed.full, closed.stat, lambda: closed.part({(b"", False)})):
            found = look()
            assert [one.kind for one in found.findings] == [Kind.UNREADABLE]
            assert found.verified_files == 2
    assert closed.stat().verified_files == 3
    os.close(closed.root_fd)


@pytest.mark.parametrize("size", [50_000, 2 * RATE])
@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_file_that_is_read_again_is_judged_again(
    tree: Watched,
    size: int,
    mode: int,
) -> None:
    path(tree, "one").write_bytes(bytes(size))
    slow = Watched(tree.place)
    progress = scan.Progress()
    found: list[scan.Comparison] = []
    look = scan.Look(memory=slow.memory, bytes_per_second=size)
    thread = threading.Thread(target=lambda: found.append(compared(slow, look, progress)))
    thread.start()
    time.sleep(0.3)
    path(tree, "one").chmod(0o600)
    path(tree, "one").chmod(mode)
    thread.join()
    kinds = [one.kind for one in found[0].findings]
    assert kinds == ([] if mode == 0o644 else [Kind.MODE])
    assert found[0].verified_files == (3 if mode == 0o644 else 2)
    assert_same(slow.stat(), slow.everything(), "after")
    os.close(slow.root_fd)


def test_a_throttled_look_starts_no_threads_to_wait_with(large: Watched) -> None:
    for number in range(64):
        path(large, f"new-{number}").mkdir()
    progress = scan.Progress()
    look = scan.Look(bytes_per_second=RATE)

    def run() -> None:
        with pytest.raises(UnverifiableError):
            scan.compare(
                large.root_fd,
                large.baseline,
                strict=True,
                exclude=None,
                threads=64,
                progress=progress,
                look=look,
            )

    before = threads()
    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)
    during = threads() - before
    progress.cancel()
    thread.join()
    assert 1 < during <= 1 + (os.cpu_count() or 1)


def threads() -> int:
    return len(os.listdir("/proc/self/task"))
