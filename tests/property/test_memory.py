"""With a memory, a look at what changed says what a look at everything says."""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.property.shuffles import POLICY, Choose, Dirty, Place, change, is_silent, write_tree

from duri.tree import scan

# As old as a file must be for its identity to prove something, and the clock's tick.
SETTLED = 2.1


class Watched:
    """A sealed tree, and what is known of it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.root_fd = scan.open_root(os.fsdecode(place.root))
        self.memory = scan.Memory()
        sealed = scan.seal(self.root_fd, policy=POLICY, algorithm="sha256", exclude=None, threads=3)
        self.sealed = sealed
        self.baseline = scan.baseline(
            checksums=sealed.checksums,
            attributes=sealed.attributes,
            policy=POLICY,
            algorithm="sha256",
        )

    def look(self, look: scan.Look) -> scan.Comparison:
        return scan.compare(
            self.root_fd,
            self.baseline,
            strict=True,
            exclude=None,
            threads=2,
            total_bytes=self.sealed.total_bytes,
            look=look,
        )

    def everything(self) -> scan.Comparison:
        return self.look(scan.EVERYTHING)

    def full(self) -> scan.Comparison:
        return self.look(scan.Look(memory=self.memory))

    def stat(self) -> scan.Comparison:
        return self.look(scan.Look(memory=self.memory, reread=False))

    def part(self, dirty: Dirty, *, reread: bool = False) -> scan.Comparison:
        only = tuple(sorted(dirty))
        return self.look(scan.Look(memory=self.memory, reread=reread, only=only))


@contextmanager
def a_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="duri-memory-") as folder:
        place = Place(os.path.join(os.fsencode(folder), b"root"), os.fsencode(folder) + b"/stash")
        os.mkdir(place.root, 0o755)
        os.mkdir(place.stash)
        yield place


@contextmanager
def watched(place: Place) -> Iterator[Watched]:
    found = Watched(place)
    try:
        yield found
    finally:
        os.close(found.root_fd)


def assert_same(found: scan.Comparison, expected: scan.Comparison, said: object) -> None:
    assert not found.whole_needed, said
    assert found.findings == expected.findings, said
    assert found.verified_files == expected.verified_files, said


def follow(tree: Watched, choose: Choose, count: int) -> int:
    """Make changes and look at each; return how often the parts told by themselves."""
    assert_same(tree.full(), tree.everything(), "at first")
    history: list[object] = []
    told = 0
    for _ in range(count):
        dirty: Dirty = set()
        silent = is_silent(tree.place)
        # Events of several changes come together.
        for _ in range(choose.of((1, 1, 2, 4))):
            done, more = change(tree.place, choose)
            dirty |= more
            silent |= is_silent(tree.place)
            history.append(done)
        history.append(sorted(dirty))
        reread = choose.of((False, True))
        found = tree.stat() if silent else tree.part(dirty, reread=reread)
        expected = tree.everything()
        if found.whole_needed:
            assert not found.findings
            found = tree.stat()
        else:
            told += 1
        assert_same(found, expected, history)
        assert len(tree.memory) == expected.verified_files
        if choose.of((False, False, False, True)):
            assert_same(tree.stat(), expected, history)
    return told


@settings(phases=(Phase.explicit, Phase.reuse, Phase.generate), max_examples=40)
@given(data=st.data())
def test_parts_say_what_the_whole_says(data: st.DataObject) -> None:
    choose = Choose(lambda options: data.draw(st.sampled_from(options)))
    with a_place() as place:
        write_tree(place, choose)
        with watched(place) as tree:
            follow(tree, choose, 6)


def test_parts_say_what_the_whole_says_of_files_that_are_known() -> None:
    with ExitStack() as stack:
        trees = []
        for seed in range(12):
            choose = Choose(random.Random(seed).choice)  # noqa: S311 - a test's own dice
            place = stack.enter_context(a_place())
            write_tree(place, choose)
            trees.append((stack.enter_context(watched(place)), choose))
        time.sleep(SETTLED)
        told = sum(follow(tree, choose, 40) for tree, choose in trees)
        # Hard links apart, what changed tells by itself.
        assert told > 40


@pytest.mark.parametrize("deep", [False, True])
def test_a_folder_that_is_no_more_asks_for_the_whole(deep: bool) -> None:  # noqa: FBT001
    with a_place() as place:
        os.makedirs(place.at(b"a/b"))
        with watched(place) as tree:
            assert not tree.full().findings
            assert not tree.part({(b"a/b", deep)}).whole_needed
            os.rmdir(place.at(b"a/b"))
            assert tree.part({(b"a/b", deep)}).whole_needed
            # And until then no part is an answer.
            assert tree.part({(b"a", False)}).whole_needed
            assert_same(tree.stat(), tree.everything(), "after")
            assert_same(tree.part({(b"a", False)}), tree.everything(), "again")
