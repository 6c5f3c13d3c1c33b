"""What a watcher learns from scans, and what a scan does where the system gives it too little."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Component, Folder, Tree
from tests.integration.test_events import fanotify_works
from tests.property.shuffles import POLICY, Place
from tests.property.test_memory import Watched, assert_same

from duri.tree import events, scan


@pytest.fixture(params=["inotify", "fanotify"])
def source(request: pytest.FixtureRequest, component: Component) -> str:
    """Return each source in turn."""
    if request.param == "fanotify":
        component("fanotify", present=fanotify_works())
    return str(request.param)


class Followed(Watched):
    """A sealed tree whose scans tell a watcher of each folder."""

    def __init__(self, root: Path, source: str) -> None:
        super().__init__(Place(os.fsencode(root), os.fsencode(root.parent)))
        opened = events.open_watcher(
            POLICY, None, root_fd=self.root_fd, allow_fanotify=source == "fanotify"
        )
        assert opened.watcher is not None, opened
        self.watcher = opened.watcher
        self.root = root

    def look(self, look: scan.Look) -> scan.Comparison:
        return super().look(
            scan.Look(memory=look.memory, reread=look.reread, only=look.only, watcher=self.watcher)
        )

    def named(self) -> dict[bytes, bool]:
        found = events.read(self.watcher)
        assert not found.lost, found
        return dict(found.folders)


@pytest.fixture
def follow(tree: Tree, source: str) -> Iterator[Callable[[dict[str | bytes, bytes]], Followed]]:
    made = []

    def make(nodes: dict[str | bytes, bytes]) -> Followed:
        made.append(Followed(tree({**nodes}), source))
        return made[-1]

    yield make
    for one in made:
        os.close(one.root_fd)


def append(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"x")


def test_a_mutable_name_of_a_sealed_file_is_heard(
    follow: Callable[[dict[str | bytes, bytes]], Followed], tree: Tree
) -> None:
    del tree
    followed = follow({"lib/f": b"sealed", "data/own": b"free", "logs/a.log": b"free"})
    os.link(followed.root / "lib/f", followed.root / "data/pair")
    other = Followed(followed.root, followed.watcher.source)
    assert not {one.kind for one in other.full().findings} - {"hard_link"}
    other.named()
    append(other.root / "logs/a.log")
    assert other.named() == {}, "it has one name, and may change"
    append(other.root / "data/pair")
    assert other.named() == {b"data": False}
    assert other.part({(b"data", False)}).whole_needed
    assert_same(other.stat(), other.everything(), "the sealed name")
    os.close(other.root_fd)


def test_watches_whose_end_was_lost_are_dropped_by_the_next_scan_of_everything(
    follow: Callable[[dict[str | bytes, bytes]], Followed],
) -> None:
    followed = follow({"d/f": b"", "data/f": b""})
    kind = followed.watcher.source
    limit = int(Path(f"/proc/sys/fs/{kind}/max_queued_events").read_text())
    if limit > 40_000:
        pytest.skip("the queue is longer here than is made to overflow")
    for number in range(20):
        (followed.root / f"data/{number}").mkdir()
    followed.full()
    assert followed.watcher.watches == 23
    for number in range(limit + 10):
        os.symlink("f", followed.root / f"d/{number}")
    for number in range(20):
        (followed.root / f"data/{number}").rmdir()
    lost = False
    while (found := events.read(followed.watcher)).events:
        lost |= found.lost
    assert lost
    assert followed.watcher.watches > 3, "nothing tells of their end"
    followed.part({(b"data", False)})
    assert followed.watcher.watches > 3, "a part does not tell what is there"
    followed.stat()
    assert followed.watcher.watches == 3
    events.read(followed.watcher)
    append(followed.root / "d/f")
    assert followed.named() == {b"d": False}


def test_watches_stay_when_nothing_was_lost(
    follow: Callable[[dict[str | bytes, bytes]], Followed], tmp_path: Path
) -> None:
    followed = follow({"d/e/f": b""})
    followed.full()
    # What a scan cannot enter now is heard all the same.
    (followed.root / "d").rename(tmp_path / "aside")
    (followed.root / "d").write_bytes(b"")
    followed.full()
    assert followed.watcher.watches == 3
    (followed.root / "d").unlink()
    (tmp_path / "aside").rename(followed.root / "d")
    assert followed.named()
    followed.full()
    append(followed.root / "d/e/f")
    assert followed.named() == {b"d/e": False}


IN_NAMESPACE = textwrap.dedent("""
    import os, subprocess, sys
    from duri.policy import Policy
    from duri.tree import events, scan
    POLICY = Policy(mutable=("data/",))

    class Tree:
        def __init__(self, root):
            self.fd = scan.open_root(root)
            sealed = scan.seal(
                self.fd, policy=POLICY, algorithm="sha256", exclude=None, threads=2
            )
            self.memory = scan.Memory()
            self.baseline = scan.baseline(
                checksums=sealed.checksums, attributes=sealed.attributes, policy=POLICY,
                algorithm="sha256",
            )
            self.watcher = events.open_watcher(
                POLICY, None, root_fd=self.fd, allow_fanotify=False
            ).watcher

        def look(self, only=None, memory=None):
            return scan.compare(
                self.fd, self.baseline, strict=True, exclude=None, threads=2,
                look=scan.Look(
                    memory=memory or self.memory, watcher=self.watcher, only=only,
                    reread=only is None,
                ),
            )

        def named(self):
            return dict(events.read(self.watcher).folders)

    def run(*command):
        subprocess.run(command, check=True)

    def write(path, mode="a"):
        with open(path, mode) as file:
            file.write("x")
""")


def in_namespace(component: Component, root: Path, script: str) -> list[str]:
    """Run a script where it may mount, in the root; return its lines."""
    unshare = [component("unshare"), "--user", "--map-root-user", "--mount"]
    probe = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    component("user namespaces", present=probe.returncode == 0)
    ended = subprocess.run(
        [*unshare, sys.executable, "-c", IN_NAMESPACE + textwrap.dedent(script)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_a_folder_that_is_mounted_twice_is_named_at_both_places(
    tree: Tree, component: Component
) -> None:
    root = tree({"lib/b/f": b"sealed", "lib/f": b"sealed", "data/m/own": b"free"})
    lines = in_namespace(
        component,
        root,
        """
        tree = Tree(".")
        run("mount", "--bind", "lib", "data/m")
        for _ in range(2):
            assert not tree.look().findings
            tree.named()
            write("lib/f")
            print(tree.named())
            write("data/m/b/f")
            print(tree.named())
            os.close(os.open("lib/b/new", os.O_CREAT | os.O_WRONLY))
            print(tree.named())
            os.truncate("lib/f", 6)
            os.truncate("lib/b/f", 6)
            os.unlink("lib/b/new")
            tree.look()
        os.rename("lib", "library")
        assert tree.named()
        os.rename("library", "lib")
        tree.named()
        run("umount", "data/m")
        tree.look()
        tree.named()
        os.mkdir("lib/b/c")
        print(tree.named())
        """,
    )
    heard = ["{b'lib': False}", "{b'lib/b': False}", "{b'data/m/b': False, b'lib/b': False}"]
    assert lines == [*heard, *heard, "{b'lib/b': False, b'lib/b/c': True}"]


def test_a_root_that_is_mounted_again_is_another_root(tree: Tree, component: Component) -> None:
    root = tree({"real/lib/f": b"sealed", "place": Folder()})
    version = tuple(int(part) for part in os.uname().release.split(".")[:2])
    lines = in_namespace(
        component,
        root,
        """
        run("mount", "--bind", "real", "place")
        tree = Tree("place")
        tree.look()
        print(tree.look(only=((b"lib", False),)).whole_needed)
        for again in (False, True):
            os.close(tree.fd)
            if again:
                tree.watcher = None
                run("umount", "place")
                run("mount", "--bind", "real", "place")
            tree.fd = scan.open_root("place")
            print(tree.look(only=((b"lib", False),)).whole_needed)
        """,
    )
    # Before Linux 6.8 a mount has no number of its own.
    assert lines == ["False", "False", str(version >= (6, 8))]


NO_THREAD = """
    import resource
    from duri.errors import UnverifiableError
    tree = Tree(".")
    assert not tree.look().findings
    tree.watcher = None
    if os.geteuid() == 0:
        os.setgid(54321)
        os.setuid(54321)
    before = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, before[1]))
    for work in (
        tree.look,
        lambda: scan.seal(tree.fd, policy=POLICY, algorithm="sha256", exclude=None, threads=2),
    ):
        try:
            work()
        except UnverifiableError as error:
            print(error.what)
    print(len(tree.memory))
    resource.setrlimit(resource.RLIMIT_NPROC, before)
    print(tree.look(only=((b"", False),)).whole_needed)
    print(tree.look().verified_files)
"""


def test_where_no_thread_can_be_started_there_is_no_verdict(tree: Tree) -> None:
    root = tree({"f": b"sealed"})
    ended = subprocess.run(
        [sys.executable, "-c", IN_NAMESPACE + textwrap.dedent(NO_THREAD)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "no thread could be started",
        "no thread could be started",
        "0",
        "True",
        "1",
    ]


def test_folders_that_left_are_not_counted_as_refused(tree: Tree, component: Component) -> None:
    root = tree({"data/a/b": Folder(), "data/c/d": Folder()})
    lines = in_namespace(
        component,
        root,
        """
        with open("/proc/sys/user/max_inotify_watches", "w") as limit:
            limit.write("2")
        tree = Tree(".")
        tree.look()
        print(tree.watcher.watches, tree.watcher.refused)
        os.rename("data/a", "a")
        tree.named()
        print(tree.watcher.refused)
        os.rmdir("data/c/d")
        tree.look()
        print(tree.watcher.refused)
        """,
    )
    assert lines[0] == "2 4"
    assert lines[1:] == ["2", "3"]


def test_a_folder_that_goes_with_its_watches_goes_for_good(
    follow: Callable[[dict[str | bytes, bytes]], Followed],
) -> None:
    followed = follow({"d/e/f": b""})
    followed.full()
    shutil.rmtree(followed.root / "d")
    assert followed.named()
    assert followed.watcher.watches == 1


def test_a_folder_that_is_not_as_free_as_its_name_is_heard(
    follow: Callable[[dict[str | bytes, bytes]], Followed],
) -> None:
    followed = follow({"data": b"sealed as a file", "lib/data/own": b"free"})
    (followed.root / "data").unlink()
    (followed.root / "data").mkdir()
    append(followed.root / "data/new")
    followed.full()
    followed.named()
    append(followed.root / "lib/data/own")
    assert followed.named() == {}
    append(followed.root / "data/new")
    assert followed.named() == {b"data": False}
