"""Everything the watcher's benchmark found, as one value: kept as JSON, shown as Markdown.

Guarantees: what is written is read back equal; a page holds no path and no host name. A scenario
that was not run now keeps what it found earlier, with its own date; a missed target and what was
left out are shown as plainly as a reached target.
"""

import json
from dataclasses import asdict, dataclass, replace

from bench.render import table, targets
from bench.watch.targets import Figure, judge

FORMAT = 1

_METHOD = """\
- DuRi is what users install, run as `duri watch` and observed from outside: /metrics, the status
  API, its log and /proc.
- A time of detection is from just before the first system call of a change to the last byte of the
  answer of /metrics that says `duri_integrity_status_corrupted 1`. /metrics is asked over one
  connection, again 2 ms after each answer, so a figure holds up to one interval and one request
  more than what a watcher needs; that cost is in the section, and none is subtracted. The asking
  itself competes with the watcher for the two cores.
- Each change is taken back exactly (content, mode, times) and the next waits until `verified`.
- The floor of detection is `inotifywait -m -r`, which says that a path was touched and judges
  nothing. AIDE is what is run where nothing watches: its detection is its interval plus a check.
- The oracle is os.walk, lstat and hashlib in Python; it shares no code with DuRi and remembers
  nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """What one scenario found; `samples` are kept for whoever wants to look closer."""

    name: str
    title: str
    text: str
    measured_at: str
    load: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: dict[str, Figure]
    samples: dict[str, tuple[float, ...]]
    absences: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The whole of it."""

    commands: dict[str, str]
    machine: dict[str, str]
    sections: tuple[Section, ...]

    def having(self, section: Section, *, order: tuple[str, ...]) -> "Page":
        """Return this page with a section put in its place."""
        others = [one for one in self.sections if one.name != section.name]
        rows = sorted([*others, section], key=lambda one: order.index(one.name))
        return replace(self, sections=tuple(rows))

    @property
    def figures(self) -> dict[str, Figure]:
        """All figures by name."""
        return {name: one for section in self.sections for name, one in section.figures.items()}


def dump(page: Page) -> str:
    """Return the page as JSON."""
    return json.dumps({"format": FORMAT, **asdict(page)}, indent=1, ensure_ascii=False) + "\n"


def load(text: str) -> Page:
    """Return the page that `dump` wrote.

    Raises:
        ValueError: it is of another format.
    """
    data = json.loads(text)
    if data.get("format") != FORMAT:
        raise ValueError(f"results of format {data.get('format')!r}, expected {FORMAT}")
    sections = tuple(
        Section(
            **{
                **row,
                "head": tuple(row["head"]),
                "rows": tuple(tuple(cells) for cells in row["rows"]),
                "figures": {name: Figure(**one) for name, one in row["figures"].items()},
                "samples": {name: tuple(values) for name, values in row["samples"].items()},
                "absences": tuple((who, why) for who, why in row["absences"]),
            }
        )
        for row in data["sections"]
    )
    return Page(commands=data["commands"], machine=data["machine"], sections=sections)


def verdicts(page: Page) -> str:
    """Return the table of targets."""
    return targets(judge(page.figures))


def render(page: Page) -> str:
    """Return the page as Markdown."""
    parts = [
        "# Watching: benchmark and soak\n",
        "Made by `make bench-watch`; the figures are in [watch.json](watch.json).\n",
        "## Targets\n",
        verdicts(page),
        "## Machine\n",
        table(["", ""], [[name, value] for name, value in page.machine.items()]),
        "## Method\n",
        _METHOD + "\n",
    ]
    for section in page.sections:
        made = f"Measured {section.measured_at}, load {section.load} before"
        parts += [
            f"## {section.title}\n",
            f"{section.text}\n",
            f"{made}, by `{page.commands.get(section.name, '')}`.\n",
            table(list(section.head), [list(row) for row in section.rows]),
        ]
        if section.absences:
            rows = [[who, why] for who, why in section.absences]
            parts.append(table(["not measured", "why"], rows))
    return "\n".join(parts)
