"""Trees as values that hypothesis draws, writes and changes.

Guarantees: what `trees` draws can be sealed: names are UTF-8, no two in one folder are equal under
case folding, links stay within the root. `write` gives each node the mode it names; `read` sees a
tree with nothing of DuRi in it.
"""

import hashlib
import os
import shutil
import stat
import struct
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as st

CAPABILITY = "security.capability"


class File(NamedTuple):
    content: bytes
    mode: int = 0o644
    capability: bytes = b""


class Link(NamedTuple):
    target: bytes


class Folder(NamedTuple):
    mode: int = 0o755


Node: TypeAlias = File | Link | Folder
Tree: TypeAlias = Mapping[bytes, Node]
"""Nodes by path relative to the root; a folder stands before what is in it."""

_FILE_MODES = (0o644, 0o644, 0o755, 0o600, 0o444, 0o4755, 0o2755, 0o1644, 0o666, 0o7777)
_FOLDER_MODES = (0o755, 0o755, 0o700, 0o1777, 0o2755, 0o777)


def folded(name: str) -> str:
    """Return what two names may not share."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


# Unassigned characters are left out: their folding depends on the version of Unicode.
_CHARACTERS = st.characters(exclude_characters="/\0", exclude_categories=("Cs", "Cn"))
NAMES = st.one_of(
    st.sampled_from(
        ["a", "b", "a.py", "__pycache__", ".git", "new\nline", "back\\slash", "-rf", " "]
    ),
    st.text(_CHARACTERS, min_size=1, max_size=12),
    st.text(_CHARACTERS, min_size=1, max_size=1).map(
        lambda one: (one * 255).encode()[:255].decode("utf-8", "ignore")
    ),
).filter(lambda name: name not in {".", "..", ".duri", "duriignore.json", "duri.toml"})

_CAPABILITIES = st.sampled_from([b"", b"", b"", struct.pack("<5I", 0x2000001, 1 << 10, 0, 0, 0)])
_FILES = st.builds(
    File,
    st.binary(max_size=64) | st.sampled_from([b"", bytes(5000), b"x" * 70_000]),
    st.sampled_from(_FILE_MODES),
    _CAPABILITIES if os.geteuid() == 0 else st.just(b""),
)
_LINKS = st.builds(
    Link, st.sampled_from([b".", b"a", b"a/b", b"dangling", b"self"]) | NAMES.map(str.encode)
)


@st.composite
def trees(draw: st.DrawFn, *, max_nodes: int = 14) -> dict[bytes, Node]:
    """Draw a tree that can be sealed."""
    tree: dict[bytes, Node] = {}
    folders = [b""]
    taken: set[tuple[bytes, str]] = set()
    for _ in range(draw(st.integers(0, max_nodes))):
        parent = draw(st.sampled_from(folders))
        name = draw(NAMES)
        path = parent + name.encode()
        if (parent, folded(name)) in taken or len(path) > 3000:
            continue
        taken.add((parent, folded(name)))
        node = draw(st.one_of(_FILES, _FILES, _LINKS, st.sampled_from(_FOLDER_MODES).map(Folder)))
        tree[path] = node
        if isinstance(node, Folder):
            folders.append(path + b"/")
    return tree


@contextmanager
def written(tree: Tree) -> Iterator[bytes]:
    """Give the root of a tree on disk, in a folder that goes with the block."""
    folder = os.fsencode(tempfile.mkdtemp(prefix="duri-property-"))
    try:
        root = os.path.join(folder, b"root")
        os.mkdir(root, 0o755)
        write(root, tree)
        yield root
    finally:
        shutil.rmtree(folder)


def write(root: bytes, tree: Tree) -> None:
    """Write nodes below a root."""
    for path, node in tree.items():
        write_node(os.path.join(root, path), node)
    for path, node in tree.items():
        if isinstance(node, Folder):
            os.chmod(os.path.join(root, path), node.mode)


def write_node(path: bytes, node: Node) -> None:
    """Write one node where nothing is."""
    match node:
        case File(content, mode, capability):
            with open(path, "xb") as file:
                file.write(content)
            os.chmod(path, mode)
            if capability:
                os.setxattr(path, CAPABILITY, capability)
        case Link(target):
            os.symlink(target, path)
        case Folder(mode):
            os.mkdir(path)
            os.chmod(path, mode)


def remove(path: bytes) -> None:
    """Remove one node, with what is in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


class Seen(NamedTuple):
    """What an independent walk says of one path."""

    type: str
    mode: int
    content: str
    capability: bytes


def read(root: bytes) -> dict[bytes, Seen]:
    """Walk a tree with the standard library alone; the artifacts folder is left out."""
    seen = {}
    for parent, folders, files in os.walk(root):
        if parent == root and b".duri" in folders:
            folders.remove(b".duri")
        for name in folders + files:
            path = os.path.join(parent, name)
            seen[os.path.relpath(path, root)] = _seen(path)
    return seen


def _seen(path: bytes) -> Seen:
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Seen("link", 0, os.fsdecode(os.readlink(path)), b"")
    if stat.S_ISDIR(status.st_mode):
        return Seen("folder", mode, "", b"")
    if not stat.S_ISREG(status.st_mode):
        return Seen("special", mode, "", b"")
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    has = CAPABILITY in os.listxattr(path)
    return Seen("file", mode, digest, os.getxattr(path, CAPABILITY) if has else b"")
