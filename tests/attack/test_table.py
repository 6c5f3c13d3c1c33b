"""README.md's table and the tests: every row has tests, and each test that it names exists."""

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
FILES = [*HERE.glob("test_*.py"), HERE.parent / "integration" / "test_checklist.py"]
ROWS = range(1, 41)
WITH_WATCH = frozenset({34, 35})
"""The rows that only `watch` can answer."""

_ROW = re.compile(r"\| (\d+) \| (.*) \| (.*) \| (.*) \|")
_NAME = re.compile(r"`(test_\w+)`")


class Row(NamedTuple):
    """One row: the attack, the tests in which it is refused, the accepted twins."""

    attack: str
    refused: frozenset[str]
    accepted: frozenset[str]


def table(text: str) -> dict[int, Row]:
    """Return the rows by number; a number that stands there twice is an error."""
    rows: dict[int, Row] = {}
    for line in text.splitlines():
        if found := _ROW.fullmatch(line):
            number = int(found[1])
            assert number not in rows, number
            names = [frozenset(_NAME.findall(found[at])) for at in (3, 4)]
            rows[number] = Row(found[2], *names)
    return rows


def names_in(sources: Iterable[str]) -> set[str]:
    """Return the names of the test functions."""
    return {
        node.name
        for source in sources
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def complaints(rows: Mapping[int, Row], names: set[str]) -> list[str]:
    """Return what the table lacks."""
    said = [f"row {number} is missing" for number in ROWS if number not in rows]
    for number, row in rows.items():
        with_watch = row.attack.startswith("with watch")
        if with_watch is not (number in WITH_WATCH):
            said.append(f"row {number}: wrongly marked, or not marked, with watch")
        if not with_watch and not (row.refused and row.accepted):
            said.append(f"row {number} has no test, or no accepted twin")
        said += [
            f"row {number}: no test is called {name}"
            for name in sorted((row.refused | row.accepted) - names)
        ]
    return said


def test_every_attack_has_its_tests() -> None:
    rows = table((HERE / "README.md").read_text("utf-8"))
    names = names_in(path.read_text("utf-8") for path in FILES)
    assert not complaints(rows, names)
    assert {number for number, row in rows.items() if "watch" in row.attack} == WITH_WATCH


WHOLE = {
    number: Row("with watch: x" if number in WITH_WATCH else "x", *[frozenset({"test_a"})] * 2)
    for number in ROWS
}


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ({n: row for n, row in WHOLE.items() if n != 7}, "row 7 is missing"),
        (WHOLE | {7: Row("x", frozenset(), frozenset({"test_a"}))}, "row 7 has no test"),
        (WHOLE | {7: Row("x", frozenset({"test_a"}), frozenset())}, "or no accepted twin"),
        (WHOLE | {7: Row("x", *[frozenset({"test_b"})] * 2)}, "no test is called test_b"),
        (WHOLE | {7: Row("with watch", frozenset(), frozenset())}, "row 7: wrongly marked"),
        (WHOLE | {35: Row("x", *[frozenset({"test_a"})] * 2)}, "row 35: wrongly marked"),
    ],
)
def test_table_with_a_gap_is_found(rows: Mapping[int, Row], complaint: str) -> None:
    assert not complaints(WHOLE, {"test_a"})
    assert complaint in "\n".join(complaints(rows, {"test_a"}))


def test_row_that_stands_there_twice_is_found() -> None:
    line = "| 7 | x | `test_a` | `test_a` |"
    assert table(line) == {7: Row("x", *[frozenset({"test_a"})] * 2)}
    with pytest.raises(AssertionError):
        table(f"{line}\n{line}")
