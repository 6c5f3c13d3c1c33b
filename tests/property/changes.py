"""One change of a tree, drawn for any tree: what somebody can do to a release on disk."""

import os

from hypothesis import strategies as st
from tests.property.trees import (
    CAPABILITY,
    File,
    Folder,
    Link,
    Node,
    Tree,
    folded,
    remove,
    write_node,
)

_NOT_A_FILE: tuple[Node, ...] = (Link(b"a"), Folder())
_NOT_A_LINK: tuple[Node, ...] = (File(b""), Folder())
_NEW: tuple[Node, ...] = (File(b""), File(b"planted", 0o755), Link(b"a"), Folder())


@st.composite
def changed(draw: st.DrawFn, root: bytes, tree: Tree) -> str:  # noqa: C901 - one case a change
    """Make one change below a root; return what was done, for a person."""
    files = sorted(path for path, node in tree.items() if isinstance(node, File))
    links = sorted(path for path, node in tree.items() if isinstance(node, Link))
    folders = sorted(path for path, node in tree.items() if isinstance(node, Folder))
    full = sorted(path for path in files if _file(tree, path).content)
    kinds = ["add"]
    kinds += ["append", "remove", "retype", "mode", "rename"] if files else []
    kinds += ["flip", "truncate"] if full else []
    kinds += ["relink", "remove link", "retype link"] if links else []
    kinds += ["folder mode", "remove folder"] if folders else []
    kinds += ["capability"] if files and os.geteuid() == 0 else []
    kind = draw(st.sampled_from(kinds))
    pool = {"flip": full, "truncate": full}.get(kind, files)
    pool = links if "link" in kind else folders if "folder" in kind else pool
    if kind == "add":
        return _add(draw, root, tree)
    path = draw(st.sampled_from(pool))
    place = os.path.join(root, path)
    match kind:
        case "flip":
            _flip(draw, place)
        case "append":
            with open(place, "ab") as file:
                file.write(draw(st.binary(min_size=1, max_size=3)))
            _restore(place, _file(tree, path))
        case "truncate":
            os.truncate(place, draw(st.integers(0, os.path.getsize(place) - 1)))
            _restore(place, _file(tree, path))
        case "remove" | "remove link" | "remove folder":
            remove(place)
        case "retype":
            remove(place)
            write_node(place, draw(st.sampled_from(_NOT_A_FILE)))
        case "retype link":
            remove(place)
            write_node(place, draw(st.sampled_from(_NOT_A_LINK)))
        case "mode" | "folder mode":
            before = os.stat(place).st_mode & 0o7777
            os.chmod(place, before ^ (1 << draw(st.integers(0, 11))))
        case "rename":
            os.rename(place, place + b"2" if len(place) < 200 else place[:-1] + b"\x01")
        case "relink":
            target = os.readlink(place)
            remove(place)
            os.symlink(target + b"2", place)
        case "capability":
            _change_capability(place, _file(tree, path))
    return f"{kind} {path!r}"


def _file(tree: Tree, path: bytes) -> File:
    node = tree[path]
    assert isinstance(node, File)
    return node


def _restore(path: bytes, node: File) -> None:
    """Put back what writing clears, so that only the content differs."""
    os.chmod(path, node.mode)
    if node.capability:
        os.setxattr(path, CAPABILITY, node.capability)


def _flip(draw: st.DrawFn, path: bytes) -> None:
    """Change one bit and set the times back."""
    status = os.stat(path)
    bit = draw(st.integers(0, status.st_size * 8 - 1))
    capability = os.getxattr(path, CAPABILITY) if CAPABILITY in os.listxattr(path) else b""
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ (1 << bit % 8)]))
    _restore(path, File(b"", status.st_mode & 0o7777, capability))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _change_capability(path: bytes, node: File) -> None:
    if node.capability:
        os.removexattr(path, CAPABILITY)
    else:
        value = bytes.fromhex("0100000200040000000000000000000000000000")
        os.setxattr(path, CAPABILITY, value)


def _add(draw: st.DrawFn, root: bytes, tree: Tree) -> str:
    folders = [b"", *(path + b"/" for path, node in tree.items() if isinstance(node, Folder))]
    parent = draw(st.sampled_from(sorted(folders)))
    names = ["planted", ".hidden", "sitecustomize.py", "x.pth", "bad\n", "\x1b[31m"]
    name = draw(st.sampled_from(names).map(os.fsencode) | st.just(b"\xff not utf-8"))
    taken = {folded(os.fsdecode(one)) for one in os.listdir(os.path.join(root, parent))}
    while folded(os.fsdecode(name)) in taken:
        name += b"2"
    node = draw(st.sampled_from(_NEW))
    write_node(os.path.join(root, parent, name), node)
    return f"add {parent + name!r} {node}"
