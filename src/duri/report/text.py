"""A verdict as a person reads it: status, release, what differs, what to do, how long it took.

Guarantees:

1. The status is the first word. A verified release takes three lines at most.
2. Every group of findings says how many there are, also where only the first are listed.
3. Nothing from the tree or the evidence reaches the terminal unescaped; colour is added last, for a
   terminal only and never under NO_COLOR; without UTF-8 the text is ASCII.
4. The commands under "Next" exist, with the root quoted for a shell.

No library for this: it is on the path of every verification, where importing one costs more than
hashing a release. What a kind means is in `duri.report.kinds`, what to do in `duri.report.advice`.
"""

from collections.abc import Mapping, Sequence
from typing import TextIO

import msgspec

from duri.report.escape import counted, printable, shown
from duri.report.kinds import MEANINGS, Group, group_of
from duri.verdict import Finding, Kind, Status, Summary, Verdict

LISTED = 10
"""Findings listed under a heading unless all are asked for: a screen holds the eight headings."""

_FOLDED = 16
"""A folder that all of a group share is named once from this many characters on."""

_DIGEST = 40
"""From this many hexadecimal digits on, a value is a digest and its beginning suffices."""

_HEADLINES = {
    Status.VERIFIED: "{root} is what was released",
    Status.CORRUPTED: "{root} is not what was released",
    Status.TAMPERED: "the evidence of {root} is not authentic",
    Status.POLICY_CHANGED: "{root} is what was released, under another policy than is asked for",
    Status.UNVERIFIABLE: "no verdict about {root}; treat it as failed",
}

_TREE = frozenset({Group.CHANGED, Group.ATTRIBUTES})

_WORDS: dict[Group | Kind, tuple[str, str]] = {
    Group.CHANGED: ("sealed", "now"),
    Group.ATTRIBUTES: ("sealed", "now"),
    Group.POLICY: ("sealed", "declared here"),
    Kind.SCHEMA_OLDER: ("expected", "sealed"),
}
"""What a finding's two values are called; "expected" and "got" where nothing else is said."""

_COLOURS = {"critical": "1;97;41", "warning": "1;30;43", "none": "1;32"}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader's terminal can show."""

    colour: bool = False
    ascii_only: bool = True


def look_for(stream: TextIO | None, *, environ: Mapping[str, str]) -> Look:
    """Return what `stream` can show: colour on a terminal, unless NO_COLOR is set."""
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    return Look(
        colour=stream is not None and stream.isatty() and not plain, ascii_only=encoding != "utf8"
    )


def render(
    verdict: Verdict, *, look: Look | None = None, show_all: bool = False, again: str | None = None
) -> str:
    """Return the report, ending in a newline.

    Args:
        verdict: what is reported.
        look: what the terminal can show; plain ASCII by default.
        show_all: list every finding, digests in full.
        again: the command that was run, shell-quoted, to be named under "Next".
    """
    page = _Page(verdict, look or Look(), show_all=show_all)
    lines = page.verified() if verdict.status is Status.VERIFIED else page.failed(again)
    return "\n".join(lines) + "\n"


class _Page:
    """One rendering: the verdict and how to write it."""

    def __init__(self, verdict: Verdict, look: Look, *, show_all: bool) -> None:
        self.verdict = verdict
        self.look = look
        self.show_all = show_all
        self.groups: dict[Group, list[Finding]] = {}
        for finding in verdict.findings:
            self.groups.setdefault(group_of(finding), []).append(finding)

    def verified(self) -> list[str]:
        """Two lines, and one that counts the notes where there are any."""
        notes = self.groups.get(Group.NOTES, [])
        lines = [self.headline(), f"{self.release()}; {self.timing()}"]
        if notes and self.show_all:
            return [*lines, *self.group(Group.NOTES, notes)]
        weak = [note for note in notes if note.kind is Kind.KEYRING_WEAK]
        lines += [f"Warning: {self.plain(note.detail)}" for note in weak]
        notes = [note for note in notes if note.kind is not Kind.KEYRING_WEAK]
        if notes:
            counts: dict[str, int] = {}
            for note in notes:
                title = MEANINGS[note.kind].title
                counts[title] = counts.get(title, 0) + 1
            listed = ", ".join(f"{count:,} {title}" for title, count in counts.items())
            lines.append(f"Notes: {listed} (--all lists them)")
        return lines

    def failed(self, again: str | None) -> list[str]:
        """Everything: headline, release, spike, groups, next steps, timing."""
        lines = [self.headline(), self.release()]
        lines += self.spike()
        for group in Group:
            findings = self.groups.get(group)
            if findings:
                lines += ["", *self.group(group, findings)]
        lines += ["", "Next"]
        # Loaded where something is wrong: what is verified is said without advice.
        from duri.report.advice import next_steps

        for number, step in enumerate(next_steps(self.verdict, again=again), start=1):
            head, *commands = step
            lines.append(f"  {number}. {self.plain(head)}")
            lines += [f"       {self.plain(command)}" for command in commands]
        return [*lines, "", self.timing()]

    def headline(self) -> str:
        """The status, and what it means for the root."""
        verdict = self.verdict
        root = shown(verdict.root.encode("utf-8", "surrogateescape"), ascii_only=self.ascii)
        word = verdict.status.value.upper()
        if self.look.colour:
            word = f"\x1b[{_COLOURS[verdict.status.severity]}m{word}\x1b[0m"
        return f"{word}  {_HEADLINES[verdict.status].format(root=root)}"

    def release(self) -> str:
        """The release's name, once its signature has vouched for it."""
        verdict = self.verdict
        if verdict.deployment_id is None and verdict.version is None:
            return "Release unknown: no authentic evidence names it"
        name = " ".join(part for part in (verdict.product, verdict.version) if part)
        parts = [f"Release {name}" + (f" in {verdict.environment}" if verdict.environment else "")]
        if verdict.deployment_id:
            parts.append(f"deployment {verdict.deployment_id}")
        if verdict.created_at:
            parts.append(f"sealed {verdict.created_at}")
        keyids = sorted({keyid for check in verdict.signatures for keyid in check.keyids})
        if keyids:
            parts.append(f"signed by {', '.join(self.short(keyid) for keyid in keyids)}")
        return self.plain(", ".join(parts))

    def spike(self) -> list[str]:
        """Say loudly that so much differs that a person has to look first."""
        summary = self.verdict.summary
        if not summary.spike_detected:
            return []
        word = "\x1b[1;97;41mSPIKE\x1b[0m" if self.look.colour else "SPIKE"
        number = summary.modified_files + summary.missing_files + summary.new_files
        differ = "1 file differs" if number == 1 else f"{number:,} files differ"
        return [
            "",
            f"{word}  {differ} where {summary.total_files:,} were sealed.",
            "       That much at once is usually a wrong mount or a wrong release.",
            "       Look before you roll back; nothing acts on a spike by itself.",
        ]

    def group(self, group: Group, findings: Sequence[Finding]) -> list[str]:
        """One heading with its findings, cut, and the folder they share named once."""
        listed = findings if self.show_all else findings[:LISTED]
        folder = _shared_folder(findings)
        prefix = shown(folder, ascii_only=self.ascii) if len(folder) >= _FOLDED else ""
        rows = [(self.name(finding, prefix), self.what(finding, group)) for finding in listed]
        width = max(len(name) for name, _ in rows)
        heading = f"{group.value} ({len(findings):,})" + (f", below {prefix}" if prefix else "")
        lines = [heading]
        lines += [f"  {name:<{min(width, 48)}}  {what}".rstrip() for name, what in rows]
        if len(listed) < len(findings):
            dots = "..." if self.ascii else "…"
            lines.append(f"  {dots} and {len(findings) - len(listed):,} more (--all shows them)")
        return lines

    def name(self, finding: Finding, prefix: str) -> str:
        """The path, without the folder that the heading names; the kind where there is no path."""
        if finding.path is None:
            return MEANINGS[finding.kind].title
        return shown(finding.path, ascii_only=self.ascii)[len(prefix) :]

    def what(self, finding: Finding, group: Group) -> str:
        """The kind, what was sealed and what is there, and the finding's own sentence."""
        parts = []
        if finding.path is not None and group not in {Group.MISSING, Group.NEW}:
            parts.append(MEANINGS[finding.kind].title)
        then, now = _WORDS.get(finding.kind, _WORDS.get(group, ("expected", "got")))
        values = ((then, finding.expected), (now, finding.actual))
        compared = ", ".join(f"{word} {self.short(value)}" for word, value in values if value)
        if compared and group not in {Group.MISSING, Group.NEW}:
            parts.append(compared)
        text = ": ".join(parts)
        # What happened to a file is said by its group and its values; the sentence would repeat it.
        said = group in {Group.MISSING, Group.NEW} or (compared and group in _TREE)
        if finding.detail and not said:
            text = f"{text}; {finding.detail}" if text else finding.detail
        return self.plain(text)

    def timing(self) -> str:
        """How much was looked at, how long that took, and when."""
        summary = self.verdict.summary
        checked = self.plain(f"checked {self.verdict.checked_at}")
        if summary == Summary():
            return f"Nothing scanned, {checked}"
        size, took = _size(summary.bytes_hashed), _duration(summary.scan_duration_ms)
        return f"{counted(summary.total_files, 'file')}, {size} in {took}, {checked}"

    @property
    def ascii(self) -> bool:
        """Whether the terminal shows ASCII only."""
        return self.look.ascii_only

    def plain(self, text: str) -> str:
        """Text of a release, a setting or a path, safe for the terminal."""
        return printable(text, ascii_only=self.ascii)

    def short(self, value: str) -> str:
        """The beginning of a digest; any other value whole."""
        algorithm, colon, digest = value.rpartition(":")
        if self.show_all or len(digest) < _DIGEST or digest.strip("0123456789abcdef"):
            return value
        return f"{algorithm}{colon}{digest[:12]}{'...' if self.ascii else '…'}"


def _shared_folder(findings: Sequence[Finding]) -> bytes:
    """Return the folder, with its slash, that three findings or more all lie below."""
    paths = [finding.path for finding in findings if finding.path is not None]
    if len(paths) != len(findings) or len(paths) < 3:  # noqa: PLR2004 - two lines need no folding
        return b""
    low, high = min(paths), max(paths)
    same = 0
    while same < min(len(low), len(high)) and low[same] == high[same]:
        same += 1
    return low[: low.rfind(b"/", 0, same) + 1]


def _size(count: int) -> str:
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count} bytes"


def _duration(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:,.1f} s"  # noqa: PLR2004 - five digits read badly
