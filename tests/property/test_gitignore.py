"""DuRi's ignore patterns and git's: the same files are left out, for any patterns and paths."""

import json
import os
import subprocess

from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import require
from tests.property.trees import File, Folder, Node, Tree, written

from duri.errors import UsageError
from duri.policy import Policy
from duri.tree import scan

_NAME = st.text(st.sampled_from("ab.c#! \\[]*?{},-"), min_size=1, max_size=4).filter(
    lambda name: name not in {".", ".."}
)
_PART = st.one_of(
    st.text(st.sampled_from("abc.*?"), min_size=1, max_size=4),
    st.sampled_from(
        [
            "**",
            "*",
            "a*",
            "*.c",
            "[ab]",
            "[!a]",
            "[^a]*",
            "[a-c]",
            "\\#a",
            "\\!a",
            "\\*",
            "a\\ ",
            "{a,b}",
            "a**",
            "**b",
            "[]a]",
            "[a\\]]",
        ]
    ),
)
PATTERNS = st.builds(
    "{0}{1}{2}{3}".format,
    st.sampled_from(["", "", "", "!", "/", "!/"]),
    st.lists(_PART, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "", "/"]),
    st.sampled_from(["", "", "", " "]),
)

_NODES: tuple[Node, ...] = (File(b""), File(b""), Folder())


@st.composite
def plain_trees(draw: st.DrawFn) -> dict[bytes, Node]:
    """Draw a tree of files and folders whose names patterns are likely to meet."""
    tree: dict[bytes, Node] = {}
    folders = [b""]
    for _ in range(draw(st.integers(1, 10))):
        path = (
            draw(st.sampled_from(folders)) + draw(_NAME | st.sampled_from(["a", "b", "c"])).encode()
        )
        if path in tree:
            continue
        tree[path] = draw(st.sampled_from(_NODES))
        if isinstance(tree[path], Folder):
            folders.append(path + b"/")
    return tree


def left_by_git(root: bytes, patterns: list[str]) -> set[bytes]:
    """Return the files that git sees with these patterns and no others."""
    place = os.path.dirname(root)
    excludes = os.path.join(place, b"excludes")
    with open(excludes, "wb") as file:
        file.write("\n".join(patterns).encode() + b"\n")
    git: list[str | bytes] = [require("git"), b"--git-dir=" + os.path.join(place, b"git")]
    git.append(b"--work-tree=" + root)
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": os.fsdecode(place),
    }
    subprocess.run([*git, "init", "-q"], env=environment, check=True, capture_output=True)
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--others", b"--exclude-from=" + excludes],
        env=environment,
        cwd=root,
        check=True,
        capture_output=True,
    )
    return {name for name in listed.stdout.split(b"\0") if name}


def left_by_duri(root: bytes, patterns: list[str]) -> set[bytes]:
    """Return the files that a seal with these patterns names."""
    root_fd = scan.open_root(os.fsdecode(root))
    try:
        sealed = scan.seal(
            root_fd,
            policy=Policy(ignore=tuple(patterns), case_twins=True),
            algorithm="sha256",
            exclude=None,
            threads=1,
        )
    finally:
        os.close(root_fd)
    assert not sealed.refusals, sealed.refusals
    return {path.encode() for path in json.loads(sealed.checksums)}


@given(tree=plain_trees(), patterns=st.lists(PATTERNS, min_size=1, max_size=4))
@example(tree={b"a": Folder(), b"a/b": File(b"")}, patterns=["a/", "!a/b"])
@example(tree={b"a": Folder(), b"a/b": File(b"")}, patterns=["a/*", "!a/b"])
@example(tree={b"{a,b}": File(b""), b"a": File(b"")}, patterns=["{a,b}"])
def test_the_same_files_are_left_out(tree: Tree, patterns: list[str]) -> None:
    with written(tree) as root:
        try:
            ours = left_by_duri(root, patterns)
        except UsageError:  # a pattern that would match nothing is refused, where git is silent
            return
        assert ours == left_by_git(root, patterns)
