"""Targets and page of the watcher's benchmark, and what is read from the watcher's answers."""

import pytest

from bench.targets import Standing
from bench.watch.client import findings_in, info_in, status_in, value_in
from bench.watch.page import Page, Section, dump, load, render
from bench.watch.targets import TARGETS, Figure, growth, judge, percentile


def _section(name: str, **figures: Figure) -> Section:
    return Section(
        name=name,
        title=f"The {name}",
        text="A text.",
        measured_at="2024-02-29 12:00 UTC",
        load="0.10",
        head=("", "n"),
        rows=(("row", "1"),),
        figures=dict(figures),
        samples={"s": (0.1, 0.2)},
        absences=(("AIDE", "aide is not installed"),),
    )


def _page(*sections: Section) -> Page:
    return Page(commands={"soak": "x"}, machine={"cores": "2"}, sections=sections)


def test_load_gives_back_what_dump_wrote() -> None:
    page = _page(_section("soak", **{"soak disagreements": Figure(0, "5 bursts")}))
    assert load(dump(page)) == page


def test_a_scenario_that_runs_again_replaces_its_own_section_only() -> None:
    order = ("idle", "soak")
    page = _page(_section("soak"), _section("idle"))
    again = page.having(_section("soak", **{"soak memory": Figure(1, "")}), order=order)
    assert [section.name for section in again.sections] == ["idle", "soak"]
    assert list(again.figures) == ["soak memory"]


def test_a_target_is_reached_missed_or_not_measured() -> None:
    figures = {"detection median": Figure(100, ""), "detection p99": Figure(1000.1, "")}
    outcomes = dict(zip([target.figure for target in TARGETS], judge(figures), strict=True))
    assert outcomes["detection median"].standing is Standing.REACHED
    assert outcomes["detection p99"].standing is Standing.MISSED
    assert outcomes["storm lost"].standing is Standing.NOT_MEASURED


def test_the_page_says_missed_and_who_is_absent() -> None:
    page = render(_page(_section("soak", **{"soak disagreements": Figure(3, "5 bursts")})))
    assert "| 0 scans | 3.00 scans | **missed** | 5 bursts |" in page
    assert "| AIDE | aide is not installed |" in page


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1), (0.001, 1)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_growth_leaves_out_the_beginning_and_sees_a_leak() -> None:
    assert growth([1, 5, 9, 9, 9, 9, 9, 9]) == 0
    assert growth([float(number) for number in range(40)]) == 20
    with pytest.raises(ValueError, match="too few"):
        growth([1, 2, 3])


def test_the_one_status_is_read() -> None:
    text = b"# HELP x 1\nduri_integrity_status_verified 0.0\nduri_integrity_status_corrupted 1.0\n"
    assert status_in(text) == "corrupted"
    assert status_in(text.replace(b" 1.0", b" 0.0")) is None
    with pytest.raises(ValueError, match="several"):
        status_in(text.replace(b" 0.0", b" 1.0"))


def test_series_and_labels_are_read() -> None:
    text = b'duri_integrity_scan_info{status="verified",version="2"} 1.0\na_total 3.0\n'
    assert info_in(text) == {"status": "verified", "version": "2"}
    assert value_in(text, "a_total") == 3
    assert value_in(text, "total") is None


def test_findings_are_read_by_their_bytes() -> None:
    rows = [{"kind": "new", "path": "a"}, {"kind": "new", "path": "?", "path_bytes": "/w=="}]
    verdict: dict[str, object] = {"status": "corrupted", "findings": rows}
    expected = ("corrupted", {("new", b"a"), ("new", b"\xff")})
    assert findings_in(verdict) == expected
    assert findings_in({"truncated": False, "verdict": verdict}) == expected
    assert findings_in({"truncated": False, "verdict": None}) == (None, set())


def test_a_part_of_the_findings_is_not_taken_for_all() -> None:
    with pytest.raises(ValueError, match="only a part of 12000"):
        findings_in({"truncated": True, "findings_total": 12000, "verdict": None})
