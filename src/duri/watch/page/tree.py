"""Findings as a tree by folder, bounded, in the order in which it is written.

Guarantees:

1. A folder's count is that of all findings below it, also of those that are not listed; what is
   not listed is counted where it would have stood. The same findings give the same lines.
2. At most `MAX_LINES` folders and findings are listed, `MAX_IN_FOLDER` of each in one folder,
   `MAX_DEPTH` folders deep; of more than `MAX_FINDINGS` the rest is only counted. So ten thousand
   findings, or a name of a thousand folders, cost a page that a browser still opens at once.
3. Names are as `duri.report.escape` shows them; for HTML they are still to be quoted.

A chain of folders with nothing else in them is one line, as in `git`'s and GitHub's trees.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from duri.report.escape import printable, shown
from duri.report.kinds import Group, group_of
from duri.verdict import Finding, Kind
from duri.watch.snapshot import Origin

MAX_FINDINGS = 20_000

MAX_LINES = 800

MAX_IN_FOLDER = 80

MAX_DEPTH = 12

OPEN_ROWS = 24
"""Up to so many findings, every folder starts open; beyond, only the first level does."""

LONG = 160
"""Characters from which on a name or value is cut on the line, and whole when it is opened."""

_HEAD, _TAIL = 96, 48

_DIGEST = re.compile(r"((?:\w{1,16}:)?[0-9a-f]{12})[0-9a-f]{28,116}", re.ASCII)
"""Of a digest its beginning suffices to tell two apart; the API has the whole."""

_OF_CONTENT = frozenset({Kind.MODIFIED, Kind.MISSING, Kind.NEW, Kind.ARTIFACT_MISMATCH})
"""Their values are digests; a link's target may only look like one, and is shown whole."""

_IN_TREE = frozenset({Group.CHANGED, Group.MISSING, Group.NEW, Group.ATTRIBUTES})


class Text(msgspec.Struct, frozen=True):
    """A text from outside: whole, and short where it is long."""

    whole: str
    short: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One step of writing the tree: `open` a folder, a `row`, `more` that is not listed, `close`.

    Attributes:
        step: which of the four.
        name: of the folder or file, relative to the folder around it.
        key: what stays the same for this folder from page to page.
        count: findings in the folder, or not listed.
        expanded: whether the folder starts open.
        kind: of a row's finding.
        failing: whether that finding fails the release.
        expected: what was sealed.
        actual: what is there.
        detail: a sentence, for a finding without values.
        origin: who changed it, where that is known.
    """

    step: str
    name: Text = Text("")
    key: str = ""
    count: int = 0
    expanded: bool = False
    kind: str = ""
    failing: bool = True
    expected: Text | None = None
    actual: Text | None = None
    detail: Text | None = None
    origin: Origin | None = None


_Entry = tuple[tuple[bytes, ...], Finding]


def is_of_the_tree(finding: Finding) -> bool:
    """Return whether a finding is about a path under the root, and so belongs into the tree."""
    return finding.path is not None and group_of(finding) in _IN_TREE


def tree(findings: Sequence[Finding], *, origins: Mapping[bytes, Origin]) -> tuple[Line, ...]:
    """Return the lines of the tree of findings that have a path."""
    entries: list[_Entry] = [
        (tuple((finding.path or b"").split(b"/")), finding) for finding in findings[:MAX_FINDINGS]
    ]
    entries.sort(key=lambda entry: entry[0])
    writer = _Writer(origins=origins, expand_all=len(entries) <= OPEN_ROWS)
    writer.folder(entries, depth=0, at=0, key="", room=MAX_LINES)
    beyond = len(findings) - len(entries)
    if beyond > 0:
        writer.lines.append(Line(step="more", count=beyond))
    return tuple(writer.lines)


def row(finding: Finding, *, name: bytes | None, origin: Origin | None = None) -> Line:
    """Return one finding as a row, under a name, or without any."""
    return Line(
        step="row",
        name=cut(shown(name)) if name is not None else Text(""),
        kind=finding.kind.value,
        failing=finding.status.severity != "none",
        expected=_value(finding.expected, kind=finding.kind),
        actual=_value(finding.actual, kind=finding.kind),
        detail=_value(finding.detail or None),
        origin=origin,
    )


def cut(text: str) -> Text:
    """Return a text with its short form, where it is long."""
    if len(text) <= LONG:
        return Text(text)
    return Text(text, f"{text[:_HEAD]} … {text[-_TAIL:]}")


def _value(text: str | None, *, kind: Kind | None = None) -> Text | None:
    if text is None:
        return None
    digest = _DIGEST.fullmatch(text) if kind in _OF_CONTENT else None
    return Text(f"{digest[1]}…") if digest else cut(printable(text))


class _Writer:
    """Writes folders, one inside the other, within the room that the page has."""

    def __init__(self, *, origins: Mapping[bytes, Origin], expand_all: bool) -> None:
        self.lines: list[Line] = []
        self._origins = origins
        self._expand_all = expand_all

    def folder(self, entries: Sequence[_Entry], *, depth: int, at: int, key: str, room: int) -> int:
        """Write what lies `at` names deep in sorted entries: folders, then findings.

        Folders share the room evenly, so that the first one never hides the others; what one
        leaves over goes to those behind it. Returns how much of the room was used.
        """
        folders: dict[bytes, list[_Entry]] = {}
        rows: list[_Entry] = []
        for entry in entries:
            if len(entry[0]) > at + 1 and depth < MAX_DEPTH:
                folders.setdefault(entry[0][at], []).append(entry)
            else:
                rows.append(entry)
        names = list(folders)[: min(MAX_IN_FOLDER, room)]
        left = room
        for index, name in enumerate(names):
            sharing = len(names) - index + bool(rows)
            share = max(1, left // sharing)
            left -= self._one(name, folders[name], depth=depth, at=at, key=key, room=share)
        listed = rows[: max(0, min(MAX_IN_FOLDER, left))]
        for parts, finding in listed:
            origin = self._origins.get(finding.path or b"")
            self.lines.append(row(finding, name=b"/".join(parts[at:]), origin=origin))
        inside = sum(len(folders[name]) for name in names)
        omitted = len(entries) - inside - len(listed)
        if omitted:
            self.lines.append(Line(step="more", count=omitted))
        return room - left + len(listed)

    def _one(
        self,
        name: bytes,
        entries: Sequence[_Entry],
        *,
        depth: int,
        at: int,
        key: str,
        room: int,
    ) -> int:
        """Write one folder, which takes one line of the room; return how much was used."""
        # Everything below lies in one chain of folders as far as the first and the last agree.
        first, last = entries[0][0], entries[-1][0]
        deepest = min(len(parts) for parts, _ in entries) - 1
        end = at + 1
        while end < deepest and first[end] == last[end]:
            end += 1
        name = b"/".join(first[at:end])
        key = f"{key}/{shown(name)}" if key else shown(name)
        self.lines.append(
            Line(
                step="open",
                name=cut(f"{shown(name)}/"),
                key=key,
                count=len(entries),
                expanded=self._expand_all or depth == 0,
            )
        )
        used = self.folder(entries, depth=depth + 1, at=end, key=key, room=room - 1)
        self.lines.append(Line(step="close"))
        return used + 1
