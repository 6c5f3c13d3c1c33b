"""The core's comparison against an independent one: os.walk, lstat and hashlib, nothing of DuRi."""

import os

from hypothesis import given
from hypothesis import strategies as st
from tests.property.changes import changed
from tests.property.trees import Seen, Tree, read, trees, written

from duri.policy import Policy
from duri.tree import scan
from duri.verdict import Finding

POLICY = Policy()


def differences(before: dict[bytes, Seen], after: dict[bytes, Seen]) -> dict[bytes, set[str]]:
    """Return what differs, by path, in the words of findings."""
    found: dict[bytes, set[str]] = {}
    for path in before.keys() | after.keys():
        one, other = before.get(path), after.get(path)
        if one is None:
            found[path] = {"new"}
        elif other is None:
            found[path] = {"missing"}
        elif one.type != other.type:
            found[path] = {"type"}
        else:
            names = {"content": "link_target" if one.type == "link" else "modified"}
            names |= {"mode": "mode", "capability": "capability"}
            differing = {
                kind for name, kind in names.items() if getattr(one, name) != getattr(other, name)
            }
            if differing:
                found[path] = differing
    return found


def compared(root: bytes, sealed: scan.Sealed) -> tuple[Finding, ...]:
    root_fd = scan.open_root(os.fsdecode(root))
    try:
        return scan.compare(
            root_fd,
            scan.baseline(
                checksums=sealed.checksums,
                attributes=sealed.attributes,
                policy=POLICY,
                algorithm="sha256",
            ),
            strict=True,
            exclude=None,
            threads=3,
        ).findings
    finally:
        os.close(root_fd)


def sealed(root: bytes) -> scan.Sealed:
    root_fd = scan.open_root(os.fsdecode(root))
    try:
        found = scan.seal(root_fd, policy=POLICY, algorithm="sha256", exclude=None, threads=3)
    finally:
        os.close(root_fd)
    assert not found.refusals, found.refusals
    return found


def ancestors(path: bytes) -> set[bytes]:
    parts = path.split(b"/")
    return {b"/".join(parts[:count]) for count in range(1, len(parts))}


@given(tree=trees(), count=st.integers(0, 3), data=st.data())
def test_findings_are_what_an_independent_comparison_says(
    tree: Tree, count: int, data: st.DataObject
) -> None:
    with written(tree) as root:
        seal = sealed(root)
        before = read(root)
        done = []
        for _ in range(count):
            there = {path: node for path, node in tree.items() if _as_drawn(root, path, before)}
            done.append(data.draw(changed(root, there)))
        expected = differences(before, read(root))
        found = compared(root, seal)
        said: dict[bytes, set[str]] = {}
        for one in found:
            assert one.path is not None
            said.setdefault(one.path, set()).add(one.kind.value)
        assert bool(said) == bool(expected), f"{done}: {found} {expected}"
        for path, kinds in expected.items():
            gone = {"new", "missing", "type"}
            above = any(expected.get(one, set()) & gone for one in ancestors(path))
            # A folder that came or went may stand for what is in it.
            folder = before.get(path, Seen("", 0, "", b"")).type == "folder"
            if path in said or not (above or folder):
                assert said.get(path, set()) >= kinds or (above and path in said), (
                    f"{done}: {path!r} is {kinds}, said {said.get(path)}"
                )
        touched = expected.keys() | {one for path in expected for one in ancestors(path)}
        assert said.keys() <= touched, f"{done}: {said.keys() - touched} differ in nothing"


def _as_drawn(root: bytes, path: bytes, before: dict[bytes, Seen]) -> bool:
    """Say whether an earlier change left a path what it was, so that it can be changed again."""
    now = read(root)
    return all(now.get(one) == before[one] for one in {path, *ancestors(path)})
