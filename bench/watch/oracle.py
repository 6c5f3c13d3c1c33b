"""What differs from what was released, found the plain way: os.walk, lstat, readlink, hashlib.

Guarantees: nothing of DuRi is used, and nothing is remembered between two looks: every file is read
again. The words are those of findings, by the rules for a release whose policy leaves nothing out:
a folder that came or went counts by what is in it, unless nothing is.
It leaves hard links, capabilities and owners alone; nothing here makes any.
"""

import hashlib
import os
import stat
from dataclasses import dataclass

ARTIFACTS = b".duri"


@dataclass(frozen=True, slots=True)
class Seen:
    """One path: its type, its mode where that counts, and a digest or a link's target."""

    type: str
    mode: int
    content: bytes = b""


Tree = dict[bytes, Seen]
"""By path relative to the root."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The status that is right, and the findings; None where the evidence is not authentic."""

    status: str
    findings: frozenset[tuple[str, bytes]] | None


def look(root: str, *, below: bytes = b"", leave_out: bytes | None = ARTIFACTS) -> Tree:
    """Return everything below a root, without following links."""
    top = os.fsencode(root)
    start = os.path.join(top, below) if below else top
    found: Tree = {}
    for folder, folders, files in os.walk(start):
        for name in [*folders, *files]:
            full = os.path.join(folder, name)
            path = os.path.relpath(full, top)
            if path == leave_out:
                folders.remove(name)
                continue
            found[path] = _see(full)
    return found


def _see(full: bytes) -> Seen:
    facts = os.lstat(full)
    mode = stat.S_IMODE(facts.st_mode)
    if stat.S_ISREG(facts.st_mode):
        with open(full, "rb", buffering=0) as file:
            return Seen("file", mode, hashlib.sha256(file.read()).digest())
    if stat.S_ISLNK(facts.st_mode):
        return Seen("link", 0, os.readlink(full))
    if stat.S_ISDIR(facts.st_mode):
        return Seen("folder", mode)
    return Seen("other", 0, b"%o" % stat.S_IFMT(facts.st_mode))


def evidence(root: str) -> Tree:
    """Return the artifacts, to tell later whether they were touched."""
    return look(root, below=ARTIFACTS, leave_out=None)


def answer(root: str, *, sealed: Tree, artifacts: Tree) -> Answer:
    """Return what a watcher of this root has to say now."""
    if evidence(root) != artifacts:
        return Answer(status="tampered", findings=None)
    found = differences(sealed, look(root))
    return Answer(status="corrupted" if found else "verified", findings=frozenset(found))


def differences(before: Tree, after: Tree) -> set[tuple[str, bytes]]:
    """Return (kind, path) of every finding."""
    full_before, full_after = _full(before), _full(after)
    found: set[tuple[str, bytes]] = set()
    for path in before.keys() | after.keys():
        one, other = before.get(path), after.get(path)
        if one is None:
            assert other is not None
            if other.type != "folder" or path not in full_after:
                found.add(("new", path))
        elif other is None:
            if one.type != "folder" or path not in full_before:
                found.add(("missing", path))
        elif one.type != other.type:
            found.add(("type", path))
        else:
            if one.content != other.content:
                found.add(("link_target" if one.type == "link" else "modified", path))
            if one.mode != other.mode:
                found.add(("mode", path))
    return found


def _full(tree: Tree) -> set[bytes]:
    """Return the folders that have something in them."""
    return {os.path.dirname(path) for path in tree}


def disagreement(right: Answer, *, status: str | None, findings: set[tuple[str, bytes]]) -> str:
    """Say where a watcher disagrees, in a few words; empty where it agrees."""
    if status != right.status:
        return f"status {status}, not {right.status}"
    if right.findings is None:
        return ""
    unseen, invented = right.findings - findings, findings - right.findings
    parts = [
        f"{len(rows)} {word}, as {kind} {os.fsdecode(path)!r}"
        for word, rows in (("not found", unseen), ("invented", invented))
        for kind, path in sorted(rows)[:1]
    ]
    return "; ".join(parts)
