"""The report's pictures, as SVG for the page and PNG for everywhere else.

Guarantees: the same report gives the same files. Bars that would flatten all others are cut and say
so; every bar carries its figure, so that nothing has to be read off an axis.
"""

import os

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.contestants import FLOOR, FLOOR_NAME, PASS, PEER, PRODUCT, REFERENCE, VERIFY
from bench.corpora import CURVE
from bench.render import duration
from bench.report import Report, Section
from bench.sample import Measurement

COLOURS = {PRODUCT: "#1f6f4a", FLOOR: "#4a4a4a", REFERENCE: "#9a9a9a", PEER: "#b9c4d0"}

CUT = 3.0
"""The axis ends at so many times the slowest of what matters: DuRi, the floor, the fastest peer."""

_STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "duri",
    "savefig.bbox": "tight",
}


def draw(report: Report, *, out: str) -> list[str]:
    """Write all pictures into `out` and return their names."""
    written: list[str] = []
    # No display is needed, nor wanted: the same picture on every machine.
    mpl.use("Agg")
    with mpl.rc_context(_STYLE):
        for section in report.sections:
            rows = [
                row
                for row in report.measurements
                if (row.corpus, row.cold) == (section.corpus, section.cold)
            ]
            if rows and section.corpus not in CURVE:
                figure = _threads(section, rows) if section.cold else _bars(section, rows)
                name = f"{'cold' if section.cold else 'warm'}-{section.corpus}"
                written += _save(figure, out=out, name=name)
        curve = [row for row in report.measurements if row.corpus in CURVE and not row.cold]
        if curve:
            written += _save(_curve(report, curve), out=out, name="curve")
    return written


def _bars(section: Section, rows: list[Measurement]) -> Figure:
    rows = sorted(rows, key=lambda row: row.median, reverse=True)
    figure, axes = plt.subplots(figsize=(8, 0.38 * len(rows) + 1.3))
    peers = [row.median for row in rows if row.kind == PEER]
    near = [row.median for row in rows if row.kind != PEER] + ([min(peers)] if peers else [])
    end = min(rows[0].median * 1.18, max(near) * CUT)
    for place, row in enumerate(rows):
        axes.barh(place, min(row.median, end), color=COLOURS[row.kind], height=0.72)
        cut = row.median > end
        if not cut and row.spread:
            axes.errorbar(row.median, place, xerr=row.spread / 2, color="#222222", linewidth=0.9)
        _label(axes, row, place, end=end, cut=cut)
    axes.set_yticks(range(len(rows)), [row.contestant for row in rows])
    for text, row in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if row.kind == PRODUCT else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, end)
    axes.set_xlabel("seconds, whole process, median; whiskers: interquartile range")
    axes.set_title(f"{section.title}, warm cache", loc="left", fontweight="bold")
    return figure


def _label(axes: Axes, row: Measurement, place: int, *, end: float, cut: bool) -> None:
    if cut:
        text = f"{duration(row.median)}, bar is cut  »"
        axes.text(end * 0.99, place, text, ha="right", va="center", fontsize=9)
        return
    # Beside the whisker, on the side that has room.
    inside = row.median + row.spread / 2 > end * 0.86
    away = row.spread / 2 + end * 0.008
    axes.text(
        row.median - away if inside else row.median + away,
        place,
        duration(row.median),
        ha="right" if inside else "left",
        va="center",
        fontsize=9,
        color="white" if inside and row.kind in {PRODUCT, FLOOR} else "black",
    )


def _threads(section: Section, rows: list[Measurement]) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 4.2))
    floor = sorted((row for row in rows if row.kind == FLOOR), key=lambda row: row.threads)
    if floor:
        axes.errorbar(
            [row.threads for row in floor],
            [row.median for row in floor],
            yerr=[row.spread / 2 for row in floor],
            marker="o",
            color=COLOURS[FLOOR],
            label="floor",
        )
        for row in floor:
            axes.annotate(
                f"{row.median:.2f}",
                (row.threads, row.median),
                textcoords="offset points",
                xytext=(7, 6),
                fontsize=9,
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks([row.threads for row in floor], [str(row.threads) for row in floor])
    for row in rows:
        if row.contestant in {VERIFY, PASS}:
            dash = "-" if row.kind == PRODUCT else ":"
            label = f"{row.contestant}, {row.median:.2f} s"
            axes.axhline(row.median, color=COLOURS[row.kind], linestyle=dash, label=label)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("threads of the floor")
    axes.set_ylabel("seconds, whole process, median")
    axes.set_title(
        f"{section.title}, caches dropped before each run", loc="left", fontweight="bold"
    )
    axes.legend(frameon=False)
    return figure


def _curve(report: Report, rows: list[Measurement]) -> Figure:
    files = {section.corpus: section.files for section in report.sections}
    figure, axes = plt.subplots(figsize=(8, 4.6))
    names = dict.fromkeys(row.contestant for row in rows if row.kind != REFERENCE)
    for name in sorted(names, key=lambda name: (name != FLOOR_NAME, name)):
        line = sorted((files[row.corpus], row.median) for row in rows if row.contestant == name)
        product = name != FLOOR_NAME
        axes.plot(
            [count for count, _ in line],
            [seconds for _, seconds in line],
            marker="o" if name != "duri seal" else "s",
            linestyle="-" if name != "duri seal" else "--",
            color=COLOURS[PRODUCT if product else FLOOR],
            label=name,
        )
        if name in {VERIFY, FLOOR_NAME}:
            for count, seconds in line:
                offset = (-6, 7) if product else (6, -13)
                axes.annotate(
                    duration(seconds),
                    (count, seconds),
                    textcoords="offset points",
                    xytext=offset,
                    ha="right" if product else "left",
                    fontsize=9,
                )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.margins(x=0.14, y=0.12)
    axes.set_xlabel("files of 0–1 KB")
    axes.set_ylabel("seconds, whole process, median")
    axes.set_title("Time over number of files, warm cache", loc="left", fontweight="bold")
    axes.grid(visible=True, which="major", color="#e4e4e4", linewidth=0.8)
    axes.legend(frameon=False)
    return figure


def _save(figure: Figure, *, out: str, name: str) -> list[str]:
    names = [f"{name}.svg", f"{name}.png"]
    figure.savefig(os.path.join(out, names[0]), metadata={"Date": None})
    figure.savefig(os.path.join(out, names[1]), dpi=150)
    plt.close(figure)
    return names
