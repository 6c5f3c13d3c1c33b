"""A report as Markdown.

Guarantees: pure; the same report gives the same text. A missed target and an absent contestant are
shown as plainly as a reached target.
"""

from collections.abc import Iterable

from bench.contestants import FLOOR, FLOOR_NAME, PASS, PEER, PRODUCT, REFERENCE
from bench.corpora import CURVE
from bench.report import Report, Section
from bench.sample import Absence, Measurement
from bench.targets import MEGABYTE, Figures, GapError, Outcome, Standing, judge, marginal

_KINDS = (FLOOR, REFERENCE, PRODUCT, PEER)

_MARKS = {
    Standing.REACHED: "reached",
    Standing.MISSED: "**missed**",
    Standing.NOT_MEASURED: "not measured",
}

_METHOD = """\
- Whole processes, from start to exit, timed by a small program of our own; in each round all
  contestants run one after another, so that a change of the machine's mood hits all of them.
- Median, with the minimum and the interquartile range. A contestant that is slow runs fewer times.
- The tree is read until that gets no faster; then each contestant runs once unmeasured over the
  good tree and must accept it.
- The floor walks, opens, reads and hashes with SHA-256 on as many threads as there are cores, one
  stream a thread, and compares nothing. Hashing several streams at once can be faster than it.
- Peak memory is that of the largest single process.
- DuRi's artifacts, and the lists and databases of the others, lie outside the measured tree."""


def render(report: Report) -> str:
    """Return the page."""
    parts = [
        "# Benchmarks\n",
        f"Made by `{report.command}`; the figures are in [results.json](results.json).\n",
        "## Targets\n",
        targets(judge(list(report.measurements))),
        "## Machine\n",
        table(["", ""], [[name, value] for name, value in report.machine.items()]),
        "## Method\n",
        _METHOD + "\n",
    ]
    for section in report.sections:
        rows = _of(report.measurements, section.corpus, cold=section.cold)
        gaps = [
            row
            for row in report.absences
            if (row.corpus, row.cold) == (section.corpus, section.cold)
        ]
        parts.append(_section(section, rows, gaps))
    parts.append(_curve(report))
    known = {(section.corpus, section.cold) for section in report.sections}
    left = [row for row in report.absences if (row.corpus, row.cold) not in known]
    if left:
        lines = [
            [row.corpus + (", cold" if row.cold else ""), row.contestant, row.reason]
            for row in left
        ]
        parts += ["## Not measured\n", table(["corpus", "contestant", "why"], lines)]
    return "\n".join(part for part in parts if part)


def targets(outcomes: list[Outcome]) -> str:
    """Return the table of targets."""
    return table(
        ["target", "at most", "measured", "", "from"],
        [
            [
                outcome.goal,
                f"{outcome.limit:g} {outcome.unit}",
                "–" if outcome.value is None else f"{outcome.value:.2f} {outcome.unit}",
                _MARKS[outcome.standing],
                outcome.basis,
            ]
            for outcome in outcomes
        ],
    )


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    text = ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return "\n".join(text) + "\n"


def duration(seconds: float) -> str:
    """Return seconds or milliseconds with three significant digits or so."""
    return f"{seconds:.3f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


def ordered(rows: Iterable[Measurement]) -> list[Measurement]:
    """Return the floor, Python, DuRi and the peers, each kind from fast to slow."""
    return sorted(rows, key=lambda row: (_KINDS.index(row.kind), row.threads, row.median))


def _of(rows: Iterable[Measurement], corpus: str, *, cold: bool) -> list[Measurement]:
    return ordered(row for row in rows if (row.corpus, row.cold) == (corpus, cold))


def _section(section: Section, rows: list[Measurement], gaps: list[Absence]) -> str:
    temperature = "cold" if section.cold else "warm"
    megabytes = section.size / MEGABYTE
    size = f"{megabytes:,.0f} MB in {section.files:,} files and {section.folders:,} folders"
    if section.links:
        size += f", {section.links:,} links"
    if section.left_out:
        size += f" ({section.left_out:,} names that a release cannot hold were left out)"
    medians = {row.contestant: row.median for row in rows}
    floors = [row.median for row in rows if row.kind == FLOOR]
    floor = min(floors) if section.cold and floors else medians.get(FLOOR_NAME)
    lines = [
        [
            row.contestant,
            duration(row.median),
            duration(row.minimum),
            duration(row.spread),
            str(len(row.walls)),
            _ratio(row.median, floor),
            _ratio(row.median, medians.get(PASS)),
            f"{row.peak_kib * 1024 / MEGABYTE:.1f}",
            "–" if row.inner_median is None else duration(row.inner_median),
            row.does,
        ]
        for row in rows
    ]
    head = [
        "",
        "median",
        "min",
        "IQR",
        "runs",
        "× floor",
        f"× `{PASS}`",
        "peak MB",
        "own time",
        "does",
    ]
    absent = [[gap.contestant, "not measured: " + gap.reason, *[""] * 8] for gap in gaps]
    name = f"{temperature}-{section.corpus}"
    return "\n".join(
        [
            f"## {section.title}, {temperature}\n",
            f"{size}. Measured {section.measured_at}, load {section.load} before.\n",
            "" if section.corpus in CURVE else f"![{section.title}, {temperature}]({name}.svg)\n",
            table(head, lines + absent),
        ]
    )


def _ratio(value: float, base: float | None) -> str:
    return "–" if base is None else f"{value / base:.2f}"


def _curve(report: Report) -> str:
    rows = [row for row in report.measurements if row.corpus in CURVE]
    if not rows:
        return ""
    figures = Figures(rows)
    lines = []
    for name in dict.fromkeys(row.contestant for row in ordered(rows) if row.kind != REFERENCE):
        cells = [name]
        for corpus in CURVE:
            try:
                cells.append(duration(figures.wall(corpus, name)))
            except GapError:
                cells.append("–")
        try:
            cells.append(f"{marginal(figures, name):.2f}")
        except GapError:
            cells.append("–")
        lines.append(cells)
    head = ["", "10⁴ files", "10⁵ files", "10⁶ files", "cost of a file above 10⁵ over that below"]
    return "\n".join(
        ["## Growth\n", "![time over number of files](curve.svg)\n", table(head, lines)]
    )
