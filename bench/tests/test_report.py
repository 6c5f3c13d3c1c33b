"""The report as a value and as a page."""

import json
import os

import pytest

from bench.contestants import FLOOR, FLOOR_NAME, PEER
from bench.render import duration, render, table
from bench.report import Report, Section, dump, load
from bench.sample import Absence, Measurement


def _section(
    corpus: str, *, measured_at: str = "2024-02-29 12:00 UTC", cold: bool = False
) -> Section:
    return Section(
        corpus=corpus,
        title=f"the {corpus} tree",
        files=3,
        folders=1,
        links=0,
        size=4_000_000,
        left_out=0,
        measured_at=measured_at,
        load="0.10",
        cold=cold,
    )


def _report(*corpora: str, wall: float = 1.0, measured_at: str = "2024-02-29 12:00 UTC") -> Report:
    return Report(
        command="python -m bench",
        machine={"cores": "2"},
        sections=tuple(_section(name, measured_at=measured_at) for name in corpora),
        measurements=tuple(
            Measurement(
                corpus=name, contestant=FLOOR_NAME, kind=FLOOR, walls=(wall, wall), inner=(0.5,)
            )
            for name in corpora
        ),
        absences=(Absence(corpus=corpora[0], contestant="AIDE", reason="aide is not installed"),),
    )


def test_load_gives_back_what_dump_wrote() -> None:
    report = _report("small", "usr")
    assert load(dump(report)) == report


def test_results_of_another_format_are_refused() -> None:
    text = json.dumps({**json.loads(dump(_report("small"))), "format": 0})
    with pytest.raises(ValueError, match="measure anew"):
        load(text)


def test_keeping_takes_over_only_what_was_not_measured_now() -> None:
    kept = _report("small", wall=2.0).keeping(_report("small", "usr", wall=1.0))
    assert {(row.corpus, row.median) for row in kept.measurements} == {("small", 2.0), ("usr", 1.0)}
    assert [section.corpus for section in kept.sections] == ["small", "usr"]


def test_the_page_names_who_is_absent_and_why() -> None:
    page = render(_report("small"))
    assert "| AIDE | not measured: aide is not installed |" in page


def test_the_page_names_a_corpus_that_was_left_out() -> None:
    left = Absence(corpus="large", contestant="everything", reason="no room")
    page = render(Report(command="x", machine={}, sections=(), measurements=(), absences=(left,)))
    assert "| large | everything | no room |" in page


def test_ratios_are_to_the_floor() -> None:
    report = _report("small", wall=2.0)
    peer = Measurement(corpus="small", contestant="slow", kind=PEER, walls=(5.0,))
    page = render(
        Report(
            command="x",
            machine={},
            sections=report.sections,
            measurements=(*report.measurements, peer),
            absences=(),
        )
    )
    row = next(line for line in page.splitlines() if line.startswith("| slow"))
    assert "| 2.50 |" in row


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert "a\\|b" in table(["x"], [["a|b"]])


@pytest.mark.parametrize(("seconds", "text"), [(0.0123, "12.3 ms"), (1.5, "1.500 s")])
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_pictures_are_drawn_for_each_corpus(tmp_path: os.PathLike[str]) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs requirements/bench.txt")
    from bench import plots

    names = plots.draw(_report("small"), out=str(tmp_path))
    assert names == ["warm-small.svg", "warm-small.png"]
    assert all(os.path.getsize(os.path.join(tmp_path, name)) > 1000 for name in names)
